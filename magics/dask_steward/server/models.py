"""What is asked and answered, as `labextension/src/tokens.ts` has it; the OpenAPI document is made from these.

Times are seconds since the epoch, sizes bytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from dask_steward.units import parse_duration, parse_size

State = Literal["starting", "pending", "running", "degraded", "stopping", "stopped", "failed", "lost"]
Tenure = Literal["kernel", "server", "process", "detached"]
RowKind = Literal["workers", "jobs"]

#: More of anything is a slip of the finger, and some parts of a scheduler are linear in it.
MOST = 1_000_000


class Given(BaseModel):
    """What somebody sends: exactly these fields, of exactly these kinds."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
    """What the server answers."""

    model_config = ConfigDict(frozen=True)


def _memory(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("takes bytes, or a size such as 64 GB")
    size = parse_size(value)
    if not 0 <= size <= 2**60:
        raise ValueError("takes 0 bytes or more, and less than an exabyte")
    return size


def _seconds(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("takes seconds, or a duration such as 5 min")
    return parse_duration(value)


_SIZE_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}, {"type": "null"}]}
_TIME_SCHEMA = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}, {"type": "null"}]}

Number = Annotated[int, Field(ge=0, le=MOST)]
Memory = Annotated[int | None, BeforeValidator(_memory), WithJsonSchema(_SIZE_SCHEMA)]
Duration = Annotated[float | None, BeforeValidator(_seconds), WithJsonSchema(_TIME_SCHEMA)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=256)]


# -- what is sent --


class Size(Given):
    """A size in exactly one unit."""

    workers: Number | None = None
    jobs: Number | None = None
    cores: Number | None = None
    memory: Memory = None

    def units(self) -> dict[str, int]:
        """Return what is given."""
        found = {name: getattr(self, name) for name in ("workers", "jobs", "cores", "memory")}
        return {name: number for name, number in found.items() if number is not None}

    @model_validator(mode="after")
    def _one(self) -> Size:
        if len(self.units()) != 1:
            raise ValueError(
                f"a size is given in one unit: workers, jobs, cores or memory; got {', '.join(self.units()) or 'none'}"
            )
        return self


class Scale(Size):
    """A size of one group; without a name that of the profile's own jobs."""

    group: Name | None = None


