"""How many jobs an adaptive group should have: pure functions of what the work calls for and what is there.

The unit is the job. Jobs are asked for as soon as the work calls for them; they are given back only when the work has
called for fewer during all of `Limits.hold`. A job in the queue is supply like one that runs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dask_steward.clusters.base import MAIN, Shape, UnitView
from dask_steward.clusters.demand import Demand, Work

if TYPE_CHECKING:
    from dask_steward.clusters.adaptive import Limits

#: Seconds that a first task of its kind must run for each doubling of the jobs that its siblings may call for.
DOUBLING = 5.0
#: Jobs that may be asked for before any has run a task of a new kind: at once, and after some seconds without any
#: worker. To wait in a queue costs nothing, to wait for a second time behind the first does.
PROBES, HEDGE, HEDGE_AFTER = 2, 4, 3.0
#: Seconds that tasks of a new kind are taken for meanwhile, at most: Dask's own guess.
GUESS = 0.5
#: Share of the workers' memory that results may fill: from there on Dask's workers begin to spill to disk.
FILL = 0.6
#: Steps of a job that waits for the manager.
QUEUED = ("intended", "submitted", "queued")


def home(needed: Mapping[str, float], shapes: Mapping[str, Shape]) -> str | None:
    """Return the group whose jobs are to run tasks with these needs: the plainest that can.

    Parameters
    ----------
    needed : mapping
        Resources of each task.
    shapes : mapping
        The groups that have jobs or may get some, by name.
    """
    able = [name for name, shape in shapes.items() if shape.slots(needed) > 0]
    return min(able, key=lambda name: len(shapes[name].resources), default=None)


def threads_of(work: Work, slots: int, *, waited: float = 0.0, target: float = 1.0) -> float:
    """Return the threads that work calls for.

    Parameters
    ----------
    work : Work
        Its tasks.
    slots : int
        Tasks that one job runs at once.
    waited : float
        Seconds for which the work has waited for a first worker; 0 where there is one.
    target : float
        Seconds in which the work should be done.
    """
    # While too few of its tasks have ended, the guess from a probe may double now and then.
    guessed = sum(min(one.threads, math.ldexp(slots, min(30, int(one.tried / DOUBLING)))) for one in work.probes)
    # What has never run must find a thread that does not belong to a long task, or it will never be known.
    least: float = 1
    if work.fresh:
        hedge = slots * (PROBES if waited < HEDGE_AFTER else HEDGE)
        least = max(work.stuck + 1, min(hedge, work.ready * GUESS / target))
    return min(work.ready, max(work.threads + guessed, least))


def seen(shape: Shape, demand: Demand, supply: Iterable[UnitView]) -> Shape:
    """Return a shape with the resources that its connected workers have told of, too.

    A profile can give resources to its workers in more ways than are read here (``worker_extra_args``).
    """
    loads = [demand.workers[address] for one in supply for address in one.workers if address in demand.workers]
    resources = {name: amount for load in loads for name, amount in load.resources.items()}
    return replace(shape, resources={**resources, **shape.resources})


def needed(
    demand: Demand, group: str, shapes: Mapping[str, Shape], supply: Sequence[UnitView], waited: float = 0.0
) -> int:
    """Return the number of jobs that a group needs now, whatever its limits.

    The largest of what the open tasks call for, of the jobs that cannot be given back now (a long task, an actor or a
    shuffle is there), and of the jobs whose memory the results that are still referenced need.

    Parameters
    ----------
    demand : Demand
        The open work.
    group : str
        Whose jobs.
    shapes : mapping
        The groups that have jobs or may get some, by name; this one among them.
    supply : sequence of UnitView
        The group's jobs.
    waited : float
        Seconds for which the work has waited for the group's first worker; 0 where there is one.
    """
    shape = shapes[group]
    present = [one for one in supply if not (one.leaving or one.expiring)]
    jobs = 0.0
    for work in demand.works:
        where = home(work.resources, shapes)
        if where is None and group == MAIN and not any(one.workers for one in supply):
            where = group  # nobody is known to have what it needs: the first worker will tell
        if work.ready > 0 and where == group:
            slots = shape.slots(work.resources) or shape.slots({})
            jobs += threads_of(work, slots, waited=waited, target=demand.target_duration) / slots
    # Less a rounding error of floats.
    by_work = math.ceil(jobs - 1e-9)
    loads = [[demand.workers[address] for address in one.workers if address in demand.workers] for one in present]
    busy = sum(any(load.busy for load in job) for job in loads)
    by_memory = _for_results(demand, shape, {address for one in supply for address in one.workers})
    if not demand.open:
        by_memory = min(by_memory, len(present))  # results that are there need no new jobs when nothing is computed
    return max(by_work, busy, by_memory)


def _for_results(demand: Demand, shape: Shape, mine: Collection[str]) -> int:
    """Return the jobs whose memory this group's results need, beyond what workers of other groups could take."""
    stored = sum(load.stored for address, load in demand.workers.items() if address in mine)
    others = [load for address, load in demand.workers.items() if address not in mine]
    elsewhere = sum(max(0.0, FILL * load.limit - load.stored) for load in others)
    left = max(0.0, stored - elsewhere)
    if not shape.memory:
        return int(left > 0)
    return math.ceil(left / (FILL * shape.memory))


class Policy:
    """Remember what was needed, and say how many jobs there should be.

    Parameters
    ----------
    limits : Limits
        What is kept to.
    size : int
        Jobs that are wanted now: it begins from these.
    now : float
        Seconds on any clock that never goes back.
    """

    def __init__(self, limits: Limits, size: int, now: float) -> None:
        self.limits = limits
        # Moments from which on so many were needed; the first counts until the second, and so on.
        self._needs: deque[tuple[float, int]] = deque([(now, size)])

    def size(self, now: float, need: int, wanted: int, supply: Iterable[UnitView]) -> int:
        """Return the number of jobs that there should be.

        Parameters
        ----------
        now : float
            The same clock, in seconds.
        need : int
            Jobs that the work calls for now.
        wanted : int
            Jobs that are wanted so far.
        supply : iterable of UnitView
            What there is of them.
        """
        limits = self.limits
        top = math.inf if limits.maximum is None else limits.maximum
        need = int(max(limits.minimum, min(top, need)))
        self._remember(now, need)
        if need >= wanted:
            return need
        present = [one for one in supply if not (one.leaving or one.expiring)]
        up = sum(one.step not in QUEUED for one in present)
        held = self._most(now, limits.hold)
        patient = self._most(now, limits.patience)
        size = wanted
        if up > held:
            size = held  # a job that runs for nothing costs more than a place in the queue: those go with it
        elif wanted > patient:
            size = max(patient, up)
        return int(max(need, min(size, top)))

    def _remember(self, now: float, need: int) -> None:
        if need != self._needs[-1][1]:
            self._needs.append((now, need))
        span = max(self.limits.hold, self.limits.patience)
        while len(self._needs) > 1 and self._needs[1][0] <= now - span:
            self._needs.popleft()

    def _most(self, now: float, span: float) -> int:
        """Return the most that was needed at any moment of the last `span` seconds."""
        ends = [*[since for since, _ in self._needs][1:], math.inf]
        return max(need for (_, need), end in zip(self._needs, ends, strict=True) if end > now - span)
