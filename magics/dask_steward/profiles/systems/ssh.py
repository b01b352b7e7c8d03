"""Workers on hosts that are reached by ssh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dask_steward.profiles.fields import (
    Amount,
    Duration,
    Listed,
    MemoryLimit,
    Model,
    OneOrEach,
    Path,
    Port,
    Positive,
    Reads,
    Span,
    Text,
    Texts,
    node_field,
    text,
)
from dask_steward.profiles.models import Options, Profile, number
from dask_steward.profiles.problems import Problem
from dask_steward.profiles.queue import Line, SchedulerOptions

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%-]*(?:@[A-Za-z0-9_.:%-]+)?")
_ATTENDED = (
    "nobody is there to type it when a cluster has to be given back; use a key that an agent holds, or without one"
)


def _host(value: Any) -> str:
    found = text(value)
    if not _HOST.fullmatch(found):
        raise ValueError("must be the name or address of a host, or user@host, as ssh takes it")
    return found


HostName = Annotated[str, Reads(_host, {"type": "string", "minLength": 1, "x-kind": "text"})]


class ConnectOptions(Model):
    """How hosts are reached, by asyncssh's names; ~/.ssh/config says the rest."""

    not_taken: ClassVar[dict[str, str]] = {
        "password": _ATTENDED,
        "passphrase": _ATTENDED,
        "kbdint_auth": _ATTENDED,
        "host": "hosts are options.hosts",
    }

    username: Text | None = Field(default=None, description="User on the hosts.", examples=["ada"])
    port: Port | None = Field(default=None, description="Port of ssh.", examples=[22])
    client_keys: Texts = Field(
        default=(), description="Files of your keys; only these are tried.", examples=[["~/.ssh/id_ed25519"]]
    )
    known_hosts: Text | None = Field(
        default=None,
        description="File of the hosts' own keys, or none: whoever answers under a host's name is believed. Not given: "
        "ssh's own files.",
        examples=["~/.ssh/known_hosts"],
    )
    config: Path | None = Field(default=None, description="Another file than ~/.ssh/config.", examples=["ssh_config"])
    tunnel: Text | None = Field(
        default=None, description="Hosts over which to reach them (ProxyJump).", examples=["gateway"]
    )
    proxy_command: Text | None = Field(
        default=None, description="Command whose input and output are the connection.", examples=["nc %h %p"]
    )
    host_key_alias: Text | None = Field(
        default=None, description="Name under which the hosts' keys are looked up.", examples=["nodes"]
    )
    connect_timeout: Span | None = Field(
        default=None,
        description="How long a connection may take: a duration, or seconds. Not given: 8 s.",
        examples=["8 s"],
    )
    keepalive_interval: Span | None = Field(
        default=None,
        description="How often a silent connection is tried: a duration, or seconds. Not given: 15 s.",
        examples=["15 s"],
    )


class WorkerOptions(Model):
    """Arguments of the workers of one host."""

    not_taken: ClassVar[dict[str, str]] = {
        "name": "Steward names the workers, to find and release them",
        "security": "use security: tls or none, beside options",
        "dashboard_address": "workers serve no dashboard of their own",
        "protocol": "it follows from security: tls or none, beside options",
        "env": "use environment, beside options",
        "scheduler_ip": "the scheduler is the cluster's own",
        "loop": "Steward sets this itself",
    }

    n_workers: Positive | None = Field(
        default=None, description="Workers on each host, which share its cores. Not given: 1.", examples=[4]
    )
    nthreads: Positive | None = Field(
        default=None,
        description="Threads of each worker. Not given: the host's cores divided by its workers.",
        examples=[2],
    )
    memory_limit: MemoryLimit | None = Field(
        default=None,
        description="Memory of each worker: a size, or a number of bytes, or auto (the host's memory, by cores), "
        "or 0 for no limit. Not given: auto.",
        examples=["4 GB"],
    )
    local_directory: Path | None = node_field(
        description="Folder on the host for what workers spill to disk; $VAR is that of the host.",
        examples=["/scratch"],
    )
    interface: Text | None = Field(default=None, description="Network interface of the workers.", examples=["eth0"])
    host: Text | None = Field(
        default=None, description="Address that the workers listen on. Not given: the host's own.", examples=["0.0.0.0"]
    )
    death_timeout: Duration | None = Field(
        default=None,
        description="A worker without a scheduler ends after this long: a duration, or seconds. Not given: 60 s.",
        examples=["60 s"],
    )
    resources: dict[Annotated[str, Reads(text, {"type": "string"}, variable=False)], Amount] = Field(
        default_factory=dict, description="Abstract resources of each worker, by name.", examples=[{"GPU": 1}]
    )
    preload: Texts = Field(
        default=(), description="Modules or scripts that each worker loads before it starts.", examples=[["setup.py"]]
    )


