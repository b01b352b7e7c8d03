"""What is displayed of computations: one widget for each `Progress`, which ends when they have or nobody looks."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dask_steward.errors import UsageError
from dask_steward.widgets.feed import feed
from dask_steward.widgets.shelf import GRACE

if TYPE_CHECKING:
    from dask_steward.progress_data import ProgressView
    from dask_steward.widgets.live import View
    from dask_steward.widgets.progress import Progress

_lock = threading.RLock()
_shown: weakref.WeakKeyDictionary[Progress, Computing] = weakref.WeakKeyDictionary()


class Computing:
    """One `Progress` that is displayed.

    Parameters
    ----------
    progress : Progress
        What is shown. It is held while it is followed, whoever else lets go of it.
    """

    def __init__(self, progress: Progress) -> None:
        from dask_steward.widgets.live import View

        self._weak = weakref.ref(progress)
        self._held: Progress | None = None
        self._end: Callable[[], None] | None = None
        self._at_end: list[Callable[[ProgressView], None]] = []
        self.view: View = View(
            kind="progress",
            cluster_id=progress.cluster.id,
            progress=dict(progress.view()),
            act=_refuse,
            looked=self._looked,
        )
        self._follow(progress)

    def _follow(self, progress: Progress) -> None:
        self._held = progress
        self._end = progress.follow(self._tell)

    def _tell(self, view: ProgressView) -> None:
        self.view.progress = dict(view)
        if view["ended"]:
            for tell in self._at_end:
                tell(view)
            self._forget()

    def at_end(self, tell: Callable[[ProgressView], None]) -> None:
        """Call `tell` with what is known when everything has ended; not if nobody looks any more by then."""
        self._at_end.append(tell)

    def _looked(self, now: bool) -> None:
        with _lock:
            progress = self._weak()
            if progress is None or _shown.get(progress) is not self:
                return
            if now:
                feed.leave((self, "grace"))
                if self._end is None:
                    self._follow(progress)
            else:
                self._rest()
                feed.later((self, "grace"), GRACE, self._forget)

    def _rest(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            end()

    def _forget(self) -> None:
        with _lock:
            progress, self._held = self._held or self._weak(), None
            if progress is not None and _shown.get(progress) is self:
                del _shown[progress]
            self._rest()
        feed.leave((self, "grace"))
        self.view.retire()


def shown(progress: Progress) -> Computing:
    """Return the display of a `Progress`; made where there is none."""
    with _lock:
        found = _shown.get(progress)
        if found is None or found.view.closed:
            found = _shown[progress] = Computing(progress)
        return found


def known(progress: Progress) -> Computing | None:
    """Return the display of a `Progress`, if there is one."""
    with _lock:
        return _shown.get(progress)


def _refuse(what: str, args: dict[str, Any]) -> Any:
    raise UsageError(f"{what!r} cannot be asked of a display of computations.")
