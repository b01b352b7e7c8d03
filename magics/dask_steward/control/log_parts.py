"""The logs of one cluster in parts: ranges of bytes of its files, and what its living workers say of themselves.

Everything here blocks, so it runs in threads: logs lie on the user's file system.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from dask_steward.control.card_models import Told
from dask_steward.control.client import Control
from dask_steward.control.gathered_logs import bring
from dask_steward.control.looking import Look, look
from dask_steward.errors import ClusterNotFound, StewardError, UsageError
from dask_steward.ledger.logs import log_files

#: Workers whose own logs are listed; a list of more is for nobody's eyes.
WORKERS_LISTED = 1_000
#: Lines of a worker's own log: what Dask keeps of it by default.
WORKER_LINES = 10_000

_WORKER = "worker "


class Log(Told):
    """One log of a cluster."""

    name: str
    kind: Literal["keeper", "job", "worker"]
    size: int | None = Field(description="Bytes; null where only its end can be had (a worker's own).")


class Logs(Told):
    """All logs of a cluster."""

    logs: tuple[Log, ...]
    missing: str | None = Field(
        default=None, description="Why some of an ended cluster's are not there, in a sentence."
    )


class LogPart(Told):
    """A part of a log."""

    name: str
    offset: int
    next: int = Field(description="Where the next part begins.")
    size: int
    text: str


class NoSuchLog(StewardError):
    """The cluster has no log of this name."""

    code = "log-not-found"
    http_status = 404


def seen(id: str) -> Look:
    """Return what the ledger says of a cluster. Raises ClusterNotFound."""
    found = look(id)
    if found is None:
        raise ClusterNotFound(f"No cluster {id} is known.", cluster=id)
    return found


def logs_of(id: str) -> Logs:
    """Return all logs of a cluster: its keeper's, its jobs', those of living workers; and why some are missing.

    Raises
    ------
    ClusterNotFound
        If the ledger does not know it.
    """
    found = seen(id)
    missing = bring(found.entry)
    kept = []
    for name, path in log_files(found.entry.folder).items():
        size = _size(path)
        if size is not None:
            kept.append(Log(name=name, kind="keeper" if name == "keeper" else "job", size=size))
    kept.sort(key=lambda log: (log.kind != "keeper", _natural(log.name)))
    workers = sorted(_workers(found), key=_natural)
    living = [Log(name=f"{_WORKER}{name}", kind="worker", size=None) for name in workers]
    return Logs(logs=(*kept, *living), missing=missing)


def part_of(id: str, name: str, offset: int | None, limit: int) -> LogPart:
    """Return a part of a log.

    Parameters
    ----------
    id, name : str
        The cluster and its log.
    offset : int or None
        Where it begins, in bytes; None for the last `limit` bytes, from the beginning of a line.
    limit : int
        The most bytes that are returned.

    Raises
    ------
    ClusterNotFound, NoSuchLog
        If there is none.
    KeeperGone
        If a worker's log is asked for, and nobody can ask the worker.
    """
    found = seen(id)
    missing = bring(found.entry)
    path = log_files(found.entry.folder).get(name)
    if path is not None:
        return read(path, name, offset, limit)
    if name.startswith(_WORKER):
        return within(name, worker_log(found, name.removeprefix(_WORKER)).encode(), offset, limit)
    why = f": {missing}" if missing is not None else ""
    raise NoSuchLog(f"{found.entry.name} has no log {name[:80]!r}{why}.", cluster=id, field="name", value=name)


def read(path: str, name: str, offset: int | None, limit: int) -> LogPart:
    """Return a part of a file. Raises NoSuchLog if it is gone, or no file."""
    try:
        # Whatever lies there: a FIFO must not hold this thread.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NoSuchLog(
            f"The log {name} cannot be read: {error.strerror or error}.", field="name", value=name
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NoSuchLog(f"The log {name} is no file.", field="name", value=name)
        size = status.st_size
        begin = max(0, size - limit) if offset is None else min(offset, size)
        data = os.pread(descriptor, limit, begin)
    finally:
        os.close(descriptor)
    return _part(name, data, begin, size, from_line=offset is None and begin > 0)


def within(name: str, data: bytes, offset: int | None, limit: int) -> LogPart:
    """Return a part of a log that is no file."""
    size = len(data)
    begin = max(0, size - limit) if offset is None else min(offset, size)
    return _part(name, data[begin : begin + limit], begin, size, from_line=offset is None and begin > 0)


def worker_log(found: Look, worker: str) -> str:
    """Return what a living worker has logged.

    Raises
    ------
    KeeperGone
        If its keeper cannot be asked.
    NoSuchLog
        If there is no such worker (any more).
    """
    id = found.entry.id
    if found.socket is None:
        raise NoSuchLog(f"{found.entry.name} has no living worker {worker[:80]!r}.", cluster=id, field="name")
    with Control(found.socket, id) as control:
        try:
            answers = control.logs(worker=worker, tail=WORKER_LINES)
        except UsageError as error:
            raise NoSuchLog(error.message, cluster=id, field="name") from error
    text = answers.get(f"{_WORKER}{worker}") or next(
        (text for name, text in answers.items() if name.startswith(_WORKER)), None
    )
    if text is None:
        raise NoSuchLog(f"{found.entry.name} has no living worker {worker[:80]!r}.", cluster=id, field="name")
    return text if not text or text.endswith("\n") else f"{text}\n"


def added(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """Return the lines that came to a log of which only the end can be had.

    Examples
    --------
    >>> added(["a", "b", "c"], ["b", "c", "d"]), added(["a"], ["a"]), added(["a"], ["x", "y"])
    (['d'], [], ['x', 'y'])
    """
    for start in range(len(before)):
        kept = before[start:]
        if list(now[: len(kept)]) == list(kept):
            return list(now[len(kept) :])
    return list(now)


def _part(name: str, data: bytes, begin: int, size: int, *, from_line: bool) -> LogPart:
    """Cut bytes at the borders of characters: a part may begin and end anywhere."""
    head = 0
    if from_line:
        line = data.find(b"\n") + 1
        head = line if 0 < line <= len(data) // 2 else _continued(data)
    whole = data[head : len(data) - _unfinished(data[head:])]
    if not whole and len(data) - head > 0 and begin + len(data) < size:
        whole = data[head:]  # no text at all: go on all the same
    return LogPart(
        name=name,
        offset=begin + head,
        next=begin + head + len(whole),
        size=max(size, begin + head + len(whole)),
        text=whole.decode("utf-8", errors="replace"),
    )


def _continued(data: bytes) -> int:
    """Return how many bytes at the beginning belong to a character that began before."""
    count = 0
    while count < min(3, len(data)) and data[count] & 0xC0 == 0x80:
        count += 1
    return count


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end belong to a character that is not whole."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return back if needed > back else 0
    return 0


def _size(path: str) -> int | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Order ``job 9`` before ``job 10``."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part)


def _workers(found: Look) -> list[str]:
    """Return the names of living workers; none where the keeper cannot say them now."""
    if found.socket is None:
        return []
    try:
        with Control(found.socket, found.entry.id) as control:
            table = control.page("workers", limit=WORKERS_LISTED)
    except StewardError:
        return []
    rows = table.get("rows")
    return [str(row["name"]) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
