"""Workers of this host: forks of one process, each watched by a nanny in the keeper."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import dask
from dask.system import CPU_COUNT
from distributed import Nanny
from distributed.core import Status
from distributed.deploy.utils import nprocesses_nthreads
from distributed.system import MEMORY_LIMIT

from dask_steward.clusters.base import (
    MAIN,
    Counts,
    HoldingView,
    Site,
    UnitView,
    Workforce,
    first_cause,
    unknown_group,
)
from dask_steward.errors import StartFailed
from dask_steward.ledger import holdings
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.release.marked import end_marked

logger = logging.getLogger(__name__)

#: Seconds that a worker has to close by itself at an orderly stop.
CLOSE_LIMIT = 2.0
#: Key of the one holding of a local cluster: all processes of its session.
_KEY = "processes"


@dataclass
class _Worker:
    name: str
    nanny: Nanny | None = None
    task: asyncio.Task[None] | None = None
    since: float = field(default_factory=time.time)
    error: str | None = None

    @property
    def running(self) -> bool:
        return self.nanny is not None and self.nanny.status == Status.running


class Size(NamedTuple):
    """Workers to begin with, threads of each, and bytes of each (None without a limit)."""

    workers: int
    threads: int
    memory: int | None


def size_of(options: Mapping[str, Any], asked: int | None) -> Size:
    """Return the workers of a local cluster; what is not given fits the processors and the memory of this process."""
    threads = options.get("threads_per_worker")
    if asked is None and threads is None:
        asked, threads = nprocesses_nthreads()
    elif asked is None:
        asked = max(1, CPU_COUNT // max(1, int(threads or 1)))
    elif threads is None:
        threads = max(1, CPU_COUNT // max(1, asked))
    threads = max(1, int(threads or 1))
    return Size(asked, threads, _memory_limit(options.get("memory_limit", "auto"), asked, threads))


class LocalWorkforce(Workforce):
    """Worker processes on this host.

    Parameters
    ----------
    site : Site
        The cluster that they belong to.
    scratch : str
        Folder in which they spill.
    asked : int or None
        Workers to begin with; by default as many as the processors and the memory that this process really has
        (affinity and control groups counted) are good for.
    """

    def __init__(self, site: Site, scratch: str, asked: int | None) -> None:
        super().__init__(site)
        self.wanted = 0
        size = size_of(site.options, asked)
        self.default, self._threads, self._memory_limit = size.workers, size.threads, size.memory
        self._workers: dict[str, _Worker] = {}
        self._names = 0
        self._errors: list[str] = []
        self._held = 0.0
        self._counted = time.monotonic()
        self._closing = False
        self._scale = asyncio.Lock()
        self.scratch = scratch
        _make_private(scratch)

    @property
    def unit(self) -> dict[str, float]:
        return {"workers": 1, "cores": self._threads, "memory": self._memory_limit or 0}

    @property
    def needs_all(self) -> bool:
        return True

    def counts(self) -> Counts:
        running = sum(self._connected(one) for one in self._workers.values())
        # A nanny goes on while the worker that it watched has died and another one comes up.
        starting = sum(
            (one.task is not None and not one.task.done()) or (one.running and not self._connected(one))
            for one in self._workers.values()
        )
        return Counts(self.wanted, starting, running, max(0, self.wanted - running - starting))

    def _connected(self, worker: _Worker) -> bool:
        nanny = worker.nanny
        return nanny is not None and worker.running and nanny.worker_address in self.site.scheduler.workers

    def holdings(self) -> list[HoldingView]:
        return [
            HoldingView("process", one.id, one.step, since=one.since, key=one.key)
            for one in self.site.log.known.values()
            if one.open
        ]

    def supply(self, group: str = MAIN) -> list[UnitView]:
        return [
            UnitView(
                one.name,
                "connected" if self._connected(one) else "running",
                one.since,
                (one.nanny.worker_address,) if one.nanny is not None and self._connected(one) else (),
                started=one.since,
            )
            for one in self._workers.values()
        ]

    def reason(self) -> str | None:
        counts = self.counts()
        if counts.running >= self.wanted:
            return None
        if self._errors:
            return self._errors[-1]
        return f"{counts.queued} workers are starting" if counts.queued else None

    def core_seconds(self) -> float:
        now = time.monotonic()
        self._held += (now - self._counted) * self.cores_held()
        self._counted = now
        return self._held

    def cores_held(self) -> int:
        return self._threads * len(self._workers)

    def size(self, group: str = MAIN) -> int:
        if group != MAIN:
            raise unknown_group(group, [MAIN])
        return self.wanted

    async def scale(self, units: int, group: str = MAIN, *, renew: bool = False) -> None:
        self.size(group)
        async with self._scale:
            self.core_seconds()
            self.wanted = units
            if units and not self.site.log.known:
                group = str(os.getpid())
                self.site.log.write("process", _KEY, holdings.INTENT, group)
                self.site.log.write("process", _KEY, holdings.HELD, group)
            for one in [one for one in self._workers.values() if one.error]:
                self._workers.pop(one.name)
            while len(self._workers) < units and not self._closing:
                worker = _Worker(f"w{self._names}")
                self._names += 1
                self._workers[worker.name] = worker
                worker.task = asyncio.create_task(self._start(worker))
            if len(self._workers) > units:
                await self._retire(len(self._workers) - units)
        self.site.changed()

    async def _start(self, worker: _Worker) -> None:
        options = self.site.options
        preload = ["dask_steward.clusters.preload", *dask.config.get("distributed.worker.preload")]
        try:
            worker.nanny = nanny = Nanny(
                self.site.scheduler.address,
                nthreads=self._threads,
                name=worker.name,
                memory_limit=self._memory_limit,
                local_directory=self.scratch,
                security=self.site.security,
                interface=options.get("interface"),
                host=None if options.get("interface") else options.get("host") or "127.0.0.1",
                env=self.site.environment,
                resources=options.get("resources") or None,
                preload=[*preload, *(options.get("preload") or [])],
                death_timeout=options.get("death_timeout"),
                # Its pages would be one more open port of the host.
                dashboard=False,
            )
            await nanny
        except asyncio.CancelledError:
            raise
        except Exception as error:  # anything: it comes from the worker's own start, in another process
            logger.exception("worker %s did not start", worker.name)
            cause = first_cause(error)
            words = str(cause).rstrip(".")
            worker.error = f"worker {worker.name} did not start: {type(cause).__name__}{': ' if words else ''}{words}"
            self._errors.append(worker.error)
            if all(one.error for one in self._workers.values()):
                self.failure = worker.error
        finally:
            self.site.changed()

    async def _retire(self, count: int) -> None:
        """Give back the idlest workers; those that are still starting first."""
        states = self.site.scheduler.workers

        def busy(one: _Worker) -> tuple[int, int, int]:
            address = one.nanny.worker_address if one.nanny is not None and one.running else None
            state = states.get(address) if address else None
            return (0, 0, 0) if state is None else (1, len(state.processing), state.nbytes)

        leaving = sorted(self._workers.values(), key=busy)[:count]
        addresses = [one.nanny.worker_address for one in leaving if one.nanny is not None and one.running]
        if addresses:
            await self.site.scheduler.retire_workers(workers=[a for a in addresses if a], close_workers=False)
        for one in leaving:
            self._workers.pop(one.name, None)
        await asyncio.gather(*(self._close(one) for one in leaving))

    async def _close(self, worker: _Worker) -> None:
        if worker.task is not None and not worker.task.done():
            worker.task.cancel()
            await asyncio.wait([worker.task])
        if worker.nanny is not None:
            # One that does not close in time is killed with the whole session.
            with contextlib.suppress(asyncio.TimeoutError, OSError):
                await asyncio.wait_for(worker.nanny.close(timeout=CLOSE_LIMIT), CLOSE_LIMIT * 2)

    async def release(self, urgent: bool) -> str | None:
        self._closing = True
        self.wanted = 0
        if urgent:
            for one in self._workers.values():
                if one.nanny is not None:
                    one.nanny.status = Status.closing  # else it starts again what is killed below
        else:
            await asyncio.gather(*(self._close(one) for one in list(self._workers.values())), return_exceptions=True)
        left = await asyncio.to_thread(end_marked, self.site.id, ProcessIdentity.of(), CLOSE_LIMIT * 2)
        if left is None:
            self._workers.clear()
            if _KEY in self.site.log.known and self.site.log.known[_KEY].open:
                self.site.log.write("process", _KEY, holdings.RELEASED)
        return left


def _make_private(scratch: str) -> None:
    """Make the folder in which workers spill: what they compute on is nobody else's business."""
    try:
        os.makedirs(os.path.dirname(scratch), exist_ok=True)
        os.mkdir(scratch, 0o700)
    except OSError as error:
        raise StartFailed(
            f"The workers' folder {scratch} cannot be made: {error.strerror or error}.",
            field="options.local_directory",
            hint="Set options.local_directory to a folder that you can write.",
        ) from error


def _memory_limit(given: Any, workers: int, threads: int) -> int | None:
    """Return a worker's memory limit in bytes; ``auto`` shares what is really there, and never more than that."""
    if given is None or given == 0:
        return None
    if given == "auto":
        return math.floor(MEMORY_LIMIT / max(1, workers, CPU_COUNT // threads))
    try:
        return int(given)
    except (TypeError, ValueError) as error:
        raise StartFailed(
            f"options.memory_limit = {given!r} is not a number of bytes.", field="options.memory_limit", value=given
        ) from error
