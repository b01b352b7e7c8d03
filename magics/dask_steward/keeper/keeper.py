"""One cluster's keeper: builds it, shows it, ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Coroutine, Iterator
from typing import Any

from dask_steward.clusters.adaptive import limits_of
from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import Site, Workforce
from dask_steward.clusters.scheduler import Pages, security_of
from dask_steward.clusters.security import KeysAside
from dask_steward.clusters.systems import SchedulerStart, System
from dask_steward.clusters.tunnel import RemotePages
from dask_steward.errors import StartFailed, StewardError, WrongState
from dask_steward.keeper.control import ControlSocket
from dask_steward.keeper.facts import Facts
from dask_steward.keeper.guardian import Guardian
from dask_steward.keeper.logs import collect_logs
from dask_steward.keeper.request import Request
from dask_steward.keeper.sizes import Sizes
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
        self.version = 0
        self._system = system
        self._guardian = guardian
        self._keys = keys
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._stop_reason = ""
        self._urgent = False
        self._failed: StewardError | None = None
        self._agent: Agent | None = None
        self._workforce: Workforce | None = None
        self._sizes: Sizes | None = None
        self._pages: Pages | RemotePages | None = None
        self._summary: dict[str, Any] = {}
        self._busy = 0.0
        self._mismatch: str | None = None
        self._workers_changed = False
        self._ended = False
        self._was_ready = False
        self._becoming_ready: asyncio.Task[None] | None = None
        self._ready_at = 0.0
        self._background: set[asyncio.Task[None]] = set()

    # -- life --

    async def run(self) -> None:
        """Start, serve until somebody stops it, release."""
        control = ControlSocket(self, self.facts.socket)
        control.start()
        self._in_background(self._guardian.watch())
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
        tls = self._keys.wait() if self._keys is not None else {}
        security = security_of(tls)
        log = HoldingsLog(self.request.folder)
        agent = await self._system.start_agent(
            SchedulerStart(security, tls, log, waiting=self._scheduler_waits, lost=self._scheduler_lost)
        )
        self._agent = agent
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
        ask = self.request.ask or {k: v for k, v in (profile.get("scale") or {}).items() if v is not None}
        limits = self.request.adapt or profile.get("adapt")
        self._workforce, units = self._system.workforce(site, ask)
        # Limits that are asked for stand against the profile's size, unless a size is asked for, too.
        if limits and not self.request.ask and (self.request.adapt or not ask):
            units = limits_of(limits).minimum
        self.facts.update(scheduler={"address": agent.address}, tls=tls)
        self._to("pending", "workers are asked for" if units else None)
        sizes = Sizes(agent, self._workforce, self.changed)
        await sizes.begin(units, limits, profile.get("groups") or {})
        self._sizes = sizes  # from here on the state is judged: before, nothing was wanted, and all of it was there
        self._in_background(self._watch())
        listen = str(profile.get("dashboard") or "socket")
        self._pages = await self._system.pages(agent, security, listen, self.facts.dashboard_socket)
        self.changed()

    def _scheduler_waits(self, why: str) -> None:
        if not self._stop.is_set():
            self._to("pending", why)

    def _scheduler_lost(self, why: str) -> None:
        self.fail(StartFailed(why))

    async def _end(self) -> None:
        """Release, verify, and cross the entry out; what cannot be verified is left to the guard."""
        with self._tolerant():
            self.facts.update(stopping=self._stop_reason)
        self._to("stopping", self._stop_reason)
        if self._sizes is not None:
            self._sizes.stop()
        left = await self._workforce.release(self._urgent) if self._workforce is not None else None
        left = await self._system.release() or left
        for task in self._background:
            task.cancel()
        if self._pages is not None:
            self._pages.close()
        if self._agent is not None and not self._urgent:
            with contextlib.suppress(asyncio.TimeoutError, OSError):
                await asyncio.wait_for(self._agent.close(), 2.0)
        self._ended = True
        if left is not None:
            logger.warning("the guard goes on: %s", left)
            self._to("stopping", f"{self._stop_reason}; {left}; the guard goes on")
            return
        state = "failed" if self._failed is not None else "stopped"
        with self._tolerant():
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
        self._workers_changed = True
        joined = getattr(self._workforce, "joined", None)
        if joined is not None:
            joined(address, name)
        self.changed()

    def _left(self, address: str) -> None:
        self._workers_changed = True
        left = getattr(self._workforce, "left", None)
        if left is not None:
            left(address)
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
        workforce = self._workforce
        if workforce is None or self._sizes is None:
            return
        if workforce.failure is not None and (not self._was_ready or workforce.lost_for_good):
            self.fail(StartFailed(workforce.failure))
            return
        counts = workforce.counts()
        reason = workforce.reason()
        if counts.running >= counts.asked:
            state = "running"
        elif counts.running + counts.queued < counts.asked and (counts.running or self._was_ready):
            state = "degraded"  # something is lost or refused, and nothing is on its way in its place
        elif counts.running and (self._was_ready or not workforce.needs_all):
            state = "running"
        else:
            state = "pending"
        if state in _READY and not self._was_ready:
            if self._becoming_ready is None:
                self._becoming_ready = asyncio.create_task(self._become_ready())
            return
        self._to(state, reason)

    async def _become_ready(self) -> None:
        """Look before it is said: who waited for this looks at threads and memory at once, not after the next tick."""
        await self._look()
        self._was_ready, self._ready_at = True, time.time()
        self.changed()

    def _to(self, state: str, reason: str | None) -> None:
        if (state, reason) != (self.facts.state, self.facts.reason):
            # A full disk ends no cluster that runs: every face asks the control socket first.
            with self._tolerant():
                self.facts.to(state, reason)
            self.version += 1
            self._changed.set()
            self._changed = asyncio.Event()

    async def _watch(self) -> None:
        """Once a second: summary, time limits, lease."""
        idle_timeout = self.request.seconds("idle_timeout")
        time_to_live = self.request.seconds("time_to_live")
        touched = 0.0
        while True:
            agent = self._agent
            if agent is not None:
                if await self._look():
                    self.changed()
                if await agent.closed():
                    self.stop("its scheduler was closed by a client")
                    return
                idle_since = await agent.idle_since()
                # A cluster whose first job still waits in the queue is not idle.
                idle = time.time() - max(idle_since, self._ready_at) if idle_since and self._was_ready else 0.0
                if idle_timeout and idle > idle_timeout:
                    self.stop(f"idle for {idle_timeout:.0f} s (idle_timeout)")
            if time_to_live and time.time() - self.request.created > time_to_live:
                self.stop(f"its time to live of {time_to_live:.0f} s is over (time_to_live)")
            if time.monotonic() - touched > entries.LEASE_INTERVAL:
                touched = time.monotonic()
                with self._tolerant():
                    await asyncio.to_thread(self.facts.touch_lease)
            await asyncio.sleep(TICK)

    async def _look(self) -> bool:
        """Take a new summary; return whether it is another one than the last."""
        if self._agent is None:
            return False
        try:
            summary = await self._agent.summary()
        except Exception:  # it reads Dask's own structures, which may change: what only looks on must end no cluster
            logger.exception("the scheduler cannot be summarised")
            return False
        self._busy = summary.pop("busy_seconds")
        changed, self._summary = summary != self._summary, summary
        if self._workers_changed:
            self._workers_changed = False
            before, self._mismatch = self._mismatch, await self._agent.mismatch()
            changed = changed or before != self._mismatch
        return bool(changed)

    # -- what is asked over the control socket --

    def _usable(self) -> Sizes:
        if self._sizes is None or self._stop.is_set():
            raise WrongState(f"Cluster {self.request.name} is {self.facts.state}.", cluster=self.request.id)
        return self._sizes

    async def scale(self, ask: dict[str, Any]) -> str | None:
        """Set the size of a group; ends an adaptive one. Return a sentence if it was rounded up."""
        return await self._usable().scale(ask)

    def adapt(self, given: dict[str, Any]) -> None:
        """Let the size of a group follow the work between limits; ``{"active": false}`` ends that."""
        self._usable().adapt(given)

    async def logs(self, *, job: str | None, worker: str | None, keeper: bool, tail: int) -> dict[str, str]:
        """Return the ends of logs by name."""
        return await collect_logs(self.request.folder, self._agent, job=job, worker=worker, keeper=keeper, tail=tail)

    async def identity(self) -> dict[str, Any]:
        """Return the scheduler's own description, with all workers."""
        if self._agent is None:
            raise WrongState(f"Cluster {self.request.name} is {self.facts.state}.", cluster=self.request.id)
        return await self._agent.identity()

    def state(self) -> dict[str, Any]:
        """Return the state that every face shows."""
        workforce, agent = self._workforce, self._agent
        counts = workforce.counts() if workforce is not None else None
        empty = {
            "threads": 0,
            "memory": {"limit": 0, "used": 0, "spilled": 0},
            "tasks": {"groups": [], "per_second": 0.0},
        }
        guard = self._guardian.identity
        return {
            "format": entries.FORMAT,
            "id": self.request.id,
            "name": self.request.name,
            "profile": self.request.profile.get("name"),
            "system": self.request.system,
            "tag": entries.tag(self.request.id),
            "state": self.facts.state,
            "reason": self.facts.reason,
            "since": self.facts.since,
            "created": self.request.created,
            "ready": self._was_ready and not self._stop.is_set(),
            "tenure": self.request.tenure,
            "owner": self.request.owner_json(),
            "keeper": self.facts.keeper.to_json(),
            "guard": guard.to_json() if guard is not None else None,
            "workers": vars(counts) if counts is not None else {"asked": 0, "queued": 0, "running": 0, "lost": 0},
            **(self._summary or empty),
            "scheduler": {
                "address": agent.address if agent is not None and not self._ended else None,
                "dashboard": self._pages.where if self._pages is not None else None,
                "dashboard_reason": self._pages.why_not if self._pages is not None else None,
            },
            "holdings": [
                one.to_json()
                for one in (*self._system.holdings(), *(workforce.holdings() if workforce is not None else ()))
            ],
            "spend": {
                "core_seconds_held": round(
                    self._system.core_seconds() + (workforce.core_seconds() if workforce is not None else 0.0), 1
                ),
                "core_seconds_busy": round(self._busy, 1),
            },
            "adapt": self._sizes.limits() if self._sizes is not None else None,
            "groups": self._sizes.views() if self._sizes is not None else {},
            "losses": workforce.losses() if workforce is not None else [],
            "unit": workforce.unit if workforce is not None else None,
            "warnings": [
                *(workforce.warnings if workforce is not None else ()),
                *self._system.warnings(),
                *([self._mismatch] if self._mismatch else ()),
            ],
            "logs": os.path.join(self.request.folder, entries.LOGS),
            "logs_until": None,
        }
