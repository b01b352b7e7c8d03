"""One answer for many processes: of those that ask the same thing on one host, one asks and all take what it heard.

A file holds the last answer, a lock beside it whoever asks now. Nothing here is trusted to be there: a file that is
torn, strange or from before the last boot is no answer, and a process that keeps the lock for longer than asking can
take (it was stopped) loses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

FORMAT = 1
"""Of the file. Others are not read; the file is replaced."""

_PAUSES = (0.005, 0.1)
"""Shortest and longest pause in seconds between two looks whether another process has the answer."""


_OLD = 86400.0
"""Seconds after which `tidy` removes files that nobody has written."""

_PREFIX = "answer-"


class Heard(NamedTuple):
    """An answer and when it was asked for.

    Attributes
    ----------
    began : float
        Seconds of the host's monotonic clock, before the question was asked.
    ended : float
        The same, after the answer had come.
    answer : object
        What was answered, as JSON.
    failed : bool
        Whether the answer is why there was none.
    """

    began: float
    ended: float
    answer: Any
    failed: bool

    def is_since(self, moment: float) -> bool:
        """Tell whether it answers a question that may be answered as of `moment`.

        A failure does so if it came later: who waited for an answer that did not come would ask in vain, too.
        """
        return (self.ended if self.failed else self.began) >= moment


class Snapshot:
    """One question that many processes of a user ask on one host.

    Parameters
    ----------
    folder : str
        A private folder of the user on this host. Where it cannot be used, everybody asks for himself.
    name : str
        What tells this question from others; its hash is in the files' names.
    limit : float
        Seconds after which whoever asks cannot still be doing so.
    """

    def __init__(self, folder: str, name: str, limit: float) -> None:
        key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._path = os.path.join(folder, f"{_PREFIX}{key}.json")
        self._lock = os.path.join(folder, f"{_PREFIX}{key}.lock")
        self._limit = limit
        self._seen: tuple[tuple[int, ...], Heard] | None = None

    def get(self, max_age: float, ask: Callable[[], tuple[Any, bool]]) -> Heard:
        """Return an answer to a question that was put at most `max_age` seconds ago; put it where there is none.

        Parameters
        ----------
        max_age : float
            Seconds; 0 means that the question is put after this call.
        ask : callable
            Returns the answer as JSON, and whether it is a failure.
        """
        since = time.monotonic() - max_age
        heard = self._read()
        if heard is not None and heard.is_since(since):
            return heard
        with contextlib.ExitStack() as stack:
            try:
                taken = stack.enter_context(self._asking(since))
            except OSError:
                # No lock and no file: the folder is gone or full, or its file system has no locks.
                return _hear(ask)
            if isinstance(taken, Heard):
                return taken
            heard = _hear(ask)
            if self._is_current(taken):  # one that was taken for dead must not overwrite what is newer
                with contextlib.suppress(OSError):
                    self._write(heard)
            return heard

    # -- the lock --

    @contextlib.contextmanager
    def _asking(self, since: float) -> Iterator[int | Heard]:
        """Hold the lock, or return what its holder heard meanwhile."""
        pause, stuck = _PAUSES[0], ("", 0.0)
        while True:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                if _lock(descriptor):
                    if not self._is_current(descriptor):
                        continue
                    heard = self._read()  # of whoever held it until now
                    if heard is not None and heard.is_since(since):
                        yield heard
                        return
                    os.pwrite(descriptor, os.urandom(8).hex().encode(), 0)
                    yield descriptor
                    return
                holder = f"{os.fstat(descriptor).st_ino} {os.pread(descriptor, 64, 0)!r}"
                now = time.monotonic()
                if holder != stuck[0]:
                    stuck = (holder, now)
                elif now - stuck[1] > self._limit:
                    self._take_away(descriptor)
                    continue
            finally:
                os.close(descriptor)
            time.sleep(pause)
            pause = min(pause * 1.5, _PAUSES[1])
            heard = self._read()
            if heard is not None and heard.is_since(since):
                yield heard
                return

    def _take_away(self, descriptor: int) -> None:
        """Take the lock's name from a holder that cannot let go: the next file of that name is another lock."""
        if self._is_current(descriptor):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._lock)

    def _is_current(self, descriptor: int) -> bool:
        """Tell whether an open lock file still is the one that others find."""
        ours = os.fstat(descriptor)
        try:
            found = os.stat(self._lock, follow_symlinks=False)
        except OSError:
            return False
        return (ours.st_dev, ours.st_ino) == (found.st_dev, found.st_ino)

    # -- the file --

    def _read(self) -> Heard | None:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid():
                return None
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._seen is not None and self._seen[0] == version:
                return self._seen[1]
            heard = _decode(file.read())
        if heard is not None:
            self._seen = (version, heard)
        return heard

    def _write(self, heard: Heard) -> None:
        text = json.dumps({"format": FORMAT, "boot": _boot(), **heard._asdict()}, separators=(",", ":"))
        scratch = f"{self._path}.{os.getpid()}.{os.urandom(4).hex()}"
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(text.encode())
            os.replace(scratch, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(scratch)
            raise


def tidy(folder: str) -> None:
    """Remove the files of questions that nobody has asked for a day."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.startswith(_PREFIX) and time.time() - os.lstat(path).st_mtime > _OLD:
                os.unlink(path)


def _hear(ask: Callable[[], tuple[Any, bool]]) -> Heard:
    began = time.monotonic()
    answer, failed = ask()
    return Heard(began, time.monotonic(), answer, failed)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _decode(raw: bytes) -> Heard | None:
    try:
        found = json.loads(raw)
        if found["format"] != FORMAT or found["boot"] != _boot():
            return None
        heard = Heard(float(found["began"]), float(found["ended"]), found["answer"], bool(found["failed"]))
    except (ValueError, KeyError, TypeError):
        return None
    # The clock of this boot goes forward only: what was heard later than now was heard by nobody.
    return heard if heard.began <= heard.ended <= time.monotonic() else None


def _boot() -> str:
    """Return what tells this boot of the host, whose monotonic clock began with it, from others."""
    global _BOOT
    if _BOOT is None:
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                _BOOT = file.read().strip()
        except OSError:
            _BOOT = ""
    return _BOOT


_BOOT: str | None = None
