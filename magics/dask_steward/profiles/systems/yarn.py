"""A cluster whose workers are containers of an application of YARN."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dask_steward import units
from dask_steward.managers import yarn_conf
from dask_steward.profiles.fields import (
    Count,
    Duration,
    Listed,
    Model,
    Path,
    Port,
    Positive,
    Reads,
    Span,
    Text,
    choice,
    node_field,
    text,
    whole,
)
from dask_steward.profiles.models import Options, Profile, number
from dask_steward.profiles.problems import Problem
from dask_steward.profiles.queue import Line, SchedulerOptions

_MIB = 2**20
#: YARN takes ten tags of an application, of which the cluster's own is one; each of at most 100 ASCII characters.
MOST_TAGS, LONGEST_TAG = 9, 100
_ADDRESS = re.compile(
    r"(?:https?://)?[A-Za-z0-9_.-]+(?::[0-9]{1,5})?/?|(?:https?://)?\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?/?"
)
_OWNED = "Steward sets this itself"
_SCRIPTS = "a script runs where you start it; see docs: Moving from dask-yarn"


def _memory(value: Any) -> int:
    """Read memory as dask-yarn does: with a unit, and never so little that a unit must have been forgotten."""
    found = units.parse_size(value)
    if found < _MIB:
        given = getattr(value, "text", value)
        raise ValueError(f'must be a size such as "2 GiB"; perhaps {given} MiB is meant')
    return found


def _tag(value: Any) -> str:
    found = text(value)
    if not found.isascii() or len(found) > LONGEST_TAG or "," in found:
        raise ValueError(f"must be ASCII without a comma, of at most {LONGEST_TAG} characters, as YARN takes a tag")
    return found


def _manager(value: Any) -> str:
    found = text(value)
    if not _ADDRESS.fullmatch(found):
        raise ValueError("must be the web address of a ResourceManager, such as rm1:8088 or https://rm1:8090")
    return found


def _plain(value: Any) -> Any:
    """Return what a file holds as plain JSON: its numbers remember how they were written."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise ValueError("must be a text, a number, true or false, or a list or mapping of these")


def _specification(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, str) and value.strip():
        return text(value)
    raise ValueError("must be the path of a specification of skein, or the specification itself")


def _variable(value: Any) -> str:
    """Read the value of a variable; YARN puts it into a script of one line for each."""
    if isinstance(value, str) and value == "":
        return ""
    return text(value)


Memory = Annotated[
    int, Reads(_memory, {"anyOf": [{"type": "integer", "minimum": _MIB}, {"type": "string"}], "x-kind": "size"})
]
Argument = Annotated[
    Any,
    Reads(
        _plain,
        {"anyOf": [{"type": kind} for kind in ("string", "number", "boolean", "array", "object")]},
        variable=False,
    ),
]
Name = Annotated[str, Reads(text, {"type": "string"}, variable=False)]
NodeValue = Annotated[
    str, Reads(_variable, {"anyOf": [{"type": "string"}, {"type": "number"}], "x-kind": "text"}, variable=False)
]
Tag = Annotated[str, Reads(_tag, {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG, "x-kind": "text"})]
WebAddress = Annotated[str, Reads(_manager, {"type": "string", "minLength": 1, "x-kind": "text"})]


class Lease(Model):
    """YARN's own end of the application, which the process that owns the cluster puts off again and again."""

    timeout: Duration = Field(
        default=300,
        description="YARN ends the application when the process that owns the cluster has not renewed it for this "
        "long, even when that machine is gone: a duration, or seconds; 0 asks YARN for no such end. Longer than the "
        "longest time for which a ResourceManager is away.",
        examples=["5 min"],
    )
    interval: Span = Field(
        default=20, description="How often it is renewed: a duration, or seconds.", examples=["20 s"]
    )


