"""What is said of the progress of a computation, as plain data: made beside the scheduler, shown by every face.

Times are seconds since the epoch, durations seconds, sizes bytes. The same names stand in
``labextension/src/progress.ts`` and in docs/formats.md.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

#: Where a computation stands: ``waiting`` has open tasks of which none runs; the last three are final.
Status = Literal["waiting", "running", "finished", "erred", "cancelled"]


class GroupProgress(TypedDict):
    """Tasks of one kind, in the user's words."""

    #: ``open_dataset``, ``mean``, ``rechunk-merge``; unique in its computation.
    name: str
    #: Tasks that need no more work (those that erred included), and all of them.
    done: int
    total: int
    erred: int
    #: Tasks that a worker has now.
    running: int
    #: Tasks that nobody wanted any more before they were done.
    cancelled: int
    #: Bytes of its results that workers hold in memory, and that they have written to disk.
    memory: int
    spilled: int
    #: How long one task takes on average; null while none has finished.
    seconds: float | None


class TimeLeft(TypedDict):
    """Between these the rest is expected to take."""

    low: float
    high: float


class TaskError(TypedDict):
    """The first task that failed."""

    key: str
    #: Its group, in the user's words.
    name: str
    #: The worker's name, and its job's id where workers are jobs.
    worker: str | None
    job: str | None
    #: ``ValueError: …``, one line.
    message: str
    traceback: str


class Computation(TypedDict):
    """What was submitted together (``compute``, ``persist``, futures …)."""

    #: Unique in its cluster, in the order of submission.
    id: str
    #: Id of the client that submitted it; null where several did.
    client: str | None
    #: What it ends in, in the user's words.
    name: str
    status: Status
    started: float
    ended: float | None
    #: Inputs first; at most 20, those that are neither done nor large are left out last.
    groups: list[GroupProgress]
    #: Groups that are left out of `groups`, but are in the sums below.
    more: int
    done: int
    total: int
    erred: int
    running: int
    cancelled: int
    memory: int
    spilled: int
    #: Tasks that finish each second, now; over all of its time once it has ended.
    per_second: float
    #: None while it cannot be told, and once it has ended.
    left: TimeLeft | None
    #: Why it is not faster, one sentence: ``3 workers queued: Priority``; null where nothing is in its way.
    waits: str | None
    error: TaskError | None


class ProgressView(TypedDict):
    """What a ``Progress`` shows now."""

    #: Id and name of the cluster; null where there is none.
    cluster: str | None
    cluster_name: str | None
    #: One for each thing that is followed, the oldest first.
    computations: list[Computation]
    #: Sentences, such as about memory, before a worker dies.
    warnings: list[str]
    #: Why nothing newer is known; null while what is shown is true now.
    stale: str | None
    #: Whether everything that is followed has ended.
    ended: bool


#: A state, as far as faces know it.
State = dict[str, Any]
