"""Jobs that are given back: emptied, cancelled, and looked for until the manager says that they are gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from dask_steward.clusters.agent import CutRule, Drained, WorkerView
from dask_steward.clusters.groups import Group
from dask_steward.clusters.jobs import Job
from dask_steward.clusters.roster import Roster, key_of
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.managers.base import JobState, Unknown
from dask_steward.release.marked import end_marked

logger = logging.getLogger(__name__)

#: Seconds for which running tasks of jobs that are given back may go on.
FINISH_LIMIT = 30.0
#: Seconds for which data may move off workers that are given back.
MOVE_LIMIT = 120.0
#: Seconds for which data may move off workers whose job the manager has ended.
EVICT_LIMIT = 3.0
#: Seconds after which a job that was cancelled and is still there is cancelled once more.
CANCEL_AGAIN = 3.0
#: Seconds for which an orderly stop tries to verify; then the guard goes on.
RELEASE_LIMIT = 10.0


class Leaver:
    """Give jobs back.

    Parameters
    ----------
    roster : Roster
        The jobs.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._evicting: set[asyncio.Task[None]] = set()

    async def shrink(self, group: Group) -> None:
        """Give back what a group has too much: queued jobs first, then the idlest."""
        places = self._roster.places(group)
        surplus = len(places) - group.wanted
        if surplus > 0:
            await self.give_back((await self._cheapest(places))[:surplus])

    async def _cheapest(self, jobs: Iterable[Job]) -> list[Job]:
        """Return jobs in the order in which they are given back; of queued ones those that came last."""
        known = await self._roster.site.agent.workers()

        def cost(job: Job) -> tuple[float, ...]:
            if job.waits:
                return (0, -(job.submitted or float("inf")))
            views: list[WorkerView] = [known[address] for address in job.workers if address in known]
            tasks, stored = sum(one.processing for one in views), sum(one.stored for one in views)
            return (1 + bool(views), tasks, stored, -(job.ends or float("inf")))

        # Keys of different lengths: queued ones differ in their first number from all others.
        return sorted(jobs, key=cost)

    async def give_back(
        self,
        leaving: list[Job],
        *,
        finish: float = FINISH_LIMIT,
        move: float = MOVE_LIMIT,
        lose: bool = False,
        cut_rule: CutRule | None = None,
    ) -> list[Drained]:
        """Empty jobs and cancel them; what cannot be emptied in time is kept, and said.

        Parameters
        ----------
        leaving : list of Job
            All that go together.
        finish, move : float
            Seconds for which running tasks may go on, and for which data may move.
        lose : bool
            Cancel them also where data cannot be moved.
        cut_rule : CutRule, optional
            Which tasks that are cut off fail.

        Returns
        -------
        list of Drained
            What became of each job that had workers.
        """
        roster = self._roster
        for job in leaving:
            job.leaving = True
        if not roster.wanted:
            # Nobody is left to take the data of the last ones: who wants no job wants neither data nor tasks.
            finish, lose = 0.0, True
        working = {job.key: sorted(job.workers) for job in leaving if job.workers}
        drained: dict[str, Drained] = {}
        await self.cancel([job for job in leaving if job.key not in working])
        if working:
            try:
                drained = await roster.site.agent.drain(working, finish=finish, move=move, lose=lose, cut_rule=cut_rule)
            except BaseException:
                for job in leaving:
                    job.leaving = job.key not in working
                raise
            for job in leaving:
                result = drained.get(job.key)
                if result is None:
                    continue
                if result.kept is not None:
                    job.leaving = False
                    roster.warn(f"{roster.named(str(job.id))} is kept: {result.kept}")
            await self.cancel([job for job in leaving if job.key in working and job.leaving])
        return list(drained.values())

    def evict(self, job: Job) -> None:
        """Save what the workers of a job hold that the manager has ended, and send them away."""
        task = asyncio.create_task(self._evict(job.key, sorted(job.workers)))
        self._evicting.add(task)
        task.add_done_callback(self._evicting.discard)

    async def _evict(self, key: str, workers: list[str]) -> None:
        try:
            if workers:
                await self._roster.site.agent.drain({key: workers}, finish=0.0, move=EVICT_LIMIT, lose=True)
        except Exception:  # whatever happens in Dask: what is lost is computed again
            logger.exception("the workers of %s could not be emptied", key)
        finally:
            self._roster.line.cut(key)

    async def cancel(self, jobs: Iterable[Job]) -> None:
        """Cancel jobs, by the line and by the manager."""
        roster = self._roster
        jobs = list(jobs)
        for job in jobs:
            roster.line.unwanted(job.key)
            job.leaving = True
            job.cancelled_at = time.monotonic()
            job.to(job.step, "given back")
        await self._look_up([job for job in jobs if job.id is not None and not job.seen])
        ids = [job.id for job in jobs if job.id is not None and job.seen]
        if ids:
            answer = await asyncio.to_thread(roster.manager.cancel, ids)
            if isinstance(answer, Unknown):
                roster.unknown = answer.reason

    async def _look_up(self, jobs: list[Job]) -> None:
        """Look which jobs the queue has under our name; a site's sbatch may have printed somebody else's id.

        Not left to ``scancel --name``: with any such filter Slurm 22.05 ends the whole array of a waiting task.
        """
        if not jobs:
            return
        roster = self._roster
        tag = roster.site.tag
        answer = await asyncio.to_thread(roster.manager.find_by_tag, [tag])
        if isinstance(answer, Unknown):
            roster.unknown = answer.reason
            return
        by_key = {key_of(status): status.id for status in answer.get(tag, ())}
        for job in jobs:
            if job.key in by_key:
                job.id, job.seen = by_key[job.key], True

    async def cancel_again(self) -> None:
        """Cancel what was given back and is still there: a cancel can fail, or come before its job."""
        due = time.monotonic() - CANCEL_AGAIN
        known = [job for job in self._roster.holding if job.id is not None]
        again = [job for job in known if job.cancelled_at is not None and job.cancelled_at < due]
        if again:
            await self.cancel(again)

    async def release(self, in_flight: Callable[[], int], urgent: bool) -> str | None:
        """Give everything back; return None when all was verified gone, else what is left and why."""
        roster = self._roster
        roster.closing = True
        for group in roster.groups.values():
            group.wanted = 0
        roster.wake.set()
        left = await self._cancel_all(in_flight)
        roster.line.close()
        # Submit commands that hang end here; the guard looks for what they may still bring.
        await asyncio.to_thread(end_marked, roster.site.id, ProcessIdentity.of(), 1.0)
        return left

    async def _cancel_all(self, in_flight: Callable[[], int]) -> str | None:
        """Cancel by id and by tag until the queue is empty of it, or the time for it is over."""
        roster = self._roster
        tag = roster.site.tag
        deadline = time.monotonic() + RELEASE_LIMIT
        await self.cancel(roster.holding)
        pause, by_name_at = 0.05, time.monotonic() + 2.0
        while True:
            # Taken before the question: what is submitted meanwhile cannot stand in its answer.
            open_submits = in_flight()
            asked_for = [job for job in roster.holding if job.id is not None]
            answer = await asyncio.to_thread(roster.manager.find_by_tag, [tag])
            if isinstance(answer, Unknown):
                left = f"it is not known what is still held: {answer.reason}"
                known = [one.id for one in answer.known if one.name == tag]
                if known:
                    await asyncio.to_thread(roster.manager.cancel, known)
            else:
                jobs = answer.get(tag, ())
                live = [one.id for one in jobs if one.state in (JobState.QUEUED, JobState.RUNNING)]
                gone = [job for job in asked_for if job.holding and job.id not in live]
                for job in gone:
                    job.ended = time.time()
                    job.workers.clear()
                    job.to("released", "given back")
                roster.released(gone, "given back")
                uncertain = [job for job in roster.jobs.values() if job.step == "intended" and job.id is None]
                if not live and not open_submits and not in_flight() and not uncertain:
                    return None
                left = (
                    f"{len(live)} {roster.noun}s are still in the queue" if live else "a submit may still be in flight"
                )
                if live:
                    await asyncio.to_thread(roster.manager.cancel, live)
                    if time.monotonic() > by_name_at:
                        await asyncio.to_thread(roster.manager.cancel_tag, tag)
            if time.monotonic() > deadline:
                return left
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
