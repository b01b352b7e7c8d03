"""Clusters and their computations in a notebook's output: live where anywidget is, else text and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dask_steward.errors import UsageError

if TYPE_CHECKING:
    from dask_steward.control.cluster import Cluster
    from dask_steward.widgets.live import View
    from dask_steward.widgets.progress import Progress

__all__ = ["Displays", "Progress", "progress_widget"]


def __getattr__(name: str) -> Any:
    if name != "Progress":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dask_steward.widgets.progress import Progress

    return Progress


class Displays:
    """What `dask_steward.control.shown` finds by its entry point."""

    @staticmethod
    def bundle(cluster: Cluster) -> dict[str, Any]:
        """Return what is added to a cluster's MIME bundle."""
        from dask_steward.widgets import shelf

        return shelf.bundle(cluster)

    @staticmethod
    def show(cluster: Cluster, text: str | None = None) -> bool:
        """Display a cluster in a notebook; return False where there is none."""
        from dask_steward.widgets import shelf

        return shelf.show(cluster, text)

    @staticmethod
    def widget(cluster: Cluster) -> View:
        """Return the widget of a cluster.

        Raises
        ------
        UsageError
            If its front end is not there.
        """
        from dask_steward.widgets import shelf
        from dask_steward.widgets.bundle import missing

        why = missing()
        if why is not None:
            raise UsageError(why)
        return shelf.view_of(cluster)


def progress_widget(progress: Progress) -> View | None:
    """Return the widget of computations; None where no page can show it."""
    from dask_steward.control.pages import in_marimo, in_page
    from dask_steward.widgets.bundle import missing

    if not (in_page() or in_marimo()) or missing() is not None:
        return None
    from dask_steward.widgets.computing import shown

    return shown(progress).view
