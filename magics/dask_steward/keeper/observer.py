"""What a keeper sees of its scheduler, looked at once a second."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dask_steward.clusters.agent import Agent

logger = logging.getLogger(__name__)

#: What is shown before there is a scheduler to look at.
NOTHING: dict[str, Any] = {
    "threads": 0,
    "cpu": {"used": 0.0, "limit": 0},
    "memory": {"limit": 0, "used": 0, "spilled": 0},
    "tasks": {"groups": [], "per_second": 0.0},
    "computations": [],
}
#: Changes of memory and processors below this part of their limits are no news: idle workers breathe, too.
NEWS_SHARE = 1 / 200
#: Less than so many bytes, or cores, is no news either.
NEWS_BYTES, NEWS_CORES = 2**20, 0.2


class Observer:
    """Look at one scheduler.

    Parameters
    ----------
    agent : Agent
        Speaks to it.

    Attributes
    ----------
    summary : dict
        ``threads``, ``cpu``, ``memory`` and ``tasks`` of the state.
    busy : float
        Core-seconds spent in tasks so far.
    idle_since : float or None
        Since when (seconds since the epoch) nothing was to do; None while something is.
    memory_warnings : list of str
        Sentences about workers that are short of memory.
    mismatch : str or None
        A sentence about workers that run another Dask or Python.
    workers_changed : bool
        Workers have come or gone since the last look.
    """

    def __init__(self, agent: Agent) -> None:
        self.summary: dict[str, Any] = NOTHING
        self.busy = 0.0
        self.idle_since: float | None = None
        self.memory_warnings: list[str] = []
        self.mismatch: str | None = None
        self.workers_changed = False
        self._agent = agent
        self._told: object = None

    async def look(self) -> bool:
        """Take a new summary; return whether it is news."""
        try:
            summary = await self._agent.summary()
        except Exception:  # it reads Dask's own structures, which may change: what only looks on must end no cluster
            logger.exception("the scheduler cannot be summarised")
            return False
        self.busy = summary.pop("busy_seconds")
        self.memory_warnings = summary.pop("memory_warnings", [])
        self.summary = summary
        if self.workers_changed:
            self.workers_changed = False
            self.mismatch = await self._agent.mismatch()
        self.idle_since = await self._agent.idle_since()
        told = (coarse(summary), self.memory_warnings, self.mismatch, self.idle_since)
        changed, self._told = told != self._told, told
        return changed


def coarse(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary with its measures rounded to what a person would call a change.

    >>> coarse({"cpu": {"used": 0.1, "limit": 4}, "memory": {"used": 1000, "spilled": 0, "limit": 10**9}, "threads": 4})
    {'cpu': 0, 'memory': (0, 0, 1000000000), 'threads': 4}
    """
    cpu, memory = summary["cpu"], summary["memory"]
    size = max(NEWS_BYTES, memory["limit"] * NEWS_SHARE)
    return {
        **summary,
        "cpu": round(cpu["used"] / max(NEWS_CORES, cpu["limit"] * NEWS_SHARE)),
        "memory": (round(memory["used"] / size), round(memory["spilled"] / size), memory["limit"]),
    }
