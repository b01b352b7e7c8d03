"""``dask-steward doctor``: look at what a cluster needs, and say what to do about what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from dask_steward.errors import ProfileError, StewardError
from dask_steward.ledger import paths

#: Free space (bytes) below which a start may fail half-way: the ledger is small, the logs beside it are not.
_SPACE_WARN, _SPACE_FAIL = 1 << 30, 16 << 20
#: Seconds that another interpreter may take to say its versions.
_PYTHON_SECONDS = 30.0
#: File systems that several hosts share; the ledger works there, but heartbeats cost a round trip each.
_SHARED = frozenset(
    {"nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "afs", "fuse.sshfs", "ceph", "fuse.ceph", "glusterfs"}
)
#: Below these a needed feature is missing (see the package's metadata).
_PACKAGES = {
    "dask": "",
    "distributed": "",
    "dask-jobqueue": "Needed for queue systems only: install dask-jobqueue.",
    "bokeh": "Dask's dashboards are empty without it: install bokeh.",
}


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes
    ----------
    name : str
        What was looked at.
    result : str
        ``ok``, ``warn`` or ``fail``.
    found : str
        What is there.
    advice : str
        What to do, where something is to be done.
    """

    name: str
    result: str
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def run_all(probe: str | None = None, on_progress: Callable[[str], None] | None = None) -> list[Check]:
    """Run every check; one that cannot be made is a result, not an error.

    Parameters
    ----------
    probe : str, optional
        A profile of YARN for which an application of some seconds looks how containers and this machine reach each
        other; empty for the only one that there is.
    on_progress : callable, optional
        Given a sentence now and then while it does.

    Raises
    ------
    UsageError
        If there is nothing that the probe could be made for.
    """
    checks = list(_CHECKS)
    if probe is not None:
        from dask_steward.cli import doctor_probe

        checks.append(doctor_probe.check_for(probe, on_progress))
    found: list[Check] = []
    for check in checks:
        try:
            found.extend(check())
        except (OSError, StewardError) as error:
            found.append(Check(check.__name__.strip("_").replace("_", " "), "fail", str(error)))
    return found


def _state_folder() -> Iterator[Check]:
    folder = paths.clusters_dir()
    name = "state folder"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield Check(
            name,
            "fail",
            f"{folder} cannot be written: {error.strerror}",
            "Set DASK_STEWARD_STATE_DIR to a folder of yours.",
        )
        return
    yield Check(name, "ok", f"{folder} can be written")
    free = shutil.disk_usage(folder).free
    result = "fail" if free < _SPACE_FAIL else "warn" if free < _SPACE_WARN else "ok"
    advice = "" if result == "ok" else "Make room, or set DASK_STEWARD_STATE_DIR to another file system."
    yield Check("space for state", result, f"{free / 1e9:.1f} GB free", advice)
    kind = file_system(folder)
    shared = kind in _SHARED
    yield Check(
        "file system",
        "ok",
        f"{kind}, shared between hosts: clusters of other hosts are seen, by their lease"
        if shared
        else f"{kind}, of this host",
    )


def file_system(path: str) -> str:
    """Return the type of the file system that holds `path` (``ext4``, ``nfs4`` …), or ``unknown``."""
    import psutil

    path = os.path.realpath(path)
    # Of several mounts the innermost, and of two on one point the later, which hides the earlier.
    best, kind = "", "unknown"
    for mount in psutil.disk_partitions(all=True):
        inside = path == mount.mountpoint or path.startswith(mount.mountpoint.rstrip("/") + "/")
        if inside and len(mount.mountpoint) >= len(best):
            best, kind = mount.mountpoint, mount.fstype or "unknown"
    return kind


def _sockets() -> Iterator[Check]:
    # Makes the folder, and refuses one that is not ours, is open to others, or whose paths would be too long.
    folder = paths.runtime_dir()
    longest = len(os.fsencode(folder)) + len("/abcdefghij.dashboard.sock")
    yield Check("sockets", "ok", f"{folder}, mode 0700, longest path {longest} of {paths.SOCKET_PATH_LIMIT} bytes")


