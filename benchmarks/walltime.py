"""A computation of six minutes on four jobs whose walltime is two: does it end, is it right, what is computed twice?

Phases, each of which maps over 64 chunks that the workers hold (0.4 s each), sums ``a + a.T`` of an array, and thinks
for 8 s, as somebody at a notebook does: 15 s on four workers. The chunks are made once and used by all phases: who
loses them at a walltime computes them again. Every result is compared with the right one.

ours         ``scale(jobs=4)``
scale(4)     dask-jobqueue, the same
adapt(0..4)  dask-jobqueue, which so at least replaces jobs that have ended

All three at once, on a Slurm with room for all of them (tasks sleep, so they do not take the processor from each
other); ``--in-turn`` runs one after the other. Computed again are the tasks that were run beyond one for each key, as
counted in the scheduler. A side that has not come to its end after ``--limit`` minutes is given up.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from support import site
from support.figures import Figure, parser, report, say
from support.kernels import CellError, Kernel

from tests.support.private_slurm import PrivateSlurm, missing

JOBS, WALLTIME = 4, "00:02:00"
#: Room for the jobs of three sides, and for their replacements.
NODES, CPUS, MEMORY = 3, 12, 16000
PROFILE = (
    "system: slurm\ndashboard: 'off'\noptions: {queue: debug, cores: 1, job_cpu: 1, memory: 700 MB, processes: 1,"
    f" interface: lo, walltime: '{WALLTIME}'}}\n"
)
#: Seconds of a phase on four workers.
PHASE = 15.0
OURS = f"""
import dask_steward as ds
cluster = ds.start("site", jobs={JOBS})
client = cluster.get_client()
"""
PEER = f"""
from dask_jobqueue import SLURMCluster
from distributed import Client
cluster = SLURMCluster(queue="debug", cores=1, job_cpu=1, memory="700MB", processes=1, interface="lo",
                       walltime="{WALLTIME}", job_name="{{name}}", scheduler_options={{{{"dashboard_address": ":0"}}}})
{{size}}
client = Client(cluster)
"""
SCALED, ADAPTED = "dask-jobqueue, scale(4)", "dask-jobqueue, adapt(0..4)"
#: What starts each side, and what its jobs are called.
SIDES = {
    "ours": (OURS, "dask-steward-"),
    SCALED: (PEER.format(name="by-hand-scale", size=f"cluster.scale(jobs={JOBS})"), "by-hand-scale"),
    ADAPTED: (
        PEER.format(name="by-hand-adapt", size=f"cluster.adapt(minimum_jobs=0, maximum_jobs={JOBS})"),
        "by-hand-adapt",
    ),
}
WORK = """
import json, time
import dask.array as da
from distributed import wait
from distributed.diagnostics.plugin import SchedulerPlugin

class Count(SchedulerPlugin):
    name = "count"

    def __init__(self):
        self.run, self.keys = 0, set()

    def transition(self, key, start, finish, *args, **kwargs):
        if start == "processing" and finish == "memory":
            self.run += 1
            self.keys.add(key)

def counted(dask_scheduler):
    found = dask_scheduler.plugins["count"]
    return found.run, len(found.keys)

def make(n):
    import time
    import numpy
    time.sleep(0.4)
    # An array, as chunks are: distributed sends a list of as many numbers one by one, which takes a worker seconds.
    return numpy.full(100_000, n)

def use(chunk, phase):
    import time
    time.sleep(0.4)
    return int(chunk[0]) * phase

client.register_plugin(Count())
began = time.monotonic()
chunks = client.map(make, range(64))
right = True
for phase in range(1, phases + 1):
    held = client.map(use, chunks, phase=phase)
    right &= sum(client.gather(held)) == phase * sum(range(64))
    a = da.ones((800, 800), chunks=(200, 200)) * phase
    right &= float((a + a.T).sum().compute()) == 2.0 * phase * 800 * 800
    time.sleep(8)
