"""The scheduler of a cluster in a job of its own: submitted, waited for, watched and given back like every job.

The keeper stays where it was. The job holds the line to the keeper, so it leaves when the keeper goes; it tells its
address in a file of the entry, and from then on the keeper speaks to it through a `RemoteAgent`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dask_steward.clusters.base import HoldingView
from dask_steward.clusters.line import Event
from dask_steward.clusters.roster import Queue
from dask_steward.clusters.scheduler_host import FILE
from dask_steward.errors import StartFailed, SubmitRefused, SubmitUncertain
from dask_steward.ledger import files, holdings
from dask_steward.ledger.holdings import HoldingsLog
from dask_steward.ledger.logs import last_words
from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown

logger = logging.getLogger(__name__)

#: Its key in the ledger, and what its comment ends with.
KEY = "scheduler"
#: Seconds between two questions to the queue while something is awaited, and afterwards.
BUSY_INTERVAL, IDLE_INTERVAL = 1.0, 15.0
#: First and longest pause (seconds) before a submit that may succeed later is made again.
RETRY_PAUSES = (2.0, 60.0)
#: Seconds after which a submit without an answer is given up for lost.
UNCERTAIN_LIMIT = 60.0
#: Seconds for which a job that is ending is not called lost yet: its cause is known once it has ended.
ENDING_LIMIT = 10.0
#: Seconds for which an orderly stop tries to verify; then the guard goes on.
RELEASE_LIMIT = 10.0
#: Lines of its log that are quoted when it is lost.
LOG_LINES = 12
#: People are told this long (seconds) before its walltime is over, or a tenth of the walltime where that is longer,
#: but not in the first half of its life.
NOTICE, NOTICE_SHARE = 600.0, 0.1


@dataclass(frozen=True)
class _Answer:
    """What the queue said of the job: None where it does not know it."""

    began: float
    status: JobStatus | None
    words: str


class SchedulerJob:
    """One scheduler's job.

    Parameters
    ----------
    manager : Manager
        Takes the job.
    queue : Queue
        Is asked what became of it, from one thread at a time.
    log : HoldingsLog
        What is taken is written there first.
    tag, folder : str
        The cluster's tag and its folder in the ledger.
    script : str
        What it runs.
    cores : int
        Cores that it holds.
    log_of : callable
        Returns the path of a job's log for its id.
    waiting : callable
        Told in words for a person why there is no scheduler yet.
    lost : callable
        Told the cause when a scheduler that was up has gone.
    """

    def __init__(
        self,
        manager: Manager,
        queue: Queue,
        log: HoldingsLog,
        *,
        tag: str,
        folder: str,
        script: str,
        cores: int,
        log_of: Callable[[str], str],
        waiting: Callable[[str], None],
        lost: Callable[[str], None],
    ) -> None:
        self.id: str | None = None
        self.node: str | None = None
        self.step = "intended"
        self._reason: str | None = None
        self._since = time.time()
        self._expected: float | None = None
        self._started: float | None = None
        self._ended: float | None = None
        self._ends: float | None = None
        self._ending_since: float | None = None
        self._missed = 0
        self._facts: dict[str, Any] | None = None
        self._manager, self._queue, self._log = manager, queue, log
        self._tag, self._folder, self._script = tag, folder, script
        self._cores, self._log_of, self._waiting, self._lost = cores, log_of, waiting, lost
        self._up = False
        self._releasing = False
        self._wake = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    # -- what is shown --

    @property
    def holding(self) -> bool:
        """Whether it holds, or may hold, a place."""
        return self._log.known[KEY].open if KEY in self._log.known else False

    def holdings(self) -> list[HoldingView]:
        """Return it as every face shows it; nothing once it is gone."""
        if not self.holding:
            return []
        known = (self.id, self.step, self._reason, self._expected, self.node, self._since)
        return [HoldingView("job", *known, group=KEY, ends=self._ends, key=KEY)]

    def core_seconds(self) -> float:
        """Return core-seconds held so far."""
        return ((self._ended or time.time()) - self._started) * self._cores if self._started is not None else 0.0

    def cores_held(self) -> int:
        """Return the cores that it holds now."""
        return self._cores if self._started is not None and self._ended is None else 0

    @property
    def warning(self) -> str | None:
        """Return a sentence when its walltime is over soon."""
        if self._ends is None or self._started is None or not self.holding:
            return None
        left, limit = self._ends - time.time(), self._ends - self._started
        if left > min(max(NOTICE, NOTICE_SHARE * limit), limit / 2):
            return None
        at = time.strftime("%H:%M", time.localtime(self._ends))
        return (
            f"The scheduler's job {self.id} reaches its walltime at {at}, and the cluster ends with it: a scheduler "
            "cannot be moved. Save what you need, and give scheduler.walltime more next time."
        )

    def _to(self, step: str, reason: str | None) -> None:
        if step != self.step:
            self._since = time.time()
            logger.info(
                "the scheduler's job (%s): %s → %s%s", self.id, self.step, step, f": {reason}" if reason else ""
            )
        if (step, reason) != (self.step, self._reason) and not self._up and not self._releasing:
            self.step, self._reason = step, reason
            self._waiting(f"the scheduler's job {self.id or ''}".rstrip() + f": {reason or step}")
        self.step, self._reason = step, reason

    # -- up --

    async def start(self) -> dict[str, Any]:
        """Submit it, and wait until its scheduler can be spoken to.

        Returns
        -------
        dict
            What it told: ``address``, ``contact`` (the address for workers, or None), ``pages`` (why there are none,
            or None).

        Raises
        ------
        StartFailed
            With the manager's or the scheduler's own words; the job is not held any more then, or is being released.
        """
        # An answer of another job cannot be there: the entry is new. Listed all the same before the first look.
        await self._submit()
        self._to("submitted" if self.id else "intended", None)
        self._watching = asyncio.create_task(self._watch())
        told = asyncio.create_task(self._address())
        try:
            await asyncio.wait([self._watching, told], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not told.done():
                told.cancel()
        if not told.done() or told.cancelled():
            self._watching.result()  # raises why
            raise StartFailed("The scheduler's job has ended.")
        facts = told.result()
        if facts.get("error"):
            raise StartFailed(f"In its job {self.id}: {facts['error']}", field="scheduler")
        self._up = True
        self._to("connected", None)
        return facts

    async def _submit(self) -> None:
        pause = RETRY_PAUSES[0]
        while True:
            try:
                await asyncio.to_thread(self._submit_now)
            except SubmitUncertain as error:
                # It may be in the queue, and is looked for by its comment.
                self._to("intended", error.message)
                return
            except SubmitRefused as error:
                self._log.write("job", KEY, holdings.REFUSED, reason=error.message)
                if not error.retryable:
                    raise StartFailed(f"The scheduler's job was refused: {error}", field="scheduler") from error
                self._to("intended", f"{error.message} (tried again in {pause:.0f} s)")
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_PAUSES[1])
            else:
                return

    def _submit_now(self) -> None:
        """Announce, submit, note the id; runs in a thread."""
        self._log.write("job", KEY, holdings.INTENT)
        ids = self._manager.submit(self._script, job_name=self._tag, comment=f"{self._tag}:{KEY}")
        self.id = ids[0]
        self._log.write("job", KEY, holdings.HELD, self.id)

    async def _address(self) -> dict[str, Any]:
        """Wait for the file in which the scheduler says where it is."""
        pause = 0.1
        while True:
            if self.step in ("running", "connected"):
                found = await asyncio.to_thread(self._read)
                if found is not None:
                    return found
                pause = min(pause * 1.2, 1.0)
            await asyncio.sleep(pause)

    def _read(self) -> dict[str, Any] | None:
        # Listed first: on NFS a look-up that failed before would otherwise be believed for 30 s.
        if FILE not in os.listdir(self._folder):
            return None
        try:
            return files.read_json(os.path.join(self._folder, FILE))
        except (FileNotFoundError, files.TornFile):
            return None

    # -- the watch --

    def heard(self, event: Event) -> None:
        """Take in what the line says."""
        if event.up:
            self.node = event.node
            self.id = self.id or event.job
            self._started = self._started or time.time()
            if not self._up:
                self._to("running", f"runs on {event.node}; the scheduler is starting")
        self._wake.set()

    def doubt(self) -> None:
        """Ask the queue at once: the scheduler does not answer."""
        self._wake.set()

    async def _watch(self) -> None:
        """Follow the job until it is gone; raise why, or tell it where the scheduler was up already."""
        uncertain_since = time.time() if self.id is None else None
        last, age = 0.0, BUSY_INTERVAL
        while not self._releasing:
            self._wake.clear()
            answer = await asyncio.to_thread(self._ask, age)
            why = None
            if isinstance(answer, Unknown):
                if not self._up:
                    self._to(self.step, f"unknown: {answer.reason}")
            elif answer.began > last:  # else it was taken in before
                last = answer.began
                why = self._take_in(answer)
                if why is None and self.id is None and uncertain_since and last - uncertain_since > UNCERTAIN_LIMIT:
                    why = "its submit never got an answer"
            if why is not None and not self._releasing:
                self._gone(why)
                return
            settled = self._up and self._ending_since is None and not self._missed
            age = BUSY_INTERVAL
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), IDLE_INTERVAL if settled else BUSY_INTERVAL)
                await asyncio.sleep(0.2)  # the queue learns of an end later than the line
                age = 0.0

    def _ask(self, max_age: float) -> _Answer | Unknown:
        """Ask, and put what is said into words; in a thread, since both may wait for a command."""
        found = self._queue.jobs(max_age)
        if isinstance(found, Unknown):
            return found
        comment = f"{self._tag}:{KEY}"
        mine = [one for one in found if one.name == self._tag and one.comment == comment and self.id in (None, one.id)]
        if not mine:
            return _Answer(self._queue.began, None, "")
        status = mine[0]
        words = "" if status.state is JobState.RUNNING else self._queue.explain(status)
        if status.state is JobState.ENDED:
            words = self._manager.causes([status]).get(status.id) or words
        return _Answer(self._queue.began, status, words)

    def _take_in(self, answer: _Answer) -> str | None:
        """Take in what the queue says; return why the job is gone, if it is."""
        status = answer.status
        if status is None:
            if self.id is None or self._since > answer.began:
                return None
            self._missed += 1
            return "it is no longer in the queue" if self._missed >= 2 else None  # once may be a manager that restarts
        self._missed = 0
        if self.id is None:  # a submit without an answer has landed
            self.id = status.id
            self._log.write("job", KEY, holdings.HELD, self.id)
        self.node = status.node or self.node
        self._expected = status.expected_start
        if status.state is JobState.QUEUED:
            if self._up:
                return "it was put back into the queue, and what its scheduler knew is gone"
            if self.step != "running" or self._since < answer.began:
                self._to("queued", answer.words)
        elif status.state is JobState.RUNNING:
            self._ending_since = None
            self._started = status.started or self._started or time.time()
            self._ends = status.ends
            if not self._up and self.step != "running":
                self._to("running", f"runs on {self.node}; the scheduler is starting")
        elif status.state is JobState.ENDING:
            self._ending_since = self._ending_since or time.monotonic()
            if time.monotonic() - self._ending_since >= ENDING_LIMIT:
                return answer.words
        else:
            return answer.words
        return None

    def _gone(self, why: str) -> None:
        self._ended = time.time()
        step = holdings.RELEASED if self.id is not None else holdings.REFUSED
        with contextlib.suppress(OSError):
            self._log.write("job", KEY, step, self.id, reason=why)
        self._to("lost", why)
        sentence = f"The scheduler's job {self.id or ''}".rstrip() + f" has ended: {why}"
        if self._up:
            self._lost(f"{sentence}; the cluster's results are lost with its scheduler.")
            return
        told = self._read() or {}
        raise StartFailed(f"{sentence}. {told.get('error') or ''}".rstrip() + self._last_words())

    def _last_words(self) -> str:
        lines = last_words(self._log_of(self.id or ""), LOG_LINES)
        return " The end of its log:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""

    # -- down --

    async def release(self) -> str | None:
        """Cancel it and look until the manager says that it is gone; return what may still be held, or None."""
        self._releasing = True
        self._wake.set()
        if self._watching is not None:
            self._watching.cancel()
        if not self.holding:
            return None
        deadline, pause = time.monotonic() + RELEASE_LIMIT, 0.05
        cancelled = False
        while True:
            answer = await asyncio.to_thread(self._manager.find_by_tag, [self._tag])
            if isinstance(answer, Unknown):
                left = f"it is not known whether the scheduler's job is gone: {answer.reason}"
            else:
                mine = [one for one in answer[self._tag] if one.comment == f"{self._tag}:{KEY}"]
                live = [one.id for one in mine if not one.state.gone]
                if not live and self.id is not None:
                    self._ended = self._ended or time.time()
                    with contextlib.suppress(OSError):
                        self._log.write("job", KEY, holdings.RELEASED, self.id, reason="given back")
                    self._to("released", "given back")
                    return None
                left = "the scheduler's job is still in the queue" if live else "its submit may still be in flight"
                if live and not cancelled:
                    cancelled = not isinstance(await asyncio.to_thread(self._manager.cancel, live), Unknown)
            if time.monotonic() > deadline:
                return left
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
