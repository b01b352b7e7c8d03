"""The ledger as the server reads it: in threads, since a home may be an NFS that hangs."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable

from dask_steward.ledger import entries, paths

#: Seconds between two looks at the folder of all entries: a cluster of another process appears within a second.
LOOK_INTERVAL = 0.5
#: Seconds after which it is listed in any case: the time stamps of file systems are coarse.
LIST_INTERVAL = 10.0
#: Seconds for which a time stamp is too young to tell whether something came after it.
GRAIN = 2.0


class Folder:
    """The ids of all entries, looked at in a daemon thread.

    Parameters
    ----------
    tell : callable
        Called in the event loop with the ids whenever they were listed.
    fail : callable
        Called in the event loop with a sentence whenever they could not be.
    """

    def __init__(self, tell: Callable[[frozenset[str]], None], fail: Callable[[str], None]) -> None:
        self._tell, self._fail = tell, fail
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._wake = threading.Event()
        threading.Thread(target=self._run, name="dask-steward-ledger", daemon=True).start()

    def stop(self) -> None:
        """Look no more; does not wait."""
        self._stopped.set()
        self._wake.set()

    def look_now(self) -> None:
        """List at once."""
        self._wake.set()

    def _run(self) -> None:
        listed, stamp = float("-inf"), None
        while not self._stopped.is_set():
            asked = self._wake.is_set()
            self._wake.clear()
            root = paths.clusters_dir()
            found = _stamp(root)
            young = found is not None and abs(time.time() - found[1] / 1e9) < GRAIN
            if asked or young or found != stamp or time.monotonic() - listed >= LIST_INTERVAL:
                try:
                    ids = _list(root)
                except OSError as error:  # a network file system that is away has lost no cluster
                    self._call(self._fail, f"The state folder {root} cannot be read: {error.strerror or error}.")
                else:
                    listed, stamp = time.monotonic(), found
                    self._call(self._tell, ids)
            self._wake.wait(LOOK_INTERVAL)

    def _call(self, what: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *args)
        except RuntimeError:
            self._stopped.set()  # the loop is closed


def _stamp(root: str) -> tuple[int, int] | None:
    """Return what changes when an entry comes or goes. Opened, not only asked: NFS then asks its server."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        return found.st_ino, found.st_mtime_ns
    finally:
        os.close(descriptor)


def _list(root: str) -> frozenset[str]:
    try:
        return frozenset(name for name in os.listdir(root) if entries.is_id(name))
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
