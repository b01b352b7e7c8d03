"""One cluster as its card shows it, in the sidebar and in a notebook; `labextension/src/tokens.ts` has the same names.

Times are seconds since the epoch, sizes bytes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Tenure = Literal["kernel", "server", "process", "detached"]
State = Literal["starting", "pending", "running", "degraded", "stopping", "stopped", "failed", "lost"]


class Told(BaseModel):
    """What the server answers."""

    model_config = ConfigDict(frozen=True)


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
    link: str | None = Field(default=None, description="The pages' own address, of a scheduler of somebody else.")


class Spend(Told):
    """Core-seconds so far; ``cores`` are held now, so that ``held`` grows by that each second."""

    held: float = 0.0
    busy: float = 0.0
    cores: float = 0.0


class Defence(Told):
    """What would give the cluster back if its keeper could not."""

    name: str = Field(description="guard, line, lifetime or wall.")
    in_force: bool
    words: str
    at: float | None = None


class ManagerPage(Told):
    """The resource manager's own page of what a cluster holds."""

    id: str
    link: str


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
    foreign: bool = Field(description="Somebody else owns the scheduler: it is looked at, and let go, no more.")
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
    computations: tuple[dict[str, JsonValue], ...] = Field(
        default=(), description="Running ones and the last that ended, as docs/formats has them."
    )
    scheduler: SchedulerCard
    spend: Spend
    adapt: dict[str, JsonValue] | None
    groups: dict[str, Group]
    unit: Unit | None
    jobs: JobCounts
    losses: tuple[Loss, ...]
    manager_page: ManagerPage | None = Field(default=None, description="Of the application, where there is one.")
    defences: tuple[Defence, ...] = Field(default=(), description="What releases without the keeper.")
    warnings: tuple[str, ...]
    idle_since: float | None
    ends_at: float | None
    ends_by: str | None
    logs_until: float | None
    stale: str | None = Field(description="Why the facts are old; null while they are fresh.")
    seen: float = Field(description="When the server last heard of it.")


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
    link: str | None = Field(default=None, description="The resource manager's own page of it.")
