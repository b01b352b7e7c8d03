"""Clusters whose workers are simulated: real keeper, ledger, control socket, scheduler and pages; no job, no process.

For what needs many of them: 50 clusters, or one with 1,000 workers. All live in one process of their own::

    with simulated(Shape("big", workers=1000)) as (id,):
        ...  # every face sees it: `dask_steward.get(id)`, the command line, a Jupyter server

They are found in the state folder and the runtime folder of the environment. They are scaled, renamed and stopped as
real ones are. They have no guard, except with ``guarded=True``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dask_steward.clusters.base import MAIN, Counts, HoldingView, Site, UnitView, Workforce, unknown_group
from dask_steward.clusters.systems import SchedulerStart, System
from dask_steward.control import launch
from dask_steward.keeper.facts import Facts
from dask_steward.keeper.guardian import Guardian
from dask_steward.keeper.keeper import Keeper
from dask_steward.keeper.request import Request
from dask_steward.ledger import entries
from dask_steward.ledger.identity import ProcessIdentity
from tests.support.simulated_workers import Beats, SimulatedWorker

ROOT = Path(__file__).resolve().parents[2]
#: Seconds in which all clusters must be up, and in which they must have ended.
UP_LIMIT, END_LIMIT = 120.0, 30.0


@dataclass(frozen=True)
class Shape:
    """One cluster.

    Attributes
    ----------
    name : str
        Its name.
    workers : int
        Workers that are connected.
    queued : int
        Jobs that wait in the queue, and go on waiting.
    reason : str
        Why they wait.
    expected : float
        In how many seconds they are expected to start.
    threads : int
        Of each worker.
    memory : int
        Of each worker, in bytes.
    lively : bool
        Whether memory and processor of the workers are in motion.
    guarded : bool
        Whether it has a guard, as real ones have.
    profile : dict
        Further fields of its profile.
    """

    name: str
    workers: int = 4
    queued: int = 0
    reason: str = "other jobs are before it in the queue (Priority)"
    expected: float = 1800.0
    threads: int = 4
    memory: int = 16 * 2**30
    lively: bool = True
    guarded: bool = False
    profile: dict[str, Any] = field(default_factory=dict)


class SimulatedSystem(System):
    """A queue that nobody has."""

    shape: Shape
    _starting = asyncio.Lock()

    def prepare(self) -> None:
        """Nothing is to be prepared."""

    def facts(self) -> dict[str, Any]:
        return {}

    def scheduler_arguments(self) -> dict[str, Any]:
        return {"host": "127.0.0.1"}

    async def start_agent(self, start: SchedulerStart) -> Any:
        # One after the other: Dask's configuration is changed while a scheduler starts.
        async with self._starting:
            return await super().start_agent(start)

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        made = SimulatedWorkforce(site, self.shape)
        return made, made.units_for(ask)


class SimulatedWorkforce(Workforce):
    """Jobs of one simulated worker each; the last ones of them wait as the shape says."""

    def __init__(self, site: Site, shape: Shape) -> None:
        super().__init__(site)
        self._shape = shape
        self._queued = shape.queued
        self._wanted = 0
        self._began = time.time()
        self._workers: dict[str, SimulatedWorker] = {}
        self._since: dict[str, float] = {}
        self._beats = Beats(self._workers, shape.lively)
        self._held, self._counted = 0.0, time.monotonic()
        self._last = 0

    @property
    def unit(self) -> dict[str, float]:
        return {"workers": 1, "cores": self._shape.threads, "memory": self._shape.memory}

    @property
    def needs_all(self) -> bool:
        return False

    def counts(self) -> Counts:
        running = sum(worker.address in self.site.scheduler.workers for worker in self._workers.values())
        return Counts(self._wanted, self._wanted - running, running, 0)

    def holdings(self) -> list[HoldingView]:
        found = [
            HoldingView(
                "job",
                self._id(name),
                "connected",
                node=_node(worker.number),
                since=self._since[name],
                group=MAIN,
                key=name,
            )
            for name, worker in self._workers.items()
        ]
        expected = self._began + self._shape.expected
        return found + [
            HoldingView(
                "job", str(900000 + n), "queued", self._shape.reason, expected, None, self._began, MAIN, None, f"q{n}"
            )
            for n in range(self._wanted - len(self._workers))
        ]

    def _id(self, name: str) -> str:
        return str(100000 + int(name[1:]))

    def job_of(self, worker: str) -> str | None:
        return self._id(worker) if worker in self._workers else None

    def reason(self) -> str | None:
        waiting = self._wanted - len(self._workers)
        return f"{waiting} of {self._wanted} jobs wait: {self._shape.reason}" if waiting else None

    def core_seconds(self) -> float:
        now = time.monotonic()
        self._held += (now - self._counted) * self.cores_held()
        self._counted = now
        return self._held

    def cores_held(self) -> int:
        return self._shape.threads * len(self._workers)

    def size(self, group: str = MAIN) -> int:
        if group != MAIN:
            raise unknown_group(group, [MAIN])
        return self._wanted

    def supply(self, group: str = MAIN) -> list[UnitView]:
        return [
            UnitView(name, "connected", self._since[name], (worker.address,), started=self._since[name])
            for name, worker in self._workers.items()
        ]

    async def scale(self, units: int, group: str = MAIN, *, renew: bool = False) -> None:
        self.size(group)
        self.core_seconds()
        self._wanted = units
        while len(self._workers) < units - self._queued:
            self._last += 1
            name = f"j{self._last}"
            host = f"10.{self._last // 250}.0.{self._last % 250 + 1}"
            self._workers[name] = worker = SimulatedWorker(
                self.site.scheduler, name, host, self._last, self._shape.threads, self._shape.memory
            )
            self._since[name] = time.time()
            worker.start()
        while len(self._workers) > units:
            self._workers.popitem()[1].stop()
        await asyncio.sleep(0)
        self.site.changed()

    async def release(self, urgent: bool) -> str | None:
        await self._beats.stop()
        self._wanted = 0
        for worker in self._workers.values():
            worker.freeze()
        self._workers.clear()
        return None


def _node(number: int) -> str:
    return f"node{number // 8:03d}"


class Unguarded(Guardian):
    """Nobody guards: for clusters that hold nothing."""

    def __init__(self) -> None:
        self.identity: ProcessIdentity | None = None

    def confirm(self) -> None:
        """Nothing is to be confirmed."""

    async def watch(self) -> None:
        await asyncio.Event().wait()

    async def renew(self) -> None:
        """Nobody watches the owner."""


def make(shape: Shape) -> Keeper:
    """Write a cluster's request into the ledger, and return its keeper."""
    id = launch.new_id()
    profile = {
        "name": "simulated",
        "title": "Simulated",
        "system": "slurm",
        "options": {"queue": "debug", "cores": shape.threads, "memory": shape.memory},
        "scale": {"jobs": shape.workers + shape.queued},
        "idle_timeout": 86400,
        **shape.profile,
    }
    folder = launch.write_request(
        launch.request_of(id=id, name=shape.name, profile=profile, tenure="detached", owner=None, ask={}, adapt=None)
    )
    request = Request.of(entries.read_entry(folder))
    facts = Facts(folder, id)
    system = SimulatedSystem(profile, folder, entries.tag(id))
    system.shape = shape
    system.prepare()
    guardian = Guardian(folder, id) if shape.guarded else Unguarded()
    guardian.confirm()
    return Keeper(request, system, facts, guardian, None)


