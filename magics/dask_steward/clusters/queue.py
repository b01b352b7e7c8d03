"""Workers as jobs of a queue: wanted jobs and held jobs kept apart, and a loop that brings them together.

A job is ``intended`` → ``submitted`` → ``queued`` → ``running`` → ``connected`` → ``lost`` or ``ended`` → ``released``,
each step with its reason and time. Intent is on disk before the submit; ``released`` is written only after the manager
has said that the job is gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from dask_steward.clusters.base import Counts, HoldingView, Site, Workforce
from dask_steward.clusters.jobs import Job
from dask_steward.clusters.line import Event, Line
from dask_steward.errors import StewardError, SubmitRefused, SubmitUncertain
from dask_steward.ledger import holdings
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown
from dask_steward.release.marked import end_marked

logger = logging.getLogger(__name__)

#: Submits under way at once: enough to be quick, few enough for a busy controller.
SUBMITS_AT_ONCE = 4
#: Seconds between two questions while something is changing, and while nothing is.
BUSY_INTERVAL, IDLE_INTERVAL = 1.0, 15.0
#: Seconds for which an orderly stop tries to verify; then the guard goes on.
RELEASE_LIMIT = 10.0
#: Seconds after which a submit without an answer is given up for lost (and may be made again).
UNCERTAIN_LIMIT = 60.0
#: First and longest pause (seconds) before a submit is tried again that may succeed later.
RETRY_PAUSES = (2.0, 60.0)
#: Seconds after which a job that was cancelled and is still there is cancelled once more.
CANCEL_AGAIN = 3.0
#: Seconds for which data may move off workers that are given back.
RETIRE_LIMIT = 120.0
#: Seconds for which a job that is ending is not called lost yet, since its cause is not known before it has ended.
ENDING_LIMIT = 10.0
#: Lines of a job's log that are quoted when it died before it connected.
LOG_LINES = 12


class QueueWorkforce(Workforce):
    """Jobs of one manager.

    Parameters
    ----------
    site : Site
        The cluster that they belong to.
    manager : Manager
        Speaks to the resource manager.
    script_for : callable
        Returns the job script for a key.
    processes, cores, memory : int
        What one job brings: worker processes, threads, bytes.
    line : Line
        Already listening.
    log_of : callable
        Returns the path of a job's log for its id.
    """

    def __init__(
        self,
        site: Site,
        manager: Manager,
        script_for: Callable[[str], str],
        *,
        processes: int,
        cores: int,
        memory: int,
        line: Line,
        log_of: Callable[[str], str],
    ) -> None:
        super().__init__(site)
        self.jobs: dict[str, Job] = {}
        self._manager = manager
        self._script_for = script_for
        self._processes, self._cores, self._memory = processes, cores, memory
        self._line = line
        self._log_of = log_of
        self._next = 1
        self._closing = False
        self._wake = asyncio.Event()
        self._submits = asyncio.Semaphore(SUBMITS_AT_ONCE)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._retry_at = 0.0
        self._retry_pause = RETRY_PAUSES[0]
        self._unknown: str | None = None
        self._refusal: str | None = None
        self._deferred: str | None = None
        self._scale = asyncio.Lock()
        self._reconciling: asyncio.Task[None] | None = None

    # -- what is shown --

    @property
    def unit(self) -> dict[str, float]:
        return {"workers": self._processes, "cores": self._cores, "memory": self._memory}

    @property
    def needs_all(self) -> bool:
        return False

    def _in(self, *steps: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.step in steps]

    def counts(self) -> Counts:
        asked = self.wanted * self._processes
        running = sum(len(job.workers) for job in self.jobs.values() if not job.leaving)
        lost = len(self._in("lost")) * self._processes
        if self._refusal is None:
            queued = max(0, asked - running - lost)  # with those that are submitted in a moment
        else:
            waiting = [job for job in self._in("intended", "submitted", "queued", "running") if not job.leaving]
            queued = sum(self._processes - len(job.workers) for job in waiting)
        return Counts(asked, queued, running, lost)

    def holdings(self) -> list[HoldingView]:
        return [
            HoldingView("job", job.id, job.step, job.reason, job.expected_start, job.node, job.since)
            for job in self.jobs.values()
            if job.holding
        ]

    def reason(self) -> str | None:
        if self._unknown:
            return f"unknown: {self._unknown}"
        if self._refusal or self._deferred:
            return self._refusal or self._deferred
        lost = self._in("lost")
        waiting = [job for job in self._in("submitted", "queued") if not job.leaving]
        if waiting:
            # The one that is to start first speaks for all: they wait for the same thing in the same queue.
            first = min(waiting, key=lambda job: (job.expected_start or float("inf"), job.key))
            return f"{len(waiting)} of {self.wanted} jobs wait: {first.reason or 'submitted'}"
        if lost:
            return f"{len(lost)} of {self.wanted} jobs lost: {lost[-1].reason}"
        starting = self._in("intended", "running")
        return f"{len(starting)} of {self.wanted} jobs are starting" if starting else None

    def core_seconds(self) -> float:
        now = time.time()
        return sum(
            ((job.ended or now) - job.started) * self._cores for job in self.jobs.values() if job.started is not None
        )

    # -- the loop --

    def start(self) -> None:
        """Start the reconcile loop."""
        self._reconciling = asyncio.create_task(self._reconcile())

    def heard(self, event: Event) -> None:
        """Take in what the line says: a job has come up, or its line was cut."""
        job = self.jobs.get(event.key)
        if job is None:
            return
        if event.up:
            job.node = event.node
            job.id = job.id or event.job
            job.started = job.started or time.time()
            if job.step in ("intended", "submitted", "queued"):
                job.to("running", f"the job runs on {event.node}; its workers are starting")
        self._wake.set()
        self.site.changed()

    def joined(self, address: str, name: object) -> None:
        """A worker has connected."""
        job = self._job_of(name)
        if job is None:
            return
        job.workers.add(address)
        job.started = job.started or time.time()
        if job.step != "connected" and len(job.workers) >= self._processes:
            job.to("connected")
        self._wake.set()
        self.site.changed()

    def left(self, address: str) -> None:
        """A worker has gone; whether its job did is for the queue to say."""
        for job in self.jobs.values():
            if address in job.workers:
                job.workers.discard(address)
                if job.step == "connected":
                    job.to("running", "workers of this job went away")
        self._wake.set()
        self.site.changed()

    def _job_of(self, name: object) -> Job | None:
        text = str(name)
        return self.jobs.get(text) or self.jobs.get(text.rpartition("-")[0])

    async def _reconcile(self) -> None:
        while not self._closing:
            self._wake.clear()
            try:
                self._submit_missing()
                if any(job.holding for job in self.jobs.values()):
                    await self._ask()
            except OSError as error:
                # The ledger cannot be written: nothing more is submitted, what runs goes on.
                self._refuse(f"the ledger cannot be written: {error}")
            self.site.changed()
            settled = all(
                job.step in ("connected", "lost", "ended", "released", "refused") for job in self.jobs.values()
            )
            quiet = settled and not self._unknown and not self._deferred
            interval = IDLE_INTERVAL if quiet else BUSY_INTERVAL
            try:
                await asyncio.wait_for(self._wake.wait(), interval)
            except asyncio.TimeoutError:
                continue
            # A burst of events (200 workers connect) is one question to the manager.
            await asyncio.sleep(0.2)

    def _submit_missing(self) -> None:
        if self._closing or self._refusal or time.monotonic() < self._retry_at:
            return
        # A lost job keeps its place in the count: it is shown, and replaced when somebody scales.
        places = [job for job in self.jobs.values() if (job.holding or job.step == "lost") and not job.leaving]
        for _ in range(self.wanted - len(places)):
            job = Job(f"j{self._next}")
            self._next += 1
            self.jobs[job.key] = job
            task = asyncio.create_task(self._submit(job))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _submit(self, job: Job) -> None:
        async with self._submits:
            if self._closing or job.leaving or self._refusal or time.monotonic() < self._retry_at:
                self.jobs.pop(job.key, None)
                if self._refusal:  # what one submit was told holds for those behind it
                    self._refuse(self._refusal)
                return
            try:
                await asyncio.to_thread(self._submit_now, job)
            except SubmitUncertain as error:
                # It may be in the queue: it is looked for by its comment, and not made again meanwhile.
                job.uncertain_since = time.time()
                job.to("intended", error.message)
            except SubmitRefused as error:
                job.to("refused", error.message)
                self._refused(job, error)
                self._note_refused(job)
            except (OSError, StewardError) as error:
                self._not_submitted(job, error)
            else:
                self._retry_pause = RETRY_PAUSES[0]
                self._refusal = self._deferred = None
                if job.step == "intended":
                    job.to("submitted")
                if self._closing or job.leaving:
                    await self._cancel([job])
        self._wake.set()
        self.site.changed()

    def _submit_now(self, job: Job) -> None:
        """Announce, submit, note the id; runs in a thread."""
        self.site.log.write("job", job.key, holdings.INTENT)
        script = self._script_for(job.key)
        job.id = self._manager.submit(script, job_name=self.site.tag, comment=f"{self.site.tag}:{job.key}")
        self.site.log.write("job", job.key, holdings.HELD, job.id)

    def _not_submitted(self, job: Job, error: OSError | StewardError) -> None:
        if job.id is None:
            job.to("refused", str(error))
        elif job.step == "intended":
            # It is in the queue, only its id could not be written down: its tag stands for it.
            job.to("submitted", str(error))
        self._refuse(f"the ledger or the submit command failed: {error}" if isinstance(error, OSError) else str(error))

    def _note_refused(self, job: Job) -> None:
        try:
            self.site.log.write("job", job.key, holdings.REFUSED, reason=job.reason)
        except OSError as error:
            self._refuse(f"the ledger cannot be written: {error}")

    def _refused(self, job: Job, error: SubmitRefused) -> None:
        if not error.retryable:
            self._refuse(error.message)
            return
        self.jobs.pop(job.key, None)
        now = time.monotonic()
        if now >= self._retry_at:  # one pause for all submits that were under way together
            self._retry_at = now + self._retry_pause
            self._deferred = f"{error.message} (tried again in {self._retry_pause:.0f} s)"
            self.warnings[:] = [self._deferred]
            self._retry_pause = min(self._retry_pause * 2, RETRY_PAUSES[1])

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        if not any(job.holding for job in self.jobs.values()):
            self.failure = reason

    async def _ask(self) -> None:
        """Ask the manager once for all jobs, and take in what it says."""
        asked_at = time.time()
        answer = await asyncio.to_thread(self._manager.jobs)
        if isinstance(answer, Unknown):
            self._unknown = answer.reason
            return
        self._unknown = None
        by_id = {status.id: status for status in answer if status.name == self.site.tag}
        by_comment = {status.comment: status for status in answer if status.name == self.site.tag}
        for job in list(self.jobs.values()):
            if not job.holding:
                continue
            status = by_id.get(job.id or "") or by_comment.get(f"{self.site.tag}:{job.key}")
            if status is not None:
                self._take_in(job, status, asked_at)
            elif job.id is not None and job.since < asked_at:
                job.missed += 1
                if job.missed >= 2:  # once may be a manager that restarts
                    self._gone(job, "it is no longer in the queue")
            elif job.id is None and job.uncertain_since and asked_at - job.uncertain_since > UNCERTAIN_LIMIT:
                job.to("refused", "its submit never got an answer")
                self._note_refused(job)
        await self._cancel_again()

    async def _cancel_again(self) -> None:
        """Cancel what was given back and is still there: a cancel can fail, or come before its job."""
        due = time.monotonic() - CANCEL_AGAIN
        known = [job for job in self.jobs.values() if job.holding and job.id is not None]
        again = [job for job in known if job.cancelled_at is not None and job.cancelled_at < due]
        if again:
            await self._cancel(again)

    def _take_in(self, job: Job, status: JobStatus, asked_at: float) -> None:
        job.missed = 0
        if job.id is None:  # a submit without an answer has landed
            job.id = status.id
            self.site.log.write("job", job.key, holdings.HELD, job.id)
        job.node = status.node or job.node
        job.expected_start = status.expected_start
        if status.state is JobState.QUEUED:
            # The line and the scheduler are quicker than the queue: what they have told since then is newer.
            if not job.workers and (job.step != "running" or job.since < asked_at):
                job.to("queued", self._manager.explain(status))
        elif status.state is JobState.RUNNING:
            job.started = job.started or status.started or time.time()
            if job.step not in ("running", "connected"):
                job.to("running", f"the job runs on {job.node}; its workers are starting")
        elif status.state is JobState.ENDING and not job.leaving and self._cause_may_come(job):
            if job.step == "connected":
                job.to("running", "workers of this job went away")
        else:
            self._gone(job, self._manager.explain(status))

    @staticmethod
    def _cause_may_come(job: Job) -> bool:
        """Tell whether to wait for the cause of an end: a manager names it only once the job has ended."""
        job.ending_since = job.ending_since or time.monotonic()
        return time.monotonic() - job.ending_since < ENDING_LIMIT

    def _gone(self, job: Job, why: str) -> None:
        job.ended = time.time()
        job.workers.clear()
        self.site.log.write("job", job.key, holdings.RELEASED, job.id, reason=why)
        if job.leaving or self._closing:
            job.to("released", why)
            return
        connected = job.step == "connected" or (
            job.started is not None and job.reason == "workers of this job went away"
        )
        quoted = "" if connected else self._last_words(job)
        job.to("lost", f"job {job.id}: {why}{quoted}")
        if not any(one.holding for one in self.jobs.values()) and not connected:
            self.failure = job.reason

    def _last_words(self, job: Job) -> str:
        """Return the end of a job's log, where the cause of an early death stands."""
        try:
            with open(self._log_of(job.id or ""), encoding="utf-8", errors="replace") as file:
                lines = [line.rstrip() for line in file if line.strip()]
        except OSError:
            return ""
        return ". The end of its log:\n" + "\n".join(f"    {line}" for line in lines[-LOG_LINES:]) if lines else ""

    # -- down --

    async def scale(self, units: int) -> None:
        async with self._scale:
            self.wanted = units
            self._refusal = self._deferred = self.failure = None
            self._retry_at = 0.0
            for job in self._in("lost"):
                job.to("ended", job.reason)  # its place is free for a new one
            holding = [job for job in self.jobs.values() if job.holding and not job.leaving]
            if len(holding) > units:
                await self._give_back(self._cheapest(holding)[: len(holding) - units])
        self._wake.set()
        self.site.changed()

    def _cheapest(self, jobs: Iterable[Job]) -> list[Job]:
        """Return jobs in the order in which they are given back: queued ones, then the idlest."""
        states = self.site.scheduler.workers

        def cost(job: Job) -> tuple[int, int, int]:
            known = [states[address] for address in job.workers if address in states]
            if job.step in ("intended", "submitted", "queued"):
                return (0, 0, 0)
            return (1 + bool(known), sum(len(one.processing) for one in known), sum(one.nbytes for one in known))

        return sorted(jobs, key=cost)

    async def _give_back(self, leaving: list[Job]) -> None:
        for job in leaving:
            job.leaving = True
        addresses = [address for job in leaving for address in job.workers]
        if addresses:
            try:
                # By address and all of a job's workers at once: data of one must not move to its sibling.
                await asyncio.wait_for(
                    self.site.scheduler.retire_workers(workers=addresses, close_workers=False), RETIRE_LIMIT
                )
            except asyncio.TimeoutError:
                still = {address for address in addresses if address in self.site.scheduler.workers}
                kept = [job for job in leaving if job.workers & still]
                for job in kept:
                    job.leaving = False
                names = ", ".join(str(job.id) for job in kept)
                self.warnings.append(
                    f"jobs {names} are kept: their data could not be moved within {RETIRE_LIMIT:.0f} s"
                )
                leaving = [job for job in leaving if job.leaving]
            except BaseException:
                for job in leaving:
                    job.leaving = False
                raise
        await self._cancel(leaving)

    async def _cancel(self, jobs: Iterable[Job]) -> None:
        jobs = list(jobs)
        for job in jobs:
            self._line.unwanted(job.key)
            job.cancelled_at = time.monotonic()
            job.to(job.step, "given back")
        ids = [job.id for job in jobs if job.id is not None]
        if ids:
            answer = await asyncio.to_thread(self._manager.cancel, ids)
            if isinstance(answer, Unknown):
                self._unknown = answer.reason

    async def release(self, urgent: bool) -> str | None:
        self._closing = True
        self.wanted = 0
        self._wake.set()
        left = await self._cancel_all()
        self._line.close()
        # Submit commands that hang end here; the guard looks for what they may still bring.
        await asyncio.to_thread(end_marked, self.site.id, ProcessIdentity.of(), 1.0)
        return left

    async def _cancel_all(self) -> str | None:
        """Cancel by id and by tag until the queue is empty of it, or the time for it is over."""
        deadline = time.monotonic() + RELEASE_LIMIT
        await self._cancel([job for job in self.jobs.values() if job.holding])
        pause, by_name_at = 0.05, time.monotonic() + 2.0
        while True:
            # Taken before the question: what is submitted meanwhile cannot stand in its answer.
            in_flight = bool(self._in_flight)
            asked_for = [job for job in self.jobs.values() if job.holding and job.id is not None]
            answer = await asyncio.to_thread(self._manager.find_by_tag, [self.site.tag])
            if isinstance(answer, Unknown):
                left = f"it is not known what is still held: {answer.reason}"
            else:
                jobs = answer.get(self.site.tag, ())
                live = [one.id for one in jobs if one.state in (JobState.QUEUED, JobState.RUNNING)]
                for job in asked_for:
                    if job.holding and job.id not in live:
                        self._gone(job, "given back")
                uncertain = [job for job in self.jobs.values() if job.step == "intended" and job.id is None]
                if not live and not in_flight and not self._in_flight and not uncertain:
                    return None
                left = f"{len(live)} jobs are still in the queue" if live else "a submit may still be in flight"
                if live:
                    await asyncio.to_thread(self._manager.cancel, live)
                    if time.monotonic() > by_name_at:
                        await asyncio.to_thread(self._manager.cancel_tag, self.site.tag)
            if time.monotonic() > deadline:
                return left
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
