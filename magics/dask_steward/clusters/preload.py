"""Loaded by each local worker (``distributed``'s preload): it dies with its parent, and serves no pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dask_steward.clusters.forkserver import die_with_parent

if TYPE_CHECKING:
    from distributed import Worker


async def dask_setup(worker: Worker) -> None:
    """Tie the worker's life to its parent's, and close its pages: any user of the host could read its metrics there."""
    die_with_parent()
    worker.http_server.stop()
    worker.services.pop("dashboard", None)
