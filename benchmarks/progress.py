"""What watching computations costs: the scheduler, and the kernel that shows them.

scheduler   a real scheduler with simulated workers computes a graph of five kinds; both our summary and what stands
            behind distributed's progress pages (`AllProgress`, its feed five times a second) watch the same run. Their
            looks are timed; the steps of tasks are recorded and played again to each, less what a plugin that does
            nothing takes. In per cent of the processor time of the run (scheduler and simulated workers).
looks       one summary (each second), one `identity()` with all workers (what dask-labextension and `Client` ask):
            milliseconds, and KiB as JSON
kernel      processor time of a kernel's process for each second in which it follows a running computation on the same
            cluster and renders text and HTML at each change, less what it takes without
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import dask
import dask.array as da
from distributed import Client, Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.diagnostics.progress import AllProgress
from distributed.diagnostics.progress_stream import _counts
from support.figures import Figure, parser, report, say

from dask_steward.clusters.summary import SummaryPlugin
from tests.support.simulated import Shape, simulated
from tests.support.simulated_workers import Beats, SimulatedWorker

#: Bytes of a simulated worker's memory; its threads.
MEMORY, THREADS = 16 * 2**30, 4
#: Seconds between two summaries (the keeper's own), and between two messages of distributed's progress pages.
SUMMARY_INTERVAL, FEED_INTERVAL = 1.0, 0.2
#: Seconds for which a kernel follows, and does not.
KERNEL_SECONDS = 15.0
#: Seconds that a computation may take.
LIMIT = 1200.0
#: How often the recorded steps are played; the quickest counts.
PLAYED = 3


class Timed:
    """Adds up the processor time that calls take; for few, long ones: a look at the clock takes a microsecond."""

    def __init__(self) -> None:
        self.seconds, self.calls = 0.0, 0

    def wrap(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same function, timed."""

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.thread_time()  # others may have the processor in between
            try:
                return act(*arguments, **named)
            finally:
                self.seconds += time.thread_time() - began
                self.calls += 1

        return timed


class Recorder(SchedulerPlugin):
    """Keeps every step of every task, to be played again: far too many, and too short, to be timed one by one."""

    name = "bench-recorder"

    def __init__(self, scheduler: Scheduler | None = None) -> None:
        self._scheduler = scheduler
        self.steps: list[tuple[Any, str, str, dict[str, Any]]] = []
        self.tasks: dict[Any, Any] = {}

    def transition(self, key: Any, start: str, finish: str, *_: Any, **details: Any) -> None:
        self.steps.append((key, start, finish, details))
        if self._scheduler is not None:
            self.tasks[key] = self._scheduler.tasks[key]

    def played(self, make: Callable[[Any], Any]) -> float:
        """Return the processor time that a plugin takes for all steps, less that of one that does nothing."""
        found = {}
        for name, made in (("plugin", make), ("nothing", lambda _: SchedulerPlugin())):
            times = []
            for _ in range(PLAYED):
                step = made(self).transition
                began = time.thread_time()
                for key, start, finish, details in self.steps:
                    step(key, start, finish, **details)
                times.append(time.thread_time() - began)
            found[name] = min(times)
        return max(0.0, found["plugin"] - found["nothing"])


def summary_of(recorder: Recorder) -> SummaryPlugin:
    """Return our plugin for what was recorded."""
    made = SummaryPlugin("played")
    made._tasks = recorder.tasks
    return made


def feed_of(recorder: Recorder) -> AllProgress:
    """Return distributed's."""
    return AllProgress(SimpleNamespace(tasks=Late(recorder.tasks), add_plugin=lambda _: None))


class Late(dict[Any, Any]):
    """Tasks that were not there when it was made."""

    def values(self) -> Any:
        return ()


def graph(tasks: int) -> Any:
    """Return an array whose computation has about so many tasks, of five kinds."""
    side = max(2, int((tasks / 2.33) ** 0.5))
    array = da.random.random((side, side), chunks=1)
    return (array + array.T).sum(axis=0).rechunk(2)


