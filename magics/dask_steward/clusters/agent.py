"""What a keeper asks of its scheduler, in plain data: the scheduler may run in the keeper or in a job of its own.

The agent in ``local_agent`` runs beside the scheduler. All that goes in and comes out can be sent as JSON, so that
one elsewhere (``remote``) is the same calls over a wire.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dask_steward.clusters.demand import Demand
from dask_steward.progress_data import Computation


@dataclass(frozen=True)
class WorkerView:
    """One worker as its scheduler sees it.

    Attributes
    ----------
    address, name : str
        Its comm address, and the name that it was started with.
    threads : int
        Tasks that it runs at once.
    status : str
        Dask's word for what it does: ``running``, ``paused``, ``closing_gracefully`` …
    processing : int
        Tasks that it was given and that are not done, running ones included.
    executing : dict
        Seconds that each running task has taken, by key, as of the last heartbeat.
    stored : int
        Bytes of results that it holds.
    keys : int
        Results that it holds.
    limit : int
        Memory that it may use in bytes; 0 without a limit.
    long_running : int
        Running tasks that have given their thread back (``secede``, ``worker_client``).
    longest : float
        Seconds that the longest kind of its tasks is known to take; 0 while none is known.
    """

    address: str
    name: str
    threads: int = 1
    status: str = "running"
    processing: int = 0
    executing: dict[str, float] = field(default_factory=dict)
    stored: int = 0
    keys: int = 0
    limit: int = 0
    long_running: int = 0
    longest: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the view as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WorkerView:
        """Read what `to_json` gave."""
        return cls(**data)


@dataclass(frozen=True)
class Drained:
    """What became of one job's workers.

    Attributes
    ----------
    kept : str or None
        Why they are kept; None when they are empty and gone.
    cut : dict
        Tasks that still ran when the time for them was over, by key: seconds that they had taken. They start again
        elsewhere.
    failed : dict
        Those of them that were let fail instead, each with the sentence that whoever waits for it gets.
    """

    kept: str | None = None
    cut: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Drained:
        """Read what `to_json` gave."""
        return cls(**data)


@dataclass(frozen=True)
class Restarted:
    """What became of workers whose processes were to start again.

    Attributes
    ----------
    back : int
        How many came back.
    late : list of str
        Names of those that did not in time.
    fixed : list of str
        Names of those that were left alone: nobody (no nanny) would start them again.
    """

    back: int = 0
    late: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Restarted:
        """Read what `to_json` gave."""
        return cls(**data)


@dataclass(frozen=True)
class CutRule:
    """Which tasks fail when they are cut off, rather than start again for ever.

    Attributes
    ----------
    seconds : float
        Those that have run so long: no other job has more time for them.
    times : int
        Those that are cut off for this time.
    sentence : str
        What whoever waits for one gets, with ``{task}`` and ``{seconds}``.
    """

    seconds: float
    times: int
    sentence: str


class Agent(abc.ABC):
    """What a keeper asks of one scheduler.

    Attributes
    ----------
    address : str
        The scheduler's address as workers and clients reach it.
    """

    address: str

    @abc.abstractmethod
    def watch(self, joined: Callable[[str, str], None], left: Callable[[str], None]) -> None:
        """Call back with address and name of each worker that connects, and the address of each that goes."""

    @abc.abstractmethod
    async def workers(self) -> dict[str, WorkerView]:
        """Return all workers by address."""

    @abc.abstractmethod
    async def demand(self, target_duration: float) -> Demand:
        """Return what the open work calls for, if it should be done within so many seconds."""

    @abc.abstractmethod
    async def drain(
        self,
        jobs: Mapping[str, Collection[str]],
        *,
        finish: float,
        move: float,
        lose: bool = False,
        cut_rule: CutRule | None = None,
    ) -> dict[str, Drained]:
        """Empty the workers of jobs: no new task, running ones may finish, then what only they hold is moved to others.

        Parameters
        ----------
        jobs : mapping
            Addresses of all workers of each job, by its key. All jobs that are to go together: what one holds must
            not move to another of them, nor to a sibling in its own job.
        finish : float
            Seconds for which running tasks may go on; tasks that have not begun go to others at once.
        move : float
            Seconds for which data may move.
        lose : bool
            Remove them also where data cannot be moved: their jobs end in any case.
        cut_rule : CutRule, optional
            Which tasks that are cut off fail; by default none.

        Returns
        -------
        dict
            By key. The workers of a job that was emptied are removed from the scheduler and told to close; those of
            one that is kept take tasks again, all of them.
        """

    @abc.abstractmethod
    async def worker_rows(self) -> list[dict[str, Any]]:
        """Return all workers as rows of a table; see `dask_steward.clusters.worker_rows`."""

    @abc.abstractmethod
    async def restart_workers(self, within: float) -> Restarted:
        """Start the processes of all workers again, and wait until they are back.

        Tasks that ran there start again, results that only they held are computed again.

        Parameters
        ----------
        within : float
            Seconds that they have to end, and to come back.
        """

    @abc.abstractmethod
    async def summary(self) -> dict[str, Any]:
        """Return ``threads``, ``cpu``, ``memory``, ``tasks``, ``computations`` of the state, and besides.

        ``busy_seconds`` are core-seconds spent in tasks, ``memory_warnings`` sentences about workers short of memory.
        """

    @abc.abstractmethod
    async def progress(
        self,
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
        since: float | None = None,
    ) -> list[Computation]:
        """Return computations, oldest first.

        Parameters
        ----------
        groups : collection of str, optional
            Only those that have one of these task groups, by Dask's own names, or one of `keys`.
        keys : collection of str, optional
            Keys of tasks that are plain texts (of futures and delayed): all of one function are one group.
        client : str, optional
            Only those of this client.
        since : float, optional
            Only those that were submitted since then (seconds since the epoch).
        """

    @abc.abstractmethod
    async def idle_since(self) -> float | None:
        """Return since when (seconds since the epoch) nothing was to do, None while something is."""

    @abc.abstractmethod
    async def closed(self) -> bool:
        """Return whether the scheduler was closed (by a client's ``shutdown``)."""

    @abc.abstractmethod
    async def identity(self) -> dict[str, Any]:
        """Return the scheduler's own description, with all workers."""

    @abc.abstractmethod
    async def mismatch(self) -> str | None:
        """Return one sentence about workers that run another Dask or Python than the scheduler; None without such."""

    @abc.abstractmethod
    async def worker_logs(self, tail: int, worker: str | None = None) -> dict[str, str]:
        """Return the last lines of the workers' own logs by name, of one (name or address) or of all."""

    @abc.abstractmethod
    async def close(self) -> None:
        """End the scheduler."""
