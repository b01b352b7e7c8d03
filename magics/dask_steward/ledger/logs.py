"""The logs of one cluster: one folder in its entry, read by every face, also when nothing of the cluster is left."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Any

from dask_steward.ledger import entries

#: Seconds for which logs stay after the end, where the profile does not say it.
KEPT = 7 * 86400.0
#: In an entry: all logs that were elsewhere have been brought.
WHOLE = "logs.whole"
#: Bytes of a log that are searched for a worker, and that its last lines are looked for in.
_LOOKED_AT = 8_000_000


def make_folder(folder: str, tag: str, outside: str | None = None) -> str:
    """Make the folder of the jobs' logs, and return its path.

    Parameters
    ----------
    folder, tag : str
        The cluster's entry and tag.
    outside : str, optional
        Folder of the user's in which the logs are to lie (``log_directory``): there in one of the cluster's own, and
        the entry's folder is a link to that.
    """
    path = os.path.join(folder, entries.LOGS)
    if outside and not os.path.lexists(path):
        target = os.path.join(os.path.abspath(outside), tag)
        os.makedirs(target, mode=0o700, exist_ok=True)
        os.symlink(target, path)
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def log_files(
    folder: str, *, job: str | None = None, worker: str | None = None, keeper: bool = False
) -> dict[str, str]:
    """Return the paths of logs by name: of one job, of the job of one worker, of the keeper, or of all.

    Parameters
    ----------
    folder : str
        The cluster's entry.
    job, worker : str, optional
        A job's id; a worker's name or address, living or dead: its job's log says that it started.
    keeper : bool
        Whether the keeper's own log is wanted.
    """
    own = {"keeper": os.path.join(folder, entries.LOG)}
    if keeper:
        return own
    logs = os.path.join(folder, entries.LOGS)
    names = sorted(os.listdir(logs)) if os.path.isdir(logs) else []
    jobs = {name.removesuffix(".log"): os.path.join(logs, name) for name in names}
    if job is not None:
        return {_name(id): path for id, path in jobs.items() if id == job}
    if worker is not None:
        # Where workers are no jobs, what they said stands in the keeper's log.
        return {_name(id): path for id, path in jobs.items() if _tells_of(path, worker)} or ({} if jobs else own)
    return own | {_name(id): path for id, path in jobs.items()}


def _name(id: str) -> str:
    """Return what the log of a unit is called; the id of a container says itself what it is.

    >>> _name("12"), _name("container_1_1_01_000002")
    ('job 12', 'container_1_1_01_000002')
    """
    return id if id.startswith(("container_", "application_")) else f"job {id}"


def _tells_of(path: str, worker: str) -> bool:
    """Tell whether a worker started in the job of this log: Dask writes each one's name and address first."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(_LOOKED_AT)
    except OSError:
        return False
    starts = ("Start worker at:", "Worker name:")
    return any(line.split()[-1] == worker for line in text.splitlines() if any(start in line for start in starts))


def tail(path: str, lines: int) -> str:
    """Return the last lines of a file; what is longer than a few megabytes is cut at the front.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if lines <= 0:
        return ""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        length = min(size, 65536)
        while True:
            file.seek(size - length)
            found = file.read(length).split(b"\n")
            # One more than asked for: the first may be half a line, and the last is what follows the last line end.
            if len(found) > lines + 1 or length >= min(size, _LOOKED_AT):
                break
            length = min(size, _LOOKED_AT, length * 8)
    wanted = lines + 1 if not found[-1] else lines
    return b"\n".join(found[-wanted:]).decode("utf-8", errors="replace")


def last_words(path: str, lines: int) -> list[str]:
    """Return the last lines of a log that say something; none where it cannot be read."""
    try:
        text = tail(path, 4 * lines)
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def kept_for(profile: dict[str, Any]) -> float:
    """Return for how many seconds after the end a profile keeps the logs of its clusters."""
    found = profile.get("logs_kept")
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else KEPT


def logs_until(entry: entries.Entry) -> float | None:
    """Return until when the logs of an ended cluster are there (seconds since the epoch); None when they are not."""
    at = entry.end.get("at") if entry.end else None
    if not isinstance(at, int | float) or not _any_left(entry.folder):
        return None
    return at + kept_for(entry.profile)


def mark_whole(folder: str) -> None:
    """Note that the logs of a cluster, which lay elsewhere, are all here now."""
    with contextlib.suppress(OSError):
        os.close(os.open(os.path.join(folder, WHOLE), os.O_WRONLY | os.O_CREAT, 0o600))


def are_whole(folder: str) -> bool:
    """Tell whether `mark_whole` was called."""
    return os.path.exists(os.path.join(folder, WHOLE))


def _any_left(folder: str) -> bool:
    return any(os.path.lexists(os.path.join(folder, name)) for name in (entries.LOG, entries.LOGS))


def remove_logs(entry: entries.Entry) -> bool:
    """Delete all logs of a cluster, those outside its entry too; return whether there were any."""
    if not _any_left(entry.folder):
        return False
    path = os.path.join(entry.folder, entries.LOGS)
    if os.path.islink(path):
        target = os.readlink(path)
        # Only the folder that `make_folder` has made, whatever has become of the link.
        if os.path.basename(target) == entry.tag and not os.path.islink(target):
            shutil.rmtree(target, ignore_errors=True)
        os.unlink(path)
    else:
        shutil.rmtree(path, ignore_errors=True)
    for name in (entries.LOG, "guard.log", "driver.log", WHOLE):
        try:
            os.unlink(os.path.join(entry.folder, name))
        except OSError:
            continue
    return True
