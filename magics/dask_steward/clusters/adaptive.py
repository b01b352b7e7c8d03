"""Size that follows the work, counted in whole units (jobs, not their single processes)."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import Workforce
from dask_steward.errors import UsageError
from dask_steward.units import parse_duration

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What an adaptive cluster keeps to.

    Attributes
    ----------
    minimum, maximum : int
        Units (jobs; worker processes of a local cluster).
    target_duration : float
        Seconds in which the known work should be done.
    interval : float
        Seconds between two looks.
    wait_count : int
        Looks in a row that must call for fewer units before any is given back.
    """

    minimum: int
    maximum: int
    target_duration: float = 5.0
    interval: float = 1.0
    wait_count: int = 3

    def to_json(self) -> dict[str, Any]:
        """Return the limits as JSON."""
        return dict(vars(self))


def limits_of(given: Mapping[str, Any]) -> Limits:
    """Return checked limits.

    Raises
    ------
    UsageError
        If a limit is missing, negative, or the minimum is above the maximum.
    """
    known = {key: value for key, value in given.items() if value is not None}
    for key in ("minimum", "maximum"):
        value = known.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"adapt.{key} must be a whole number of 0 or more; got {value!r}.", field=f"adapt.{key}")
    unknown = set(known) - set(Limits.__dataclass_fields__)
    if unknown:
        raise UsageError(f"adapt has no {', '.join(sorted(unknown))}.", field="adapt")
    for key in ("target_duration", "interval"):
        if key in known:
            known[key] = _seconds(key, known[key])
    count = known.get("wait_count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UsageError(
            f"adapt.wait_count must be a whole number of 1 or more; got {count!r}.", field="adapt.wait_count"
        )
    limits = Limits(**known)
    if limits.minimum > limits.maximum:
        raise UsageError(
            f"adapt.minimum {limits.minimum} is above adapt.maximum {limits.maximum}.", field="adapt.minimum"
        )
    return limits


def _seconds(key: str, value: Any) -> float:
    try:
        found = float(parse_duration(value))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"adapt.{key} must be a duration such as '5 s'; got {value!r}.", field=f"adapt.{key}"
        ) from error
    if not 0.0 < found < math.inf:
        raise UsageError(f"adapt.{key} must be longer than nothing; got {value!r}.", field=f"adapt.{key}")
    return found


class Adaptive:
    """Scale a workforce between its limits, up at once, down only after several looks in a row.

    Parameters
    ----------
    agent : Agent
        Knows the work.
    workforce : Workforce
        Is scaled.
    limits : Limits
        What is kept to.
    failed : callable
        Told when a look fails.
    """

    def __init__(
        self, agent: Agent, workforce: Workforce, limits: Limits, failed: Callable[[BaseException], None]
    ) -> None:
        self.limits = limits
        self._agent = agent
        self._workforce = workforce
        self._failed = failed
        self._lower: list[int] = []
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Stop looking; the size stays as it is."""
        self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("adaptive scaling ended", exc_info=error)
            self._failed(error)

    async def _scale(self, units: int) -> None:
        # Shielded: a change that has begun (data move off workers) is not left half done when adapting ends.
        await asyncio.shield(self._workforce.scale(units))

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except UsageError as error:
                self._failed(error)
            await asyncio.sleep(self.limits.interval)

    async def _look(self) -> None:
        target = self.target()
        wanted = self._workforce.wanted
        if target >= wanted:
            self._lower.clear()
            if target > wanted:
                await self._scale(target)
            return
        self._lower.append(target)
        if len(self._lower) >= self.limits.wait_count:
            started = time.monotonic()
            # The largest of the last looks: none of them would have given back more.
            await self._scale(max(self._lower[-self.limits.wait_count :]))
            self._lower.clear()
            logger.debug("scaled down in %.1f s", time.monotonic() - started)

    def target(self) -> int:
        """Return the number of units that the known work calls for, within the limits."""
        workers = self._workforce.site.scheduler.adaptive_target(target_duration=self.limits.target_duration)
        units = math.ceil(workers / self._workforce.unit["workers"])
        return max(self.limits.minimum, min(self.limits.maximum, units))
