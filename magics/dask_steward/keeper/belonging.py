"""What a cluster is called and to whom it belongs: both can change while it runs."""

from __future__ import annotations

from typing import Any

from dask_steward.keeper.request import Request
from dask_steward.ledger.entries import owner_json


class Belonging:
    """Name, tenure and owner of one cluster.

    Parameters
    ----------
    request : Request
        What they were at the start.

    Attributes
    ----------
    name, tenure : str
        As they are now.
    """

    def __init__(self, request: Request) -> None:
        self.name, self.tenure = request.name, request.tenure
        self._owner = request.owner

    def owner_json(self) -> dict[str, Any] | None:
        """Return the owner as every face shows it; None for a detached cluster."""
        return owner_json(self._owner)
