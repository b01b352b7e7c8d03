"""Workers that are simulated: a real scheduler takes them for real ones, and they cost next to nothing.

Each registers with the scheduler's own `add_worker`, over a comm whose other end is here, sends heartbeats as often as
Dask would have it, and answers orders to compute: a task is "done" after a while, with a result of a made-up size.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from typing import Any

from distributed import Scheduler
from distributed.comm.core import CommClosedError
from distributed.scheduler import heartbeat_interval
from distributed.versions import get_versions

#: Seconds and bytes of each task's result.
TASK_SECONDS, RESULT_BYTES = 0.5, 2_000_000
#: What every worker says of its packages: what the scheduler has.
VERSIONS = get_versions()


class Wire:
    """The scheduler's end of a comm: what it writes goes to the worker, what the worker says is read."""

    def __init__(self, worker: SimulatedWorker) -> None:
        self.name = ""
        self.local_address = self.peer_address = worker.address
        self._worker = worker
        self._said: asyncio.Queue[Any] = asyncio.Queue()
        self._closed = False

    async def write(self, message: Any, **_: Any) -> int:
        """Take what the scheduler says."""
        if self._closed:
            raise CommClosedError("closed")
        for one in message if isinstance(message, list) else [message]:
            if isinstance(one, dict) and "op" in one:
                self._worker.told(one)
        return 1

    async def read(self, **_: Any) -> Any:
        """Return what the worker says."""
        found = await self._said.get()
        if found is None:
            raise CommClosedError("closed")
        return found

    def say(self, **message: Any) -> None:
        """Say something to the scheduler."""
        self._said.put_nowait([message])

    async def close(self) -> None:
        """Close it."""
        self.abort()

    def abort(self) -> None:
        """Close it at once."""
        self._closed = True
        self._said.put_nowait(None)

    def closed(self) -> bool:
        """Tell whether it is closed."""
        return self._closed


class Deaf:
    """Takes the place of a stream to a worker."""

    def send(self, *_: Any) -> None:
        """Drop it."""

    def closed(self) -> bool:
        """Nothing is open."""
        return True

    def abort(self) -> None:
        """Nothing is open."""

    async def close(self, *_: Any) -> None:
        """Nothing is open."""


