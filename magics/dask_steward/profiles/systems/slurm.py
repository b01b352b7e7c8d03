"""A cluster whose workers are jobs of Slurm."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dask_steward import units
from dask_steward.profiles.fields import Model, Positive, Reads, Size, Text, Texts, choice
from dask_steward.profiles.groups import GroupName
from dask_steward.profiles.problems import Problem
from dask_steward.profiles.queue import JobGroup, JobOptions, QueueProfile

_SLURM_MEMORY = re.compile(r"[0-9]{1,15}[KMGT]?", re.IGNORECASE)


def _walltime(value: Any) -> str:
    """Return a walltime as sbatch takes it: https://slurm.schedmd.com/sbatch.html#OPT_time."""
    text = getattr(value, "text", value)
    seconds = units.parse_walltime(text)
    return "UNLIMITED" if seconds is None else units.format_walltime(seconds)


Walltime = Annotated[
    str, Reads(_walltime, {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}], "x-kind": "walltime"})
]


def _memory(value: Any) -> str:
    """Return memory as sbatch takes it: its own spelling as it is (``4G`` is 4 GiB), a size in whole MiB."""
    text = str(getattr(value, "text", value)).strip()
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("must be memory such as 4G (as sbatch reads it) or 4 GB")
    if _SLURM_MEMORY.fullmatch(text):
        return text.upper()
    try:
        return f"{math.ceil(units.parse_size(text) / 1024**2)}M"
    except (ValueError, OverflowError):
        raise ValueError("must be memory such as 4G (as sbatch reads it) or 4 GB") from None


class SlurmOptions(JobOptions):
    """Arguments of ``dask_jobqueue.SLURMCluster``; ``jobqueue.slurm`` of Dask's configuration gives the rest."""

    not_taken: ClassVar[dict[str, str]] = {
        **JobOptions.not_taken,
        "project": "dask-jobqueue renamed it: use account",
        "partition": "use queue",
        "time": "use walltime",
        "mem": "use memory (what the workers get), or job_mem (what is asked of Slurm)",
        "nodes": "use scale: {jobs: N}, beside options; a job is on one node",
        "ntasks": "use processes for the workers of a job; a job is one task of Slurm",
        "cpus_per_task": "use cores (what the workers get), or job_cpu (what is asked of Slurm)",
    }

    queue: Text | None = Field(default=None, description="Partition of the jobs (sbatch -p).", examples=["normal"])
    account: Text | None = Field(
        default=None, description="Account that the jobs are charged to (sbatch -A).", examples=["climate"]
    )
    walltime: Walltime | None = Field(
        default=None,
        description="Time limit of each job (sbatch -t): HH:MM:SS, D-HH:MM:SS, MM:SS, a number of minutes, a duration "
        "such as 2 h, or unlimited.",
        examples=["01:00:00"],
    )
    job_cpu: Positive | None = Field(
        default=None, description="Cores to ask Slurm for, where they are not options.cores.", examples=[48]
    )
    job_mem: (
        Annotated[
            str, Reads(_memory, {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}], "x-kind": "text"})
        ]
        | None
    ) = Field(
        default=None,
        description="Memory to ask Slurm for, where it is not options.memory: as sbatch takes it (4G is 4 GiB, a "
        "number alone is "
        "MiB), or a size such as 4 GB.",
        examples=["4G"],
    )


# Directives that would undo what Steward needs to find and release its jobs.
_OWNED = {
    "-J": "Steward names the jobs, so that it can find and release them",
    "--job-name": "Steward names the jobs, so that it can find and release them",
    "--comment": "Steward's mark of the job is in its comment",
    "-a": "Steward decides how many jobs there are; use scale: {jobs: N}",
    "--array": "Steward decides how many jobs there are; use scale: {jobs: N}",
    "-W": "Steward does not wait for jobs to end",
    "--wait": "Steward does not wait for jobs to end",
    "--wrap": "the script is Steward's",
}

# Directives that have a field of their own; both together contradict each other.
_FIELDS = {
    "-p": "queue",
    "--partition": "queue",
    "-A": "account",
    "--account": "account",
    "-t": "walltime",
    "--time": "walltime",
    "--mem": "job_mem",
    "-c": "job_cpu",
    "--cpus-per-task": "job_cpu",
}


def _flag_of(directive: str) -> str:
    """Return the option of a directive: ``--time=5`` and ``-t5`` are ``--time`` and ``-t``."""
    try:
        words = shlex.split(directive)
    except ValueError:  # a quote that does not end; sbatch will say so
        words = directive.split()
    first = words[0] if words else ""
    return first.partition("=")[0] if first.startswith("--") else first[:2]


