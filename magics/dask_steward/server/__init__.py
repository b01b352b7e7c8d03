"""The Jupyter server's face: clusters and profiles over REST, their state as events.

It speaks to keepers and reads the ledger. Nothing of Dask is imported, so it works in an environment without Dask.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter's server what to load."""
    from dask_steward.server.app import DaskSteward

    return [{"module": "dask_steward.server.app", "app": DaskSteward}]
