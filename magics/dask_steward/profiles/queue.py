"""What the profiles of all queue systems share: the arguments of dask-jobqueue's ``Job``, and the line in each job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from dask_steward.profiles.fields import (
    Blocks,
    Count,
    Duration,
    Flag,
    Model,
    Path,
    Port,
    Positive,
    Reads,
    Size,
    Span,
    Text,
    Texts,
    choice,
    node_field,
    text,
)
from dask_steward.profiles.groups import Group, GroupName, merged, plain_options, wrong_groups
from dask_steward.profiles.models import Options, Profile, number
from dask_steward.profiles.problems import Problem

_OWNED = "Steward sets this itself"


def _ports(value: Any) -> str:
    """Read a range of TCP ports."""
    words = "must be a range of ports such as 40000-40100, within 1 to 65535"
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(int(value))
    if not isinstance(value, str):
        raise ValueError(words)
    first, dash, last = value.replace(" ", "").partition("-")
    numbers = [
        int(part) for part in (first, last if dash else first) if part.isascii() and part.isdigit() and len(part) <= 5
    ]
    if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1] <= 65535:
        raise ValueError(words)
    return f"{numbers[0]}-{numbers[1]}"


def _shebang(value: Any) -> str:
    found = text(value)
    if not found.startswith("#!"):
        raise ValueError("must begin with #!, such as #!/usr/bin/env bash")
    return found


class Line(Model):
    """The line that every job holds to the process that owns the cluster, so that it ends with it."""

    ports: (
        Annotated[str, Reads(_ports, {"type": "string", "pattern": r"^\s*[0-9]{1,5}\s*(-\s*[0-9]{1,5}\s*)?$"})] | None
    ) = Field(
        default=None,
        description="TCP ports that jobs may reach on the machine that starts the cluster, where a firewall closes "
        "others. "
        "Not given: any free port.",
        examples=["40000-40100"],
    )
    host: Text | None = Field(
        default=None,
        description="Host name or address of the machine that starts the cluster, as the nodes reach it. Not given: "
        "that of the scheduler, or of options.interface where the scheduler has a job of its own.",
        examples=["login1"],
    )
    silence: Span = Field(
        default=120,
        description="A job that has heard nothing for this long ends itself: a duration, or seconds.",
        examples=["120 s"],
    )


class SchedulerOptions(Model):
    """Arguments of ``distributed.Scheduler``, which runs on the machine that starts the cluster."""

    not_taken: ClassVar[dict[str, str]] = {
        "dashboard_address": "use dashboard: off, socket, tcp or tcp:PORT, beside options",
        "dashboard": "use dashboard: off, socket, tcp or tcp:PORT, beside options",
        "http_prefix": "use dashboard: off, socket, tcp or tcp:PORT, beside options",
        "security": "use security: tls or none, beside options",
        "protocol": "use options.protocol, which workers and scheduler share",
        "idle_timeout": "use idle_timeout, beside options",
        "worker_ttl": "use Dask's configuration distributed.scheduler.worker-ttl",
    } | dict.fromkeys(
        (
            "services",
            "service_kwargs",
            "extensions",
            "validate",
            "scheduler_file",
            "plugins",
            "transition_counter_max",
            "jupyter",
            "loop",
            "kwargs",
        ),
        _OWNED,
    )

    interface: Text | None = Field(
        default=None, description="Network interface of the scheduler. Not given: options.interface.", examples=["ib0"]
    )
    host: Text | None = Field(
        default=None, description="Host name or address that the scheduler listens on.", examples=["login1"]
    )
    port: Port = Field(default=0, description="Port of the scheduler; 0 takes a free one.", examples=[8786])
    contact_address: Text | None = Field(
        default=None,
        description="Address that workers use, where it is another than the scheduler listens on.",
        examples=["tls://login1:8786"],
    )
    allowed_failures: Count | None = Field(
        default=None,
        description="How often a task may lose its worker before it is held to be the reason.",
        examples=[3],
    )
    preload: Texts = Field(
        default=(), description="Modules or scripts that the scheduler loads before it starts.", examples=[["setup.py"]]
    )
    preload_argv: Texts = Field(default=(), description="Arguments for what is preloaded.", examples=[["--verbose"]])


class JobOptions(Options):
    """Arguments of dask-jobqueue's ``Job`` and ``JobQueueCluster``; what is not given comes from ``jobqueue.yaml``."""

    not_taken: ClassVar[dict[str, str]] = {
        "n_workers": "how much to start is scale: {jobs: N}, beside options",
        "security": "use security: tls or none, beside options",
        "dashboard_address": "use dashboard: off, socket, tcp or tcp:PORT, beside options",
        "host": "use scheduler_options: {host: …}",
        "job_name": "Steward names the jobs, to find and release them; a cluster is named when it is started",
        "name": "Steward names workers and clusters; a cluster is named when it is started",
        "silence_logs": "the scheduler's log goes to the cluster's own log file",
        "extra": "dask-jobqueue renamed it: use worker_extra_args",
        "job_extra": "dask-jobqueue renamed it: use job_extra_directives",
        "env_extra": "dask-jobqueue renamed it: use job_script_prologue",
        "header_skip": "dask-jobqueue renamed it: use job_directives_skip",
    } | dict.fromkeys(("job_cls", "loop", "asynchronous", "scheduler_cls", "scheduler"), _OWNED)

    cores: Positive | None = Field(default=None, description="Cores of each job.", examples=[24])
    memory: Size | None = Field(
        default=None, description="Memory of each job: a size, or a number of bytes.", examples=["120 GB"]
    )
    processes: Positive | None = Field(
        default=None,
        description="Workers in each job, which share its cores and memory. "
        "Not given: about the square root of the cores.",
        examples=[4],
    )
    interface: Text | None = Field(
        default=None, description="Network interface of workers and scheduler.", examples=["ib0"]
    )
    nanny: Flag | None = Field(
        default=None,
        description="Whether a nanny restarts workers that run out of memory. Not given: yes.",
        examples=[True],
    )
    protocol: Annotated[str, choice("tls://", "tcp://", "ucx://", "ws://", "wss://")] | None = Field(
        default=None,
        description="How workers and scheduler talk. Not given: tls:// or tcp://, as security says.",
        examples=["tls://"],
    )
    local_directory: Path | None = node_field(
        description="Folder on the node for what workers spill to disk; $VAR is that of the node.", examples=["$TMPDIR"]
    )
    death_timeout: Duration | None = Field(
        default=None,
        description="A worker without a scheduler ends after this long: a duration, or seconds.",
        examples=["60 s"],
    )
    worker_command: Text | None = Field(
        default=None,
        description="Module that the workers' Python runs. Not given: distributed.cli.dask_worker.",
        examples=["distributed.cli.dask_worker"],
    )
    worker_extra_args: Texts = node_field(
        (),
        description="More arguments for the worker command; $VAR is that of the node.",
        examples=[["--lifetime", "55m"]],
    )
    job_extra_directives: Texts = Field(
        default=(),
        description="More directives for the head of the job script, each without its prefix.",
        examples=[["--exclusive"]],
    )
    job_directives_skip: Texts = Field(
        default=(),
        description="Directives to leave out: each line that holds one of these texts.",
        examples=[["--mem"]],
    )
    job_script_prologue: Blocks = node_field(
        (),
        description="Shell commands that the job runs before the worker; $VAR is that of the node.",
        examples=[["module load python"]],
    )
    log_directory: Path | None = Field(
        default=None,
        description="Folder for the jobs' output. Not given: the cluster's own log folder.",
        examples=["$HOME/dask-logs"],
    )
    shebang: Annotated[str, Reads(_shebang, {"type": "string", "pattern": "^#!|\\$"})] | None = Field(
        default=None, description="First line of the job script.", examples=["#!/usr/bin/env bash"]
    )
    python: Path | None = Field(
        default=None,
        description="Python of the workers, on the nodes. Not given: python beside options.",
        examples=["/opt/dask/bin/python"],
    )
    config_name: Text | None = Field(
        default=None,
        description="Section of jobqueue.yaml that gives what is not given here. Not given: the system's name.",
        examples=["slurm-gpu"],
    )
    shared_temp_directory: Path | None = Field(
        default=None,
        description="Folder that all nodes see, for temporary files. Not given: the cluster's own folder.",
        examples=["$HOME/tmp"],
    )
    scheduler_options: SchedulerOptions = Field(
        default_factory=lambda: SchedulerOptions(),
        description="Arguments of the scheduler.",
        examples=[{"interface": "eth0"}],
    )


