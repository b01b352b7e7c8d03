"""Scheduler, workers and a script inside one allocation of Slurm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from dask_steward.profiles.fields import (
    Blocks,
    Path,
    Positive,
    Size,
    Span,
    Text,
    Texts,
    node_field,
)
from dask_steward.profiles.models import Options, Profile, number
from dask_steward.profiles.problems import Problem
from dask_steward.profiles.systems.slurm import Walltime, wrong_directives

#: What would do nothing: the allocation is the size, and it ends with its script.
_OF_CLUSTERS = {
    "scale": "the size is options.nodes",
    "adapt": "an allocation keeps its size; use system: slurm for one that follows the work",
    "idle_timeout": "the allocation ends with its script",
    "time_to_live": "use options.walltime",
}

_FIELDS = {
    "-N": "nodes",
    "--nodes": "nodes",
    "-c": "cores",
    "--cpus-per-task": "cores",
    "--mem": "memory",
    "-p": "queue",
    "--partition": "queue",
    "-A": "account",
    "--account": "account",
    "-t": "walltime",
    "--time": "walltime",
    "-o": "log_directory",
    "--output": "log_directory",
}
_OWNED = {
    "-a": "one allocation is one job",
    "--array": "one allocation is one job",
    "-n": "there is one task for each node",
    "--ntasks": "there is one task for each node",
    "--ntasks-per-node": "there is one task for each node",
    "-J": "the job is named after the script",
    "--job-name": "the job is named after the script",
    "--wrap": "the script is Steward's",
    "-W": "use --wait of dask-steward batch",
    "--wait": "use --wait of dask-steward batch",
    "--open-mode": "a job that Slurm starts again goes on in the same log",
}


class AllocationOptions(Options):
    """The nodes of one job of Slurm, and how the workers share each of them."""

    not_taken: ClassVar[dict[str, str]] = {
        "partition": "use queue",
        "time": "use walltime",
        "mem": "use memory",
        "jobs": "use nodes; an allocation is one job",
        "ntasks": "use nodes, and processes for the workers of each node",
        "cpus_per_task": "use cores",
        "n_workers": "use nodes, and processes for the workers of each node",
    }

    nodes: Positive = Field(default=1, description="Nodes of the allocation.", examples=[4])
    cores: Positive | None = Field(default=None, description="Cores of each node.", examples=[24])
    memory: Size | None = Field(
        default=None, description="Memory of each node: a size, or a number of bytes.", examples=["120 GB"]
    )
    processes: Positive | None = Field(
        default=None,
        description="Workers on each node, which share its cores and memory. "
        "Not given: about the square root of the cores.",
        examples=[4],
    )
    scheduler_memory: Size | None = Field(
        default=None,
        description="What the first node keeps for the scheduler and the script: a size, or a number of bytes. Not "
        "given: an eighth of its memory, 16 GB at most.",
        examples=["8 GB"],
    )
    queue: Text | None = Field(default=None, description="Partition (sbatch -p).", examples=["normal"])
    account: Text | None = Field(
        default=None, description="Account that the job is charged to (sbatch -A).", examples=["climate"]
    )
    walltime: Walltime | None = Field(
        default=None,
        description="Time limit of the job (sbatch -t): HH:MM:SS, D-HH:MM:SS, MM:SS, a number of minutes, a duration "
        "such as 2 h, or unlimited.",
        examples=["01:00:00"],
    )
    interface: Text | None = Field(
        default=None, description="Network interface of scheduler and workers.", examples=["ib0"]
    )
    local_directory: Path | None = node_field(
        description="Folder on the node for what workers spill to disk; $VAR is that of the node.", examples=["$TMPDIR"]
    )
    worker_extra_args: Texts = node_field(
        (),
        description="More arguments for the worker command; $VAR is that of the node.",
        examples=[["--resources", "GPU=1"]],
    )
    job_extra_directives: Texts = Field(
        default=(),
        description="More directives for the head of the job script, each without its prefix.",
        examples=[["--exclusive"]],
    )
    job_script_prologue: Blocks = node_field(
        (),
        description="Shell commands that the job runs first; $VAR is that of the node.",
        examples=[["module load python"]],
    )
    log_directory: Path | None = Field(
        default=None,
        description="Folder for the job's output. Not given: where it is submitted.",
        examples=["$HOME/logs"],
    )
    workers_timeout: Span = Field(
        default=300,
        description="Give up, and end the job, when the workers are not there after this long: a duration, or seconds.",
        examples=["5 min"],
    )


class AllocationProfile(Profile):
    """Scheduler, workers and a script inside one allocation of Slurm: what ``dask-steward batch`` submits."""

    summary: ClassVar[str] = (
        "Scheduler, workers and a script inside one job of Slurm, on one node or several; it ends with the script."
    )
    dask_class: ClassVar[str] = "sbatch"
    scale_units: ClassVar[tuple[str, ...]] = ()

    system: Literal["allocation"] = Field(
        default="allocation", description="What the cluster runs on.", examples=["allocation"]
    )
    options: AllocationOptions = Field(
        default_factory=lambda: AllocationOptions(),
        description="What the job asks of Slurm, and how its workers share that.",
        examples=[{"nodes": 4, "queue": "normal", "cores": 24, "memory": "120 GB", "walltime": "01:00:00"}],
    )

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each set of values that are right alone and wrong together."""
        for name, instead in _OF_CLUSTERS.items():
            value = getattr(self, name)
            if value is not None:
                yield Problem(f"does nothing in an allocation: {instead}", (name,))
        options = self.options
        cores, processes = number(options.cores), number(options.processes)
        if cores is not None and processes is not None and processes > cores:
            message = f"is more than options.cores, {cores:g}; each process needs a core"
            yield Problem(message, ("options", "processes"), options.processes, True)
        memory, kept = number(options.memory), number(options.scheduler_memory)
        if memory is not None and kept is not None and kept > memory / 2:
            message = f"leaves the workers of the first node less than half of options.memory, {memory:g} bytes"
            yield Problem(message, ("options", "scheduler_memory"), options.scheduler_memory, True)
        yield from wrong_directives(options, "#SBATCH", _OWNED, _FIELDS)


PROFILE = AllocationProfile
