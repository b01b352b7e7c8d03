"""Watch the queue while something dies: when was the last job of a tag gone, and what did it cost?"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from tests.support.private_slurm import PrivateSlurm

HOLDING = ("RUNNING", "CONFIGURING", "SUSPENDED", "COMPLETING", "STAGE_OUT")
"""States in which a job holds its nodes."""

WANTED = ("PENDING", "RUNNING", "CONFIGURING", "SUSPENDED", "REQUEUED")
"""States of a job that nobody has told to end."""


class Sample(NamedTuple):
    """The jobs of the tag at one moment (seconds of the monotonic clock)."""

    moment: float
    wanted: int
    holding: int


class Watch:
    """Look at the jobs of a tag many times a second, from a thread, as long as the ``with`` block lasts.

    While the controller does not answer nothing is known: the last sample stands until the next one.

    Parameters
    ----------
    slurm : PrivateSlurm
        Where.
    tag : str
        Job name.
    interval : float
        Seconds between two looks; each costs about 10 ms of one core.
    """

    def __init__(self, slurm: PrivateSlurm, tag: str, interval: float = 0.1) -> None:
        self.slurm, self.tag, self.interval = slurm, tag, interval
        self.samples: list[Sample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join(70)

    def _look(self) -> None:
        while not self._over.wait(self.interval):
            before = time.monotonic()
            try:
                jobs = self.slurm.jobs_with_tag(self.tag)
            except RuntimeError:
                continue  # the controller does not answer
            # Dated by its beginning: a job that is not in an answer was gone when it was asked for, at the latest
            # when the answer came; the difference is the error of what is told here.
            wanted = sum(job.state in WANTED for job in jobs)
            self.samples.append(Sample(before, wanted, sum(job.state in HOLDING for job in jobs)))

    def wait_gone(self, timeout: float) -> None:
        """Wait until no job of the tag is wanted or holds a node.

        Raises
        ------
        TimeoutError
            If that takes longer than `timeout` seconds.
        """
        began, deadline = time.monotonic(), time.monotonic() + timeout
        while not (self.samples and self.samples[-1].moment > began and not any(self.samples[-1][1:])):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still there after {timeout:g} s: {self.slurm.jobs_with_tag(self.tag)}")
            time.sleep(self.interval / 2)

    def seconds_until_gone(self, since: float, *, nodes_too: bool = False) -> float:
        """Return after how many seconds from a moment (monotonic) no job was wanted any more.

        Parameters
        ----------
        since : float
            The moment.
        nodes_too : bool
            Count jobs until their nodes were free (COMPLETING is over).
        """
        seen = [s.moment for s in self.samples if s.moment >= since and (s.wanted or (nodes_too and s.holding))]
        later = [s.moment for s in self.samples if s.moment > (seen[-1] if seen else since)]
        if not later:
            raise ValueError("the watch ended before the jobs did")
        return later[0] - since

    def node_seconds(self, since: float) -> float:
        """Return what jobs of one node each held from a moment (monotonic) until the last sample."""
        total = 0.0
        for sample, following in zip(self.samples, self.samples[1:], strict=False):
            total += sample.holding * max(0.0, following.moment - max(sample.moment, since))
        return total