class YarnOptions(Options):
    """Arguments of ``dask_yarn.YarnCluster``; ``yarn`` of Dask's configuration gives the rest."""

    not_taken: ClassVar[dict[str, str]] = {
        "dashboard_address": "use dashboard: off, socket, tcp or tcp:PORT, beside options",
        "security": "use security: tls or none, beside options",
        "temporary_security_credentials": "the keys of a cluster are always its own, and go with it",
        "worker_count": "use n_workers",
        "n_threads": "use worker_vcores",
        "script": _SCRIPTS,
        "client_vcores": _SCRIPTS,
        "client_memory": _SCRIPTS,
        "client_gpus": _SCRIPTS,
        "client_env": _SCRIPTS,
    } | dict.fromkeys(("skein_client", "asynchronous", "loop"), _OWNED)

    environment: Path | None = Field(
        default=None,
        description="Python of the workers: an archive of venv-pack or conda-pack (a path, hdfs://…), an environment "
        "that every node has (conda://…, venv://…), an interpreter that every node has (python://…), or kernel, which "
        "packs the environment that runs the cluster. Not given: kernel.",
        examples=["environment.tar.gz"],
    )
    n_workers: Count | None = Field(
        default=None, description="Workers to start with; scale, beside options, says more.", examples=[4]
    )
    worker_vcores: Positive | None = Field(
        default=None, description="Virtual cores, and threads, of each worker. Not given: 1.", examples=[2]
    )
    worker_memory: Memory | None = Field(
        default=None,
        description="Memory of each worker: a size, or a number of bytes. Not given: 2 GiB.",
        examples=["8GiB"],
    )
    worker_restarts: Annotated[int, whole(-1, 1_000_000)] | None = Field(
        default=None,
        description="How many workers that are lost are replaced; -1 means all. Not given: as many as in any cluster, "
        "until they die too often.",
        examples=[10],
    )
    worker_env: dict[Name, NodeValue] = node_field(
        {},
        description="Environment variables of the workers; $VAR is that of the node.",
        examples=[{"OMP_NUM_THREADS": "1"}],
    )
    worker_class: Text | None = Field(
        default=None,
        description="Class of the workers. Not given: dask.distributed.Nanny.",
        examples=["dask_cuda.CUDAWorker"],
    )
    worker_options: dict[Name, Argument] = node_field(
        {},
        description="Arguments of the workers' class, over those that Steward gives.",
        examples=[{"nthreads": 1, "resources": {"licence": 1}}],
    )
    worker_gpus: Count | None = Field(
        default=None, description="GPUs of each worker, where YARN has any. Not given: 0.", examples=[1]
    )
    scheduler_vcores: Positive | None = Field(
        default=None,
        description="Virtual cores of the scheduler's container, where deploy_mode is remote. Not given: 1.",
        examples=[1],
    )
    scheduler_gpus: Count | None = Field(
        default=None,
        description="GPUs of the scheduler's container, where deploy_mode is remote. Not given: 0.",
        examples=[0],
    )
    scheduler_memory: Memory | None = Field(
        default=None,
        description="Memory of the scheduler's container, where deploy_mode is remote: a size, or a number of bytes. "
        "Not given: 2 GiB.",
        examples=["4GiB"],
    )
    deploy_mode: Annotated[str, choice("local", "remote")] | None = Field(
        default=None,
        description="local: the scheduler is in the process that owns the cluster. remote: it is in a container, for "
        "sites whose containers cannot reach the machine that starts the cluster. Not given: local.",
        examples=["local"],
    )
    name: Text | None = Field(default=None, description="Name of the application. Not given: dask.", examples=["dask"])
    queue: Text | None = Field(
        default=None, description="Queue of the application. Not given: default.", examples=["root.science"]
    )
    tags: Annotated[tuple[Tag, ...], Listed()] = Field(
        default=(), description="Tags of the application, beside the cluster's own.", examples=[["climate"]]
    )
    user: Text | None = Field(
        default=None,
        description="User on whose behalf the application runs, which a site must allow. Not given: you.",
        examples=["ada"],
    )
    host: Text | None = Field(
        default=None,
        description="Host name or address that the scheduler listens on, where deploy_mode is local.",
        examples=["0.0.0.0"],
    )
    port: Port | None = Field(
        default=None,
        description="Port of the scheduler, where deploy_mode is local; 0 takes a free one. Not given: 0.",
        examples=[8786],
    )
    specification: (
        Annotated[
            Any,
            Reads(
                _specification,
                {"anyOf": [{"type": "string", "minLength": 1}, {"type": "object"}], "x-kind": "path"},
                variable=False,
            ),
        ]
        | None
    ) = node_field(
        description="A whole specification of skein instead, or the path of one, as dask-yarn takes it.",
        examples=["spec.yaml"],
    )
    scheduler_options: SchedulerOptions = Field(
        default_factory=lambda: SchedulerOptions(),
        description="More arguments of the scheduler.",
        examples=[{"interface": "eth0"}],
    )
    resource_manager: Annotated[tuple[WebAddress, ...], Listed()] = Field(
        default=(),
        description="Web addresses of the ResourceManager, all of them where there are several. Not given: those of "
        "Hadoop's configuration (HADOOP_CONF_DIR).",
        examples=[["rm1:8088", "rm2:8088"]],
    )