async def scheduler_side(workers: int, tasks: int) -> dict[str, float]:
    """Return seconds that watching took, and the whole run's processor time."""
    submits, looks, feeds, single, identified = Timed(), Timed(), Timed(), Timed(), Timed()
    with dask.config.set({"distributed.scheduler.worker-saturation": 1.1, "optimization.fuse.active": False}):
        async with Scheduler(protocol="inproc://", dashboard=False, dashboard_address="127.0.0.1:0") as scheduler:
            summary = SummaryPlugin("bench")
            summary.update_graph = submits.wrap(summary.update_graph)  # type: ignore[method-assign]
            summary.attach(scheduler)
            feed, recorder = AllProgress(scheduler), Recorder(scheduler)
            scheduler.add_plugin(recorder)
            made = {
                f"w{n}": SimulatedWorker(scheduler, f"w{n}", f"10.0.{n // 250}.{n % 250 + 1}", n, THREADS, MEMORY)
                for n in range(workers)
            }
            for one in made.values():
                one.start()
            while len(scheduler.workers) < workers:
                await asyncio.sleep(0.1)
            beats = Beats(made, lively=True)
            async with Client(scheduler.address, asynchronous=True) as client:
                say(f"{workers} workers are there")
                began, used = time.monotonic(), time.process_time()
                running = asyncio.create_task(_compute(client, graph(tasks)))
                looked = fed = 0.0
                look, count = looks.wrap(summary.summary), feeds.wrap(_counts)
                while not running.done():
                    now = time.monotonic()
                    if now - looked >= SUMMARY_INTERVAL:
                        look(scheduler)
                        looked = now
                    if now - fed >= FEED_INTERVAL:
                        count(scheduler, feed)
                        fed = now
                    await asyncio.sleep(0.05)
                total = await running
                used, took = time.process_time() - used, time.monotonic() - began
                summarised = [single.wrap(summary.summary)(scheduler) for _ in range(5)][-1]
                described = [identified.wrap(scheduler.identity)(n_workers=-1) for _ in range(3)][-1]
            await beats.stop()
            for one in made.values():
                one.freeze()
            # A scheduler that closes cuts off what it reads of each worker, and says so with a stack for each.
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
    ours = recorder.played(summary_of) + submits.seconds + looks.seconds
    theirs = recorder.played(feed_of) + feeds.seconds
    # Less what only this measurement took; theirs is none of the scheduler's own work, either.
    own = used - recorder.played(lambda _: Recorder()) - theirs
    return {
        "tasks": total,
        "used": own,
        "took": took,
        "ours": ours,
        "theirs": theirs,
        "summary": single.seconds / single.calls,
        "identity": identified.seconds / identified.calls,
        "summary_size": len(json.dumps(summarised, default=str)),
        "identity_size": len(json.dumps(_plain(described), default=str)),
    }


async def _compute(client: Client, array: Any) -> int:
    kept = client.persist(array)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        counts = await client.run_on_scheduler(_open)
        if counts[0] and not counts[1]:
            del kept
            return counts[0]
        await asyncio.sleep(0.5)
    raise TimeoutError(f"{counts[1]} of {counts[0]} tasks are not done after {LIMIT:g} s")


def _open(dask_scheduler: Any) -> tuple[int, int]:
    """Return how many tasks were submitted, and how many are open."""
    total = open_ = 0
    for group in dask_scheduler.task_groups.values():
        total += len(group)
        open_ += sum(group.states[state] for state in ("waiting", "queued", "processing", "no-worker"))
    return total, open_


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value


def kernel_side(workers: int, tasks: int) -> tuple[float, int]:
    """Return processor seconds for each second of display, and how many changes were shown."""
    import dask_steward as ds
    from dask_steward.console.progress_text import progress_text
    from dask_steward.control.progress_html import progress_html

    shown = 0

    def render(view: Any) -> None:
        nonlocal shown
        shown += len(progress_text(view)) > 0 < len(progress_html(view))

    with tempfile.TemporaryDirectory() as state:
        os.environ["DASK_STEWARD_STATE_DIR"] = state
        with simulated(Shape("bench", workers=workers)) as (id,), ds.get(id).get_client() as client:
            client.persist(graph(tasks))
            time.sleep(2.0)
            progress = ds.widgets.Progress(client=client)
            spent = {}
            for follows in (False, True):
                stop = progress.follow(render) if follows else None
                began = time.process_time()
                time.sleep(KERNEL_SECONDS)
                spent[follows] = time.process_time() - began
                if stop is not None:
                    stop()
    return max(0.0, spent[True] - spent[False]) / KERNEL_SECONDS, shown


def main() -> int:
    options = parser(__doc__ or "", runs=1)
    options.add_argument("--workers", type=int, default=1000, help="simulated workers (default: 1000)")
    options.add_argument("--tasks", type=int, default=100_000, help="tasks, about (default: 100,000)")
    given = options.parse_args()
    peer = "AllProgress"
    size = f"{given.tasks:,} tasks, {given.workers:,} workers"
    share = Figure(f"scheduler's time: {size}", "%", peer, limit=1.0)
    each = Figure("… for each task", "µs", peer)
    look = Figure("one look", "ms", "identity()")
    bytes_ = Figure("… as JSON", "KiB", "identity()")
    kernel = Figure("kernel's time for each second of display", "ms", limit=20.0)
    for _ in range(given.runs):
        # A thousand workers that come and go are two thousand lines each.
        logging.getLogger("distributed").setLevel(logging.ERROR)
        found = asyncio.run(scheduler_side(given.workers, given.tasks))
        say(f"{found['tasks']:.0f} tasks in {found['took']:.1f} s, {found['used']:.1f} s of processor time")
        share.ours.add(100 * found["ours"] / found["used"])
        share.peer.add(100 * found["theirs"] / found["used"])
        each.ours.add(1e6 * found["ours"] / found["tasks"])
        each.peer.add(1e6 * found["theirs"] / found["tasks"])
        look.ours.add(1e3 * found["summary"])
        look.peer.add(1e3 * found["identity"])
        bytes_.ours.add(found["summary_size"] / 1024)
        bytes_.peer.add(found["identity_size"] / 1024)
        seconds, changes = kernel_side(given.workers, given.tasks)
        say(f"the kernel showed {changes} changes")
        kernel.ours.add(1e3 * seconds)
    return report("progress", [share, each, look, bytes_, kernel], as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
