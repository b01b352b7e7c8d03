"""The lease that YARN itself holds: it ends the application unless the keeper puts that off again and again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dask_steward.clusters.defences import LIFETIME, WALL, Defence
from dask_steward.managers.base import Unknown
from dask_steward.units import format_duration

if TYPE_CHECKING:
    from dask_steward.managers.yarn import Lifetime, Yarn

logger = logging.getLogger(__name__)

#: Seconds after which a renewal that failed is tried again; the lease is many times longer.
AGAIN = 2.0
#: People are told of a queue's own end of an application this long (seconds) before it.
NOTICE = 600.0


class Lease:
    """The lifetime of one application.

    Parameters
    ----------
    manager : Yarn
        Speaks to the ResourceManager.
    timeout : float
        Seconds for which the application lives when nobody renews; 0 for no such end.
    interval : float
        Seconds between two renewals.
    changed : callable
        Told whenever what is in force is another.
    """

    def __init__(self, manager: Yarn, timeout: float, interval: float, changed: Callable[[], None]) -> None:
        self._manager, self._timeout, self._interval, self._changed = manager, timeout, interval, changed
        self._found: Lifetime | None = None
        self._until = 0.0
        self._why: str | None = None if timeout else "the profile's lease.timeout is 0"
        self._task: asyncio.Task[None] | None = None

    async def take(self, id: str) -> None:
        """Set it for the first time, and renew it from then on; a cluster starts without it, too."""
        if not self._timeout:
            return
        await self._renew(id)
        self._task = asyncio.create_task(self._hold(id))

    def drop(self) -> None:
        """Renew it no more."""
        if self._task is not None:
            self._task.cancel()

    async def _hold(self, id: str) -> None:
        while True:
            # A queue that allows no more is not asked again and again for what it will not give.
            wall = self._found is not None and self._found.wall
            await asyncio.sleep(self._interval * 10 if wall else AGAIN if self._why else self._interval)
            await self._renew(id)

    async def _renew(self, id: str) -> None:
        asked = time.time()
        answer = await asyncio.to_thread(self._manager.lifetime, id, self._timeout)
        before = (self._why, self._found is not None and self._found.wall)
        if isinstance(answer, Unknown):
            if self._why is None:
                logger.warning("the lifetime of %s could not be put off: %s", id, answer.reason)
            self._why = answer.reason
        else:
            self._why, self._found = None, answer
            # By our own clock, since who reads it looks at ours.
            self._until = asked + answer.remaining if answer.remaining is not None else 0.0
        if before != (self._why, self._found is not None and self._found.wall):
            self._changed()

    @property
    def ends(self) -> float | None:
        """When the queue ends the application whatever anybody does (seconds since the epoch), where it does."""
        return self._until if self._found is not None and self._found.wall else None

    @property
    def warning(self) -> str | None:
        """A sentence when the queue's end of the application is near."""
        ends = self.ends
        if ends is None or ends - time.time() > NOTICE:
            return None
        at = time.strftime("%H:%M", time.localtime(ends))
        return f"YARN ends this cluster at {at}: its queue lets no application live longer. Save what you need."

    def defences(self) -> list[Defence]:
        """Return what is in force."""
        if self._found is None:
            why = self._why or "YARN has not been asked yet"
            return [Defence(LIFETIME, False, f"YARN holds no lease: {why}")]
        if self._found.wall:
            words = "YARN ends the application then, whatever happens: its queue lets none live longer"
            return [Defence(WALL, True, words, self._until)]
        words = f"YARN ends the application when nobody has renewed it for {format_duration(self._timeout)}"
        if self._why is not None:
            words = f"{words}; the last renewal failed: {self._why}"
        return [Defence(LIFETIME, self._until > time.time(), words, self._until)]
