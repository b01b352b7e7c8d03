"""Submits: what is missing goes in with as few commands as the site takes, written down before and after."""

from __future__ import annotations

import asyncio
import time

from dask_steward.clusters.groups import Group
from dask_steward.clusters.jobs import Job
from dask_steward.clusters.leaving import Leaver
from dask_steward.clusters.roster import Roster
from dask_steward.errors import StewardError, SubmitRefused, SubmitUncertain
from dask_steward.ledger import holdings

#: Submits under way at once: enough to be quick, few enough for a busy controller.
SUBMITS_AT_ONCE = 4


class Submitter:
    """Submit what is wanted and not there.

    Parameters
    ----------
    roster : Roster
        The jobs.
    leaver : Leaver
        Cancels what was given back while its submit was under way.
    """

    def __init__(self, roster: Roster, leaver: Leaver) -> None:
        self.in_flight: set[asyncio.Task[None]] = set()
        self._roster = roster
        self._leaver = leaver
        self._slots = asyncio.Semaphore(SUBMITS_AT_ONCE)
        self._most = 1
        self._arrays = True

    async def submit_missing(self) -> None:
        """Submit what is missing of each group, as far as it may be submitted now."""
        for group in self._roster.groups.values():
            missing = group.wanted - len(self._roster.places(group))
            if missing > 0 and group.may_submit and not self._roster.closing:
                await self._submit_group(group, missing)

    async def _submit_group(self, group: Group, missing: int) -> None:
        if missing > 1 and self._arrays and self._most == 1:  # 1: it could not be asked, or is not allowed
            self._most = await asyncio.to_thread(self._roster.manager.most_at_once)
        most = max(1, min(group.at_most or missing, self._most))
        if group.alone or group.at_most is not None:
            if any(job.step == "intended" for job in self._roster.places(group)):
                return  # the one that is to show whether single jobs, or so many, pass
            most = missing = 1 if group.alone else min(most, missing)
        while missing > 0 and not self._roster.closing:
            batch = self._roster.new_batch(group, min(most, missing))
            missing -= len(batch)
            task = asyncio.create_task(self._submit(group, batch))
            self.in_flight.add(task)
            task.add_done_callback(self.in_flight.discard)

    async def _submit(self, group: Group, batch: list[Job]) -> None:
        roster = self._roster
        async with self._slots:
            if roster.closing or not group.may_submit or all(job.leaving for job in batch):
                roster.forget(batch)
                roster.wake.set()
                return
            try:
                await asyncio.to_thread(self._submit_now, group, batch)
            except SubmitUncertain as error:
                # It may be in the queue: it is looked for by its comment, and not made again meanwhile.
                for job in batch:
                    job.uncertain_since = time.time()
                    job.to("intended", error.message)
            except SubmitRefused as error:
                self._refused(group, batch, error)
            except (OSError, StewardError) as error:
                self._failed(group, batch, error)
            else:
                if group.alone:
                    # One alone passed where a batch was refused: this site takes no arrays.
                    group.alone, self._arrays, self._most = False, False, 1
                group.submitted(len(batch), self._most)
                for job in batch:
                    if job.step == "intended":
                        job.to("submitted")
                await self._cancel_unwanted(batch)
        roster.wake.set()
        roster.site.changed()

    async def _cancel_unwanted(self, batch: list[Job]) -> None:
        unwanted = [job for job in batch if job.leaving or self._roster.closing]
        if unwanted:
            await self._leaver.cancel(unwanted)

    def _submit_now(self, group: Group, batch: list[Job]) -> None:
        """Announce, submit, note the ids; runs in a thread."""
        roster = self._roster
        roster.write(holdings.INTENT, {job.key: None for job in batch})
        script = group.script(batch[0].batch, len(batch))
        ids = roster.manager.submit(
            script, job_name=roster.site.tag, comment=f"{roster.site.tag}:{batch[0].batch}", count=len(batch)
        )
        now = time.time()
        for job, id in zip(batch, ids, strict=True):
            job.id, job.submitted = id, now
        roster.write(holdings.HELD, {job.key: job.id for job in batch})

    def _failed(self, group: Group, batch: list[Job], error: OSError | StewardError) -> None:
        """Take in that the ledger or the script failed."""
        for job in batch:
            if job.id is None:
                job.to("refused", str(error))
            elif job.step == "intended":
                # It is in the queue, only its id could not be written down: its tag stands for it.
                job.to("submitted", str(error))
        words = f"the ledger or the submit command failed: {error}" if isinstance(error, OSError) else str(error)
        group.refusal = words

    def _refused(self, group: Group, batch: list[Job], error: SubmitRefused) -> None:
        roster = self._roster
        for job in batch:
            job.to("refused", error.message)
        roster.write_down(holdings.REFUSED, {job.key: None for job in batch}, error.message)
        if len(batch) > 1 and error.too_many:
            # Half as many may fit in what is left of the limit.
            group.at_most = max(1, len(batch) // 2)
            if error.arrays and len(batch) == 2:
                self._arrays, self._most = False, 1  # no array is shorter: it is not their length, this site takes none
            roster.forget(batch)
        elif len(batch) > 1 and (error.arrays or not error.retryable):
            # An array was refused; whether arrays are the trouble, one job alone will show.
            group.alone = True
            roster.forget(batch)
        elif error.retryable:
            group.defer(error.message)
            roster.forget(batch)
        else:
            group.alone = False
            group.refusal = error.message