#: What a specification says, so that an argument beside it would say it twice.
SAID_BY_SPECIFICATION = (
    "environment",
    "n_workers",
    "worker_vcores",
    "worker_memory",
    "worker_restarts",
    "worker_env",
    "worker_class",
    "worker_options",
    "worker_gpus",
    "scheduler_vcores",
    "scheduler_gpus",
    "scheduler_memory",
    "deploy_mode",
    "name",
    "queue",
    "tags",
    "user",
)


class YarnProfile(Profile):
    """A cluster whose workers are containers of an application of YARN."""

    summary: ClassVar[str] = (
        "Workers are containers of an application of YARN; the scheduler runs on the machine that starts the cluster, "
        "or in a container."
    )
    dask_class: ClassVar[str] = "dask_yarn.YarnCluster"
    scale_units: ClassVar[tuple[str, ...]] = ("workers", "jobs", "cores", "memory")
    builtin: ClassVar[dict[str, Any]] = {
        "title": "YARN",
        "description": "Workers in an application of YARN, as yarn.yaml says or with the environment that starts them.",
    }

    system: Literal["yarn"] = Field(default="yarn", description="What the cluster runs on.", examples=["yarn"])
    start_timeout: Span = Field(
        default=1800,
        description="Give up a start that takes longer, waiting in the queue included, and give everything back: "
        "a duration, or seconds.",
        examples=["30 min"],
    )
    line: Line = Field(
        default_factory=lambda: Line(),
        description="How the application watches the process that owns the cluster, to end with it.",
        examples=[{"ports": "40000-40100"}],
    )
    lease: Lease = Field(
        default_factory=lambda: Lease(),
        description="How long YARN keeps the application when nobody renews it.",
        examples=[{"timeout": "5 min", "interval": "20 s"}],
    )
    archives_kept: Duration = Field(
        default=30 * 86400,
        description="How long an environment's archive that was brought to Hadoop's file system stays there when no "
        "cluster uses it: a duration, or seconds; 0 keeps it for ever.",
        examples=["30 d"],
    )
    options: YarnOptions = Field(
        default_factory=lambda: YarnOptions(),
        description="Arguments of dask-yarn's YarnCluster. What is not given comes from yarn.yaml.",
        examples=[{"environment": "environment.tar.gz", "worker_vcores": 2, "worker_memory": "8GiB"}],
    )

    @classmethod
    def offered(cls) -> bool:
        """Tell whether this machine speaks to a YARN at all."""
        # Not by the command: Node's package manager is called yarn, too.
        return yarn_conf.folder(os.environ) is not None

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each set of values that are right alone and wrong together."""
        yield from super().wrong_together()
        yield from self._wrong_options()
        silence = number(self.line.silence)
        if silence is not None and silence < 10:
            message = "is less than 10 s, which a busy machine can be silent for"
            yield Problem(message, ("line", "silence"), self.line.silence, True)
        timeout, interval = number(self.lease.timeout), number(self.lease.interval)
        if timeout and interval is not None and timeout < 3 * interval:
            message = f"is less than three times lease.interval, {interval:g} s: one late renewal would end the cluster"
            yield Problem(message, ("lease", "timeout"), self.lease.timeout, True)

    def _wrong_options(self) -> Iterator[Problem]:
        options = self.options
        if len(options.tags) > MOST_TAGS:
            message = f"has {len(options.tags)}; YARN takes ten, of which one is the cluster's own"
            yield Problem(message, ("options", "tags"))
        if options.specification is not None:
            for name in SAID_BY_SPECIFICATION:
                value = getattr(options, name)
                if value not in (None, (), {}):
                    message = "contradicts options.specification, which says it; give one of the two"
                    yield Problem(message, ("options", name), value, True)
        for name in ("host", "port"):
            value = getattr(options, name)
            inner = getattr(options.scheduler_options, name)
            if value is not None and inner:
                message = f"contradicts options.{name}; give one of the two"
                yield Problem(message, ("options", "scheduler_options", name), inner, True)
        if options.deploy_mode == "remote" and options.host is not None:
            message = "is of a scheduler here, and options.deploy_mode is remote"
            yield Problem(message, ("options", "host"), options.host, True)


PROFILE = YarnProfile
