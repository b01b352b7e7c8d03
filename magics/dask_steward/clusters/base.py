"""What a keeper asks of the workers of any system."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from dask_steward.errors import UsageError, WrongState
from dask_steward.ledger.holdings import HoldingsLog

if TYPE_CHECKING:
    from distributed import Scheduler
    from distributed.security import Security

    from dask_steward.clusters.agent import Agent

#: The group that a profile's own options describe.
MAIN = "main"
#: Units in which a cluster's size can be asked for.
UNITS = ("workers", "jobs", "cores", "memory")


def unknown_group(group: str, known: Iterable[str]) -> UsageError:
    """Return the error for a group that a cluster does not have."""
    return UsageError(
        f"group: {group!r} is not known.", field="group", value=group, hint=f"This cluster has {', '.join(known)}."
    )


def refusal(name: str) -> WrongState:
    """Return the error for what only the owner of a foreign scheduler may do."""
    return WrongState(
        f"{name} belongs to somebody else: it can be used and shown, but not scaled, restarted or stopped.",
        hint="Ask whoever started it; to detach from it changes nothing there.",
    )


def first_cause(error: BaseException) -> BaseException:
    """Return the error at the bottom: Dask wraps what happened into "Nanny failed to start" and the like."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


@dataclass
class Counts:
    """Three numbers, never one; all in worker processes."""

    asked: int = 0
    queued: int = 0
    running: int = 0
    lost: int = 0


