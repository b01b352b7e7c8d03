"""Workers as jobs of a queue: wanted jobs and held jobs kept apart, and a loop that brings them together.

A job is ``intended`` → ``submitted`` → ``queued`` → ``running`` → ``connected`` → ``lost`` or ``ended`` → ``released``,
each step with its reason and time. Intent is on disk before the submit; ``released`` is written only after the manager
has said that the job is gone. A job that is lost, or whose walltime is nearly over, is replaced while it is wanted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from dask_steward.clusters.base import MAIN, Counts, HoldingView, Shape, Site, UnitView, Workforce, unknown_group
from dask_steward.clusters.expiring import Expirer
from dask_steward.clusters.groups import Group
from dask_steward.clusters.jobs import Job
from dask_steward.clusters.leaving import Leaver
from dask_steward.clusters.line import Event, Line
from dask_steward.clusters.roster import Queue, Roster
from dask_steward.clusters.submitting import Submitter
from dask_steward.clusters.watching import Watcher
from dask_steward.managers.base import Manager

logger = logging.getLogger(__name__)

#: Seconds between two questions while something is changing, and while nothing is.
BUSY_INTERVAL, IDLE_INTERVAL = 1.0, 15.0
#: Seconds between two questions to a manager that does not answer.
UNKNOWN_INTERVAL = 5.0
#: Part of the time for which nothing has changed that may pass until the next question.
PATIENCE = 0.1
#: Seconds in which events are gathered: a burst (200 workers connect) is one question to the manager.
BURST = 0.2
#: Steps in which nothing is expected of a job.
_SETTLED = ("connected", "lost", "ended", "released", "refused")


class QueueWorkforce(Workforce):
    """Jobs of one manager.

    Parameters
    ----------
    site : Site
        The cluster that they belong to.
    manager : Manager
        Speaks to the resource manager.
    queue : Queue
        Is asked for the state of all jobs.
    groups : mapping
        All groups by name; ``main`` is among them.
    line : Line
        Already listening.
    log_of : callable
        Returns the path of a job's log for its id.
    """

    def __init__(
        self,
        site: Site,
        manager: Manager,
        queue: Queue,
        groups: Mapping[str, Group],
        *,
        line: Line,
        log_of: Callable[[str], str],
    ) -> None:
        super().__init__(site)
        self.roster = Roster(site, manager, queue, line, groups, log_of, self.warnings)
        self.roster.noun = self.noun
        self._leaver = Leaver(self.roster)
        self._submitter = Submitter(self.roster, self._leaver)
        self._watcher = Watcher(self.roster, self._leaver)
        self._expirer = Expirer(self.roster, self._leaver)
        self._scaling = {name: asyncio.Lock() for name in groups}
        self._reconciling: asyncio.Task[None] | None = None

    # -- what is shown --

    @property
    def unit(self) -> dict[str, float]:
        return self.roster.groups[MAIN].unit

    @property
    def needs_all(self) -> bool:
        return False

    @property
    def jobs(self) -> dict[str, Job]:
        """All jobs by key."""
        return self.roster.jobs

    def counts(self, group: str | None = None) -> Counts:
        groups = self.roster.groups.values() if group is None else [self._group(group)]
        parts = [self._counts_of(one) for one in groups]
        return Counts(*(sum(getattr(part, name) for part in parts) for name in ("asked", "queued", "running", "lost")))

    def _counts_of(self, group: Group) -> Counts:
        processes = group.shape.processes
        places = self.roster.places(group)
        asked = group.wanted * processes
        staying = [job for job in self.roster.jobs.values() if job.group == group.name and not job.leaving]
        running = sum(len(job.workers) for job in staying)
        missing = max(0, group.wanted - len(places)) * processes
        if group.refusal is not None:
            waiting = sum(processes - len(job.workers) for job in places)
            return Counts(asked, waiting, running, missing if group.gave_up else 0)
        lost = missing if group.deaths and not group.may_submit else 0
        return Counts(asked, max(0, asked - running - lost), running, lost)

    def group_views(self) -> dict[str, dict[str, Any]]:
        return {
            name: {**vars(self._counts_of(group)), "jobs": group.wanted, "unit": group.unit}
            for name, group in self.roster.groups.items()
        }

    def losses(self) -> list[dict[str, Any]]:
        return [loss.to_json() for loss in self.roster.losses]

    def holdings(self) -> list[HoldingView]:
        return [
            HoldingView(
                self.roster.kind,
                job.id,
                job.step,
                job.reason,
                job.expected_start,
                job.node,
                job.since,
                job.group,
                job.ends,
                job.key,
            )
            for job in self.roster.holding
        ]

    def supply(self, group: str = MAIN) -> list[UnitView]:
        return [
            UnitView(job.key, job.step, job.since, tuple(job.workers), job.leaving, job.started, job.expiring)
            for job in self.roster.holding
            if job.group == group
        ]

    def reason(self) -> str | None:
        roster = self.roster
        if roster.unknown:
            return f"unknown: {roster.unknown}"
        for group in roster.groups.values():
            if group.refusal or (group.deferred and not group.may_submit):
                return group.refusal or group.deferred
        waiting = [job for job in roster.jobs.values() if job.step in ("submitted", "queued") and not job.leaving]
        wanted = roster.wanted
        if waiting:
            # The one that is to start first speaks for all: they wait for the same thing in the same queue.
            first = min(waiting, key=lambda job: (job.expected_start or float("inf"), job.since, job.key))
            return f"{len(waiting)} of {wanted} {roster.noun}s wait: {first.reason or 'submitted'}"
        unanswered = [job for job in roster.jobs.values() if job.step == "intended" and job.uncertain_since]
        if unanswered:
            return (
                f"{len(unanswered)} of {wanted} {roster.noun}s have no answer to their submit: {unanswered[-1].reason}"
            )
        starting = [job for job in roster.jobs.values() if job.step in ("intended", "running") and not job.leaving]
        return f"{len(starting)} of {wanted} {roster.noun}s are starting" if starting else None

    def core_seconds(self) -> float:
        now = time.time()
        groups = self.roster.groups
        return sum((job.spent + job.lived(now)) * groups[job.group].shape.cores for job in self.roster.jobs.values())

    def cores_held(self) -> int:
        groups = self.roster.groups
        return sum(groups[job.group].shape.cores for job in self.roster.jobs.values() if job.lives)

    def job_of(self, worker: str) -> str | None:
        job = self.roster.job_of(worker)
        return job.id if job is not None else None

    # -- the loop --

    @property
    def may_submit(self) -> bool:
        """Whether the manager takes submits now."""
        return True

    def start(self) -> None:
        """Start the reconcile loop."""
        self._reconciling = asyncio.create_task(self._reconcile())

    def heard(self, event: Event) -> None:
        """Take in what the line says."""
        self._watcher.heard(event)
        self.news()

    def joined(self, address: str, name: str) -> None:
        """A worker has connected."""
        self._watcher.joined(address, name)
        self.news()

    def left(self, address: str) -> None:
        """A worker has gone."""
        self._watcher.left(address)
        self.news()

    def news(self) -> None:
        """Look at once, and show what is new."""
        self.roster.wake.set()
        self.site.changed()

    async def _reconcile(self) -> None:
        roster = self.roster
        while not roster.closing:
            roster.wake.clear()
            try:
                if self.may_submit:
                    await self._submitter.submit_missing()
                if roster.holding:
                    await self._watcher.ask(self._interval())
                    await self._leaver.cancel_again()
                    await self._expirer.look()
                self._judge()
            except OSError as error:
                # The ledger cannot be written: nothing more is submitted, what runs goes on.
                roster.refuse_all(f"the ledger cannot be written: {error}")
            except Exception as error:  # jobs that nobody watches any more would be held for ever
                logger.exception("the jobs cannot be followed")
                roster.warn(f"the jobs could not be followed for a moment: {type(error).__name__}: {error}")
            self.site.changed()
            try:
                await asyncio.wait_for(roster.wake.wait(), self._interval())
            except asyncio.TimeoutError:
                continue
            await asyncio.sleep(BURST)

    def _judge(self) -> None:
        """Find out whether nothing can come any more, where nothing of the cluster lives either."""
        roster = self.roster
        if roster.fatal is not None:
            self.failure = roster.fatal
            return
        refused = [group for group in roster.groups.values() if group.wanted and group.refusal]
        over = bool(refused) and not roster.holding and not self._submitter.in_flight
        self.failure = refused[0].refusal if over else None
        self.lost_for_good = over and any(group.gave_up for group in refused)

    def _interval(self) -> float:
        """Return the seconds until the next look, and how old another keeper's answer may be then.

        Every second while something is changing; the longer nothing has, the more seldom, as a queue may keep a job
        for days. That a job has started is not asked for: its line says so.
        """
        roster = self.roster
        if any(group.wanted > len(roster.places(group)) and group.refusal is None for group in roster.groups.values()):
            return BUSY_INTERVAL
        if roster.unknown:
            return UNKNOWN_INTERVAL
        now = time.time()
        unsettled = [job.since for job in roster.jobs.values() if job.step not in _SETTLED]
        interval = (now - max(unsettled)) * PATIENCE if unsettled else IDLE_INTERVAL
        return max(BUSY_INTERVAL, min(IDLE_INTERVAL, interval, self._expirer.next_act - now))

    # -- size --

    def _group(self, name: str) -> Group:
        found = self.roster.groups.get(name)
        if found is None:
            raise unknown_group(name, self.roster.groups)
        return found

    def unit_of(self, group: str = MAIN) -> dict[str, float]:
        return self._group(group).unit

    def size(self, group: str = MAIN) -> int:
        return self._group(group).wanted

    def shapes(self) -> dict[str, Shape]:
        return {
            name: Shape(group.shape.processes, group.shape.cores, group.shape.memory, group.resources)
            for name, group in self.roster.groups.items()
        }

    async def scale(self, units: int, group: str = MAIN, *, renew: bool = False) -> None:
        found = self._group(group)
        found.wanted = units
        if renew:
            found.renew()
            self.roster.fatal = None
            self.failure = None
        # At once, also while an earlier change still moves data: what is newest holds.
        self.roster.wake.set()
        async with self._scaling[group]:
            await self._leaver.shrink(found)
        self.news()

    async def release(self, urgent: bool) -> str | None:
        left = await self._leaver.release(lambda: len(self._submitter.in_flight), urgent)
        self._expirer.stop()
        return left
