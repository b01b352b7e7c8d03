"""What the parts of a queue's workforce share: its jobs, its groups, and who is asked and told about them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from dask_steward.clusters.base import Site
from dask_steward.clusters.groups import Group
from dask_steward.clusters.jobs import Job, Loss
from dask_steward.clusters.line import Line
from dask_steward.ledger import holdings
from dask_steward.ledger.logs import last_words
from dask_steward.managers.base import JobStatus, Manager, Unknown

logger = logging.getLogger(__name__)

#: Losses that are remembered and shown.
LOSSES_SHOWN = 20
#: Warnings that are shown, the newest last.
WARNINGS_SHOWN = 10
#: Lines of a job's log that are quoted when it died.
LOG_LINES = 12


class Queue(Protocol):
    """Who is asked for all of a user's jobs; many keepers share the answers. All calls may block.

    Attributes
    ----------
    began : float
        When the question of the last answer was put (seconds since the epoch).
    """

    began: float
    missing: str | None
    """Why a part of it could not be asked; what is known of that part stands in the last answer."""

    def jobs(self, max_age: float) -> tuple[JobStatus, ...] | Unknown:
        """Return all jobs from an answer that is at most so many seconds old."""

    def explain(self, status: JobStatus) -> str:
        """Return a job's state and its reason in words for a person."""


class Roster:
    """The jobs of one cluster.

    Parameters
    ----------
    site : Site
        The cluster that they belong to.
    manager : Manager
        Takes submits and cancels.
    queue : Queue
        Is asked what became of them.
    line : Line
        Already listening.
    groups : mapping
        All groups by name; ``main`` is among them.
    log_of : callable
        Returns the path of a job's log for its id.
    warnings : list of str
        Sentences that a person should see.
    """

    def __init__(
        self,
        site: Site,
        manager: Manager,
        queue: Queue,
        line: Line,
        groups: Mapping[str, Group],
        log_of: Callable[[str], str],
        warnings: list[str],
    ) -> None:
        self.site, self.manager, self.queue, self.line = site, manager, queue, line
        self.groups = dict(groups)
        self.log_of = log_of
        self.kind = "job"
        self.noun = "job"  # what a person calls one of them
        self.ways: str | None = None  # what helps where one cannot reach the scheduler, if not what helps jobs
        self.frames = True  # whether a log's stack frames are quoted
        self.warnings = warnings
        self.jobs: dict[str, Job] = {}
        self.losses: deque[Loss] = deque(maxlen=LOSSES_SHOWN)
        self.lost = 0  # all losses so far
        self.wake = asyncio.Event()
        self.unknown: str | None = None
        self.fatal: str | None = None  # why no job can ever work
        self.closing = False
        self._next = 1

    def new_batch(self, group: Group, count: int) -> list[Job]:
        """Return new jobs that go in with one submit."""
        batch = f"j{self._next}"
        self._next += 1
        keys = [batch] if count == 1 else [f"{batch}.{number}" for number in range(count)]
        jobs = [Job(key, group.name) for key in keys]
        self.jobs.update((job.key, job) for job in jobs)
        return jobs

    def forget(self, jobs: Iterable[Job]) -> None:
        """Strike out jobs that never came to be."""
        for job in jobs:
            self.jobs.pop(job.key, None)

    def places(self, group: Group) -> list[Job]:
        """Return the jobs that count as wanted ones of a group."""
        return [job for job in self.jobs.values() if job.group == group.name and job.place]

    @property
    def holding(self) -> list[Job]:
        """All jobs that hold, or are about to hold, a place."""
        return [job for job in self.jobs.values() if job.holding]

    @property
    def wanted(self) -> int:
        """Jobs that are wanted in all groups together."""
        return sum(group.wanted for group in self.groups.values())

    def job_of(self, worker: str) -> Job | None:
        """Return the job of a worker's name."""
        return self.jobs.get(worker) or self.jobs.get(worker.rpartition("-")[0])

    def warn(self, sentence: str) -> None:
        """Show a sentence; the same one is not shown twice."""
        if sentence in self.warnings:
            self.warnings.remove(sentence)
        self.warnings.append(sentence)
        del self.warnings[:-WARNINGS_SHOWN]
        logger.warning("%s", sentence)

    def write(self, step: str, ids: Mapping[str, str | None], reason: str | None = None) -> None:
        """Write a step of jobs into the ledger.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if ids:
            self.site.log.write_all(self.kind, ids, step, reason)

    def write_down(self, step: str, ids: Mapping[str, str | None], reason: str | None = None) -> None:
        """Write what has happened already; where the ledger cannot be written, nothing more is submitted."""
        try:
            self.write(step, ids, reason)
        except OSError as error:
            self.refuse_all(f"the ledger cannot be written: {error}")

    def refuse_all(self, reason: str) -> None:
        """Submit nothing more at all until somebody scales."""
        for group in self.groups.values():
            group.refusal = reason

    def lose(self, job: Job, why: str, log: str) -> Loss:
        """Take a job off that went by itself; what its log says last is kept."""
        known = f"{self.named(job.id)}: {why}" if job.id else why
        loss = Loss(job.id, job.group, job.node, time.time(), known, log)
        self.losses.append(loss)
        self.lost += 1
        job.to("lost", known)
        return loss

    def named(self, id: str) -> str:
        """Return what a person calls one: ``job 12``; an id that says itself what it is needs no word before it."""
        return id if id.startswith(self.noun) else f"{self.noun} {id}"

    def last_words(self, job: Job) -> str:
        """Return the end of a job's log, where the cause of an early death stands."""
        if job.id is None:
            return ""
        lines = last_words(self.log_of(job.id), LOG_LINES if self.frames else LOG_LINES * 20)
        return "\n".join(lines if self.frames else without_frames(lines)[-LOG_LINES:])

    def released(self, jobs: Iterable[Job], why: str) -> None:
        """Cross jobs out that are gone."""
        self.write_down(holdings.RELEASED, {job.key: job.id for job in jobs}, why)


def without_frames(lines: Iterable[str]) -> list[str]:
    """Return the lines of a log that are no part of a stack: a chain of errors is what each of them says.

    >>> without_frames(["Traceback (most recent call last):", '  File "a.py", line 1', "KeyError: 1", "it ended"])
    ['KeyError: 1', 'it ended']
    """
    between = ("Traceback (most", "The above exception was", "During handling of the above")
    return [line for line in lines if not line.startswith((" ", *between))]


def key_of(status: JobStatus) -> str:
    """Return our key of a job: ``j3``, or ``j3.7`` for a task of an array."""
    batch = str(status.comment or "").rpartition(":")[2]
    array, _, task = status.id.partition("_")
    return f"{batch}.{task}" if task and array.isdigit() else batch


def quoted(log: str) -> str:
    """Return a log's last lines as the end of a sentence."""
    return ". The end of its log:\n" + "\n".join(f"    {line}" for line in log.splitlines()) if log else ""
