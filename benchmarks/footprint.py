"""What it costs to have it: import, extension, guard, keeper, memory of workers.

import      ``import dask_steward`` in a new interpreter, beside ``import distributed``; time and modules
extension   ``%load_ext dask_steward`` in a fresh kernel
guard       from its start to its word that it watches; its memory
memory      four workers of one thread: a worker's own memory (what would be free without it), and what the whole
            cluster has (proportional, so that shared pages count once; the kernel included), beside ``LocalCluster``
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support import machine
from support.figures import Figure, alternate, parser, report, say
from support.kernels import Kernel

from dask_steward.control.launch import request_of, write_request
from dask_steward.control.owners import owner_of
from dask_steward.ledger import entries
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.release.launch import start_guard

WORKERS = 4
IMPORT = """
import sys, time
before, began = len(sys.modules), time.perf_counter()
import {module}
print(time.perf_counter() - began, len(sys.modules) - before)
"""
LOAD = """
import time
began = time.perf_counter()
get_ipython().run_line_magic("load_ext", "dask_steward")
print("BENCH", time.perf_counter() - began)
"""
OURS = f"""
import dask_steward as ds
cluster = ds.start("local", workers={WORKERS}, set={{"options.threads_per_worker": 1}})
"""
PEER = f"""
from distributed import LocalCluster
cluster = LocalCluster(n_workers={WORKERS}, threads_per_worker=1)
"""
PIDS = """
from distributed import Client
import json
import os
client = Client(cluster)
print("BENCH", *client.run(os.getpid).values())
"""


def imported(module: str) -> tuple[float, int]:
    """Return milliseconds and modules of an import in a new interpreter."""
    out = subprocess.run(
        [sys.executable, "-c", IMPORT.format(module=module)], capture_output=True, text=True, check=True
    ).stdout
    seconds, modules = out.split()
    return float(seconds) * 1e3, int(modules)


def loaded() -> float:
    """Return milliseconds of ``%load_ext`` in a fresh kernel."""
    with Kernel() as kernel:
        return float(kernel.run(LOAD).value or "nan") * 1e3


def guard() -> tuple[float, float]:
    """Return milliseconds until a guard watches, and its memory in MiB."""
    with tempfile.TemporaryDirectory(prefix="dsk-bench-") as state:
        os.environ["DASK_STEWARD_STATE_DIR"] = state
        id = "benchguard"
        profile = {"name": "local", "system": "local", "options": {}}
        request = request_of(
            id=id,
            name=id,
            profile=profile,
            tenure="process",
            owner=owner_of("process", None, limited=False),
            ask={},
            adapt=None,
        )
        folder = write_request(request)
        entry = Path(folder, entries.ENTRY)
        # A keeper that does nothing, for the guard to watch.
        with subprocess.Popen(["sleep", "60"]) as keeper:
            facts = entries.read_entry(folder).facts | {
                "format": entries.FORMAT,
                "id": id,
                "tag": entries.tag(id),
                "keeper": ProcessIdentity.of(keeper.pid).to_json(),
                "state": "starting",
                "stopping": "the benchmark is over",
            }
            entry.write_text(json.dumps(facts))
            began = time.perf_counter()
            process, ready = start_guard(folder, id)
            os.read(ready, 64)
            seconds = time.perf_counter() - began
            os.close(ready)
            rss = machine.memory(process.pid)["rss"]
            keeper.kill()
            process.wait(30)
    return seconds * 1e3, rss


def cluster(start: str) -> tuple[float, float, float]:
    """Return a worker's own memory, the whole cluster's, and the keeper's (0 without), in MiB."""
    with Kernel() as kernel:
        kernel.run(start)
        pids = [int(pid) for pid in (kernel.run(PIDS).value or "").split()]
        if len(pids) != WORKERS:
            raise RuntimeError(f"{len(pids)} workers instead of {WORKERS}")
        time.sleep(2.0)  # what comes late is counted, too
        own = statistics.median(machine.memory(pid)["uss"] for pid in pids)
        whole = sum(machine.memory(process.pid)["pss"] for process in kernel.processes())
        keeper = 0.0
        if start is OURS:
            answer = kernel.run('print("BENCH", cluster.state["keeper"]["pid"])')
            keeper = machine.memory(int(answer.value or 0))["rss"]
    return own, whole, keeper


def main() -> int:
    given = parser(__doc__ or "", runs=3).parse_args()
    milliseconds = Figure("import dask_steward", "ms", "import distributed", limit=80.0)
    modules = Figure("… modules", "", "import distributed")
    extension = Figure("%load_ext dask_steward", "ms", limit=150.0)
    start = Figure("guard: until it watches", "ms", limit=100.0)
    size = Figure("guard: memory (RSS)", "MiB", limit=15.0)
    by_hand = "LocalCluster in the kernel (spawn)"
    own = Figure("a worker's own memory (USS)", "MiB", by_hand, at_most=1.0)
    whole = Figure("whole cluster with kernel (PSS)", "MiB", by_hand)
    keeper = Figure("keeper with scheduler (RSS)", "MiB")
    figures = [milliseconds, modules, extension, start, size, own, whole, keeper]
    for module in ("dask_steward", "distributed"):
        imported(module)  # byte code and the file cache

    def import_of(module: str) -> float:
        took, number = imported(module)
        (modules.ours if module == "dask_steward" else modules.peer).add(number)
        return took

    alternate(max(5, given.runs), milliseconds, lambda: import_of("dask_steward"), lambda: import_of("distributed"))
    for _ in range(given.runs):
        extension.ours.add(loaded())
        took, rss = guard()
        start.ours.add(took)
        size.ours.add(rss)
        say(f"%load_ext {extension.ours.values[-1]:.0f} ms, guard {took:.0f} ms, {rss:.1f} MiB")
    for run in range(given.runs):
        for side in (OURS, PEER) if run % 2 == 0 else (PEER, OURS):
            mine, all_, keeps = cluster(side)
            for figure, value in ((own, mine), (whole, all_)):
                (figure.ours if side is OURS else figure.peer).add(value)
            if side is OURS:
                keeper.ours.add(keeps)
            say(f"{'ours' if side is OURS else by_hand}: {mine:.1f} MiB a worker, {all_:.0f} MiB in all")
    return report("footprint", figures, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
