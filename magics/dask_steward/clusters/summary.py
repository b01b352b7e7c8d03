"""A summary of the scheduler in O(prefixes + workers), once a second.

A scheduler plugin with a name of its own: ``subscribe_worker_status`` and ``AllProgress`` use fixed names, so a second
observer blinds the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, TypedDict

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from dask_steward.clusters.computations import Computations
from dask_steward.clusters.memory_pressure import Pressure, Thresholds, pressure_of, under_pressure, warnings_of
from dask_steward.clusters.spilled import METRIC, spilled_by_group, spilled_plugin
from dask_steward.progress_data import Computation

#: Task groups shown at most; those with open tasks first.
GROUPS_SHOWN = 20
#: States of tasks that need no more work.
_DONE: tuple[Literal["memory", "released", "forgotten", "erred"], ...] = ("memory", "released", "forgotten", "erred")


class _Group(TypedDict):
    name: str
    done: int
    total: int
    erred: int


class SummaryPlugin(SchedulerPlugin):
    """Watch one scheduler.

    Parameters
    ----------
    name : str
        Unique in this scheduler.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._joined: Callable[[str, str], None] = lambda address, name: None
        self._left: Callable[[str], None] = lambda address: None
        self._finished = 0
        self._finished_at = time.monotonic()
        self._rate = 0.0
        self._computations = Computations()
        self._thresholds = Thresholds.of_config()
        self._tallies = self._computations.tallies
        self._tasks: Mapping[Any, Any] = {}
        self._workers: Mapping[str, Any] = {}

    def attach(self, scheduler: Scheduler) -> None:
        """Begin to watch: steps of tasks are counted from here on, and workers measure what they spill."""
        self._tasks, self._workers = scheduler.tasks, scheduler.workers
        scheduler.worker_plugins[METRIC] = spilled_plugin()
        scheduler.add_plugin(self)

    def watch(self, joined: Callable[[str, str], None], left: Callable[[str], None]) -> None:
        """Call back with address and name of each worker that connects, and the address of each that goes."""
        self._joined, self._left = joined, left

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Tell that a worker has connected."""
        self._joined(worker, str(scheduler.workers[worker].name))

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """Tell that a worker has gone."""
        self._left(worker)

    def update_graph(self, scheduler: Scheduler, *, client: str, tasks: Any = (), keys: Any = (), **rest: Any) -> None:
        """Take in what a client has submitted."""
        self._computations.submitted(scheduler.tasks, client, tasks, keys)

    def transition(self, key: Any, start: str, finish: str, *arguments: Any, **details: Any) -> None:
        """Count one step of one task: called some five times for each, so it does next to nothing."""
        if finish == "memory":
            task = self._tasks[key]
            tally = self._tallies[task.group]
            tally.held += task.nbytes
            tally.landed += 1
        elif start == "memory":
            task = self._tasks[key]
            self._tallies[task.group].held -= task.nbytes
        elif start == "released":
            if self._tallies.lost:
                self._tallies.again(self._tasks[key].group, finish)
        elif finish == "released":
            self._tallies.let_go(self._tasks[key].group, start)
        elif finish == "erred":
            worker = self._workers.get(details.get("worker") or "")
            self._tallies.erred(self._tasks[key], worker, details)

    def progress(
        self,
        scheduler: Scheduler,
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
        since: float | None = None,
    ) -> list[Computation]:
        """Return the computations of these task groups or keys, of this client, begun after `since`; oldest first."""
        spilled = spilled_by_group(scheduler.workers.values())
        found = self._computations.select(spilled, groups, keys, client, since)
        return [self._judged(scheduler, one) for one in found]

    def _judged(self, scheduler: Scheduler, one: Computation) -> Computation:
        """Say what a computation waits for, as far as the scheduler knows."""
        paused = sum(worker.status.name == "paused" for worker in scheduler.workers.values())
        return {**one, "waits": waits(one, len(scheduler.workers), paused, len(scheduler.unrunnable))}

    def summary(self, scheduler: Scheduler) -> dict[str, Any]:
        """Return ``threads``, ``cpu`` (cores), ``memory`` (bytes) and ``tasks`` of the state that every face shows."""
        limit = used = spilled = threads = 0
        percent = 0.0
        pressures: list[Pressure] = []
        for worker in scheduler.workers.values():
            threads += worker.nthreads
            percent += worker.metrics.get("cpu") or 0.0
            limit += worker.memory_limit
            memory = worker.memory
            used += memory.process
            spilled += memory.spilled
            if under_pressure(worker, memory):
                pressures.append(pressure_of(worker, memory))
        groups: list[_Group] = []
        finished = 0
        for prefix in scheduler.task_prefixes.values():
            finished += prefix.state_counts.get("memory", 0) + prefix.state_counts.get("erred", 0)
            states = prefix.states
            total = sum(states.values())
            if total:
                done = sum(states.get(state, 0) for state in _DONE)
                groups.append(_Group(name=prefix.name, done=done, total=total, erred=states.get("erred", 0)))
        groups.sort(key=lambda group: group["done"] - group["total"])
        self._measure(finished)
        return {
            "threads": threads,
            # A thread that computes may use more than its core: numpy brings threads of its own.
            "cpu": {"used": round(percent / 100, 1), "limit": threads},
            "memory": {"limit": limit, "used": used, "spilled": spilled},
            "tasks": {"groups": groups[:GROUPS_SHOWN], "per_second": round(self._rate, 1)},
            "computations": [self._judged(scheduler, one) for one in self._views(scheduler)],
            "memory_warnings": warnings_of(pressures, self._thresholds),
        }

    def _views(self, scheduler: Scheduler) -> list[Computation]:
        return self._computations.views(spilled_by_group(scheduler.workers.values()), scheduler.task_groups)

    def busy_seconds(self, scheduler: Scheduler) -> float:
        """Return core-seconds spent in tasks so far (of task prefixes that are still known)."""
        return float(sum(p.all_durations.get("compute", 0.0) for p in scheduler.task_prefixes.values()))

    def _measure(self, finished: int) -> None:
        now = time.monotonic()
        if now - self._finished_at >= 0.9:
            # Prefixes can be forgotten, and their counts with them.
            self._rate = max(0, finished - self._finished) / (now - self._finished_at)
            self._finished, self._finished_at = finished, now


def waits(one: Computation, workers: int, paused: int, unrunnable: int) -> str | None:
    """Return what a computation waits for, one sentence; None where its tasks run, or it has ended."""
    if one["ended"] is not None:
        return None
    if not workers:
        return "no worker is connected"
    if paused:
        return f"{paused} of {workers} workers {'is' if paused == 1 else 'are'} paused, short of memory"
    if unrunnable and not one["running"]:
        ask = "task asks" if unrunnable == 1 else "tasks ask"
        return f"{unrunnable} {ask} for workers or resources that no worker has"
    return None
