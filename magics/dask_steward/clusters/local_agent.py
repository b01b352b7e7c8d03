"""The agent beside its scheduler: how workers are emptied and tasks cut off, and what a scheduler is summed up to."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from distributed import Scheduler
from distributed.core import Status
from distributed.protocol import pickle
from distributed.versions import get_versions

from dask_steward.clusters import versions
from dask_steward.clusters.agent import Agent, CutRule, Drained, Restarted, WorkerView
from dask_steward.clusters.demand import Demand, demand_of
from dask_steward.clusters.summary import SummaryPlugin
from dask_steward.clusters.worker_rows import row_of
from dask_steward.progress_data import Computation

logger = logging.getLogger(__name__)

#: Seconds in which a worker that was told to take no new task must have sent a heartbeat that proves it.
HEARTBEAT_LIMIT = 10.0
#: Seconds after the order from which on a heartbeat is newer than it: one may have been on its way.
HEARTBEAT_MARGIN = 0.25
#: Seconds between two looks at workers that are being emptied.
DRAIN_INTERVAL = 0.1
#: Seconds after which data that nobody could take are offered again.
MOVE_AGAIN = 0.5


class LocalAgent(Agent):
    """The agent beside its scheduler.

    Parameters
    ----------
    scheduler : Scheduler
        Running, in this event loop.
    name : str
        Unique in this scheduler: the name of the plugin that watches.
    """

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.scheduler = scheduler
        self.address = str(scheduler.address)
        self._plugin = SummaryPlugin(name)
        self._cuts: Counter[Any] = Counter()
        self._plugin.attach(scheduler)

    def watch(self, joined: Callable[[str, str], None], left: Callable[[str], None]) -> None:
        self._plugin.watch(joined, left)

    async def workers(self) -> dict[str, WorkerView]:
        return {address: _view(state) for address, state in self.scheduler.workers.items()}

    async def demand(self, target_duration: float) -> Demand:
        return demand_of(self.scheduler, target_duration)

    async def drain(
        self,
        jobs: Mapping[str, Collection[str]],
        *,
        finish: float,
        move: float,
        lose: bool = False,
        cut_rule: CutRule | None = None,
    ) -> dict[str, Drained]:
        scheduler = self.scheduler
        told = time.time()
        stimulus = f"dask-steward-drain-{told}"
        mine = [address for addresses in jobs.values() for address in addresses if address in scheduler.workers]
        for address in mine:
            self._set_status(address, Status.closing_gracefully, stimulus)
        try:
            await self._finish(mine, told, finish, stimulus)
            # Time that the tasks did not need is left for data.
            move += max(0.0, told + finish - time.time())
            cut = {address: self._running(address, told) for address in mine}
            emptied = await self._move(mine, move, stimulus)
        except BaseException:
            for address in mine:
                self._set_status(address, Status.running, stimulus)
            raise
        found = {}
        for key, addresses in jobs.items():
            still = [address for address in addresses if address in scheduler.workers]
            full = [address for address in still if address not in emptied]
            if full and not lose:
                for address in still:
                    self._set_status(address, Status.running, stimulus)
                held = sum(len(scheduler.workers[address].has_what) for address in full)
                found[key] = Drained(f"{held} results on it could not be moved to other workers within {move:.0f} s")
                continue
            tasks = {task: seconds for address in still for task, seconds in cut[address].items()}
            failed = self._cut(tasks, cut_rule)
            for address in still:
                await scheduler.remove_worker(address, expected=True, close=True, stimulus_id=stimulus)
            named = {str(task): seconds for task, seconds in tasks.items()}
            found[key] = Drained(cut=named, failed=failed)
        return found

    def _cut(self, tasks: Mapping[Any, float], rule: CutRule | None) -> dict[str, str]:
        """Count tasks that are cut off; let those fail that will never end, before they take a thread elsewhere."""
        failed = {}
        for key, seconds in tasks.items():
            self._cuts[key] += 1
            if rule is not None and (seconds >= rule.seconds or self._cuts[key] >= rule.times):
                failed[str(key)] = rule.sentence.format(task=key, seconds=f"{seconds:.0f}")
                self._fail(key, failed[str(key)])
        return failed

    def _running(self, address: str, told: float) -> dict[Any, float]:
        """Return how long (seconds) each task that runs on a worker has taken."""
        state = self.scheduler.workers.get(address)
        if state is None:
            return {}
        late = max(0.0, time.time() - state.last_seen)
        return {task.key: seconds + late for task, seconds in state.executing.items() if task in state.processing}

    def _fail(self, key: Any, sentence: str) -> None:
        """Let a running task fail: whoever waits for it gets the sentence as an error."""
        scheduler = self.scheduler
        task = scheduler.tasks.get(key)
        if task is None or task.processing_on is None:
            return
        stimulus = f"dask-steward-cut-{time.time()}"
        done = scheduler.transition(
            key,
            "erred",
            stimulus_id=stimulus,
            exception=pickle.dumps(RuntimeError(sentence)),
            cause=key,
            worker=task.processing_on.address,
        )
        scheduler.transitions(done, stimulus)

    def _set_status(self, address: str, status: Status, stimulus: str) -> None:
        """Tell scheduler and worker together: told alone, the scheduler would be overruled by the worker's own word."""
        state = self.scheduler.workers.get(address)
        if state is None or state.status is status:
            return
        self.scheduler.handle_worker_status_change(status, state, stimulus)
        self.scheduler.stream_comms[address].send(
            {"op": "worker-status-change", "status": status.name, "stimulus_id": stimulus}
        )

    async def _finish(self, addresses: Collection[str], told: float, limit: float, stimulus: str) -> None:
        """Send tasks that have not begun elsewhere, and wait for those that have."""
        scheduler = self.scheduler
        deadline = time.monotonic() + limit
        proven: set[str] = set()
        while True:
            open_ = False
            for address in addresses:
                state = scheduler.workers.get(address)
                if state is None:
                    continue
                # A heartbeat that began after the order: what it calls running is all that will ever run there.
                if address not in proven and state.last_seen > told + HEARTBEAT_MARGIN:
                    proven.add(address)
                    waiting = [task.key for task in state.processing if task not in state.executing]
                    scheduler.transitions(dict.fromkeys(waiting, "released"), stimulus)
                if state.processing and (address in proven or time.time() - told < HEARTBEAT_LIMIT):
                    open_ = True
            if not open_ or time.monotonic() > deadline:
                return
            await asyncio.sleep(DRAIN_INTERVAL)

    async def _move(self, addresses: Collection[str], limit: float, stimulus: str) -> set[str]:
        """Move what only these workers hold; return those that hold nothing of their own any more."""
        deadline = time.monotonic() + limit
        left = {address for address in addresses if address in self.scheduler.workers}
        while left and time.monotonic() < deadline:
            try:
                done = await asyncio.wait_for(
                    self.scheduler.retire_workers(
                        workers=list(left), close_workers=False, remove=False, stimulus_id=stimulus
                    ),
                    deadline - time.monotonic(),
                )
            except asyncio.TimeoutError:
                self._stop_moving(left)
                break
            left -= set(done)
            left &= set(self.scheduler.workers)
            # Nobody could take the rest; a worker that can may connect in time.
            if left:
                await asyncio.sleep(min(MOVE_AGAIN, max(0.0, deadline - time.monotonic())))
        return set(addresses) - left

    def _stop_moving(self, addresses: Collection[str]) -> None:
        manager: Any = self.scheduler.extensions.get("amm")
        if manager is not None:  # else a temporary one did it, and is gone
            manager.policies -= {one for one in manager.policies if getattr(one, "address", None) in addresses}

    async def worker_rows(self) -> list[dict[str, Any]]:
        return [row_of(state) for state in self.scheduler.workers.values()]

    async def restart_workers(self, within: float) -> Restarted:
        workers = list(self.scheduler.workers.values())
        fixed = [str(one.name) for one in workers if not one.nanny]
        before = {str(one.name): one.server_id for one in workers if one.nanny}
        if not before:
            return Restarted(fixed=fixed)
        # Without waiting: Dask's own wait counts workers, whoever they are.
        await self.scheduler.restart_workers(
            [one.address for one in workers if one.nanny],
            timeout=within,
            wait_for_workers=False,
            on_error="return",
            stimulus_id=f"dask-steward-restart-{time.time()}",
        )
        deadline = time.monotonic() + within
        while True:
            now = {str(one.name): one.server_id for one in self.scheduler.workers.values()}
            late = [name for name, id in before.items() if now.get(name, id) == id]
            if not late or time.monotonic() > deadline:
                return Restarted(len(before) - len(late), late, fixed)
            await asyncio.sleep(DRAIN_INTERVAL)

    async def summary(self) -> dict[str, Any]:
        return {
            **self._plugin.summary(self.scheduler),
            "busy_seconds": self._plugin.busy_seconds(self.scheduler),
        }

    async def progress(
        self,
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
        since: float | None = None,
    ) -> list[Computation]:
        return self._plugin.progress(self.scheduler, groups, keys, client, since)

    async def idle_since(self) -> float | None:
        since = self.scheduler.check_idle()
        return float(since) if since else None

    async def closed(self) -> bool:
        return self.scheduler.status in (Status.closing, Status.closed)

    async def identity(self) -> dict[str, Any]:
        found: dict[str, Any] = self.scheduler.identity(n_workers=-1)
        return found

    async def mismatch(self) -> str | None:
        workers = {str(state.name): state.versions for state in self.scheduler.workers.values()}
        return versions.mismatch(get_versions(), workers)

    async def worker_logs(self, tail: int, worker: str | None = None) -> dict[str, str]:
        workers = self.scheduler.workers
        wanted = [address for address, state in workers.items() if worker in (None, address, str(state.name))]
        answers = await self.scheduler.get_worker_logs(n=tail, workers=wanted, nanny=False) if wanted else {}
        found = {}
        for address, lines in answers.items():
            known = workers.get(address)
            words = [str(text) for _, text in reversed(lines)] if isinstance(lines, list | tuple) else [str(lines)]
            found[f"worker {known.name if known is not None else address}"] = "\n".join(words)
        return found

    async def close(self) -> None:
        await self.scheduler.close()


def _view(state: Any) -> WorkerView:
    return WorkerView(
        address=state.address,
        name=str(state.name),
        threads=state.nthreads,
        status=state.status.name,
        processing=len(state.processing),
        executing={str(task.key): float(seconds) for task, seconds in state.executing.items()},
        stored=state.nbytes,
        keys=len(state.has_what),
        limit=state.memory_limit or 0,
        long_running=len(state.long_running),
        longest=max((task.prefix.duration_average for task in state.processing), default=0.0),
    )
