"""Jobs near the end of their walltime: replaced before, emptied in time, and never a task cut off for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from dask_steward.clusters import walltime
from dask_steward.clusters.agent import CutRule, WorkerView
from dask_steward.clusters.jobs import Job
from dask_steward.clusters.leaving import Leaver
from dask_steward.clusters.roster import Roster
from dask_steward.units import format_duration

logger = logging.getLogger(__name__)


class Expirer:
    """Replace and empty jobs that near their end.

    Parameters
    ----------
    roster : Roster
        The jobs.
    leaver : Leaver
        Empties and cancels them.
    """

    def __init__(self, roster: Roster, leaver: Leaver) -> None:
        self.next_act = float("inf")
        """When something is to be done next (seconds since the epoch)."""
        self._roster = roster
        self._leaver = leaver
        self._draining: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Empty nothing any more."""
        for task in self._draining:
            task.cancel()

    async def look(self) -> None:
        """Replace and empty what is due."""
        roster = self._roster
        running = [job for job in roster.holding if job.ends is not None and job.started is not None]
        running = [job for job in running if not job.leaving and job.step in ("running", "connected")]
        self.next_act = float("inf")
        if not running:
            return
        views = await roster.site.agent.workers()
        now = time.time()
        plans = {job.key: self._plan(job, views) for job in running}
        due: list[Job] = []
        for job in running:
            plan = plans[job.key]
            if not job.expiring and now >= plan.replace_at:
                job.expiring = True
                job.to(job.step, "its walltime is nearly over; another job is to take its place")
                roster.wake.set()
            if now >= plan.drain_at:
                due.append(job)
            self.next_act = min(self.next_act, plan.drain_at if job.expiring else plan.replace_at)
        if not due:
            return
        # Those that follow within the same time go along: data would only move to them to move on again.
        span = max(plans[job.key].finish + plans[job.key].move for job in due)
        due += [job for job in running if job not in due and job.expiring and plans[job.key].drain_at <= now + span / 2]
        if not self._may_wait(due, plans, views, now):
            self._drain(due, plans)

    def _plan(self, job: Job, views: Mapping[str, WorkerView]) -> walltime.Plan:
        group = self._roster.groups[job.group]
        longest = max((views[address].longest for address in job.workers if address in views), default=0.0)
        started, ends = job.started or 0.0, job.ends or 0.0
        return walltime.plan(started, ends, wait=group.wait, startup=group.startup, longest=longest)

    def _may_wait(
        self, due: list[Job], plans: Mapping[str, walltime.Plan], views: Mapping[str, WorkerView], now: float
    ) -> bool:
        """Tell whether to wait for a worker that could take the data: nobody else is there yet."""
        mine = {address for job in due for address in job.workers}
        others = [view for address, view in views.items() if address not in mine and view.status == "running"]
        last = min(plans[job.key].drain_at + plans[job.key].finish / 2 for job in due)
        return not others and now < last

    def _drain(self, due: list[Job], plans: Mapping[str, walltime.Plan]) -> None:
        now = time.time()
        finish = min(plans[job.key].drain_at + plans[job.key].finish for job in due) - now
        move = min(plans[job.key].move for job in due)
        for job in due:
            job.expiring = job.leaving = True
        task = asyncio.create_task(self._empty(due, max(0.0, finish), max(1.0, move)))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def _empty(self, due: list[Job], finish: float, move: float) -> None:
        roster = self._roster
        names = ", ".join(str(job.id) for job in due)
        logger.info("jobs %s near their end: %.0f s for tasks, %.0f s for data", names, finish, move)
        # The longest of them: what cannot end in that one cannot end in any.
        job = max(due, key=lambda one: (one.ends or 0.0) - (one.started or 0.0))
        limit = round((job.ends or 0.0) - (job.started or 0.0))
        startup = roster.groups[job.group].startup
        rule = CutRule(
            seconds=walltime.hopeless(limit, startup=startup),
            times=walltime.CUTS,
            sentence=f"task {{task}} had run {{seconds}} s when its job's walltime, {format_duration(limit)}, was "
            "over: it cannot end in it; use a longer options.walltime or smaller tasks.",
        )
        try:
            drained = await self._leaver.give_back(due, finish=finish, move=move, lose=True, cut_rule=rule)
        except Exception:  # whatever happens in Dask, the jobs end: what is lost is computed again
            logger.exception("jobs %s could not be emptied", names)
            return
        for result in drained:
            for sentence in result.failed.values():
                roster.warn(sentence)
            for task, seconds in result.cut.items():
                if task not in result.failed:
                    roster.warn(
                        f"task {task} had run {seconds:.0f} s when its job's walltime, {format_duration(limit)}, was "
                        "over; it starts again on another job"
                    )
        roster.site.changed()