class JobGroup(Group):
    """Jobs of one more shape: what differs from the profile's own options, and how many of them."""

    options: JobOptions = Field(
        default_factory=lambda: JobOptions(),
        description="Arguments of the jobs that differ from the profile's own options.",
        examples=[{"memory": "500 GB"}],
    )


class QueueProfile(Profile):
    """A profile whose workers are jobs of a queue system."""

    scale_units: ClassVar[tuple[str, ...]] = ("jobs", "workers", "cores", "memory")
    prefix: ClassVar[str] = ""
    """What begins a directive in a job script, such as ``#SBATCH``."""

    start_timeout: Span = Field(
        default=1800,
        description="Give up a start that takes longer, waiting in the queue included, and give everything back: "
        "a duration, or seconds.",
        examples=["30 min"],
    )
    line: Line = Field(
        default_factory=lambda: Line(),
        description="How each job watches the process that owns the cluster, to end with it.",
        examples=[{"ports": "40000-40100"}],
    )
    options: JobOptions = Field(
        default_factory=lambda: JobOptions(), description="Arguments of the Dask class.", examples=[{"cores": 24}]
    )
    groups: Mapping[GroupName, JobGroup] = Field(
        default_factory=dict,
        description="Jobs of other shapes in the same cluster, by name: each has options over the profile's own, Dask "
        "resources, and a size of its own.",
        examples=[{"bigmem": {"scale": {"jobs": 2}, "resources": {"bigmem": 1}, "options": {"memory": "500 GB"}}}],
    )

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each set of values that are right alone and wrong together."""
        yield from super().wrong_together()
        yield from self._wrong_jobs()
        yield from wrong_groups(self.groups, self.scale_units, self._left_out)
        silence = number(self.line.silence)
        if silence is not None and silence < 10:
            yield Problem(
                "is less than 10 s, which a busy machine can be silent for",
                ("line", "silence"),
                self.line.silence,
                True,
            )

    def _wrong_jobs(self) -> Iterator[Problem]:
        """Yield what is wrong with the options, and with those of each group laid over them."""
        own = list(self.wrong_options(self.options))
        yield from own
        known = {(problem.path, problem.message) for problem in own}
        for name, group in self.groups.items():
            place = ("groups", name)
            for problem in self.wrong_options(merged(self.options, group)):
                if (problem.path, problem.message) not in known:
                    message = f"{problem.message} (over the profile's own options)"
                    yield replace(problem, path=(*place, *problem.path), message=message)

    def wrong_options(self, options: JobOptions) -> Iterator[Problem]:
        """Yield a problem for each set of options that are right alone and wrong together, of any shape of job."""
        cores, processes = number(options.cores), number(options.processes)
        if cores is not None and processes is not None and processes > cores:
            message = f"is more than options.cores, {cores:g}; each process needs a core"
            yield Problem(message, ("options", "processes"), options.processes, True)
        encrypted = {"tls://": True, "wss://": True, "tcp://": False, "ws://": False, "ucx://": False}.get(
            options.protocol or ""
        )
        if encrypted is not None and encrypted is not (self.security == "tls") and self.security in ("tls", "none"):
            fits = "tls:// or wss://" if self.security == "tls" else "tcp://, ws:// or ucx://"
            message = f"does not go with security: {self.security}, which needs {fits}"
            yield Problem(message, ("options", "protocol"), options.protocol, True)
        for index, directive in enumerate(options.job_extra_directives):
            if self.prefix and directive.startswith(self.prefix):
                bare = directive.removeprefix(self.prefix).strip()
                place = ("options", "job_extra_directives", index)
                yield Problem(
                    f"is written without {self.prefix}, which is added", place, directive, True, suggestion=bare or None
                )
        if options.nanny is False and processes is not None and processes > 1:
            yield Problem(
                f"needs a nanny for each of options.processes, {processes:g} workers", ("options", "nanny"), False, True
            )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; of each group only those options that it gives itself."""
        data = super().to_json()
        plain_options(self.groups, data["groups"])
        return data
