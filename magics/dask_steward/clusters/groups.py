"""A group: jobs of one shape, how many of them are wanted, and what their submits were told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dask_steward.clusters.jobscript import JobShape

#: First and longest pause (seconds) before a submit is tried again that may succeed later.
RETRY_PAUSES = (2.0, 60.0)
#: A job that died within this time (seconds) of its start died at once.
EARLY = 60.0
#: So many deaths at once, one after the other, and no more jobs are submitted in their place.
EARLY_DEATHS = 3
#: First and longest pause (seconds) before a job that died at once is replaced.
REPLACE_PAUSES = (1.0, 60.0)


@dataclass
class Group:
    """Jobs of one shape.

    Attributes
    ----------
    name : str
        Its name; ``main`` for the profile's own options.
    shape : JobShape
        What one job asks for.
    script : callable
        Returns the job script for a batch's key and its number of jobs.
    walltime : float or None
        Seconds that a job may run, where the profile says so.
    wanted : int
        Jobs that are wanted now.
    refusal : str or None
        Why submits are refused for good; nothing more is submitted until somebody scales.
    deferred : str or None
        Why a submit was put off.
    at_most : int or None
        Largest batch that the manager took, or would take, of late; None when no limit was met.
    alone : bool
        A batch was refused: one job alone is tried, to learn whether arrays are the trouble.
    """

    name: str
    shape: JobShape
    script: Callable[[str, int], str]
    walltime: float | None = None
    resources: dict[str, float] = field(default_factory=dict)
    wanted: int = 0
    refusal: str | None = None
    deferred: str | None = None
    at_most: int | None = None
    alone: bool = False
    retry_at: float = 0.0
    retry_pause: float = RETRY_PAUSES[0]
    deaths: int = 0
    waits: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    startups: deque[float] = field(default_factory=lambda: deque(maxlen=20))

    @property
    def unit(self) -> dict[str, float]:
        """What one job brings."""
        return {"workers": self.shape.processes, "cores": self.shape.cores, "memory": self.shape.memory}

    @property
    def may_submit(self) -> bool:
        """Whether a submit may be made now."""
        return self.refusal is None and time.monotonic() >= self.retry_at

    def renew(self) -> None:
        """Forget what was refused and what died: somebody has asked anew."""
        self.refusal = self.deferred = None
        self.retry_at = 0.0
        self.retry_pause = RETRY_PAUSES[0]
        self.deaths = 0

    def submitted(self, count: int, most: int) -> None:
        """Note that a batch was taken."""
        self.refusal = self.deferred = None
        self.retry_pause = RETRY_PAUSES[0]
        if self.at_most is not None:
            self.at_most = 2 * max(count, self.at_most)
            if self.at_most >= most:
                self.at_most = None

    def defer(self, why: str) -> None:
        """Put the next submit off; of several refusals of one moment only the first counts."""
        now = time.monotonic()
        if now >= self.retry_at:
            self.retry_at = now + self.retry_pause
            self.deferred = f"{why} (tried again in {self.retry_pause:.0f} s)"
            self.retry_pause = min(self.retry_pause * 2, RETRY_PAUSES[1])

    def died(self, lived: float) -> float:
        """Note a death after so many seconds; return the pause (seconds) before it is replaced."""
        self.deaths = self.deaths + 1 if lived < EARLY else 0
        if not self.deaths:
            return 0.0
        pause = min(REPLACE_PAUSES[0] * 2.0 ** (self.deaths - 1), REPLACE_PAUSES[1])
        self.retry_at = max(self.retry_at, time.monotonic() + pause)
        return pause

    @property
    def gave_up(self) -> bool:
        """Whether too many of its jobs died at once."""
        return self.deaths >= EARLY_DEATHS

    @property
    def wait(self) -> float:
        """Longest wait in the queue seen of late, in seconds."""
        return max(self.waits, default=0.0)

    @property
    def startup(self) -> float:
        """Longest time (seconds) seen of late from a job's start to its last worker; a guess before the first."""
        return max(self.startups, default=15.0)
