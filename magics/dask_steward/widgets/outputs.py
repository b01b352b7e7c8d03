"""Outputs of computations: each is replaced by what became of them, so that a saved notebook says how they ended."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dask_steward.control.pages import in_page, kernel_shell
from dask_steward.widgets import computing

if TYPE_CHECKING:
    from dask_steward.progress_data import ProgressView
    from dask_steward.widgets.progress import Progress

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_waiting: set[_Output] = set()


class _Output:
    """One output, until what it shows has ended.

    Parameters
    ----------
    progress : Progress
        What is shown.
    bundle : dict
        As what.
    """

    def __init__(self, progress: Progress, bundle: dict[str, Any]) -> None:
        self.progress = progress
        self.shown = bundle
        self.id = f"dask-steward-{uuid.uuid4().hex}"
        self.stop: Callable[[], None] = lambda: None

    def replace(self, view: ProgressView) -> None:
        """Show what is known now, if that is news."""
        # What a page needs to find its live view stays.
        bundle = {**self.shown, **self.progress.static(view)}
        if bundle == self.shown:
            return
        self.shown = bundle
        kernel = kernel_shell()
        if kernel is not None:
            # Programs listen to the cell that runs now, not to the one that displayed it, whose context a thread has.
            contextvars.Context().run(
                kernel.display_pub.publish, data=bundle, transient={"display_id": self.id}, update=True
            )


def show(progress: Progress) -> bool:
    """Display computations so that how they ended replaces it; return False where there is no notebook."""
    kernel = kernel_shell()
    if kernel is None:
        return False
    view = progress.arrived()
    bundle = progress.bundle(view)
    one = _Output(progress, bundle)
    kernel.display_pub.publish(data=bundle, transient={"display_id": one.id})
    if view["ended"]:
        return True
    live = computing.known(progress) if in_page() else None
    if live is not None:
        live.at_end(one.replace)
        return True
    # Nobody listens between the cells of a program: what is known is shown when one is over.
    with _lock:
        _waiting.add(one)
        if len(_waiting) == 1:
            kernel.events.register("post_run_cell", _after_cell)
    one.stop = progress.follow(lambda view: None)
    return True


def _after_cell(*_: object) -> None:
    """Show what became of what is displayed before this cell is over: it may be the last."""
    with _lock:
        waiting = list(_waiting)
    for one in waiting:
        try:
            view = one.progress.view()
            one.replace(view)
        except Exception:  # it must never be the reason why a cell fails
            logger.exception("the end of a computation cannot be shown")
            _let_go(one)
        else:
            if view["ended"]:
                _let_go(one)


def _let_go(one: _Output) -> None:
    one.stop()
    with _lock:
        _waiting.discard(one)
        kernel = None if _waiting else kernel_shell()
    if kernel is not None:
        with contextlib.suppress(ValueError):  # it is not registered, such as after a reset
            kernel.events.unregister("post_run_cell", _after_cell)