class Limits(Given):
    """Between which size the cluster follows the work; in jobs, or worker processes of a local cluster."""

    minimum: Number | None = None
    maximum: Number | None = None
    hold: Duration = None
    queue_patience: Duration = None
    target_duration: Duration = None
    interval: Duration = None

    def given(self) -> dict[str, Any]:
        """Return what is given."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class StartLimits(Limits):
    """Limits of a start, both of them."""

    minimum: Number
    maximum: Number

    @model_validator(mode="after")
    def _ordered(self) -> StartLimits:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class Adapt(Limits):
    """Limits of one group; ``active`` false ends its following of the work."""

    active: bool = True
    group: Name | None = None

    @model_validator(mode="after")
    def _some(self) -> Adapt:
        if self.active and self.minimum is None and self.maximum is None:
            raise ValueError("needs a minimum, a maximum or both, or active: false")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class Start(Given):
    """The body of a start."""

    profile: Text
    name: Name | None = None
    scale: Size | None = None
    adapt: StartLimits | None = None
    tenure: Tenure | None = None
    kernel_id: Text | None = None
    environment: Text | None = Field(default=None, description="Name of a kernelspec: it runs in that environment.")
    set: dict[str, JsonValue] | None = Field(default=None, description="Fields over the profile, by dotted path.")


class Change(Given):
    """What of a running cluster can be changed."""

    name: Name | None = None
    tenure: Tenure | None = None
    kernel_id: Text | None = None
    idle_timeout: Duration = Field(
        default=None, description="A cluster that becomes detached ends after so long without work."
    )

    @model_validator(mode="after")
    def _something(self) -> Change:
        if self.name is None and self.tenure is None:
            raise ValueError("needs a name, a tenure or both")
        if self.idle_timeout is not None and self.tenure is None:
            raise ValueError("idle_timeout belongs to a tenure")
        return self


class Nothing(Given):
    """A body without fields."""


class SaveAs(Given):
    """The name under which a cluster is saved as a profile."""

    name: Name


class Watch(Given):
    """A lease: somebody looks at the rows of a table."""

    kind: RowKind
    watcher: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    seconds: Annotated[float, Field(gt=0, le=300)] = 60.0


class Listing(Given):
    """Query of the list of clusters."""

    all: bool = Field(default=False, description="Also those that ended and were dismissed.")


class Page(Given):
    """Query of a table."""

    offset: Annotated[int, Field(ge=0, le=MOST)] = 0
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    sort: Annotated[str, Field(max_length=40, pattern=r"^-?[a-z_]+$")] | None = Field(
        default=None, description="A field of the rows; with a leading - the largest first."
    )


# -- what is answered --


class Owner(Told):
    """What a cluster belongs to."""

    kind: str
    pid: int
    host: str
    kernel_id: str | None = None
    session: str | None = None


class Counts(Told):
    """Worker processes."""

    asked: int = 0
    queued: int = 0
    running: int = 0
    lost: int = 0


class Unit(Told):
    """What one job (one worker process of a local cluster) brings."""

    workers: float
    cores: float
    memory: float


class Group(Counts):
    """Jobs of one kind."""

    jobs: int = 0
    unit: Unit | None = None
    adapt: dict[str, JsonValue] | None = None


class Cpu(Told):
    """Cores in use and cores there are."""

    used: float = 0.0
    limit: float = 0.0


class MemoryUse(Told):
    """Memory of all workers."""

    limit: int = 0
    used: int = 0
    spilled: int = 0


class TaskGroup(Told):
    """Tasks of one kind."""

    name: str
    done: int
    total: int
    erred: int


class Tasks(Told):
    """What is computed."""

    groups: tuple[TaskGroup, ...] = ()
    per_second: float = 0.0


class SchedulerCard(Told):
    """How the scheduler is reached."""

    address: str | None = None
    dashboard: bool = False
    dashboard_reason: str | None = None


class Spend(Told):
    """Core-seconds so far; ``cores`` are held now, so that ``held`` grows by that each second."""

    held: float = 0.0
    busy: float = 0.0
    cores: float = 0.0


class JobCounts(Told):
    """Jobs (processes of a local cluster), by where they stand."""

    total: int = 0
    queued: int = 0
    running: int = 0
    expected_start: float | None = None


class Loss(Told):
    """A job that was lost."""

    id: str | None = None
    node: str | None = None
    at: float
    reason: str
    log: str | None = None


class Cluster(Told):
    """One cluster as its card shows it."""

    id: str
    name: str
    profile: str | None
    profile_title: str | None
    system: str
    state: State
    reason: str | None
    since: float
    created: float
    ready: bool
    tenure: Tenure | None
    owner: Owner | None
    host: str | None
    workers: Counts
    threads: int
    cpu: Cpu
    memory: MemoryUse
    tasks: Tasks
    scheduler: SchedulerCard
    spend: Spend
    adapt: dict[str, JsonValue] | None
    groups: dict[str, Group]
    unit: Unit | None
    jobs: JobCounts
    losses: tuple[Loss, ...]
    warnings: tuple[str, ...]
    idle_since: float | None
    ends_at: float | None
    ends_by: str | None
    logs_until: float | None
    stale: str | None = Field(description="Why the facts are old; null while they are fresh.")
    seen: float = Field(description="When the server last heard of it.")


class Clusters(Told):
    """Clusters, living ones first, then the newest."""

    clusters: tuple[Cluster, ...]


class Scaled(Told):
    """What became of a new size."""

    note: str | None = Field(description="A sentence where the size was rounded up.")
    cluster: Cluster


class Job(Told):
    """A row of the jobs table."""

    key: str
    kind: str
    id: str | None
    state: str
    reason: str | None
    expected_start: float | None
    node: str | None
    since: float | None
    group: str | None


class Worker(Told):
    """A row of the workers table."""

    address: str
    name: str
    job: str | None
    host: str
    status: str
    threads: int
    cpu: float
    memory: int
    memory_limit: int
    spilled: int
    unmanaged: int
    processing: int
    executing: int
    stored: int


class Jobs(Told):
    """A part of the jobs table; ``version`` rises with each change while somebody watches it."""

    version: int
    total: int
    offset: int
    rows: tuple[Job, ...]


class Workers(Told):
    """A part of the workers table; ``version`` rises with each change while somebody watches it."""

    version: int
    total: int
    offset: int
    rows: tuple[Worker, ...]


class Watched(Told):
    """The version of the table from which on deltas are sent."""

    version: int


class Connect(Told):
    """What a client needs."""

    id: str
    name: str
    address: str
    security: dict[str, str] = Field(description="Paths of the keys.")
    code: str = Field(description="Python that makes a client of it.")


class Fault(Told):
    """One fault of a body or a profile."""

    message: str
    field: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None


class ErrorBody(Told):
    """An answer that is no success."""

    error: str
    message: str
    field: str | None = None
    hint: str | None = None
    cluster: str | None = None
    problems: tuple[Fault, ...] | None = None
