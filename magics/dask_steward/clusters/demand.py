"""What the open work calls for, looked up beside the scheduler in O(prefixes + workers + running tasks).

Dask's own ``adaptive_target`` (distributed 2026.8) takes half a second for each task whose kind it has never seen, so
that 1000 new tasks call for a hundred threads before the first has run; one long task stands for all others of its
prefix; and 1000 short tasks beside two long ones call for a thread each. Here

* tasks are counted by prefix, and no prefix calls for more threads than it has tasks;
* a prefix that has hardly been seen is a `Probe`: its tasks are taken to last as long as the longest that runs has
  lasted so far, which is a lower bound that grows, and what it calls for may double only every few seconds of that;
* what a new job cannot run (tasks tied to one worker's address) calls for none, and what needs a resource calls for
  jobs that have it.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from typing import Any

from distributed import Scheduler

#: Tasks of a prefix that must have finished before their average stands for the others: the first ones import modules
#: and open files, and Dask's moving average has forgotten them after a few.
SEEN = 5
#: Seconds of running after which a task is no longer waited for as if it ended in a moment: its worker is needed.
LONG = 1.0
#: Tasks that are looked at one by one, where no count by prefix tells what they need.
SAMPLE = 100
#: The same for each worker that has given out some of its resources.
SAMPLE_OF_WORKER = 8


@dataclass(frozen=True)
class Probe:
    """Tasks of a prefix of which too few have finished to know how long they take.

    Attributes
    ----------
    threads : float
        What they call for if the others take as long as the longest so far.
    tried : float
        Seconds that tasks of this prefix have run so far: how much the guess is worth.
    """

    threads: float
    tried: float


@dataclass(frozen=True)
class Work:
    """Open work whose tasks need the same resources.

    Attributes
    ----------
    resources : dict
        What each task needs of its worker's resources; empty for tasks that run anywhere.
    ready : int
        Tasks that could run now: running, given to workers, queued, or without any worker.
    threads : float
        Threads that would do the work of well-known prefixes within the target duration.
    probes : tuple of Probe
        What the other prefixes call for.
    stuck : int
        Running tasks that have lasted longer than the target duration: their threads do not become free soon.
    fresh : bool
        Whether tasks wait of whose prefix none has begun.
    """

    resources: dict[str, float] = field(default_factory=dict)
    ready: int = 0
    threads: float = 0.0
    probes: tuple[Probe, ...] = ()
    stuck: int = 0
    fresh: bool = False


@dataclass(frozen=True)
class Load:
    """What one worker has to do and holds.

    Attributes
    ----------
    threads : int
        Tasks that it runs at once.
    stored : int
        Bytes of results that it holds; all of them are still referenced, else the scheduler would have dropped them.
    limit : int
        Memory that it may use in bytes; 0 without a limit.
    busy : bool
        Whether it cannot be given back now: one of its tasks has run for more than a second, or is of a kind that
        takes longer, or of an unknown one; one has given its thread back (``secede``); it holds an actor, or takes
        part in a shuffle.
    resources : dict
        What it has of Dask's abstract resources.
    """

    threads: int = 1
    stored: int = 0
    limit: int = 0
    busy: bool = False
    resources: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Demand:
    """What the open work calls for.

    Attributes
    ----------
    target_duration : float
        Seconds in which the work that can run now should be done.
    waiting : int
        Tasks that wait for results of others.
    unseen : int
        Tasks that could run now, of prefixes of which none has finished.
    works : tuple of Work
        What could run now, by the resources that it needs.
    workers : dict
        `Load` by address.
    """

    target_duration: float
    waiting: int = 0
    unseen: int = 0
    works: tuple[Work, ...] = ()
    workers: dict[str, Load] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """Tasks that are not done."""
        return self.waiting + sum(work.ready for work in self.works)

    def to_json(self) -> dict[str, Any]:
        """Return the demand as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Demand:
        """Read what `to_json` gave."""
        works = (Work(**{**one, "probes": tuple(Probe(**probe) for probe in one["probes"])}) for one in data["works"])
        loads = {address: Load(**one) for address, one in data["workers"].items()}
        return cls(**{**data, "works": tuple(works), "workers": loads})


@dataclass
class _Running:
    """Running tasks of one prefix: seconds of the longest, and how many outlast the target duration."""

    longest: float = 0.0
    stuck: int = 0
    seceded: int = 0


def demand_of(scheduler: Scheduler, target_duration: float) -> Demand:
    """Return what the open work of a scheduler calls for.

    Parameters
    ----------
    scheduler : Scheduler
        In this process.
    target_duration : float
        Seconds in which the work that can run now should be done.
    """
    running: defaultdict[str, _Running] = defaultdict(_Running)
    workers = _loads(scheduler, target_duration, running)
    needs = _Needs(scheduler)
    works: dict[tuple[tuple[str, float], ...], _Sum] = {}
    waiting = unseen = 0
    for prefix in scheduler.task_prefixes.values():
        states = prefix.states
        waiting += states.get("waiting", 0)
        given = states.get("processing", 0) - running[prefix.name].seceded if states.get("processing", 0) else 0
        queued, homeless = states.get("queued", 0), states.get("no-worker", 0)
        if given + queued + homeless <= 0:
            continue
        found = prefix.state_counts.get("memory", 0)
        if not found and prefix.duration_average < 0:
            unseen += given + queued + homeless
        for resources, count in needs.split(prefix.name, given, queued, homeless):
            works.setdefault(resources, _Sum()).add(prefix, found, count, running[prefix.name], target_duration)
    return Demand(
        target_duration=target_duration,
        waiting=waiting,
        unseen=unseen,
        works=tuple(one.work(dict(resources)) for resources, one in works.items()),
        workers=workers,
    )


