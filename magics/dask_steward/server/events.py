"""What the server tells by itself: jupyter-events over ``/api/events/subscribe``."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jupyter_events import EventLogger

    from dask_steward.server.models import Cluster

SCHEMAS = Path(__file__).parent / "event_schemas"

CLUSTER = "urn:dask-steward:cluster:v1"
ROWS = "urn:dask-steward:rows:v1"
PROFILES = "urn:dask-steward:profiles:v1"
SERVER = "urn:dask-steward:server:v1"

#: Seconds between two beats.
BEAT = 5.0


class Events:
    """Emit the events of one server.

    Parameters
    ----------
    logger : EventLogger
        Jupyter's; the schemas are registered with it here, before anybody subscribes.
    server_id : str
        In each beat.
    """

    def __init__(self, logger: EventLogger, server_id: str) -> None:
        self._logger = logger
        self._server_id = server_id
        self._number = 0
        for path in sorted(SCHEMAS.glob("*.yaml")):
            logger.register_event_schema(path)

    def cluster(self, action: Literal["changed", "removed"], id: str, cluster: Cluster | None) -> None:
        """Tell that a card changed, or left the list."""
        card = cluster.model_dump(mode="json") if cluster is not None else None
        self._emit(CLUSTER, {"action": action, "id": id, "cluster": card})

    def rows(self, delta: dict[str, Any]) -> None:
        """Tell what became of the rows of a table."""
        self._emit(ROWS, delta)

    def profiles(self, names: list[str]) -> None:
        """Tell that files of profiles changed."""
        self._emit(PROFILES, {"names": names})

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            self._emit(SERVER, {"server_id": self._server_id, "at": time.time()})
            await asyncio.sleep(BEAT)

    def _emit(self, schema: str, data: dict[str, Any]) -> None:
        # One count for all: a socket that was closed for a second between two beats missed something, too.
        self._logger.emit(schema_id=schema, data={**data, "seq": self._number})
        self._number += 1