@dataclass
class HoldingView:
    """One holding as every face shows it; times in seconds since the epoch.

    Its `key` is our own name for it, unique in its cluster, also while there is no id yet; `link` is the manager's own
    page of it.
    """

    kind: str
    id: str | None
    state: str
    reason: str | None = None
    expected_start: float | None = None
    node: str | None = None
    since: float | None = None
    group: str | None = None
    ends: float | None = None
    key: str = ""
    link: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class Shape:
    """What one unit of a group brings.

    Attributes
    ----------
    workers : int
        Worker processes.
    threads : int
        Threads of all of them.
    memory : float
        Bytes of all of them; 0 without a limit.
    resources : mapping
        Dask's abstract resources of each worker.
    """

    workers: int = 1
    threads: int = 1
    memory: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)

    def slots(self, needed: Mapping[str, float]) -> int:
        """Return how many tasks that need these resources one unit runs at once."""
        each = max(1, self.threads // max(1, self.workers))
        for name, amount in needed.items():
            if amount > 0:
                each = min(each, int(self.resources.get(name, 0) / amount))
        return each * max(1, self.workers)


@dataclass(frozen=True)
class UnitView:
    """One unit (a job, a worker process) as adaptive scaling sees it.

    Attributes
    ----------
    key, step : str
        Our name of it, and where it stands.
    since : float
        Since when it stands there (seconds since the epoch).
    workers : tuple of str
        Addresses of its workers that are connected.
    leaving : bool
        It is being given back.
    started : float or None
        When it began to run (seconds since the epoch).
    expiring : bool
        Its walltime is nearly over, and another unit is to take its place.
    """

    key: str
    step: str
    since: float
    workers: tuple[str, ...] = ()
    leaving: bool = False
    started: float | None = None
    expiring: bool = False


@dataclass
class Site:
    """Where a workforce works: the cluster that it belongs to.

    Attributes
    ----------
    id, tag, folder : str
        The cluster's id, its tag and its folder in the ledger.
    profile : mapping
        The resolved profile.
    python : str or None
        The workers' interpreter, where the profile names one.
    agent : Agent
        Speaks to the running scheduler, wherever it is.
    security : Security
        For all comms of the cluster.
    tls : mapping
        Paths of ``ca``, ``cert`` and ``key``; empty without TLS.
    log : HoldingsLog
        What is taken is written there first.
    changed : callable
        To be called on the event loop whenever counts, holdings or reasons have changed.
    """

    id: str
    tag: str
    folder: str
    profile: Mapping[str, Any]
    python: str | None
    agent: Agent
    security: Security
    tls: Mapping[str, str]
    log: HoldingsLog
    changed: Callable[[], None]

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler itself, where it runs in this process."""
        found: Scheduler = self.agent.scheduler  # type: ignore[attr-defined]
        return found

    @property
    def options(self) -> Mapping[str, Any]:
        """The arguments of the Dask class."""
        found = self.profile.get("options")
        return found if isinstance(found, Mapping) else {}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of the workers."""
        return {str(key): str(value) for key, value in (self.profile.get("environment") or {}).items()}


@dataclass
class Workforce(abc.ABC):
    """The workers of one cluster, in units that are started and given back as a whole (a process, a job).

    Attributes
    ----------
    warnings : list of str
        Sentences that a person should see.
    failure : str or None
        Why no worker can come at all, while none is there.
    lost_for_good : bool
        Too many workers died at once, the last one, too: also a cluster that did run is over then.
    following : set of str
        Groups whose sizes follow the work.
    """

    site: Site
    warnings: list[str] = field(default_factory=list)
    failure: str | None = None
    lost_for_good: bool = False
    following: set[str] = field(default_factory=set)

    #: What a person calls one unit.
    noun: ClassVar[str] = "job"

    @property
    def up(self) -> bool:
        """Whether it can have workers at all by now: what holds them may have to be there first."""
        return True

    @property
    @abc.abstractmethod
    def unit(self) -> dict[str, float]:
        """What one unit brings: ``workers``, ``cores`` and ``memory`` (bytes)."""

    @property
    @abc.abstractmethod
    def needs_all(self) -> bool:
        """Whether a start waits for all workers (this host) or for the first one (a queue)."""

    @abc.abstractmethod
    def counts(self) -> Counts:
        """Return asked, queued, running and lost workers."""

    @abc.abstractmethod
    def holdings(self) -> list[HoldingView]:
        """Return what is held now."""

    @abc.abstractmethod
    def reason(self) -> str | None:
        """Return why not all that was asked for is running, in words for a person; None when all is."""

    @abc.abstractmethod
    def core_seconds(self) -> float:
        """Return core-seconds held so far."""

    @abc.abstractmethod
    def cores_held(self) -> int:
        """Return the cores that are held now: by so much `core_seconds` grows each second."""

    def job_of(self, worker: str) -> str | None:
        """Return the id of the job in which a worker of this name runs; None where workers are no jobs."""
        return None

    @abc.abstractmethod
    def size(self, group: str = MAIN) -> int:
        """Return the number of units of a group that are wanted.

        Raises
        ------
        UsageError
            If there is no such group.
        """

    def group_views(self) -> dict[str, dict[str, Any]]:
        """Return for each group its asked, queued, running and lost workers, its units wanted and what one brings."""
        return {MAIN: {**vars(self.counts()), "jobs": self.size(), "unit": self.unit}}

    def losses(self) -> list[dict[str, Any]]:
        """Return what went without being asked to, the newest last."""
        return []

    def shapes(self) -> dict[str, Shape]:
        """Return what one unit brings, for each group by name."""
        unit = self.unit
        resources = self.site.options.get("resources") or {}
        return {MAIN: Shape(int(unit["workers"]), int(unit["cores"]), unit["memory"], resources)}

    @abc.abstractmethod
    def supply(self, group: str = MAIN) -> list[UnitView]:
        """Return the units of a group: those that run and those that are on their way."""

    @abc.abstractmethod
    async def scale(self, units: int, group: str = MAIN, *, renew: bool = False) -> None:
        """Want this many units of a group; return when the change is under way (up) or done (down).

        Parameters
        ----------
        units : int
            How many.
        group : str
            Of which group.
        renew : bool
            A person asks: what was refused or died too often is tried again.

        Raises
        ------
        UsageError
            If there is no such group.
        """

    @abc.abstractmethod
    async def release(self, urgent: bool) -> str | None:
        """Give everything back.

        Parameters
        ----------
        urgent : bool
            The owner is dead: nothing is closed politely.

        Returns
        -------
        str or None
            None when all was verified gone, else what is still held and why.
        """

    def unit_of(self, group: str = MAIN) -> dict[str, float]:
        """Return what one unit of a group brings, as `unit`.

        Raises
        ------
        UsageError
            If there is no such group.
        """
        if group != MAIN:
            raise unknown_group(group, [MAIN])
        return self.unit

    def units_for(self, ask: Mapping[str, float], group: str = MAIN) -> int:
        """Return the number of whole units of a group for a size, rounded up.

        Raises
        ------
        UsageError
            If the size is not exactly one of workers, jobs, cores and memory, or negative, or there is no such group.
        """
        return units_of(self.unit_of(group), ask)


def units_of(unit: Mapping[str, float], ask: Mapping[str, float]) -> int:
    """Return the number of whole units for a size, rounded up.

    Parameters
    ----------
    unit : mapping
        What one unit brings: ``workers``, ``cores`` and ``memory`` (bytes).
    ask : mapping
        The size.

    Raises
    ------
    UsageError
        If the size is not exactly one of workers, jobs, cores and memory, or negative.
    """
    given = {key: value for key, value in ask.items() if value is not None}
    if len(given) != 1 or next(iter(given)) not in UNITS:
        raise UsageError(f"A size is one of {', '.join(UNITS)}; got {', '.join(given) or 'none'}.", field="scale")
    key, value = next(iter(given.items()))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UsageError(f"{key} must be 0 or more; got {value!r}.", field=key, value=value)
    per_unit = 1.0 if key == "jobs" else unit[key]
    if per_unit <= 0:
        raise UsageError(f"This cluster cannot be sized by {key}: its workers have no limit.", field=key)
    # Less a rounding error of floats: 3 workers of a third of a core each are one core.
    return int(-(-(value - 1e-9) // per_unit)) if value > 0 else 0
