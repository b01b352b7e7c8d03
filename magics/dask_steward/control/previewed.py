"""What a start would take, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Jobs:
    """The jobs, or containers, of one group of a profile.

    Attributes
    ----------
    name : str
        The group's name; ``main`` for the profile's own options, ``scheduler`` for the job that holds the scheduler,
        ``master`` for the master of an application of YARN.
    jobs : int
        How many.
    processes, threads : int
        Workers of each job, and threads of each worker; 0 for the scheduler's job.
    cores, memory : int
        What each job asks for; memory in bytes.
    partition, walltime : str or None
        As the profile says; None where Slurm or ``jobqueue.yaml`` decides.
    script : str
        The job script. What is known only once the cluster runs stands in capitals.
    job_name : str
        The name of the jobs: the cluster's tag.
    asks_memory : bool
        Whether the jobs ask for their workers' memory; else the profile asks for another amount.
    key : str
        What the keys of their batches begin with.
    commands : tuple of tuple of str
        The commands that submit them, each with the script on its standard input.
    start : float or None
        When the first of them would start (seconds since the epoch), where that was asked.
    nodes : str or None
        Where it would run.
    refusal : str or None
        Why the resource manager would refuse it, in its own words.
    gpus : int
        GPUs of each container of YARN.
    """

    name: str
    jobs: int
    processes: int
    threads: int
    cores: int
    memory: int
    partition: str | None
    walltime: str | None
    script: str
    job_name: str
    asks_memory: bool = True
    key: str = "j"
    commands: tuple[tuple[str, ...], ...] = ()
    start: float | None = None
    nodes: str | None = None
    refusal: str | None = None
    gpus: int = 0


@dataclass(frozen=True)
class Preview:
    """What a start of a profile would take.

    Attributes
    ----------
    profile, system : str
        The profile and what it is for.
    groups : tuple of Jobs
        Jobs of a queue system; empty for clusters of this machine.
    workers, threads : int
        Worker processes of the whole cluster, and threads of all of them.
    memory : int
        Bytes of all of them; 0 without a limit.
    warnings : tuple of str
        What speaks against it.
    """

    profile: str
    system: str
    groups: tuple[Jobs, ...] = ()
    workers: int = 0
    threads: int = 0
    memory: int = 0
    warnings: tuple[str, ...] = field(default=())

    @property
    def jobs(self) -> int:
        """Jobs that would be held."""
        return sum(group.jobs for group in self.groups)

    @property
    def cores(self) -> int:
        """Cores that would be held, which is also core-hours per hour."""
        return sum(group.jobs * group.cores for group in self.groups) if self.groups else self.threads

    @property
    def refusal(self) -> str | None:
        """Why the resource manager would refuse a job, where it was asked."""
        return next((group.refusal for group in self.groups if group.refusal), None)

    @property
    def start(self) -> float | None:
        """When the first job would start (seconds since the epoch), where that was asked and is known."""
        return min((group.start for group in self.groups if group.start is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        held = {"jobs": self.jobs, "cores": self.cores, "memory": self.memory, "core_hours_per_hour": self.cores}
        return {**asdict(self), "held": held, "start": self.start, "refusal": self.refusal}

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # IPython's hook: the script would else be one line

    def __str__(self) -> str:
        from dask_steward.control.preview_text import preview_text

        return preview_text(self)


@dataclass(frozen=True)
class Candidate:
    """One of several profiles or partitions that could be used.

    Attributes
    ----------
    name : str
        Profile, or profile and partition.
    start : float or None
        When its first job would start (seconds since the epoch).
    nodes, partition : str or None
        Where.
    refusal : str or None
        Why it cannot be used.
    warnings : tuple of str
        What speaks against it.
    """

    name: str
    start: float | None = None
    nodes: str | None = None
    partition: str | None = None
    refusal: str | None = None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)
