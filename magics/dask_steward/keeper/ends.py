"""When a cluster ends by itself, and by which of its profile's limits."""

from __future__ import annotations

import time

from dask_steward.keeper.request import Request

IDLE, LIFE = "idle_timeout", "time_to_live"


class Ends:
    """The limits of one cluster.

    Parameters
    ----------
    request : Request
        Holds them.

    Attributes
    ----------
    idle_timeout, time_to_live : float or None
        Seconds.
    """

    def __init__(self, request: Request) -> None:
        self.idle_timeout = request.seconds(IDLE)
        self.time_to_live = request.seconds(LIFE)
        self._created = request.created

    def at(self, idle_since: float | None) -> tuple[float | None, str | None]:
        """Return when it ends if nothing happens (seconds since the epoch), and by which limit.

        Parameters
        ----------
        idle_since : float or None
            Since when nothing was to do; None while something is.
        """
        found = []
        if self.idle_timeout and idle_since is not None:
            found.append((idle_since + self.idle_timeout, IDLE))
        if self.time_to_live:
            found.append((self._created + self.time_to_live, LIFE))
        return min(found) if found else (None, None)

    def over(self, idle_since: float | None) -> str | None:
        """Return why it must stop now, None while it may go on."""
        at, by = self.at(idle_since)
        if at is None or time.time() <= at:
            return None
        if by == IDLE:
            return f"idle for {self.idle_timeout:.0f} s ({IDLE})"
        return f"its time to live of {self.time_to_live:.0f} s is over ({LIFE})"
