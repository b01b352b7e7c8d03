"""What the server answers, as `labextension/src/tokens.ts` has it; the OpenAPI document is made from these.

Times are seconds since the epoch, sizes bytes. What is sent stands in `bodies`, and can be had from here, too.
"""

from __future__ import annotations

from pydantic import Field

from dask_steward.control.card_models import (
    Cluster,
    Counts,
    Cpu,
    Group,
    Job,
    JobCounts,
    Loss,
    MemoryUse,
    Owner,
    SchedulerCard,
    Spend,
    State,
    TaskGroup,
    Tasks,
    Tenure,
    Told,
    Unit,
)
from dask_steward.server.bodies import (
    Adapt,
    Change,
    Given,
    Limits,
    Listing,
    Name,
    Nothing,
    Page,
    RowKind,
    SaveAs,
    Scale,
    Size,
    Start,
    StartLimits,
    Text,
    Watch,
)

__all__ = [
    "Adapt",
    "Change",
    "Cluster",
    "Counts",
    "Cpu",
    "Given",
    "Group",
    "Job",
    "JobCounts",
    "Limits",
    "Listing",
    "Loss",
    "MemoryUse",
    "Name",
    "Nothing",
    "Owner",
    "Page",
    "RowKind",
    "SaveAs",
    "Scale",
    "SchedulerCard",
    "Size",
    "Spend",
    "Start",
    "StartLimits",
    "State",
    "TaskGroup",
    "Tasks",
    "Tenure",
    "Text",
    "Told",
    "Unit",
    "Watch",
]


class Clusters(Told):
    """Clusters, living ones first, then the newest."""

    clusters: tuple[Cluster, ...]


class Scaled(Told):
    """What became of a new size."""

    note: str | None = Field(description="A sentence where the size was rounded up.")
    cluster: Cluster


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
