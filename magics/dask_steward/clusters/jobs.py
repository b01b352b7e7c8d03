"""One job of a cluster and the steps that it takes.

``intended`` → ``submitted`` → ``queued`` → ``running`` → ``connected`` → ``lost`` or ``ended`` → ``released``; a submit
that is refused ends as ``refused``.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

#: Steps of a job that holds, or is about to hold, a place.
_HOLDING = ("intended", "submitted", "queued", "running", "connected")


@dataclass
class Job:
    """One job of the cluster.

    Attributes
    ----------
    key : str
        Our name of it, also the name of its worker (with ``-0``, ``-1`` … where it has several processes).
    id : str or None
        The manager's id.
    step : str
        Where it stands.
    reason : str or None
        Why it stands there, in words for a person.
    leaving : bool
        It is being given back and no longer counts.
    uncertain_since : float or None
        When its submit ended without an answer (seconds since the epoch).
    cancelled_at : float or None
        When the manager was last told to cancel it (monotonic seconds); until it is gone it is told again.
    """

    key: str
    id: str | None = None
    step: str = "intended"
    reason: str | None = None
    since: float = field(default_factory=time.time)
    node: str | None = None
    expected_start: float | None = None
    started: float | None = None
    ended: float | None = None
    workers: set[str] = field(default_factory=set)
    missed: int = 0
    ending_since: float | None = None
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
