"""One queue for all keepers of a user on one host: however many clusters there are, their manager is asked once."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown
from dask_steward.managers.snapshot import Snapshot, tidy

AFTER_TIMEOUT = 8.0
"""Seconds that asking may take beyond the command's time limit: to end it, and to ask whether the controller is up."""

FACTS_AGE = 30.0
"""Seconds between two questions for what only explains a reason, such as how many jobs are before ours."""

_FIELDS = tuple(field.name for field in dataclasses.fields(JobStatus))


class SharedQueue:
    """A manager's queue, asked for together with all other keepers of this user on this host.

    Releases must not use it: they ask their manager themselves, since what they decide cannot be taken back.

    Parameters
    ----------
    manager : Manager
        Whom to ask; its `connection` tells with whom the answers are shared.
    folder : str
        The user's private folder on this host.
    """

    def __init__(self, manager: Manager, folder: str) -> None:
        self.missing: str | None = None
        self.began = 0.0
        """When the question of the last answer was put (seconds since the epoch)."""
        self._dated = 0.0
        self._manager = manager
        self._folder = folder
        # A keeper of another version shares with its like: what it tells of a job may be something else.
        self._name = json.dumps([manager.system, sorted(manager.connection().items()), _FIELDS])
        self._queue = self._snapshot("jobs")
        self._facts: dict[str, Snapshot] = {}
        self._taken: tuple[Any, tuple[JobStatus, ...]] = (None, ())
        tidy(folder)

    def jobs(self, max_age: float) -> tuple[JobStatus, ...] | Unknown:
        """Return all jobs of this user, from a question that was put at most `max_age` seconds ago.

        Parameters
        ----------
        max_age : float
            Seconds. 0 means an answer whose question was put after this call.

        Returns
        -------
        tuple of JobStatus, or Unknown
            It may be another process's answer, failures included. Waits, at the worst, for one such question that is
            under way and a second one of its own: twice the manager's time limit.
        """
        heard = self._queue.get(max_age, self._ask_jobs)
        if heard.began != self._dated:
            # Once for each answer: one that is taken a second time must not look newer.
            self._dated = heard.began
            self.began = time.time() - (time.monotonic() - heard.began)
        if heard.failed:
            return Unknown(str(heard.answer))
        if heard.answer is not self._taken[0]:
            try:
                self._taken = (heard.answer, tuple(_status(row) for row in heard.answer))
            except (TypeError, ValueError):
                # Damaged in a way that could not be seen before.
                self.began = time.time()
                return self._manager.jobs()
        return self._taken[1]

    def explain(self, status: JobStatus) -> str:
        """Return a job's state and its reason as one phrase, with the numbers behind the reason where they are told.

        They cost a question of their own, which is put at most once in 30 s by all keepers together, and only while a
        job waits for such a reason. Where it is not answered the phrase is the manager's plain one.
        """
        wanted = self._manager.explained_by(status)
        if wanted is None:
            return self._manager.explain(status)
        if wanted not in self._facts:
            self._facts[wanted] = self._snapshot(wanted)
        heard = self._facts[wanted].get(FACTS_AGE, lambda: self._ask_facts(wanted))
        return self._manager.explain(status, None if heard.failed else heard.answer)

    def _snapshot(self, question: str) -> Snapshot:
        return Snapshot(self._folder, f"{question} {self._name}", self._manager.timeout + AFTER_TIMEOUT)

    def _ask_jobs(self) -> tuple[Any, bool]:
        answer = self._manager.jobs()
        if isinstance(answer, Unknown):
            return answer.reason, True
        return [[getattr(status, name) for name in _FIELDS] for status in answer], False

    def _ask_facts(self, wanted: str) -> tuple[Any, bool]:
        answer = self._manager.facts(wanted)
        return (answer.reason, True) if isinstance(answer, Unknown) else (answer, False)


def _status(row: list[Any]) -> JobStatus:
    values = dict(zip(_FIELDS, row, strict=True))
    return JobStatus(**{**values, "state": JobState(values["state"])})
