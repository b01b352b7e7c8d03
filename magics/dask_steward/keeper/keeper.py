"""One cluster's keeper: builds it, shows it, ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterator
from typing import Any

from dask_steward.clusters.adaptive import limits_of
from dask_steward.clusters.base import HoldingView, Site, refusal
from dask_steward.clusters.scheduler import security_of
from dask_steward.clusters.security import KeysAside
from dask_steward.clusters.systems import SchedulerStart, System
from dask_steward.errors import SchedulerLost, StartFailed, StewardError, WrongState
from dask_steward.keeper.belonging import Belonging
from dask_steward.keeper.control import ControlSocket
from dask_steward.keeper.ends import Ends
from dask_steward.keeper.facts import Facts
from dask_steward.keeper.guardian import Guardian
from dask_steward.keeper.logs import collect_logs
from dask_steward.keeper.observer import Observer
from dask_steward.keeper.progress import ask_progress
from dask_steward.keeper.request import Request
from dask_steward.keeper.restarting import restart
from dask_steward.keeper.rows import Rows
from dask_steward.keeper.sizes import Sizes
from dask_steward.keeper.state import Parts, state_of
from dask_steward.ledger import entries
from dask_steward.ledger.holdings import HoldingsLog
from dask_steward.release.releaser import write_end

logger = logging.getLogger(__name__)

#: Seconds between two summaries.
TICK = 1.0
#: States in which a cluster can be used.
_READY = ("running", "degraded")


class Keeper:
    """Own one cluster from its start to its end.

    Parameters
    ----------
    request : Request
        What was asked for.
    system : System
        Prepared already.
    facts : Facts
        The keeper's file in the ledger.
    guardian : Guardian
        Its guard watches already.
    keys : KeysAside or None
        For TLS; None without.
    """

    def __init__(
        self, request: Request, system: System, facts: Facts, guardian: Guardian, keys: KeysAside | None
    ) -> None:
        self.request = request
        self.facts = facts
        self.system = system
        self.guardian = guardian
        self.ends = Ends(request)
        self.belonging = Belonging(request, facts, guardian, self.ends)
        self.parts = Parts()
        self.tables = {"workers": Rows("address", self._worker_rows), "jobs": Rows("key", self._job_rows)}
        self.version = 0
        self.was_ready = False
        self.ended = False
        self._keys = keys
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._stop_reason = ""
        self._urgent = False
        self._failed: StewardError | None = None
        self._becoming_ready: asyncio.Task[None] | None = None
        self._ready_at = 0.0
        self._background: set[asyncio.Task[None]] = set()

    # -- life --

    async def run(self) -> None:
        """Start, serve until somebody stops it, release."""
        control = ControlSocket(self, self.facts.socket)
        control.start()
        self._in_background(self.guardian.watch())
        start = asyncio.create_task(self._start())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([start, stop], return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
                await stop
            else:
                start.cancel()
                await asyncio.wait([start])
        except StewardError as error:
            self.fail(error)
        except Exception as error:  # a start can fail in any part of Dask; it must leave nothing all the same
            logger.exception("the cluster failed")
            self.fail(StartFailed(f"The cluster did not start: {type(error).__name__}: {error}."))
        await self._end()
        await control.close()

    def stop(self, reason: str, urgent: bool = False) -> None:
        """Begin to stop; returns at once."""
        if not self._stop.is_set():
            logger.info("stopping: %s", reason)
            self._stop_reason = reason
            self._urgent = urgent
            self._stop.set()

    def fail(self, error: StewardError) -> None:
        """End because of an error."""
        if self._failed is None and not self._stop.is_set():
            self._failed = error
            self.stop(str(error), urgent=True)

    async def _start(self) -> None:
        profile = self.request.profile
        tls = self._keys.wait() if self._keys is not None else self.system.tls
        security = security_of(tls)
        log = HoldingsLog(self.request.folder)
        start = SchedulerStart(security, tls, log, self._scheduler_waits, self._scheduler_lost, self.facts.update)
        agent = await self.system.start_agent(start)
        if self.system.foreign:  # only now it may be known where that scheduler is
            tls = self.system.tls
            security = security_of(tls)
        self.parts.agent, self.parts.observer = agent, Observer(agent)
        site = Site(
            id=self.request.id,
            tag=entries.tag(self.request.id),
            folder=self.request.folder,
            profile=profile,
            python=profile.get("python"),
            agent=agent,
            security=security,
            tls=tls,
            log=log,
            changed=self.changed,
        )
        agent.watch(self._joined, self._left)
        limits = self.request.limits
        workforce, units = self.system.workforce(site, self.request.asked)
        self.parts.workforce = workforce
        if limits and self.request.begins_small:
            units = limits_of(limits).minimum
        self.facts.update(scheduler={"address": agent.address}, tls=tls)
        self._to("pending", "workers are asked for" if units else None)
        sizes = Sizes(agent, workforce, self.changed)
        await sizes.begin(units, limits, profile.get("groups") or {})
        # From here on the state is judged: before, nothing was wanted, and all of it was there.
        self.parts.sizes = sizes
        self._in_background(self._watch())
        listen = str(profile.get("dashboard") or "socket")
        self.parts.pages = await self.system.pages(agent, security, listen, self.facts.dashboard_socket)
        self.changed()

    def _scheduler_waits(self, why: str) -> None:
        if not self._stop.is_set():
            self._to("pending", why)

    def _scheduler_lost(self, why: str) -> None:
        self.fail(SchedulerLost(why) if self.system.foreign else StartFailed(why))

    async def _end(self) -> None:
        """Release, verify, and cross the entry out; what cannot be verified is left to the guard."""
        with self._tolerant():
            self.facts.update(stopping=self._stop_reason)
        self._to("stopping", self._stop_reason)
        parts = self.parts
        if parts.sizes is not None:
            parts.sizes.stop()
        left = await parts.workforce.release(self._urgent) if parts.workforce is not None else None
        left = await self.system.release() or left
        for task in self._background:
            task.cancel()
        if parts.pages is not None:
            parts.pages.close()
        if parts.agent is not None and not self._urgent:
            with contextlib.suppress(asyncio.TimeoutError, OSError):
                await asyncio.wait_for(parts.agent.close(), 2.0)
        self.ended = True
        if left is not None:
            logger.warning("the guard goes on: %s", left)
            self._to("stopping", f"{self._stop_reason}; {left}; the guard goes on")
            return
        state = self._failed.state if self._failed is not None else "stopped"
        with self._tolerant():
            self.facts.update(spend=self.state()["spend"])
            write_end(self.facts.entry(), state=state, reason=self._stop_reason, by="keeper")
        self._to(state, self._stop_reason)

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Go on where the ledger cannot be written: nothing may keep a cluster from being given back."""
        try:
            yield
        except OSError as error:
            logger.error("the ledger cannot be written: %s", error)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a part of the keeper failed", exc_info=task.exception())
            self.fail(StartFailed(f"A part of the cluster failed: {task.exception()}."))

    # -- what happens --

    def _joined(self, address: str, name: str) -> None:
        self._workers_changed("joined", address, name)

    def _left(self, address: str) -> None:
        self._workers_changed("left", address)

    def _workers_changed(self, what: str, *given: str) -> None:
        if self.parts.observer is not None:
            self.parts.observer.workers_changed = True
        told = getattr(self.parts.workforce, what, None)
        if told is not None:
            told(*given)
        self.changed()

    def changed(self) -> None:
        """Note that something is new: the state is worked out anew, and every stream gets it."""
        if not self._stop.is_set():
            self._judge()
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_change(self, seen: int, timeout: float) -> bool:
        """Wait for a version other than `seen`; return whether one came within `timeout` seconds."""
        if self.version != seen:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    def _judge(self) -> None:
        """Work out state and reason from what is there."""
        workforce = self.parts.workforce
        if workforce is None or self.parts.sizes is None:
            return
        if workforce.failure is not None and (not self.was_ready or workforce.lost_for_good):
            self.fail(StartFailed(workforce.failure))
            return
        counts = workforce.counts()
        reason = workforce.reason()
        if counts.running >= counts.asked and workforce.up:
            state = "running"
        elif counts.running + counts.queued < counts.asked and (counts.running or self.was_ready):
            state = "degraded"  # something is lost or refused, and nothing is on its way in its place
        elif counts.running and (self.was_ready or not workforce.needs_all):
            state = "running"
        else:
            state = "pending"
        if state in _READY and not self.was_ready:
            if self._becoming_ready is None:
                self._becoming_ready = asyncio.create_task(self._become_ready())
            return
        self._to(state, reason)

    async def _become_ready(self) -> None:
        """Look before it is said: who waited for this looks at threads and memory at once, not after the next tick."""
        if self.parts.observer is not None:
            await self.parts.observer.look()
        self.was_ready, self._ready_at = True, time.time()
        self.changed()

    def _to(self, state: str, reason: str | None) -> None:
        if (state, reason) != (self.facts.state, self.facts.reason):
            # A full disk ends no cluster that runs: every face asks the control socket first.
            with self._tolerant():
                self.facts.to(state, reason)
            self.version += 1
            self._changed.set()
            self._changed = asyncio.Event()

    @property
    def idle_since(self) -> float | None:
        """Since when nothing was to do; a cluster whose first job still waits in the queue is not idle."""
        since = self.parts.observer.idle_since if self.parts.observer is not None else None
        return max(since, self._ready_at) if since is not None and self.was_ready else None

    @property
    def stopping(self) -> bool:
        """Whether its end has begun."""
        return self._stop.is_set()

    async def _watch(self) -> None:
        """Once a second: summary, time limits, lease."""
        touched = 0.0
        while True:
            agent, observer = self.parts.agent, self.parts.observer
            if agent is not None and observer is not None:
                if await observer.look():
                    self.changed()
                if await agent.closed():
                    self.stop("its scheduler was closed by a client")
                    return
            why = self.ends.over(self.idle_since)
            if why is not None:
                self.stop(why)
            if time.monotonic() - touched > entries.LEASE_INTERVAL:
                touched = time.monotonic()
                with self._tolerant():
                    await asyncio.to_thread(self.facts.touch_lease)
            await asyncio.sleep(TICK)

    # -- what is asked over the control socket --

    def _usable(self) -> Sizes:
        if self.parts.sizes is None or self.stopping:
            raise self._wrong_state()
        if self.system.foreign:
            raise refusal(self.belonging.name)
        return self.parts.sizes

    def _wrong_state(self) -> WrongState:
        return WrongState(f"Cluster {self.belonging.name} is {self.facts.state}.", cluster=self.request.id)

    def holdings(self) -> list[HoldingView]:
        """Return what is held now, for the scheduler and for workers."""
        workforce = self.parts.workforce
        return [*self.system.holdings(), *(workforce.holdings() if workforce is not None else ())]

    async def scale(self, ask: dict[str, Any]) -> str | None:
        """Set the size of a group; ends an adaptive one. Return a sentence if it was rounded up."""
        return await self._usable().scale(ask)

    def adapt(self, given: dict[str, Any]) -> None:
        """Let the size of a group follow the work between limits; ``{"active": false}`` ends that."""
        self._usable().adapt(given)

    async def rename(self, name: object) -> None:
        """Take another name."""
        await self.belonging.rename(name)
        self.changed()

    async def give(self, given: dict[str, Any]) -> None:
        """Give the cluster to another owner."""
        if self.stopping:
            raise self._wrong_state()
        await self.belonging.give(given)
        self.changed()

    async def _worker_rows(self) -> list[dict[str, Any]]:
        agent, workforce = self.parts.agent, self.parts.workforce
        if agent is None or workforce is None:
            return []
        rows = await agent.worker_rows()
        return [{**row, "job": workforce.job_of(row["name"])} for row in rows]

    async def _job_rows(self) -> list[dict[str, Any]]:
        return [one.to_json() for one in self.holdings()]

    async def restart_workers(self) -> dict[str, Any]:
        """Start the processes of all workers again; jobs stay. Return what became of them."""
        self._usable()
        agent, workforce = self.parts.agent, self.parts.workforce
        if agent is None or workforce is None:
            raise self._wrong_state()
        found = await restart(agent, workforce)
        self.changed()
        return found

    async def logs(self, *, job: str | None, worker: str | None, keeper: bool, tail: int) -> dict[str, str]:
        """Return the ends of logs by name."""
        return await collect_logs(
            self.request.folder, self.system, self.parts.agent, job=job, worker=worker, keeper=keeper, tail=tail
        )

    async def progress(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the progress of computations: of ``groups`` or ``keys``, of a ``client``, ``since`` then."""
        return await ask_progress(self, given)

    async def identity(self) -> dict[str, Any]:
        """Return the scheduler's own description, with all workers."""
        if self.parts.agent is None:
            raise self._wrong_state()
        return await self.parts.agent.identity()

    def state(self) -> dict[str, Any]:
        """Return the state that every face shows."""
        return state_of(self)
