"""The ledger as the server reads it: in threads, since a home may be an NFS that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from dask_steward.control.fallback import state_of
from dask_steward.errors import NewerFormat
from dask_steward.ledger import entries, files, paths
from dask_steward.ledger.entries import Entry
from dask_steward.ledger.identity import ALIVE, ELSEWHERE

#: Seconds between two looks at the folder of all entries: a cluster of another process appears within a second.
LOOK_INTERVAL = 0.5
#: Seconds after which it is listed in any case: the time stamps of file systems are coarse.
LIST_INTERVAL = 10.0
#: Seconds for which a time stamp is too young to tell whether something came after it.
GRAIN = 2.0
#: In an entry: a person has taken the ended cluster off the list.
DISMISSED = "dismissed"


@dataclass(frozen=True)
class Look:
    """What the ledger says of one cluster.

    Attributes
    ----------
    entry : Entry
        Its entry.
    state : dict
        In the form of a keeper's own.
    socket : str or None
        Where its keeper can be asked; None where it cannot.
    elsewhere : str or None
        The host of its keeper, where that is another one.
    dismissed : bool
        Whether a person has taken it off the list.
    """

    entry: Entry
    state: dict[str, Any]
    socket: str | None
    elsewhere: str | None
    dismissed: bool

    @property
    def ended_at(self) -> float:
        """When it ended; 0 while it lives."""
        return float((self.entry.end or {}).get("at") or 0.0)


def look(id: str) -> Look | None:
    """Look at one entry; None when it is no entry (any more), not yet a whole one, or one of a newer version.

    Raises
    ------
    OSError
        If it cannot be read now.
    """
    folder = os.path.join(paths.clusters_dir(), id)
    try:
        entry = entries.read_entry(folder)
    except (FileNotFoundError, NotADirectoryError, files.TornFile, NewerFormat):
        return None
    keeper = None if entry.ended else entry.keeper
    where = keeper.state() if keeper is not None else None
    # Asked only while it lives: a path in the private folder may be another keeper's by now.
    reachable = where == ALIVE and entry.socket is not None and os.path.exists(entry.socket)
    return Look(
        entry,
        state_of(entry),
        entry.socket if reachable else None,
        keeper.host if keeper is not None and where == ELSEWHERE else None,
        entry.ended and os.path.exists(os.path.join(folder, DISMISSED)),
    )


def look_at(ids: Iterable[str]) -> list[Look]:
    """Look at many entries; those that cannot be read are left out."""
    found = []
    for id in ids:
        with contextlib.suppress(OSError):
            one = look(id)
            if one is not None:
                found.append(one)
    return found


def dismiss(id: str) -> None:
    """Take an ended cluster off the list, for good."""
    folder = os.path.join(paths.clusters_dir(), id)
    files.create_json(os.path.join(folder, DISMISSED), {"format": entries.FORMAT, "at": time.time()}, durable=False)


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