async def serve(shapes: list[Shape]) -> None:
    """Keep these clusters until standard input is closed or a signal comes."""
    keepers = [make(shape) for shape in shapes]
    lives = [asyncio.create_task(keeper.run()) for keeper in keepers]
    while not all(keeper.was_ready or keeper.stopping for keeper in keepers):
        await asyncio.sleep(0.05)
    sys.stdout.write(json.dumps([keeper.request.id for keeper in keepers]) + "\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    await stop.wait()
    for keeper in keepers:
        keeper.stop("the simulation is over")
    await asyncio.wait(lives, timeout=END_LIMIT / 2)
    logging.shutdown()
    # As a keeper's own process ends: nothing is waited for.
    os._exit(0)


@contextlib.contextmanager
def simulated(*shapes: Shape) -> Iterator[list[str]]:
    """Run clusters with simulated workers in a process of their own.

    Yields
    ------
    list of str
        Their ids, in the order of the shapes; all their workers are connected.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.simulated"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        process.stdin.write(json.dumps([asdict(shape) for shape in shapes]) + "\n")
        process.stdin.flush()
        timer = _killer(process)
        said = process.stdout.readline()
        timer.cancel()
        if not said:
            raise RuntimeError(f"the simulated clusters did not come up: exit status {process.wait()}")
        yield json.loads(said)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _killer(process: subprocess.Popen[str]) -> Any:
    import threading

    timer = threading.Timer(UP_LIMIT, process.kill)
    timer.daemon = True
    timer.start()
    return timer


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    asyncio.run(serve([Shape(**one) for one in json.loads(sys.stdin.readline())]))