class SshOptions(Options):
    """Arguments of ``distributed.SSHCluster``."""

    not_taken: ClassVar[dict[str, str]] = {
        "worker_addrs": "use hosts",
        "scheduler_addr": "the scheduler runs in the process that owns the cluster; see docs: Hosts over ssh",
        "nthreads": "use worker_options: {nthreads: N}",
        "nprocs": "use worker_options: {n_workers: N}",
        "n_workers": "use worker_options: {n_workers: N}",
        "memory_limit": "use worker_options: {memory_limit: …}",
        "ssh_username": "use connect_options: {username: …}",
        "ssh_port": "use connect_options: {port: …}",
        "ssh_private_key": "use connect_options: {client_keys: …}",
        "security": "use security: tls or none, beside options",
        "asynchronous": "Steward sets this itself",
    }

    hosts: Annotated[tuple[HostName, ...], Listed()] = Field(
        default=(),
        description="Hosts for workers, each once for each set of workers; the first one is none for the scheduler, as "
        "it is for SSHCluster.",
        examples=[["node1", "node2"]],
    )
    connect_options: Annotated[ConnectOptions | tuple[ConnectOptions, ...], OneOrEach()] = Field(
        default_factory=lambda: ConnectOptions(),
        description="How they are reached: for all, or a list with one for each host.",
        examples=[{"username": "ada", "port": 22}],
    )
    worker_options: WorkerOptions = Field(
        default_factory=lambda: WorkerOptions(),
        description="Arguments of the workers of each host.",
        examples=[{"nthreads": 2, "n_workers": 4}],
    )
    scheduler_options: SchedulerOptions = Field(
        default_factory=lambda: SchedulerOptions(),
        description="Arguments of the scheduler, which runs on the machine that starts the cluster.",
        examples=[{"interface": "eth0"}],
    )
    worker_module: Text | None = Field(
        default=None,
        description="Module that starts the workers. Not given: distributed.cli.dask_spec.",
        examples=["distributed.cli.dask_spec"],
    )
    worker_class: Text | None = Field(
        default=None,
        description="Class of the workers. Not given: distributed.Nanny.",
        examples=["dask_cuda.CUDAWorker"],
    )
    remote_python: Annotated[tuple[Path, ...], Listed()] = node_field(
        (),
        description="Python of the workers on the hosts: one for all, or one for each host. Not given: the same path "
        "as here.",
        examples=[["/opt/dask/bin/python"]],
    )


class SshProfile(Profile):
    """A cluster whose workers run on hosts that are reached by ssh."""

    summary: ClassVar[str] = "Workers on hosts that are reached by ssh; the scheduler on the machine that starts them."
    dask_class: ClassVar[str] = "distributed.SSHCluster"
    scale_units: ClassVar[tuple[str, ...]] = ("jobs", "workers", "cores", "memory")

    system: Literal["ssh"] = Field(default="ssh", description="What the cluster runs on.", examples=["ssh"])
    line: Line = Field(
        default_factory=lambda: Line(),
        description="How the workers of each host watch the process that owns the cluster, to end with it.",
        examples=[{"ports": "40000-40100"}],
    )
    options: SshOptions = Field(
        default_factory=lambda: SshOptions(),
        description="Arguments of Dask's SSHCluster.",
        examples=[{"hosts": ["node1", "node2"]}],
    )

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each set of values that are right alone and wrong together."""
        yield from super().wrong_together()
        options = self.options
        # Without hosts it is not finished, but not wrong: a new profile begins so, and a start says what is missing.
        if options.hosts and len(options.remote_python) not in (0, 1, len(options.hosts)):
            yield Problem(
                f"has {len(options.remote_python)} for {len(options.hosts)} hosts; give one for all, or one for each",
                ("options", "remote_python"),
            )
        connect = options.connect_options
        if isinstance(connect, tuple):
            if len(connect) != len(options.hosts):
                yield Problem(
                    f"has {len(connect)} for {len(options.hosts)} hosts; give one for all, or one for each",
                    ("options", "connect_options"),
                )
            reached: dict[str, ConnectOptions] = {}
            for index, (host, way) in enumerate(zip(options.hosts, connect, strict=False)):
                if reached.setdefault(host, way) != way:
                    yield Problem(
                        f"reaches {host} in another way than before in the list; a host is known by its name: give the "
                        "other one a name of its own in ~/.ssh/config",
                        ("options", "connect_options", index),
                    )
        asked = number(self.scale.jobs) if self.scale is not None else None
        if asked is not None and asked > len(options.hosts) > 0:
            yield Problem(f"is more than options.hosts has, {len(options.hosts)}", ("scale", "jobs"), asked, True)


PROFILE = SshProfile
