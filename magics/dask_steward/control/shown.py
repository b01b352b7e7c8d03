"""What a cluster shows as the last expression of a cell: text, HTML without script, and what a face adds to these.

Faces are above this room, so the one that displays is found by the entry point group of `GROUP`.
"""

from __future__ import annotations

import functools
import html
import logging
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from dask_steward.control.display import html_of
from dask_steward.control.scrub import hosts_of, scrubbed
from dask_steward.errors import UsageError

if TYPE_CHECKING:
    from dask_steward.control.cluster import Cluster

logger = logging.getLogger(__name__)

#: Entry points of objects such as `Display`.
GROUP = "dask_steward.displays"

Bundle = dict[str, Any]


class Display(Protocol):
    """A face that shows clusters in a notebook."""

    def bundle(self, cluster: Cluster) -> Bundle:
        """Return what is added to the text and the HTML of a MIME bundle."""

    def show(self, cluster: Cluster, text: str | None = None) -> bool:
        """Display it so that it can be replaced later; return False where there is no notebook."""

    def widget(self, cluster: Cluster) -> Any:
        """Return its widget. Raises UsageError where that cannot be shown."""


@functools.cache
def _displays() -> tuple[Display, ...]:
    return tuple(one.load() for one in entry_points(group=GROUP))


def static_of(cluster: Cluster, text: str | None = None) -> Bundle:
    """Return what any program can show: the state as text and as HTML, without what belongs to a site or a person.

    Parameters
    ----------
    cluster : Cluster
        What is shown.
    text : str, optional
        The text; by default one line.
    """
    state = cluster.state
    return {
        "text/plain": scrubbed(repr(cluster) if text is None else text, hosts_of(state)),
        "text/html": html_of(state),
    }


def bundle_of(cluster: Cluster) -> Bundle:
    """Return all that a notebook can show of a cluster."""
    found = static_of(cluster)
    for display in _displays():
        try:
            found.update(display.bundle(cluster))
        except Exception:  # what shows a cluster must never be the reason why a cell fails
            logger.exception("a display of clusters failed")
    return found


def show(cluster: Cluster, text: str | None = None) -> bool:
    """Display a cluster in a notebook, with this text where only that can be shown; return False where nothing can."""
    for display in _displays():
        try:
            if display.show(cluster, text):
                return True
        except Exception:
            logger.exception("a display of clusters failed")
    return False


class Markup:
    """HTML that marimo shows.

    Parameters
    ----------
    text : str
        It.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def _mime_(self) -> tuple[str, str]:
        return "text/html", self._text


def marimo_of(cluster: Cluster) -> Any:
    """Return what marimo shows of a cluster: its widget, else HTML that says what to install."""
    try:
        return widget_of(cluster)
    except UsageError as error:
        return Markup(f"{html_of(cluster.state)}<div><small>{html.escape(error.message)}</small></div>")


def widget_of(cluster: Cluster) -> Any:
    """Return the widget of a cluster.

    Raises
    ------
    UsageError
        If nothing here can make one.
    """
    for display in _displays():
        return display.widget(cluster)
    raise UsageError(
        "No display of clusters is installed.", hint="Install dask-steward again: pip install 'dask-steward[lab]'."
    )
