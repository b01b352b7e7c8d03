"""What became of the jobs: the queue's word, the line's and the scheduler's, put together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from dask_steward.clusters.jobs import Job, Loss
from dask_steward.clusters.jobscript import UNREACHABLE
from dask_steward.clusters.leaving import Leaver
from dask_steward.clusters.line import Event
from dask_steward.clusters.reach import contact_of, verdict
from dask_steward.clusters.roster import Roster, key_of, quoted
from dask_steward.clusters.scheduler_script import place_of
from dask_steward.ledger import holdings
from dask_steward.managers.base import JobState, JobStatus, Unknown

#: Seconds after which a submit without an answer is given up for lost (and may be made again).
UNCERTAIN_LIMIT = 60.0
#: Seconds for which a job that is ending is not called lost yet, since its cause is not known before it has ended.
ENDING_LIMIT = 10.0
_WENT_AWAY = "its workers went away"


@dataclass(frozen=True)
class _Answer:
    """What the queue said: when it was asked, our jobs, and why each that does not run does not, by id."""

    began: float
    jobs: list[JobStatus]
    words: dict[str, str]


@dataclass
class _Gone:
    """What was found out of jobs that are gone: why, and by key their last words and why no job can work, if so."""

    whys: list[tuple[Job, str]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str | None] = field(default_factory=dict)
    unwritten: str | None = None


class Watcher:
    """Follow the jobs of a roster.

    Parameters
    ----------
    roster : Roster
        The jobs.
    leaver : Leaver
        Sends away what is left of a job's life before, when the manager starts it again.
    """

    def __init__(self, roster: Roster, leaver: Leaver) -> None:
        self._roster = roster
        self._leaver = leaver
        self._last = 0.0

    # -- the line and the scheduler --

    def heard(self, event: Event) -> None:
        """Take in what the line says: a job has come up, or its line was cut."""
        job = self._roster.jobs.get(event.key)
        if job is None:
            return
        if event.up:
            job.id = job.id or event.job
            if job.waits or job.node != event.node:
                job.node = event.node
                self._began(job)
            if job.waits:
                job.to("running", f"the {self._roster.noun} runs on {event.node}; its workers are starting")

    def joined(self, address: str, name: str) -> None:
        """A worker has connected."""
        job = self._roster.job_of(name)
        if job is None:
            return
        job.workers.add(address)
        self._began(job)
        group = self._roster.groups[job.group]
        if job.step != "connected" and len(job.workers) >= group.shape.processes:
            job.to("connected")
            if not job.connected and job.started is not None:
                group.startups.append(time.time() - job.started)
            job.connected = True

    def left(self, address: str) -> None:
        """A worker has gone; whether its job did is for the queue to say."""
        for job in self._roster.jobs.values():
            if address in job.workers:
                job.workers.discard(address)
                if job.step == "connected":
                    job.to("running", _WENT_AWAY)

    def _began(self, job: Job, when: float | None = None) -> None:
        if job.started is not None:
            return
        job.begin(when)
        group = self._roster.groups[job.group]
        if job.started is not None and job.submitted is not None and not job.restarts:
            group.waits.append(max(0.0, job.started - job.submitted))
        if job.ends is None and group.walltime is not None and job.started is not None:
            job.ends = job.started + group.walltime

    # -- the queue --

    async def ask(self, max_age: float) -> None:
        """Ask the manager once for all jobs, and take in what it says.

        Parameters
        ----------
        max_age : float
            Seconds that another keeper's answer may be old.
        """
        roster = self._roster
        answer = await asyncio.to_thread(self._answer, max_age)
        if isinstance(answer, Unknown):
            roster.unknown = answer.reason
            return
        if answer.began <= self._last:
            return  # taken in before: who is not in it is not missed twice
        self._last = began = answer.began
        roster.unknown = roster.queue.missing
        by_id = {status.id: status for status in answer.jobs}
        by_key = {key_of(status): status for status in answer.jobs}
        gone: list[tuple[Job, JobStatus | None]] = []
        for job in roster.holding:
            status = by_id.get(job.id or "") or by_key.get(job.key)
            if status is not None:
                if self._take_in(job, status, answer):
                    gone.append((job, status))
            elif job.id is not None and job.since < began:
                job.missed += 1
                if job.missed >= 2:  # once may be a manager that restarts
                    gone.append((job, None))
            elif job.id is None and job.uncertain_since and began - job.uncertain_since > UNCERTAIN_LIMIT:
                job.to("refused", "its submit never got an answer")
                roster.write_down(holdings.REFUSED, {job.key: None}, job.reason)
        if gone:
            await self._gone(gone, answer)

    def _answer(self, max_age: float) -> _Answer | Unknown:
        """Ask, and put reasons into words; in a thread, since both may wait for a command."""
        queue, tag = self._roster.queue, self._roster.site.tag
        found = queue.jobs(max_age)
        if isinstance(found, Unknown):
            return found
        began = queue.began
        ours = [status for status in found if status.name == tag]
        return _Answer(
            began, ours, {status.id: queue.explain(status) for status in ours if status.state is not JobState.RUNNING}
        )

    def _take_in(self, job: Job, status: JobStatus, answer: _Answer) -> bool:
        """Take in what the queue says of a job; return whether it is gone."""
        roster = self._roster
        job.missed = 0
        job.seen = True
        if job.id != status.id:  # a submit without an answer has landed, or its answer named another job
            job.id = status.id
            roster.write_down(holdings.HELD, {job.key: job.id})
        job.submitted = job.submitted or status.submitted
        if status.state is JobState.QUEUED and status.restarts > job.restarts:
            job.restarts = status.restarts
            # A node that the manager calls down may go on working: what it holds is saved, then it has to leave.
            self._leaver.evict(job)
            job.again()
            job.to("queued", f"started again by the manager: {answer.words[status.id]}")
            return False
        job.node = status.node or job.node
        job.expected_start = status.expected_start
        if status.state is JobState.QUEUED:
            # The line and the scheduler are quicker than the queue: what they have told since then is newer.
            if not job.workers and (job.step != "running" or job.since < answer.began):
                job.to("queued", answer.words[status.id])
        elif status.state is JobState.RUNNING:
            job.restarts = max(job.restarts, status.restarts)
            self._began(job, status.started)
            job.ends = status.ends if status.limit is not None or status.ends is not None else None
            if job.step not in ("running", "connected"):
                job.to("running", f"the {self._roster.noun} runs on {job.node}; its workers are starting")
        elif status.state is JobState.ENDING and not job.leaving and self._cause_may_come(job):
            if job.step == "connected":
                job.to("running", _WENT_AWAY)
        else:
            return True
        return False

    @staticmethod
    def _cause_may_come(job: Job) -> bool:
        """Tell whether to wait for the cause of an end: a manager names it only once the job has ended."""
        job.ending_since = job.ending_since or time.monotonic()
        return time.monotonic() - job.ending_since < ENDING_LIMIT

    async def _gone(self, gone: Iterable[tuple[Job, JobStatus | None]], answer: _Answer) -> None:
        """Cross jobs out; those that nobody gave back are lost, and replaced while they are wanted."""
        roster = self._roster
        found = await asyncio.to_thread(self._cross_out, list(gone), answer)
        if found.unwritten is not None:
            roster.refuse_all(found.unwritten)
        for job, why in found.whys:
            job.ended = time.time()
            job.workers.clear()
            if job.leaving or roster.closing:
                job.to("released", why)
                continue
            # One whose walltime was over has been replaced before.
            loss = roster.lose(job, why, found.logs.get(job.key, ""))
            if not job.expiring:
                self._lost(job, loss, found.verdicts.get(job.key))

    def _cross_out(self, gone: list[tuple[Job, JobStatus | None]], answer: _Answer) -> _Gone:
        """Find out why jobs are gone, read what they said last, write them down; in a thread, since all of it waits."""
        roster = self._roster
        lost = [(job, status) for job, status in gone if not (job.leaving or roster.closing)]
        known = [status for _, status in lost if status is not None]
        causes = roster.manager.causes(known) if known else {}
        found = _Gone()
        together: dict[str, dict[str, str | None]] = {}
        for job, status in gone:
            why = roster.manager.gone
            if status is not None:
                why = causes.get(status.id) or answer.words[status.id]
            found.whys.append((job, why))
            together.setdefault(why, {})[job.key] = job.id
        for job, status in lost:
            found.logs[job.key] = roster.last_words(job)
            if not job.expiring:
                found.verdicts[job.key] = self._verdict(job, status)
        try:
            for why, ids in together.items():
                roster.write(holdings.RELEASED, ids, why)
        except OSError as error:
            found.unwritten = f"the ledger cannot be written: {error}"
        return found

    def _lost(self, job: Job, loss: Loss, verdict: str | None) -> None:
        roster = self._roster
        group = roster.groups[job.group]
        if verdict is not None and any(one.connected for one in roster.jobs.values()):
            roster.warn(verdict)  # others work: it is this node's trouble
        elif verdict is not None:
            # The next one would fare no better.
            group.refusal = f"{verdict}{quoted(loss.log)}"
            if not any(one.step in ("running", "connected") for one in roster.jobs.values()):
                roster.fatal = group.refusal
            return
        pause = group.died(job.lived(time.time()))
        if group.gave_up:
            reason = f"{group.deaths} {roster.noun}s died within a minute of their start; the last: {loss.reason}"
            group.refusal = f"{reason}{quoted(loss.log)}"
        elif pause:
            group.deferred = f"{loss.reason}; replaced in {pause:.0f} s"

    def _verdict(self, job: Job, status: JobStatus | None) -> str | None:
        """Return why no job can work, where the last words of one that never connected tell that."""
        roster, site = self._roster, self._roster.site
        if job.connected or job.id is None:
            return None
        return verdict(
            job=job.id,
            node=job.node,
            unreachable=status is not None and status.exit_code == str(UNREACHABLE),
            log_path=roster.log_of(job.id),
            address=contact_of(
                site.agent.address, (site.options.get("scheduler_options") or {}).get("contact_address")
            ),
            own_job=place_of(site.profile) is not None,
            ways=roster.ways,
        )
