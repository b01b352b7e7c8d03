"""One job of a cluster and the steps that it takes.

``intended`` → ``submitted`` → ``queued`` → ``running`` → ``connected`` → ``lost`` or ``ended`` → ``released``; a submit
that is refused ends as ``refused``. A job that Slurm starts again is the same job: it goes back to ``queued``.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

#: Steps of a job that holds, or is about to hold, a place.
_HOLDING = ("intended", "submitted", "queued", "running", "connected")


@dataclass
class Job:
    """One job of the cluster.

    Attributes
    ----------
    key : str
        Our name of it, also the name of its worker (with ``-0``, ``-1`` … where it has several processes): ``j3``, or
        ``j3.7`` for a task of the array whose comment is ``j3``.
    group : str
        The group whose shape it has.
    id : str or None
        The manager's id.
    seen : bool
        The queue has shown this id under our name; what a submit printed alone may be anybody's.
    step : str
        Where it stands.
    reason : str or None
        Why it stands there, in words for a person.
    since : float
        Since when (seconds since the epoch, as all times here).
    submitted, started, ended, ends : float or None
        When it was submitted, when its present life began, when it was over, when its walltime will be over.
    spent : float
        Seconds that its earlier lives took.
    restarts : int
        How often the manager has started it again.
    expiring : bool
        Its walltime is nearly over: another one is to take its place.
    leaving : bool
        It is being given back and no longer counts.
    uncertain_since : float or None
        When its submit ended without an answer.
    cancelled_at : float or None
        When the manager was last told to cancel it (monotonic seconds); until it is gone it is told again.
    """

    key: str
    group: str = "main"
    id: str | None = None
    seen: bool = False
    step: str = "intended"
    reason: str | None = None
    since: float = field(default_factory=time.time)
    node: str | None = None
    expected_start: float | None = None
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    ends: float | None = None
    spent: float = 0.0
    restarts: int = 0
    workers: set[str] = field(default_factory=set)
    connected: bool = False
    missed: int = 0
    ending_since: float | None = None
    expiring: bool = False
    leaving: bool = False
    uncertain_since: float | None = None
    cancelled_at: float | None = None

    def to(self, step: str, reason: str | None = None) -> None:
        """Take the next step."""
        if step != self.step:
            self.since = time.time()
            logger.info("job %s (%s): %s → %s%s", self.key, self.id, self.step, step, f": {reason}" if reason else "")
        self.step, self.reason = step, reason

    @property
    def holding(self) -> bool:
        """Whether it holds, or is about to hold, a place."""
        return self.step in _HOLDING

    @property
    def place(self) -> bool:
        """Whether it counts as one of those that are wanted."""
        return self.holding and not self.leaving and not self.expiring

    @property
    def waits(self) -> bool:
        """Whether it has not begun to run."""
        return self.step in ("intended", "submitted", "queued")

    @property
    def batch(self) -> str:
        """What its submit was announced as: all tasks of an array share it."""
        return self.key.partition(".")[0]

    def begin(self, when: float | None = None) -> None:
        """Note that it runs."""
        if self.started is None:
            self.started = when or time.time()

    def again(self) -> None:
        """Note that the manager will start it once more: the life before is over."""
        if self.started is not None:
            self.spent += time.time() - self.started
        self.started = self.ends = self.ending_since = self.node = None
        self.connected = self.expiring = False
        self.workers.clear()

    @property
    def lives(self) -> bool:
        """Whether it runs, as far as is known: its cores are held."""
        return self.started is not None and self.ended is None

    def lived(self, now: float) -> float:
        """Return how long (seconds) its present life has lasted, or did."""
        return (self.ended or now) - self.started if self.started is not None else 0.0


@dataclass(frozen=True)
class Loss:
    """A job that went without being asked to.

    Attributes
    ----------
    id : str or None
        The manager's id.
    group : str
        Its group.
    node : str or None
        Where it ran.
    at : float
        When it was found to be gone (seconds since the epoch).
    reason : str
        What happened, in words for a person.
    log : str
        The last lines of its own log; empty when there are none.
    """

    id: str | None
    group: str
    node: str | None
    at: float
    reason: str
    log: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the loss as JSON."""
        return dict(vars(self))
