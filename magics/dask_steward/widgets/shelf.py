"""What is displayed in this kernel: one widget for each thing, however often it is shown, and the end of each.

A widget costs a comm, and a follower of the feed. It is given up when its cluster has ended, or when no page has shown
it for a while; pages keep what they show.
"""

from __future__ import annotations

import contextlib
import contextvars
import html
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from dask_steward.control.card_models import Cluster as Card
from dask_steward.control.cards import FINAL, card_of
from dask_steward.control.looking import look
from dask_steward.control.pages import in_marimo, in_page, kernel_shell
from dask_steward.control.shown import static_of
from dask_steward.widgets.bundle import missing
from dask_steward.widgets.feed import feed

if TYPE_CHECKING:
    from dask_steward.control.cluster import Cluster
    from dask_steward.widgets.live import View

logger = logging.getLogger(__name__)

#: Seconds for which a widget that no page shows any more is kept: its cell may be run again, its notebook reopened.
GRACE = 60.0

_WIDGET = "application/vnd.jupyter.widget-view+json"

_lock = threading.RLock()
_shown: dict[str, Shown] = {}


class Shown:
    """One cluster that is displayed.

    Parameters
    ----------
    cluster : Cluster
        Its handle.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.key = _key(cluster)
        #: Whether an output has this display's id, so that it can be replaced.
        self.displayed = False
        #: None where no page is there that could show it: then only what is saved is kept true.
        self.view: View | None = None
        #: What a notebook finds the view by; also after its end, for pages that show it still.
        self.reference: dict[str, Any] = {}
        self._follow()

    def make_view(self) -> View:
        """Return the view; made where there is none."""
        from dask_steward.widgets.acting import act_on
        from dask_steward.widgets.live import View

        cluster = self.cluster
        if self.view is None:
            self.view = View(
                kind="cluster",
                cluster_id=cluster.id,
                card=_card(cluster),
                act=lambda what, args: act_on(cluster, what, args),
                looked=self._looked,
            )
            self.reference = {_WIDGET: {"version_major": 2, "version_minor": 0, "model_id": self.view.model_id}}
        return self.view

    def _follow(self) -> None:
        feed.follow(self, self.cluster.id, self._tell)

    def _tell(self, card: Card, state: dict[str, Any]) -> None:
        if self.view is not None:
            self.view.card = card.model_dump(mode="json")
        if card.state in FINAL:
            self._finish()

    def _looked(self, now: bool) -> None:
        with _lock:
            if _shown.get(self.key) is not self:
                return
            if now:
                feed.leave((self, "grace"))
                self._follow()
            else:
                feed.leave(self)
                feed.later((self, "grace"), GRACE, self._forget)

    def _finish(self) -> None:
        """Its cluster has ended."""
        self.save_end()
        self._forget()

    def save_end(self) -> None:
        """Leave the last state where it was displayed."""
        with _lock:
            displayed, self.displayed = self.displayed, False
        if displayed:
            try:
                _replace(self.cluster.id, {**static_of(self.cluster), **self.reference})
            except Exception:  # the ledger may be gone by now; the output keeps what it had
                logger.exception("the last state of a cluster cannot be shown")

    def _forget(self) -> None:
        with _lock:
            if _shown.get(self.key) is not self:
                return
            del _shown[self.key]
            if not _shown:
                _watch_cells(False)
        feed.leave(self)
        feed.leave((self, "grace"))
        if self.view is not None:
            self.view.retire()


def _of(cluster: Cluster) -> Shown:
    """Return the display of a cluster; made where there is none. Called with the lock."""
    key = _key(cluster)
    found = _shown.get(key)
    if found is not None and found.view is not None and found.view.closed:
        found._forget()
        found = None
    if found is None:
        found = _shown[key] = Shown(cluster)
        _watch_cells(True)
    return found


def _key(cluster: Cluster) -> str:
    """Return what a display is known by: in a process of marimo's each thread is a kernel with a page of its own."""
    return f"{cluster.id}/{threading.get_ident()}" if in_marimo() else cluster.id


def view_of(cluster: Cluster) -> View:
    """Return the view of a cluster; made where there is none."""
    with _lock:
        return _of(cluster).make_view()


def bundle(cluster: Cluster) -> dict[str, Any]:
    """Return what is added to a cluster's text and HTML."""
    if not in_page() or missing() is not None:
        return {}
    with _lock:
        one = _of(cluster)
        one.make_view()
        return dict(one.reference)


def show(cluster: Cluster, text: str | None = None) -> bool:
    """Display a cluster so that its last state replaces it; return False where there is no notebook."""
    kernel = kernel_shell()
    if kernel is None:
        return False
    why = missing()
    with _lock:
        one = _of(cluster)
        one.displayed = True
        if why is None and in_page():
            one.make_view()
        view = one.reference
    found = static_of(cluster, text)
    if why is not None:
        found["text/plain"] += f"\n{why}"
        found["text/html"] += f"<div><small>{html.escape(why)}</small></div>"
    where = {"display_id": _display_id(cluster.id)}
    kernel.display_pub.publish(data={**found, **view}, metadata=_about(cluster.id), transient=where)
    return True


def _card(cluster: Cluster) -> dict[str, Any] | None:
    """Return what is known at once, so that nobody has to wait for the first news."""
    found = look(cluster.id)
    if found is None:
        return None
    card = card_of(cluster.state, profile=found.entry.profile, seen=time.time())
    return card.model_dump(mode="json")


def _about(id: str) -> dict[str, Any]:
    """Return by what JupyterLab's half knows an output of a notebook that is opened again."""
    return {"dask_steward": {"cluster": id}}


def _replace(id: str, found: dict[str, Any]) -> None:
    kernel = kernel_shell()
    if kernel is not None:
        where = {"display_id": _display_id(id)}
        # Programs listen to the cell that runs now, not to the one that displayed it, whose context a thread may have.
        contextvars.Context().run(
            kernel.display_pub.publish, data=found, metadata=_about(id), transient=where, update=True
        )


def _watch_cells(on: bool) -> None:
    kernel = kernel_shell()
    if kernel is None:
        return
    with contextlib.suppress(ValueError):  # it is not registered, such as after a reset
        (kernel.events.register if on else kernel.events.unregister)("post_run_cell", _after_cell)


def _after_cell(*_: object) -> None:
    """Show the end of a cluster that a cell has stopped before that cell is over: it may be the last."""
    with _lock:
        shown = list(_shown.values())
    for one in shown:
        found = look(one.cluster.id)
        if found is not None and found.entry.ended:
            one.save_end()


def _display_id(id: str) -> str:
    return f"dask-steward-{id}"
