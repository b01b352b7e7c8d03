"""Scheduler and client while the kernel's main thread holds its GIL in a pure Python loop.

A client in a third process (this one) speaks to a scheduler that lives in a keeper (ours, found by
``dask_steward.get``), or in the busy kernel itself (``LocalCluster`` there, reached by its address). The kernel is
equally busy on both sides, so both leave the same processors to scheduler, workers and client. Dask's defaults; ours
has TLS on, as it comes.

round trip   submit one trivial task and get its result, one after the other
throughput   one `map` of trivial tasks, gathered
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import dataclass

from support.figures import Figure, parser, report, say
from support.kernels import Kernel

WORKERS = 2
OURS = f"""
import dask_steward as ds
cluster = ds.start("local", workers={WORKERS}, set={{"options.threads_per_worker": 1}})
print("BENCH", cluster.id)
"""
PEER = f"""
from distributed import LocalCluster
cluster = LocalCluster(n_workers={WORKERS}, threads_per_worker=1)
print("BENCH", cluster.scheduler_address)
"""
#: Pure Python on the main thread until the kernel is killed.
BUSY = "number = 0\nwhile True:\n    number += 1\n"


@dataclass
class Measured:
    """One side of one run: seconds per round trip (median and 90 %), tasks per second."""

    median: float
    late: float
    rate: float


def increment(x: int) -> int:
    return x + 1


def measure(start: str, trips: int, tasks: int, limit: float) -> Measured:
    from distributed import Client

    with Kernel() as kernel:
        where = kernel.run(start).value or ""
        if start is OURS:
            import dask_steward as ds

            os.environ["DASK_STEWARD_STATE_DIR"] = kernel.environment["DASK_STEWARD_STATE_DIR"]
            client = Client(ds.get(where), timeout=limit)
        else:
            client = Client(where, timeout=limit)
        with client:
            client.gather(client.map(increment, range(-50, 0)))  # both sides warm
            kernel.send(BUSY)
            time.sleep(1.0)
            times = []
            for number in range(trips):
                began = time.perf_counter()
                client.submit(increment, number, pure=False).result(timeout=limit)
                times.append(time.perf_counter() - began)
            began = time.perf_counter()
            futures = client.map(increment, range(tasks), pure=False)
            client.gather(futures)
            rate = tasks / (time.perf_counter() - began)
            del futures
            kernel.kill()
    return Measured(statistics.median(times), statistics.quantiles(times, n=10)[-1], rate)


def main() -> int:
    arguments = parser(__doc__ or "", runs=3)
    arguments.add_argument("--trips", type=int, default=60, help="round trips of a run")
    arguments.add_argument("--tasks", type=int, default=600, help="tasks of the map of a run")
    given = arguments.parse_args()
    peer = "LocalCluster in the busy kernel"
    trip = Figure("round trip, median", "ms", peer, at_most=0.5)
    late = Figure("round trip, 90 %", "ms", peer)
    rate = Figure("throughput", "tasks/s", peer, at_least=2.0)
    for run in range(given.runs):
        for start in (OURS, PEER) if run % 2 == 0 else (PEER, OURS):
            found = measure(start, given.trips, given.tasks, limit=120.0)
            for figure, value in ((trip, found.median * 1e3), (late, found.late * 1e3), (rate, found.rate)):
                (figure.ours if start is OURS else figure.peer).add(value)
            name = "ours" if start is OURS else peer
            say(f"{name}: {found.median * 1e3:.1f} ms a round trip, {found.rate:.0f} tasks/s")
    return report("busy kernel", [trip, late, rate], as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
