"""A cluster on this machine: scheduler and workers beside each other."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dask_steward.profiles.fields import Amount, Duration, MemoryLimit, Path, Port, Positive, Reads, Text, Texts, text
from dask_steward.profiles.models import Options, Profile

_OWNED = "Steward sets this itself"


class LocalOptions(Options):
    """Arguments of ``distributed.LocalCluster`` and of the workers that it starts."""

    not_taken: ClassVar[dict[str, str]] = {
        "n_workers": "the number of workers is scale: {workers: N}",
        "processes": "workers of Steward are always processes; scheduler threads: system: threads",
        "dashboard_address": "use dashboard: off, socket, tcp or tcp:PORT, beside options",
        "worker_dashboard_address": "workers serve no dashboard of their own",
        "security": "use security: tls or none, beside options",
        "protocol": "it follows from security: tls or none, beside options",
        "nthreads": "use threads_per_worker",
        "ip": "use host",
        "env": "use environment, beside options",
        "name": "a cluster is named when it is started",
        "silence_logs": "the scheduler's log goes to the cluster's own log file",
        "scheduler_kwargs": "use host, interface and scheduler_port",
        "worker_class": "workers of Steward always run under a nanny",
    } | dict.fromkeys(
        (
            "loop",
            "start",
            "services",
            "worker_services",
            "service_kwargs",
            "asynchronous",
            "blocked_handlers",
            "scheduler_sync_interval",
        ),
        _OWNED,
    )

    threads_per_worker: Positive | None = Field(
        default=None, description="Threads of each worker. Not given: the cores divided by the workers.", examples=[2]
    )
    memory_limit: MemoryLimit = Field(
        default="auto",
        description="Memory of each worker: a size, or a number of bytes, or auto (the machine's memory divided by the "
        "workers), or 0 for no limit.",
        examples=["4 GB"],
    )
    local_directory: Path | None = Field(
        default=None,
        description="Folder for what workers spill to disk. Not given: Dask's own choice.",
        examples=["/scratch/$USER"],
    )
    resources: dict[Annotated[str, Reads(text, {"type": "string"}, variable=False)], Amount] = Field(
        default_factory=dict, description="Abstract resources of each worker, by name.", examples=[{"GPU": 1}]
    )
    host: Text | None = Field(
        default=None, description="Address that the scheduler listens on. Not given: loopback.", examples=["127.0.0.1"]
    )
    interface: Text | None = Field(
        default=None, description="Network interface that scheduler and workers listen on.", examples=["lo"]
    )
    scheduler_port: Port = Field(default=0, description="Port of the scheduler; 0 takes a free one.", examples=[8786])
    preload: Texts = Field(
        default=(), description="Modules or scripts that each worker loads before it starts.", examples=[["setup.py"]]
    )
    death_timeout: Duration | None = Field(
        default=None,
        description="A worker without a scheduler ends after this long: a duration, or seconds.",
        examples=["60 s"],
    )


class LocalProfile(Profile):
    """A cluster on this machine."""

    summary: ClassVar[str] = "Scheduler and workers on this machine, each worker a process."
    dask_class: ClassVar[str] = "distributed.LocalCluster"
    builtin: ClassVar[dict[str, Any]] = {
        "title": "This machine",
        "description": "Workers on this machine, as many as its cores and memory carry.",
    }

    system: Literal["local"] = Field(default="local", description="What the cluster runs on.", examples=["local"])
    options: LocalOptions = Field(
        default_factory=lambda: LocalOptions(),
        description="Arguments of Dask's LocalCluster.",
        examples=[{"threads_per_worker": 2}],
    )


PROFILE = LocalProfile
