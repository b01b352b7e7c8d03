"""A kernel with six Slurm jobs (three running, three pending) is killed with SIGKILL: when is the last job gone?

idle    the workers have nothing to do;
burst   the kernel is killed when its first job is seen in the queue, in the middle of the submits;
gil     each running worker is in a C call that holds the GIL, so that nothing inside it can act.

Three nodes on this machine; the scheduler's intervals and KillWait (30 s) are Slurm's stock ones. The peer is
dask-jobqueue's ``SLURMCluster`` by hand. A side whose jobs are still there after ``--limit`` seconds is given up and
shown as ``> limit``. Node-seconds are what its jobs held of nodes after the kill, until they were gone or given up.
``--system yarn`` is release_yarn.py.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import release_yarn
from support import site
from support.figures import Figure, Side, parser, report, say
from support.kernels import Kernel

from tests.support.private_slurm import PrivateSlurm, missing
from tests.support.watch import Watch

CASES = ("idle", "burst", "gil")
JOBS, NODES = 6, 3
#: Seconds that a start may take here.
START_LIMIT = 90.0
#: Seconds for which an empty queue is watched before it counts as empty.
SETTLED = 4.0

OURS = f"""
import dask_steward as ds
cluster = ds.start("site", jobs={JOBS}, wait=False)
print("BENCH", cluster.state["tag"])
"""
PEER = f"""
{site.by_hand()}
cluster.scale(jobs={JOBS})
print("BENCH", {site.BY_HAND_NAME!r})
"""
CONNECT = f"""
from distributed import Client
client = Client(cluster)
client.wait_for_workers({NODES}, timeout={START_LIMIT})
print("BENCH", "connected")
"""
HOLD = """
def hold(folder, number, seconds):
    import ctypes, pathlib
    pathlib.Path(folder, f"holds-{{number}}").touch()
    ctypes.PyDLL(None).sleep(seconds)  # PyDLL: the GIL is not released

tasks = [client.submit(hold, {folder!r}, number, {seconds}, pure=False) for number in range({number})]
print("BENCH", "submitted")
"""


def until(what: str, done: Callable[[], object], limit: float = START_LIMIT) -> None:
    deadline = time.monotonic() + limit
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit:g} s: {what}")
        time.sleep(0.02)


def measure(slurm: PrivateSlurm, case: str, start: str, limit: float, hold: float) -> tuple[float, float, bool]:
    """Return seconds until the last job was gone, node-seconds, and whether it was given up."""
    slurm.wait_idle()
    with Kernel(site.environment(slurm)) as kernel:
        kernel.profile("site", site.PROFILE)
        try:
            tag = kernel.run(start, finish=False).value or ""

            def states() -> list[str]:
                return sorted(job.state for job in slurm.jobs_with_tag(tag))

            with Watch(slurm, tag, 0.05) as watch:
                if case == "burst":
                    until("the first job", states)
                else:
                    until("six jobs, three of them running", lambda: states() == ["PENDING"] * 3 + ["RUNNING"] * 3)
                    kernel.run(CONNECT).checked("connected")
                if case == "gil":
                    kernel.run(HOLD.format(folder=kernel.folder, seconds=round(hold), number=NODES))
                    until("the tasks", lambda: len(list(Path(kernel.folder).glob("holds-*"))) == NODES)
                killed = kernel.kill()
                try:
                    watch.wait_gone(limit)
                    # A submit that was under way at the kill may still land.
                    time.sleep(SETTLED)
                    watch.wait_gone(limit)
                    given_up = False
                except TimeoutError:
                    given_up = True
            # Counted until the last job that was wanted, also when the queue was empty in between.
            seconds = limit if given_up else watch.seconds_until_gone(killed)
            return seconds, watch.node_seconds(killed), given_up
        finally:
            slurm.clear()


def main() -> int:
    system = argparse.ArgumentParser(add_help=False)
    system.add_argument("--system", choices=("slurm", "yarn"), default="slurm", help="yarn: see release_yarn.py")
    chosen, rest = system.parse_known_args()
    if chosen.system == "yarn":
        return release_yarn.main(rest)
    arguments = parser(__doc__ or "", runs=2)
    arguments.add_argument("--only", choices=CASES, action="append", help="this case (may be given several times)")
    arguments.add_argument("--limit", type=float, default=90.0, help="seconds after which a side is given up")
    arguments.add_argument("--hold", type=float, default=20.0, help="seconds for which a task holds the GIL")
    given = arguments.parse_args(rest)
    lacking = missing()
    if lacking:
        return report("release", [], as_json=given.json, notes=[f"this machine lacks {', '.join(lacking)}"])
    figures: list[Figure] = []
    peer_name = "dask-jobqueue's SLURMCluster by hand"
    with PrivateSlurm(nodes=NODES, fast=False) as slurm:
        for case in given.only or CASES:
            gone = Figure(f"{case}: last job gone", "s", peer_name, limit=2.0)
            cost = Figure(f"{case}: held after the kill", "node-s", peer_name, limit=10.0)
            figures += [gone, cost]
            for run in range(given.runs):
                sides: list[tuple[Side, Side, str]] = [(gone.ours, cost.ours, OURS), (gone.peer, cost.peer, PEER)]
                for time_side, cost_side, start in sides if run % 2 == 0 else sides[::-1]:
                    seconds, node_seconds, given_up = measure(slurm, case, start, given.limit, given.hold)
                    time_side.add(seconds, cut=given_up)
                    cost_side.add(node_seconds, cut=given_up)
                    name = "ours" if start is OURS else peer_name
                    say(f"{case}: {name} {'> ' if given_up else ''}{seconds:.2f} s, {node_seconds:.1f} node-s")
    notes = [f"a task holds the GIL for {given.hold:g} s in the case gil; the peer's jobs cannot end before that"]
    return report("release", figures, as_json=given.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
