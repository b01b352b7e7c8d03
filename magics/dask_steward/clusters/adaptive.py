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
from dask_steward.clusters.policy import Policy, needed, seen
from dask_steward.errors import UsageError
from dask_steward.units import parse_duration

logger = logging.getLogger(__name__)

#: Seconds after which jobs that were kept, since their data could not be moved, are given back once more.
TRY_AGAIN = 60.0


@dataclass(frozen=True)
class Limits:
    """What an adaptive group of jobs keeps to.

    Attributes
    ----------
    minimum : int
        Fewest units (jobs; worker processes of a local cluster), also when nothing is to do.
    maximum : int or None
        Most units; None for no limit.
    target_duration : float
        Seconds in which the work that can run now should be done: with more seconds fewer jobs are asked for.
    hold : float
        Seconds of one rule for all that is given back: a unit goes only when the work has called for fewer during all
        of them. So a pause that is shorter changes nothing, neither in the queue nor of what runs, and results that
        are still referenced stay where they are. After that they are moved, where the other units have memory for
        them, and stay otherwise.
    queue_patience : float or None
        Seconds for which a job that is not needed any more keeps its place in the queue, instead of `hold`: more,
        since a place in the queue costs nothing and is slow to get again; or fewer. It counts while the jobs that
        run are needed; when jobs that run are given back, those that wait go with them. None: as long as `hold`.
    interval : float
        Seconds between two looks.
    group : str
        The group of jobs that is scaled.
    """

    minimum: int
    maximum: int | None
    target_duration: float = 5.0
    hold: float = 300.0
    queue_patience: float | None = None
    interval: float = 1.0
    group: str = "main"

    @property
    def patience(self) -> float:
        """Seconds for which a job that is not needed keeps its place in the queue."""
        return self.hold if self.queue_patience is None else self.queue_patience

    def to_json(self) -> dict[str, Any]:
        """Return the limits as JSON."""
        return dict(vars(self))


def limits_of(given: Mapping[str, Any]) -> Limits:
    """Return checked limits.

    Parameters
    ----------
    given : mapping
        Fields of `Limits`; durations in seconds or as texts such as ``"5 min"``. ``wait_count``, which Dask's own
        adaptive clusters take, is `hold` counted in looks: it stands for ``wait_count * interval`` seconds where no
        `hold` is given.

    Raises
    ------
    UsageError
        If a limit is unknown or of another kind, negative, or the minimum is above the maximum.
    """
    known = {key: value for key, value in given.items() if value is not None}
    if not {"minimum", "maximum"} & set(known):
        raise UsageError("adapt needs a minimum, a maximum or both.", field="adapt.minimum")
    known.setdefault("minimum", 0)
    for key in ("minimum", "maximum"):
        value = known.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"adapt.{key} must be a whole number of 0 or more; got {value!r}.", field=f"adapt.{key}")
    unknown = set(known) - set(Limits.__dataclass_fields__) - {"wait_count"}
    if unknown:
        raise UsageError(f"adapt has no {', '.join(sorted(unknown))}.", field="adapt")
    for key in ("target_duration", "interval", "hold", "queue_patience"):
        if key in known:
            known[key] = _seconds(key, known[key], least=key not in ("hold", "queue_patience"))
    count = known.pop("wait_count", None)
    if count is not None:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(
                f"adapt.wait_count must be a whole number of 1 or more; got {count!r}.", field="adapt.wait_count"
            )
        known.setdefault("hold", count * known.get("interval", Limits.interval))
    limits = Limits(**{"maximum": None, **known})
    if limits.maximum is not None and limits.minimum > limits.maximum:
        raise UsageError(
            f"adapt.minimum {limits.minimum} is above adapt.maximum {limits.maximum}.", field="adapt.minimum"
        )
    return limits


def _seconds(key: str, value: Any, *, least: bool) -> float:
    try:
        found = float(parse_duration(value))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"adapt.{key} must be a duration such as '5 s'; got {value!r}.", field=f"adapt.{key}"
        ) from error
    if not 0.0 <= found < math.inf or (least and not found):
        words = "longer than nothing" if least else "0 or more and not endless"
        raise UsageError(f"adapt.{key} must be {words}; got {value!r}.", field=f"adapt.{key}")
    return found


class Adaptive:
    """Scale one group of a workforce between its limits: up at once, down when `Policy` says so.

    It begins from the size that is wanted now; a size outside the limits is changed at once.

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
        self._policy = Policy(limits, workforce.size(limits.group), time.monotonic())
        self._alone_since = time.monotonic()
        self._down: asyncio.Task[None] | None = None
        self._down_again = -math.inf
        workforce.following.add(limits.group)
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Stop looking; the size stays as it is."""
        self._workforce.following.discard(self.limits.group)
        self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("adaptive scaling ended", exc_info=error)
            self._failed(error)

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except UsageError as error:
                self._failed(error)
            await asyncio.sleep(self.limits.interval)

    async def _look(self) -> None:
        demand = await self._agent.demand(self.limits.target_duration)
        workforce, group = self._workforce, self.limits.group
        supply = workforce.supply(group)
        open_ = {name for name in workforce.shapes() if name in workforce.following or workforce.size(name)}
        shapes = {
            name: seen(shape, demand, workforce.supply(name))
            for name, shape in workforce.shapes().items()
            if name in open_ or name == group
        }
        wanted, now = workforce.size(group), time.monotonic()
        if not demand.open or not supply or any(one.workers for one in supply):
            self._alone_since = now
        need = needed(demand, group, shapes, supply, now - self._alone_since)
        target = self._policy.size(now, need, wanted, supply)
        if target > wanted:
            logger.info("adaptive: %s from %d to %d, %d tasks are open", group, wanted, target, demand.open)
            # Shielded: a change that has begun is not left half done when adapting ends.
            await asyncio.shield(workforce.scale(target, group))
            return
        if self._down is not None and not self._down.done():
            return
        kept = sum(not (one.leaving or one.expiring) for one in supply) > wanted and now >= self._down_again
        if target < wanted or kept:
            if target < wanted:
                logger.info("adaptive: %s from %d to %d, unneeded for %g s", group, wanted, target, self.limits.hold)
            self._down_again = now + max(TRY_AGAIN, self.limits.hold)
            # Data may move for minutes: looks go on meanwhile, and more work is answered at once.
            self._down = asyncio.create_task(self._scale_down(min(target, wanted)))

    async def _scale_down(self, target: int) -> None:
        try:
            await self._workforce.scale(target, self.limits.group)
        except Exception as error:  # as a look that fails: the size stays, and it is looked at again
            logger.exception("adaptive: the scale-down failed")
            self._failed(error)