class SimulatedWorker:
    """One worker.

    Parameters
    ----------
    scheduler : Scheduler
        Whom it works for.
    name, host : str
        Its name and the node that it says it runs on.
    number : int
        Unique in its scheduler.
    threads : int
        Tasks at once.
    limit : int
        Its memory in bytes.
    """

    def __init__(self, scheduler: Scheduler, name: str, host: str, number: int, threads: int, limit: int) -> None:
        self.name, self.number = name, number
        self.address = f"tcp://{host}:{40000 + number % 20000}"
        self._scheduler, self._threads, self._limit = scheduler, threads, limit
        self._wire = Wire(self)
        self._ready: deque[dict[str, Any]] = deque()
        self._running: set[str] = set()
        # The run that each task was last ordered for: the answer to an earlier one is refused, and the task begun anew.
        self._runs: dict[str, int] = {}
        self._stored = 0
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Register with the scheduler."""
        self._life = asyncio.create_task(self._live())

    async def _live(self) -> None:
        await self._scheduler.add_worker(
            self._wire,  # type: ignore[arg-type]
            address=self.address,
            resolve_address=False,
            status="running",
            server_id=f"simulated-{self.name}-{time.time()}",
            nthreads=self._threads,
            name=self.name,
            now=time.time(),
            resources={},
            memory_limit=self._limit,
            metrics=self.metrics(),
            services={},
            local_directory="",
            versions=VERSIONS,
            nanny="",
            extra={},
            stimulus_id=f"simulated-{time.time()}",
        )

    def stop(self) -> None:
        """Leave."""
        self._wire.abort()

    def freeze(self) -> None:
        """Say and hear nothing any more; the scheduler ends first.

        A thousand workers that leave are half a million messages, since each is told of each, and each message to one
        that left before begins to remove that one: 25 s of a core.
        """
        self._scheduler.stream_comms[self.address] = Deaf()  # type: ignore[assignment]

    def metrics(self, moment: float | None = None) -> dict[str, Any]:
        """Return what a worker says of itself; with a moment memory and processor are in motion."""
        wave = 0.5 if moment is None else 0.5 + 0.45 * math.sin(moment / 7 + self.number)
        spilled = int(self._limit * 0.1) if self.number % 7 == 0 else 0
        return {
            "time": time.time(),
            "cpu": 100.0 * len(self._running) + (0.0 if moment is None else 90.0 * self._threads * wave),
            "memory": int(self._limit * 0.8 * wave) + self._stored,
            "managed_bytes": self._stored,
            "spilled_bytes": {"memory": spilled, "disk": spilled},
            "bandwidth": {"total": 100_000_000, "workers": {}, "types": {}},
            "digests_total_since_heartbeat": {},
            "task_counts": {"executing": len(self._running)} if self._running else {},
            "event_loop_interval": 0.02,
            "num_fds": 20,
            "transfer": dict.fromkeys(("incoming_bytes", "incoming_count", "outgoing_bytes", "outgoing_count"), 0),
            "host_net_io": {"read_bps": 0.0, "write_bps": 0.0},
            "host_disk_io": {"read_bps": 0.0, "write_bps": 0.0},
        }

    def beat(self, moment: float | None) -> None:
        """Send a heartbeat."""
        if self.address in self._scheduler.workers:
            self._scheduler.heartbeat_worker(
                address=self.address,
                resolve_address=False,
                now=time.time(),
                metrics=self.metrics(moment),
                executing=dict.fromkeys(self._running, 0.1),
            )

    def told(self, message: dict[str, Any]) -> None:
        """Take an order."""
        if message["op"] == "compute-task":
            known = message["key"] in self._runs
            self._runs[message["key"]] = message["run_id"]
            if not known:
                self._ready.append(message)
            self._next()
        elif message["op"] == "steal-request":
            key, stimulus = message["key"], message["stimulus_id"]
            state = "executing" if key in self._running else "ready" if key in self._runs else None
            if state == "ready":
                del self._runs[key]
            self._wire.say(op="steal-response", key=key, state=state, stimulus_id=stimulus)
        elif message["op"] == "free-keys":
            for key in message["keys"]:
                if key not in self._running:
                    self._runs.pop(key, None)
        elif message["op"] in ("close", "close-stream"):
            self.stop()

    def _next(self) -> None:
        while self._ready and len(self._running) < self._threads:
            task = self._ready.popleft()
            if task["key"] not in self._runs or task["key"] in self._running:
                continue  # given back meanwhile
            self._running.add(task["key"])
            asyncio.get_running_loop().call_later(TASK_SECONDS, self._finish, task)

    def _finish(self, task: dict[str, Any]) -> None:
        self._running.discard(task["key"])
        self._stored += RESULT_BYTES
        now = time.time()
        self._wire.say(
            op="task-finished",
            status="OK",
            key=task["key"],
            run_id=self._runs.pop(task["key"]),
            nbytes=RESULT_BYTES,
            type=b"",
            typename="ndarray",
            metadata={},
            thread=1,
            startstops=[{"action": "compute", "start": now - TASK_SECONDS, "stop": now}],
            stimulus_id=f"simulated-{now}",
        )
        self._next()


class Beats:
    """Send heartbeats for all workers of a scheduler, as often as Dask would have it.

    Parameters
    ----------
    workers : dict
        By name; it may change.
    lively : bool
        Whether memory and processor are in motion.
    """

    def __init__(self, workers: dict[str, SimulatedWorker], lively: bool) -> None:
        self._workers, self._lively = workers, lively
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            names = list(self._workers)
            pause = heartbeat_interval(len(names))
            steps = max(1, round(pause / 0.1))
            for step in range(steps):
                for name in names[step::steps]:
                    worker = self._workers.get(name)
                    if worker is not None:
                        worker.beat(time.monotonic() if self._lively else None)
                await asyncio.sleep(pause / steps)

    async def stop(self) -> None:
        """Send no more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
