"""Follow computations of one cluster from outside: what a ``Progress`` asks its keeper, again and again."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from dask_steward.control.handle import FINAL
from dask_steward.errors import ClusterNotFound, StewardError
from dask_steward.progress_data import Computation, ProgressView

if TYPE_CHECKING:
    from dask_steward.control.handle import Handle

logger = logging.getLogger(__name__)

#: Seconds between two looks while something runs, and while nothing does.
BUSY, IDLE = 0.5, 2.0
#: Seconds without anything open after which looks become rare.
QUIET = 10.0
#: Computations shown at most.
SHOWN = 10


_lock = threading.Lock()
_all: weakref.WeakSet[Followed] = weakref.WeakSet()


def look_last(id: str) -> None:
    """Ask once more for what is followed of a cluster that this process is about to stop: nobody can tell later."""
    with _lock:
        found = [one for one in _all if one.of(id)]
    for one in found:
        if one.view()["stale"]:
            return  # its keeper does not answer, and a stop must not wait for that again and again


class Followed:
    """Computations of one cluster.

    Parameters
    ----------
    cluster : Handle
        Where they run.
    groups, keys : collection of str, optional
        Which ones: of these task groups (Dask's names), or with one of these keys. Without either, all of `client`.
    client : str, optional
        Id of the client; by default any.
    """

    def __init__(
        self,
        cluster: Handle,
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
    ) -> None:
        self._cluster = cluster
        self._groups, self._keys, self._client = groups, keys, client
        self._open = groups is None and keys is None
        self._lock = threading.Lock()
        self._last: list[Computation] = []
        self._warnings: list[str] = []
        self._over: set[str] = set()
        try:
            # What had ended before is not meant, unless there is nothing else.
            self._over = {one["id"] for one in self._ask() if one["ended"] is not None}
        except StewardError as error:
            logger.debug("%s", error.message)
        with _lock:
            _all.add(self)

    def of(self, id: str) -> bool:
        """Tell whether it follows what runs on a cluster, and does not know yet how that ends."""
        return self._cluster.id == id and not self._done

    @property
    def _done(self) -> bool:
        return bool(self._last) and all(one["ended"] is not None for one in self._last)

    def close(self) -> None:
        """Nothing more is waited for: what is open still counts, what will be submitted does not."""
        self._open = False

    def _ask(self) -> list[Computation]:
        found, self._warnings = self._cluster._usable().progress(self._groups, self._keys, self._client)
        return found

    def view(self) -> ProgressView:
        """Ask, and return what is known now; the last answer, and why, where there is none."""
        with self._lock:
            stale, gone = None, False
            try:
                found = self._ask()
                news = [one for one in found if one["id"] not in self._over]
                # Asked for by name: the last one is shown, though it had ended before.
                self._last = (news or ([] if self._client and self._unnamed else found[-1:]))[-SHOWN:]
            except StewardError as error:
                stale = error.message
                self._warnings = []
                gone = self._final()
                if gone and self._done:
                    stale = None  # what ended before its cluster did is known for good
            return ProgressView(
                cluster=self._cluster.id,
                cluster_name=self._cluster.name,
                computations=list(self._last),
                warnings=list(self._warnings),
                stale=stale,
                ended=gone or (not self._open and (self._done or (self._unnamed and not self._last))),
            )

    @property
    def _unnamed(self) -> bool:
        return self._groups is None and self._keys is None

    def _final(self) -> bool:
        try:
            return self._cluster.state["state"] in FINAL
        except ClusterNotFound:
            return True


def follow(followed: Followed, tell: Callable[[ProgressView], None]) -> Callable[[], None]:
    """Tell in a thread of its own what is new, until everything has ended; return what ends it before.

    Parameters
    ----------
    followed : Followed
        What is followed; when nobody holds it any more, nor what is returned, the thread ends.
    tell : callable
        Called in that thread, first at once, then only with news, at last with ``ended``.
    """
    end = threading.Event()
    weak = weakref.ref(followed)
    thread = threading.Thread(target=_follow, args=(weak, tell, end), name="dask-steward-progress", daemon=True)
    thread.start()
    return partial(_stop, end, followed)


def _stop(end: threading.Event, followed: Followed) -> None:
    """End a thread that follows; who can call this holds what is followed."""
    end.set()


def _follow(weak: weakref.ref[Followed], tell: Callable[[ProgressView], None], end: threading.Event) -> None:
    told: ProgressView | None = None
    active = time.monotonic()
    while not end.is_set():
        followed = weak()
        if followed is None:
            return
        view = followed.view()
        del followed
        if view != told:
            told = view
            try:
                tell(view)
            except Exception:
                logger.exception("the progress could not be shown")
                return
        if view["ended"]:
            return
        if any(one["ended"] is None for one in view["computations"]):
            active = time.monotonic()
        end.wait(BUSY if time.monotonic() - active < QUIET else IDLE)