def _resource_managers() -> Iterator[Check]:
    from dask_steward import managers
    from dask_steward.managers.base import Unknown
    from dask_steward.profiles import ProfileStore

    apart = ("ssh", "yarn")  # they have checks of their own
    there = {system: present for system, present in managers.available().items() if system not in apart}
    used = {info.system for info in ProfileStore().infos()}
    for system, present in there.items():
        # A machine may carry the commands of a manager that nobody uses there.
        trouble = "fail" if system in used else "warn"
        if not present:
            if system in used:
                advice = "Profiles use it: load its module, or work on a login node."
                yield Check(system, trouble, "its commands are not on PATH", advice)
            continue
        answer = managers.get(system, os.environ).jobs()
        if isinstance(answer, Unknown):
            advice = "Nothing can be started on it now; ask the site whether its controller runs."
            yield Check(system, trouble, f"does not answer: {answer.reason}", advice)
        else:
            mine = sum(job.name.startswith("dask-steward-") for job in answer)
            yield Check(system, "ok", f"answers; {len(answer)} jobs of yours, {mine} of them of clusters")
    if not any(there.values()) and not used & there.keys():
        names = ", ".join(there)
        yield Check("resource managers", "ok", f"none of {names} is on PATH; local and one-machine profiles need none")


def _hosts() -> Iterator[Check]:
    """Ask the hosts of each profile that names some."""
    from dask_steward import managers
    from dask_steward.managers.base import Unknown
    from dask_steward.profiles import ProfileStore

    store = ProfileStore()
    for info in store.infos():
        if info.system != "ssh" or info.problems:
            continue
        name = f"hosts of {info.name}"
        try:
            plain = store.resolve(info.name).expanded(os.environ).to_json()
        except StewardError as error:
            yield Check(name, "fail", error.message, "Correct the profile.")
            continue
        manager = managers.get("ssh", {**os.environ, **managers.environment_of("ssh", plain)})
        answer = manager.jobs()
        if isinstance(answer, Unknown):
            yield Check(name, "fail", answer.reason, "Each must let you in by ssh without a question.")
        else:
            number = len(plain["options"]["hosts"])
            yield Check(name, "ok", f"{number} of {number} let you in; {len(answer)} jobs of clusters run there")


def _yarn() -> Iterator[Check]:
    from dask_steward.cli import doctor_yarn

    yield from doctor_yarn.checks()


def _tls() -> Iterator[Check]:
    if importlib.util.find_spec("cryptography") is None:
        yield Check(
            "TLS",
            "fail",
            "cryptography is not installed",
            "Install cryptography; without it others could use your clusters.",
        )
    else:
        yield Check("TLS", "ok", f"cryptography {importlib.metadata.version('cryptography')}")


def _packages() -> Iterator[Check]:
    for name, advice in _PACKAGES.items():
        try:
            yield Check(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, "warn" if advice else "fail", "not installed", advice or f"Install {name}.")


def _profiles() -> Iterator[Check]:
    """Check all profile files, and the interpreters that profiles name: workers and client must speak one Dask."""
    from dask_steward.profiles import ProfileStore

    store = ProfileStore()
    infos = store.infos()
    problems = list(store.problems())
    yield Check(
        "profiles",
        "fail" if problems else "ok",
        f"{len(infos)} profiles" + (f", {len(problems)} problems; first: {problems[0]}" if problems else ""),
        "Run: dask-steward profiles check" if problems else "",
    )
    pythons: dict[str, list[str]] = {}
    for info in infos:
        if info.problems:
            continue
        try:
            python = store.resolve(info.name).expanded(os.environ).python
        except ProfileError:
            continue  # counted above
        if python:
            pythons.setdefault(python, []).append(info.name)
    for python, names in pythons.items():
        yield _python(python, names)


def _python(python: str, names: list[str]) -> Check:
    name = f"python of {', '.join(names)}"
    code = "import distributed; print(distributed.__version__)"
    try:
        answer = subprocess.run(
            [python, "-c", code],
            capture_output=True,
            text=True,
            timeout=_PYTHON_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, "fail", f"{python} cannot be run: {error}", "Correct the profile's python.")
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
        return Check(name, "fail", f"{python}: {last}", "Install dask-steward in that environment.")
    theirs, ours = answer.stdout.strip(), importlib.metadata.version("distributed")
    if theirs != ours:
        return Check(
            name, "warn", f"{python}: distributed {theirs}, here {ours}", "Give both environments one version."
        )
    return Check(name, "ok", f"{python}: distributed {theirs}")


def _interpreter() -> Iterator[Check]:
    yield Check("Python", "ok", f"{sys.version.split()[0]}, {sys.executable}")


_CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    _interpreter, _state_folder, _sockets, _resource_managers, _hosts, _yarn, _tls, _packages,
    _profiles,
)  # fmt: skip
