"""Have a probe job look at nodes, of Slurm or YARN; see `dask_steward.keeper.probe` for how none is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dask_steward.control import launch
from dask_steward.errors import StartFailed
from dask_steward.ledger import entries
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.profiles.discovering import Found

#: Seconds for which probes may wait in the queue and run; that of YARN, until it runs.
PROBE_LIMIT, YARN_LIMIT = 180.0, 90.0
#: Seconds that an interrupted probe has to give its jobs back, before we leave that to its guard.
CANCEL_LIMIT = 30.0

_PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from dask_steward.keeper.probe import main; sys.exit(main(sys.argv[1]))"
)
_FAST = re.compile(r"ib|hsn|opa|ipogif|roce|bond")
"""Begins the name of an interface that is a network for computing."""
_SHARED = re.compile(
    r"nfs|lustre|gpfs|ceph|beegfs|panfs|afs|cifs|smb|9p|fuse|orangefs|pvfs|vxfs|ocfs|gfs", re.IGNORECASE
)
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def probe(
    partitions: Mapping[str, Sequence[str]], on_progress: Callable[[str], None] | None = None
) -> tuple[dict[str, Found], list[str]]:
    """Run a probe job in each partition.

    Parameters
    ----------
    partitions : mapping
        Directives of the job (without ``#SBATCH``) by the partition's name.
    on_progress : callable, optional
        Given a sentence now and then.

    Returns
    -------
    found, notes
        What was seen of each partition whose probe ran, and sentences on the others.

    Raises
    ------
    StartFailed
        If the process that keeps the probes ended without an answer.
    StateFolderError
        If nothing can be written down, so that nothing was submitted.
    """
    here = own_addresses()
    asked = {
        "partitions": {name: list(directives) for name, directives in partitions.items()},
        "addresses": list(here),
        "limit": PROBE_LIMIT,
        "python": sys.executable,
    }
    answer = _run(asked, {"name": "probe", "system": "slurm"}, sys.executable, on_progress)
    found = {name: read(text, here) for name, text in answer.get("seen", {}).items()}
    notes = [f"{name}: {why}." for name, why in answer.get("problems", {}).items()]
    notes += [f"{name}: {seen.problem}." for name, seen in found.items() if seen.problem]
    if answer.get("left"):
        notes.append(f"The guard still gives probes back: {answer['left']}.")
    return found, notes


def probe_yarn(
    profile: Mapping[str, Any], on_progress: Callable[[str], None] | None = None, *, limit: float = YARN_LIMIT
) -> dict[str, Any]:
    """Have an application of some seconds look whether containers reach this machine, and this machine them.

    Parameters
    ----------
    profile : mapping
        Resolved: its queue, user, addresses and ports are those of the probe.
    on_progress : callable, optional
        Given a sentence now and then.
    limit : float
        Seconds for which it may wait in the queue.

    Returns
    -------
    dict
        See `dask_steward.keeper.probe_yarn`; ``left`` is what its guard still gives back, or None.

    Raises
    ------
    StartFailed
        If nothing could be submitted.
    StateFolderError
        If nothing can be written down, so that nothing was submitted.
    """
    kept = {key: profile[key] for key in ("options", "line") if profile.get(key)}
    python = launch.find_interpreter(profile.get("python"))
    answer = _run({"limit": limit}, {"name": "probe", "system": "yarn", **kept}, python, on_progress)
    return {**answer["seen"], "left": answer.get("left")}


def own_addresses() -> dict[str, str]:
    """Return this machine's IPv4 addresses, each with its interface; loopback only where there is nothing else."""
    import socket

    import psutil

    found = {
        address.address: name
        for name, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if address.family is socket.AF_INET
    }
    outer = {address: name for address, name in found.items() if not address.startswith("127.")}
    return outer or found


def _run(
    asked: Mapping[str, Any], profile: Mapping[str, Any], python: str, on_progress: Callable[[str], None] | None
) -> dict[str, Any]:
    id = launch.new_id()
    owner = {"kind": "process", **ProcessIdentity.of().to_json()}
    request = launch.request_of(
        id=id, name=f"probe-{id}", profile=profile, tenure="process", owner=owner, ask={},
        adapt=None,
    )  # fmt: skip
    folder = launch.write_request({**request, "probe": dict(asked)})
    log = os.open(os.path.join(folder, entries.LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [python, "-c", _PROGRAM, launch.importable_root(folder), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            # An interrupt of a terminal must not reach it before it has given its jobs back.
            start_new_session=True,
            env={**os.environ, "DASK_STEWARD_CLUSTER": id},
        )
    finally:
        os.close(log)
    answer: dict[str, Any] = {}
    try:
        for line in process.stdout or ():
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if "progress" not in message:
                    answer = message
                elif on_progress is not None:
                    on_progress(str(message["progress"]))
    finally:
        # The end of its input tells it to give everything back.
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(CANCEL_LIMIT)
        if process.stdout is not None:
            process.stdout.close()
    if "seen" not in answer:
        why = answer.get("error") or f"its process ended with {process.poll()}; see {folder}/{entries.LOG}"
        raise StartFailed(f"The nodes could not be probed: {str(why).rstrip('.')}.", cluster=id)
    return answer


def read(text: str, here: Mapping[str, str], tmpdir: str | None = None) -> Found:
    """Return what a probe's report says.

    Parameters
    ----------
    text : str
        What the job printed.
    here : mapping
        Addresses of this machine, each with its interface.
    tmpdir : str, optional
        ``TMPDIR`` of this process, which jobs inherit and which says nothing of the nodes; default: our own.
    """
    rows = [line.split(" ", 3) for line in text.splitlines()]
    theirs = {row[2]: row[1].partition("@")[0] for row in rows if row[0] == "address" and len(row) == 3}
    reached = {row[1]: (row[2] if len(row) > 2 else "") for row in rows if row[0] == "reached" and len(row) > 1}
    tmpdir = os.environ.get("TMPDIR") if tmpdir is None else tmpdir
    scratch = None
    for row in rows:
        if row[0] == "scratch" and len(row) == 4 and scratch is None:
            _, name, kind, folder = row
            if folder != tmpdir and kind not in _IN_MEMORY and not _SHARED.match(kind):
                scratch = f"${name}"
    problem = None
    if any(row[:2] == ["python", "no"] for row in rows):
        problem = f"its nodes have no {sys.executable}: set options.python to an interpreter that they have"
    if not reached:
        tried = ", ".join(here)
        problem = (
            f"its nodes cannot reach this machine by TCP ({tried}): use scheduler: {{place: job}}, or ask your site"
        )
        return Found(None, None, scratch, problem)
    best = min(reached, key=lambda address: (not _FAST.match(here.get(address, "")), list(here).index(address)))
    mine = here[best]
    # A node that is this machine reaches itself through loopback.
    node = theirs.get(best) or reached[best]
    if not node:
        return Found(None, mine, scratch, problem or "its nodes lack the command ip, so their interface is not known")
    return Found(node, mine if mine != node else None, scratch, problem)