def _loads(scheduler: Scheduler, target_duration: float, running: dict[str, _Running]) -> dict[str, Load]:
    """Return each worker's load, and note what runs by prefix."""
    states = list(scheduler.workers.values())
    free = states
    for plugin in list(scheduler.plugins.values()):
        # Dask's own word for workers that must stay, such as those of a shuffle.
        free = plugin.valid_workers_downscaling(scheduler, free)
    may_go = {state.address for state in free}
    now = time.time()
    loads = {}
    for state in states:
        since = max(0.0, now - state.last_seen)
        busy = bool(state.address not in may_go or state.long_running or state.actors)
        for task in state.long_running:
            running[task.prefix.name].seceded += 1
        for task, seconds in state.executing.items():
            # As of the last heartbeat: what has ended since then is no longer among its tasks.
            if task not in state.processing or task in state.long_running:
                continue
            one = running[task.prefix.name]
            lasted = seconds + since
            one.longest = max(one.longest, lasted)
            one.stuck += lasted > target_duration
            busy = busy or lasted > LONG
        busy = busy or any(_may_last(scheduler.task_prefixes.get(name)) for name in state.task_prefix_count)
        loads[state.address] = Load(
            threads=state.nthreads,
            stored=state.nbytes,
            limit=state.memory_limit or 0,
            busy=busy,
            resources=dict(state.resources),
        )
    return loads


def _may_last(prefix: Any) -> bool:
    return prefix is not None and not 0 <= prefix.duration_average <= LONG


class _Sum:
    """Adds up the work of one kind of resources."""

    def __init__(self) -> None:
        self.ready = 0.0
        self.threads = 0.0
        self.stuck = 0.0
        self.probes: list[Probe] = []
        self.fresh = False

    def add(self, prefix: Any, finished: int, count: float, running: _Running, target: float) -> None:
        """Add tasks of a prefix that could run now.

        Parameters
        ----------
        prefix : TaskPrefix
            Theirs.
        finished : int
            Tasks of it that have finished so far.
        count : float
            Tasks (a share of them, where only some need this resource).
        running : _Running
            Those of the prefix that run.
        target : float
            Seconds in which they should be done.
        """
        self.ready += count
        average = prefix.duration_average
        spent = prefix.all_durations.get("compute", 0.0)
        if average < 0 and finished:
            # Dask forgets its average when one task outlasts it; one task is no reason to think so of all.
            average = spent / finished
        stuck = min(count, running.stuck)
        self.stuck += stuck
        if finished >= SEEN or (average >= 0 and not finished):  # the latter: dask's `default-task-durations`
            self.threads += min(count, stuck + (count - stuck) * average / target)
            return
        seconds = max(average, running.longest, 0.0)
        if seconds > 0:
            self.probes.append(Probe(min(count, count * seconds / target), spent + running.longest))
        else:
            self.fresh = True

    def work(self, resources: dict[str, float]) -> Work:
        """Return the sum."""
        return Work(resources, round(self.ready), self.threads, tuple(self.probes), round(self.stuck), self.fresh)


class _Needs:
    """Which resources the tasks of a prefix need, from samples: the scheduler counts tasks by prefix and state only."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._by_prefix: defaultdict[str, Counter[tuple[tuple[str, float], ...] | None]] = defaultdict(Counter)
        self._homeless: Counter[tuple[tuple[str, float], ...] | None] = Counter()
        given = (
            islice(state.processing, SAMPLE_OF_WORKER)
            for state in scheduler.workers.values()
            if any(state.used_resources.values())
        )
        for task in chain.from_iterable(given):
            self._by_prefix[task.prefix.name][_resources(task)] += 1
        for task in islice(scheduler.unrunnable, SAMPLE):
            tied = (task.worker_restrictions or task.host_restrictions) and not task.loose_restrictions
            need = None if tied else _resources(task)
            self._by_prefix[task.prefix.name][need] += 1
            self._homeless[need] += 1

    def split(
        self, prefix: str, given: int, queued: int, homeless: int
    ) -> Iterator[tuple[tuple[tuple[str, float], ...], float]]:
        """Yield resources and how many of a prefix's tasks need them, without tasks that no new job can run.

        Parameters
        ----------
        prefix : str
            The prefix's name.
        given, queued, homeless : int
            Tasks given to workers, queued, and without a worker that could run them. Dask queues only what needs
            nothing.
        """
        sample = self._by_prefix.get(prefix)
        parts: list[tuple[int, Mapping[Any, int]]] = [(queued, {(): 1})]
        if sample:
            parts.append((given + homeless, sample))
        else:
            parts += [(given, {(): 1}), (homeless, self._homeless or {(): 1})]
        shares: defaultdict[tuple[tuple[str, float], ...], float] = defaultdict(float)
        for number, fractions in parts:
            for need, seen in fractions.items():
                if number and need is not None:
                    shares[need] += number * seen / sum(fractions.values())
        yield from shares.items()


def _resources(task: Any) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((task.resource_restrictions or {}).items()))