ran, keys = client.run_on_scheduler(counted)
print("BENCH", json.dumps({"seconds": time.monotonic() - began, "right": bool(right), "ran": ran, "keys": keys}))
"""


@dataclass
class Outcome:
    """How one side ended.

    Attributes
    ----------
    seconds : float
        Until the last result, or until it was given up.
    hung, right : bool
        Whether it was given up; whether every result was the right one.
    ran, keys : int
        Tasks that were run, and different ones among them.
    jobs : int
        Jobs that it took.
    """

    seconds: float
    hung: bool = False
    right: bool = False
    ran: int = 0
    keys: int = 0
    jobs: int = 0

    @property
    def again(self) -> float:
        """Tasks that were run again, in percent of the different ones."""
        return 100.0 * (self.ran - self.keys) / self.keys if self.keys else float("nan")


def measure(slurm: PrivateSlurm, name: str, minutes: float, limit: float) -> Outcome:
    """Return how one side ended."""
    start, prefix = SIDES[name]
    phases = max(1, round(minutes * 60 / PHASE))
    with Kernel(site.environment(slurm)) as kernel:
        kernel.profile("site", PROFILE)
        began = time.monotonic()
        try:
            kernel.run(start)
            ran = kernel.run(f"phases = {phases}\n{WORK}", finish=False, limit=limit * 60)
            found = json.loads(ran.value or "{}")
            outcome = Outcome(found["seconds"], right=found["right"], ran=found["ran"], keys=found["keys"])
        except CellError as error:
            say(f"{name}: {str(error).strip().splitlines()[-1][:300]}\n{_keepers_words(kernel)}")
            outcome = Outcome(time.monotonic() - began, hung=True)
    # What squeue shows of ended jobs is forgotten after five minutes.
    ended = {job.id for job in slurm.ended() if job.name.startswith(prefix)}
    outcome.jobs = len(ended | {job.id for job in slurm.queue() if job.name.startswith(prefix)})
    say(f"{name}: {outcome}")
    return outcome


def _keepers_words(kernel: Kernel) -> str:
    """Return the end of our keeper's log, where something went wrong that a person would look for there."""
    logs = Path(kernel.folder, "state").glob("dask-steward/clusters/*/keeper.log")
    return "\n".join(path.read_text(errors="replace")[-6000:] for path in logs)


def measure_all(slurm: PrivateSlurm, names: Sequence[str], minutes: float, limit: float) -> dict[str, Outcome]:
    """Measure sides, all at once."""
    with ThreadPoolExecutor(len(names)) as pool:
        playing = {name: pool.submit(measure, slurm, name, minutes, limit) for name in names}
        return {name: future.result() for name, future in playing.items()}


def add(figures: list[Figure], outcomes: dict[str, Outcome]) -> list[Figure]:
    """Add one run to the rows, ours beside each peer; the first run makes them."""
    made: list[Figure] = []
    for peer in (SCALED, ADAPTED):
        beside = f"beside {peer.rpartition(' ')[2]}"
        made += [
            Figure(f"{beside}: until the last result", "s", peer),
            Figure(f"{beside}: given up", "", peer, limit=0.0),
            Figure(f"{beside}: not ended with the right results", "", peer, limit=0.0),
            Figure(f"{beside}: computed again", "%", peer, limit=2.0),
            Figure(f"{beside}: jobs", "", peer),
        ]
    figures = figures or made
    for number, figure in enumerate(figures):
        for side, one in ((figure.ours, outcomes["ours"]), (figure.peer, outcomes.get(figure.peer_name))):
            if one is None:
                continue
            value = (one.seconds, float(one.hung), float(not one.right), one.again, float(one.jobs))[number % 5]
            if not math.isnan(value):
                side.add(value, cut=one.hung and number % 5 == 0)
    return figures


def main() -> int:
    arguments = parser(__doc__ or "", runs=1)
    arguments.add_argument("--minutes", type=float, default=6.0, help="of computation (default 6)")
    arguments.add_argument("--limit", type=float, default=10.0, help="minutes after which a side hangs (default 10)")
    arguments.add_argument("--only-ours", action="store_true", help="leave the peer out")
    arguments.add_argument("--in-turn", action="store_true", help="one side after the other")
    given = arguments.parse_args()
    lacking = missing()
    if lacking:
        return report("walltime", [], as_json=given.json, notes=[f"this machine lacks {', '.join(lacking)}"])
    figures: list[Figure] = []
    for _ in range(given.runs):
        outcomes: dict[str, Outcome] = {}
        with PrivateSlurm(nodes=NODES, cpus=CPUS, mem=MEMORY) as slurm:
            wanted = ["ours"] if given.only_ours else list(SIDES)
            for names in [[name] for name in wanted] if given.in_turn else [wanted]:
                outcomes |= measure_all(slurm, names, given.minutes, given.limit)
        figures = add(figures, outcomes)
    notes = [f"{given.minutes:g} minutes of computation, walltime {WALLTIME}, {JOBS} jobs; --limit {given.limit:g}"]
    return report("walltime", figures, as_json=given.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