def wrong_directives(
    options: Any, prefix: str, owned: Mapping[str, str], fields: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield a problem for each directive that is ours to set, or that has a field of its own which is set, too.

    Parameters
    ----------
    options : Options
        With `job_extra_directives`, and the fields.
    prefix : str
        What begins a directive in a job script.
    owned, fields : mapping
        By option of sbatch: why it cannot be set, and the field that says the same.
    """
    for index, directive in enumerate(options.job_extra_directives):
        flag = _flag_of(directive.removeprefix(prefix).strip())
        place = ("options", "job_extra_directives", index)
        if flag in owned:
            yield Problem(f"{flag} cannot be set: {owned[flag]}", place, directive, True)
        name = fields.get(flag)
        if name is not None and getattr(options, name, None) is not None:
            yield Problem(f"{flag} contradicts options.{name}; give one of the two", place, directive, True)


class SlurmGroup(JobGroup):
    """Jobs of one more shape: what differs from the profile's own options, and how many of them."""

    options: SlurmOptions = Field(
        default_factory=lambda: SlurmOptions(),
        description="Arguments of the jobs that differ from the profile's own options.",
        examples=[{"queue": "bigmem", "memory": "500 GB"}],
    )


class SchedulerPlace(Model):
    """Where the scheduler runs, and what its job asks for where it has one of its own."""

    not_taken: ClassVar[dict[str, str]] = {
        "queue": "use partition",
        "interface": "use options.scheduler_options.interface",
        "host": "use options.scheduler_options.host",
        "port": "use options.scheduler_options.port",
        "account": "use options.account, which the scheduler's job shares with the workers'",
    }

    place: Annotated[str, choice("here", "job")] = Field(
        default="here",
        description="here: in the process that owns the cluster, on the machine that starts it. job: in a job of its "
        "own, for sites that forbid schedulers on login nodes.",
        examples=["job"],
    )
    partition: Text | None = Field(
        default=None, description="Partition of the scheduler's job. Not given: options.queue.", examples=["services"]
    )
    walltime: Walltime | None = Field(
        default=None,
        description="Time limit of the scheduler's job; the cluster ends with it. Not given: options.walltime.",
        examples=["1-00:00:00"],
    )
    memory: Size | None = Field(
        default=None,
        description="Memory of the scheduler's job: a size, or a number of bytes. Not given: 4 GB.",
        examples=["16 GB"],
    )
    cores: Positive | None = Field(
        default=None, description="Cores of the scheduler's job. Not given: 1.", examples=[2]
    )
    job_extra_directives: Texts = Field(
        default=(),
        description="More directives for the head of the scheduler's job script, each without its prefix; those of the "
        "workers' jobs do not hold for it.",
        examples=[["--qos=long"]],
    )

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each value that says nothing with the others."""
        if self.place == "here":
            for name in ("partition", "walltime", "memory", "cores", "job_extra_directives"):
                value = getattr(self, name)
                if value not in (None, ()):
                    message = "is of the scheduler's own job, which there is with scheduler.place: job only"
                    yield Problem(message, ("scheduler", name), value, True)
        for index, directive in enumerate(self.job_extra_directives):
            flag = _flag_of(directive.removeprefix("#SBATCH").strip())
            if flag in _OWNED:
                place = ("scheduler", "job_extra_directives", index)
                yield Problem(f"{flag} cannot be set: {_OWNED[flag]}", place, directive, True)


class SlurmProfile(QueueProfile):
    """A cluster whose workers are jobs of Slurm."""

    summary: ClassVar[str] = (
        "Workers are jobs of Slurm; the scheduler runs on the machine that starts the cluster, or in a job of its own."
    )
    dask_class: ClassVar[str] = "dask_jobqueue.SLURMCluster"
    prefix: ClassVar[str] = "#SBATCH"

    system: Literal["slurm"] = Field(default="slurm", description="What the cluster runs on.", examples=["slurm"])
    options: SlurmOptions = Field(
        default_factory=lambda: SlurmOptions(),
        description="Arguments of dask-jobqueue's SLURMCluster. What is not given comes from jobqueue.yaml.",
        examples=[{"queue": "normal", "cores": 24, "memory": "120 GB", "walltime": "01:00:00"}],
    )

    groups: dict[GroupName, SlurmGroup] = Field(
        default_factory=dict,
        description="Jobs of other shapes in the same cluster, by name: each has options over the profile's own, Dask "
        "resources, and a size of its own.",
        examples=[{"bigmem": {"scale": {"jobs": 2}, "resources": {"bigmem": 1}, "options": {"queue": "bigmem"}}}],
    )

    scheduler: SchedulerPlace = Field(
        default_factory=lambda: SchedulerPlace(),
        description="Where the scheduler runs.",
        examples=[{"place": "job", "partition": "services", "walltime": "1-00:00:00"}],
    )

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each set of values that are right alone and wrong together."""
        yield from super().wrong_together()
        yield from self.scheduler.wrong_together()

    def wrong_options(self, options: JobOptions) -> Iterator[Problem]:
        """Yield a problem for each set of options that are right alone and wrong together, of any shape of job."""
        yield from super().wrong_options(options)
        yield from wrong_directives(options, self.prefix, _OWNED, _FIELDS)


PROFILE = SlurmProfile
