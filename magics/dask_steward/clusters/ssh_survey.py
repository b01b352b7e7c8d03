"""What hosts have, asked before anything is started there: cores, memory, and a Python with our Dask."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

from dask_steward.clusters.hosts import Slot
from dask_steward.errors import StartFailed
from dask_steward.managers.base import Unknown
from dask_steward.managers.ssh import AT_ONCE, Ssh, Unreachable

#: Packages that must be the same on both sides; Dask's own messages change with each release.
_SAME = ("distributed", "dask")
#: Run by the hosts' Python: small, since it is all that a start waits for.
_PROGRAM = """
import json, os, platform
from importlib import metadata
def of(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
cores = len(os.sched_getaffinity(0))
memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
print("steward-python", json.dumps([platform.python_version(), of("distributed"), of("dask"), cores, memory]))
"""
_SCRIPT = """
[ -r /proc/self/environ ] || { echo 'steward-refused this host has no /proc'; exit 0; }
for program in bash setsid mktemp tail grep; do
  command -v "$program" >/dev/null || { echo "steward-refused there is no $program"; exit 0; }
done
echo steward-begin
@{python} -c '@{program}' 2>&1 || echo "steward-failed $?"
echo steward-end
"""


@dataclass(frozen=True)
class Found:
    """What a host has.

    Attributes
    ----------
    cores, memory : int
        Cores that we may use, and bytes.
    python : str
        Version of its Python.
    """

    cores: int
    memory: int
    python: str


def survey(manager: Ssh, slots: Sequence[Slot]) -> list[Found | StartFailed]:
    """Return for each place what its host has, or why no worker can run there; blocking."""
    # Once for each: many connections to one sshd at once are refused by chance (MaxStartups).
    first = {(slot.host, slot.python): slot for slot in reversed(slots)}
    with ThreadPoolExecutor(max(1, min(AT_ONCE, len(first)))) as pool:
        answers = dict(zip(first, pool.map(lambda slot: _look(manager, slot), first.values()), strict=True))
    for slot in slots:
        seen = first[slot.host, slot.python]
        if slot is not seen and seen.failed is not None:
            slot.fail(seen.failed, seen.again)
    return [answers[slot.host, slot.python] for slot in slots]


def _look(manager: Ssh, slot: Slot) -> Found | StartFailed:
    script = _SCRIPT.replace("@{python}", slot.python).replace("@{program}", _PROGRAM)
    done = manager.run(slot.host, script)
    name = slot.host.name
    if isinstance(done, Unknown):
        again = done.again if isinstance(done, Unreachable) else False
        slot.fail(done.reason, again)
        return StartFailed(f"options.hosts: {done.reason}.", field="options.hosts", value=name)
    for line in done.out.splitlines():
        if line.startswith("steward-python "):
            python, distributed, dask, cores, memory = json.loads(line.partition(" ")[2])
            return _judge(slot, python, {"distributed": distributed, "dask": dask}, int(cores), int(memory))
    said = [line for line in done.out.splitlines() if not line.startswith("steward-") and line.strip()]
    why = said[-1].strip().rstrip(".") if said else "it said nothing"
    return _wrong(slot, f"cannot be run ({why})", "Name a Python that is there")


def _judge(slot: Slot, python: str, packages: dict[str, str | None], cores: int, memory: int) -> Found | StartFailed:
    missing = [name for name in _SAME if packages[name] is None]
    ours = ", ".join(f"{name} {version(name)}" for name in _SAME)
    if missing:
        return _wrong(slot, f"has no {missing[0]}", f"Install {ours} there, or name another Python")
    other = [f"{name} {packages[name]}" for name in _SAME if packages[name] != version(name)]
    if other:
        return _wrong(slot, f"has {', '.join(other)}, and this cluster {ours}", "Give both the same versions")
    return Found(cores, memory, python)


def _wrong(slot: Slot, what: str, way: str) -> StartFailed:
    python = slot.python.strip('"')
    message = f"options.remote_python: {python} on host {slot.host.name} {what}."
    slot.fail(message.rstrip("."), False)
    return StartFailed(message, field="options.remote_python", value=python, hint=f"{way} as options.remote_python.")


def unfit(found: Iterable[Found | StartFailed]) -> list[StartFailed]:
    """Return the errors among what was found."""
    return [one for one in found if isinstance(one, StartFailed)]
