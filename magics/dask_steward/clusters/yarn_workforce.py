"""Workers in the containers of an application: jobs of a queue whose queue has to be opened first, and may close."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar

from dask_steward.clusters import yarn_words
from dask_steward.clusters.base import MAIN, HoldingView
from dask_steward.clusters.line import Event
from dask_steward.clusters.queue import BUSY_INTERVAL, QueueWorkforce
from dask_steward.clusters.yarn_application import WAYS, YarnApplication
from dask_steward.clusters.yarn_containers import Containers
from dask_steward.clusters.yarn_logs import ContainerLogs
from dask_steward.clusters.yarn_script import KEY
from dask_steward.ledger.logs import mark_whole
from dask_steward.managers.base import Unknown

if TYPE_CHECKING:
    import skein

#: Seconds after which a container that waits is wondered about, and between two questions why.
WHY_AFTER, WHY_INTERVAL = 2.0, 3.0
#: Seconds that workers have to leave at the scheduler's word, before their containers are ended.
LEAVE_LIMIT = 1.0


class YarnWorkforce(QueueWorkforce):
    """Containers of one application."""

    noun: ClassVar[str] = "container"

    #: Where their logs are kept, and the cluster's folder in the ledger.
    logs: ContainerLogs
    folder: str

    def belong(
        self, application: YarnApplication, containers: Containers, restarts: int | None, size: skein.Service
    ) -> None:
        """Take over whose containers they are, how many lost ones are replaced (None, or -1: all), and their size."""
        self.application, self._containers = application, containers
        self._restarts = None if restarts is None or restarts < 0 else restarts
        self.roster.kind = "container"
        self.roster.ways = WAYS
        self._size = size
        self._lines: set[str] = set()  # keys of containers that hold the line: what runs there is ours
        # dask_spec tells a cause in a chain of errors, each with its stack.
        self.roster.frames = False

    def start(self) -> None:
        self._keeping_logs = asyncio.create_task(self.logs.keep())
        self._asking_why = asyncio.create_task(self._ask_why())
        super().start()

    @property
    def up(self) -> bool:
        return self.application.client is not None or self.application.attempt > 0

    def reason(self) -> str | None:
        application = self.application
        if application.client is None and application.over is None:
            if application.unknown is not None:
                return f"unknown: {application.unknown}"
            return f"{application.id or 'application'}: {application.reason or application.step}"
        numbers, refused = self.numbers(), any(one.refusal for one in self.roster.groups.values())
        if not numbers["allocated"] or refused or self.roster.unknown:
            return super().reason()
        # Of more than one thing that is not there yet each is told.
        waiting = numbers["asked"] - numbers["allocated"] - numbers["running"] - numbers["connected"]
        told = [
            (waiting, f"wait{f' ({self._containers.why_waiting})' if self._containers.why_waiting else ''}"),
            (numbers["allocated"], "have a node, to which their files are brought"),
            (numbers["running"], "start their workers"),
        ]
        words = ", ".join(f"{number} {what}" for number, what in told if number > 0)
        return f"of {numbers['asked']} containers {words}"

    def numbers(self) -> dict[str, int]:
        """Return how many containers are asked for, have a node, run there, and have their worker connected."""
        staying = [job for job in self.roster.holding if not job.leaving]
        running = [job for job in staying if job.step == "running"]
        return {
            "asked": self.roster.wanted,
            "allocated": sum(job.key not in self._lines for job in running),
            "running": sum(job.key in self._lines for job in running),
            "connected": sum(job.step == "connected" for job in staying),
        }

    def group_views(self) -> dict[str, dict[str, Any]]:
        return {name: {**view, "containers": self.numbers()} for name, view in super().group_views().items()}

    def holdings(self) -> list[HoldingView]:
        found = super().holdings()
        for one in found:
            if one.state == "running" and one.key not in self._lines:
                one.reason = f"it has a node, {one.node}, to which its files are brought"
        return found

    @property
    def may_submit(self) -> bool:
        application = self.application
        return (application.client is not None and application.silent is None) or self._containers.awaits_first

    def heard(self, event: Event) -> None:
        if event.key == KEY:
            self.application.heard(event)
            self.news()
        else:
            if event.up:
                self._lines.add(event.key)
            else:
                self._lines.discard(event.key)
            super().heard(event)

    def _interval(self) -> float:
        # A question to the application's master costs some milliseconds.
        return min(super()._interval(), 5.0) if self.may_submit else BUSY_INTERVAL

    async def _ask_why(self) -> None:
        """Find out why containers wait, as long as some do."""
        while True:
            await asyncio.sleep(WHY_INTERVAL)
            long = time.time() - WHY_AFTER
            waiting = any(job.step == "queued" and job.since < long for job in self.roster.holding)
            why = await asyncio.to_thread(self._why) if waiting and self.application.client is not None else None
            if why != self._containers.why_waiting:
                self._containers.why_waiting = why
                self.news()

    def _why(self) -> str | None:
        """Ask the ResourceManager; in a thread."""
        manager, report = self.application.manager, self.application.report
        queues, nodes = manager.queues(), manager.nodes()
        if isinstance(queues, Unknown) or isinstance(nodes, Unknown):
            return None
        own = [one for one in queues if report is not None and report.queue in (one.name, one.path)]
        resources = self._size.resources
        label = self._size.node_label or None
        return yarn_words.no_room(own[0] if own else None, nodes, resources.memory * 2**20, resources.vcores, label)

    def _judge(self) -> None:
        roster, application = self.roster, self.application
        if application.over is not None and not roster.closing:
            roster.fatal = f"Application {application.id} is over: {application.over}"
            self.lost_for_good = True
        elif self._restarts is not None and roster.lost > self._restarts:
            group = roster.groups[MAIN]
            group.refusal = group.refusal or (
                f"{roster.lost} containers were lost, and options.worker_restarts has only {self._restarts} replaced"
            )
        super()._judge()

    async def scale(self, units: int, group: str = MAIN, *, renew: bool = False) -> None:
        if renew:
            self.roster.lost = 0
        await super().scale(units, group, renew=renew)

    async def release(self, urgent: bool) -> str | None:
        """Let all workers go, then end the application with all containers, and look until YARN says that it is gone.

        YARN alone would miss the workers on a node whose NodeManager it has lost.
        """
        roster = self.roster
        roster.closing = self._containers.closing = True
        self._keeping_logs.cancel()
        self._asking_why.cancel()
        for group in roster.groups.values():
            group.wanted = 0
        for job in roster.holding:
            roster.line.unwanted(job.key)
        workers = {job.key: sorted(job.workers) for job in roster.holding if job.workers}
        if workers and not urgent:
            try:
                emptied = roster.site.agent.drain(workers, finish=0.0, move=0.0, lose=True)
                await asyncio.wait_for(emptied, LEAVE_LIMIT)
            except asyncio.TimeoutError:
                pass  # they hold the line, too
            except Exception as error:  # noqa: BLE001  # whatever happens in Dask, the application is ended
                roster.warn(f"the workers could not be told to leave: {error}")
        if not urgent and await self.logs.bring_last():
            mark_whole(self.folder)
        left = await self.application.release()
        if left is None:
            gone = roster.holding
            for job in gone:
                job.workers.clear()
                job.to("released", "given back")
            roster.released(gone, "given back")
            return await super().release(urgent)
        roster.line.close()
        self._expirer.stop()
        return left
