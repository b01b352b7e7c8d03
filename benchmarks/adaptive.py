"""Somebody at a notebook, on a cluster that follows the work: is anything computed twice, and how long does it take?

Four phases, each of which maps over 64 chunks that the workers hold (0.4 s each), sums ``a + a.T``, and thinks for 8 s.
At most four jobs; ours ``adapt(minimum=0, maximum=4)``, the peer dask-jobqueue's ``adapt(minimum_jobs=0,
maximum_jobs=4)``, beside dask-jobqueue's ``scale(4)``, the fixed cluster, one after the other.

1 process     of one thread in each job
2 processes   the same job with two worker processes
15 s queue    one process, and no job starts within 15 s of its submit (``--begin=now+15``)

Task runs are counted in the scheduler, and divided by the number of different tasks. Busy is the time without the
thinking, beside that of the fixed cluster. Job-seconds are what the jobs held, while the kernel was thinking, too; a
job that never ran was submitted and cancelled in the queue.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

from support import site
from support.figures import Figure, parser, report, say
from support.kernels import CellError, Kernel

from tests.support.private_slurm import PrivateSlurm, missing

JOBS, NODES = 4, 3
#: Processes of a job, and further lines of its script.
CASES: dict[str, tuple[int, tuple[str, ...]]] = {
    "1 process": (1, ()),
    "2 processes": (2, ()),
    "15 s queue": (1, ("--begin=now+15",)),
}
FIXED, ADAPTED = "dask-jobqueue's scale(4)", "dask-jobqueue's adapt(0..4)"
PROFILE = """\
system: slurm
dashboard: 'off'
options: {{queue: debug, cores: {processes}, job_cpu: {processes}, memory: 1GB, processes: {processes}, interface: lo,
  walltime: '00:20:00', job_extra_directives: {directives}}}
"""
OURS = f"""
import dask_steward as ds
cluster = ds.start("site", adapt=(0, {JOBS}))
client = cluster.get_client()
print("BENCH", cluster.state["tag"])
"""
PEER = """
from dask_jobqueue import SLURMCluster
from distributed import Client
cluster = SLURMCluster(queue="debug", cores={processes}, job_cpu={processes}, memory="1GB", processes={processes},
                       interface="lo", walltime="00:20:00", job_name="by-hand", job_extra_directives={directives},
                       scheduler_options={{"dashboard_address": ":0"}})
cluster.{size}
client = Client(cluster)
print("BENCH", "by-hand")
"""
SIZES = {FIXED: f"scale(jobs={JOBS})", ADAPTED: f"adapt(minimum_jobs=0, maximum_jobs={JOBS})"}
WORK = """
import json, time
import dask.array as da
import numpy as np
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

def load(block):
    import time
    time.sleep(0.4)
    return block

client.register_plugin(Count())
right, took = True, []
for phase in range(1, {phases} + 1):
    start = time.monotonic()
    blocks = da.ones((800, 800), chunks=(100, 100)) * phase
    a = blocks.map_blocks(load, dtype=float, meta=np.ones((0, 0))).persist()
    wait(a)
    right &= float((a + a.T).sum().compute()) == 2.0 * phase * 800 * 800
    took.append(time.monotonic() - start)
    time.sleep({think})
ran, keys = client.run_on_scheduler(counted)
print("BENCH", json.dumps({{"busy": took, "right": bool(right), "ran": ran, "keys": keys}}))
"""


@dataclass
class Jobs:
    """The jobs of a tag, looked at many times a second from a thread while the ``with`` block lasts.

    Attributes
    ----------
    seen, ran : set of str
        Ids of those that were in the queue, and of those that held a node.
    before : set of str
        Ids of earlier ones of the same name, which do not count.
    """

    slurm: PrivateSlurm
    tag: str
    before: set[str]
    seen: set[str] = field(default_factory=set)
    ran: set[str] = field(default_factory=set)

    def __enter__(self) -> Jobs:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="jobs", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(60)

    def _look(self) -> None:
        while not self._over.wait(0.2):
            try:
                jobs = self.slurm.jobs_with_tag(self.tag, ended=True)
            except RuntimeError:
                continue  # the controller is busy
            self.seen |= {job.id for job in jobs} - self.before
            self.ran |= {job.id for job in jobs if job.node} - self.before


@dataclass
class Outcome:
    """How one side did: seconds of each phase, task runs, different tasks, jobs, jobs that never ran, job-seconds."""

    phases: list[float]
    ran: int
    keys: int
    jobs: int
    never: int
    held: float

    @property
    def busy(self) -> float:
        """Seconds of work."""
        return sum(self.phases)


def measure(slurm: PrivateSlurm, case: str, side: str, phases: int, think: float) -> Outcome:
    """Return how a side did."""
    processes, directives = CASES[case]
    slurm.wait_idle()
    before = {job.id for job in slurm.queue(ended=True)}
    with Kernel(site.environment(slurm)) as kernel:
        kernel.profile("site", PROFILE.format(processes=processes, directives=json.dumps(directives)))
        peer = PEER.format(processes=processes, directives=list(directives), size=SIZES.get(side, ""))
        began = time.time()
        tag = kernel.run(OURS if side == "ours" else peer).value or ""
        with Jobs(slurm, tag, before) as jobs:
            ran = kernel.run(WORK.format(phases=phases, think=think), finish=False, limit=600.0)
            found = json.loads(ran.value or "{}")
            kernel.run("client.close(); cluster.close()")
            slurm.wait_idle()
        held = slurm.node_seconds(tag, began)
    if not found["right"]:
        raise CellError(f"{side}: a result is wrong")
    outcome = Outcome(found["busy"], found["ran"], found["keys"], len(jobs.seen), len(jobs.seen - jobs.ran), held)
    seconds = " + ".join(f"{one:.1f}" for one in outcome.phases)
    say(
        f"{case}: {side}: {seconds} s, {outcome.ran} runs of {outcome.keys} tasks, {outcome.jobs} jobs"
        f" ({outcome.never} never ran), {outcome.held:.0f} job-s"
    )
    return outcome


def main() -> int:
    arguments = parser(__doc__ or "", runs=1)
    arguments.add_argument(
        "--only", choices=list(CASES), action="append", help="this case (may be given several times)"
    )
    arguments.add_argument("--only-ours", action="store_true", help="leave dask-jobqueue's adapt out")
    arguments.add_argument("--phases", type=int, default=4, help="how many (default 4)")
    arguments.add_argument("--think", type=float, default=8.0, help="seconds between two phases (default 8)")
    given = arguments.parse_args()
    lacking = missing()
    if lacking:
        return report("adaptive", [], as_json=given.json, notes=[f"this machine lacks {', '.join(lacking)}"])
    figures: list[Figure] = []
    fixed: list[str] = []
    with PrivateSlurm(nodes=NODES) as slurm:
        for case in given.only or CASES:
            runs = Figure(f"{case}: task runs / different tasks", "×", ADAPTED, limit=1.0)
            busy = Figure(f"{case}: busy / fixed cluster", "×", ADAPTED, limit=1.2)
            never = Figure(f"{case}: jobs that never ran", "", ADAPTED, limit=0.0)
            jobs = Figure(f"{case}: jobs submitted", "", ADAPTED)
            held = Figure(f"{case}: held by jobs", "job-s", ADAPTED)
            figures += [runs, busy, never, jobs, held]
            for run in range(given.runs):
                peers = [] if given.only_ours else [ADAPTED]
                sides = ["ours", FIXED, *peers] if run % 2 == 0 else [*peers, FIXED, "ours"]
                found = {side: measure(slurm, case, side, given.phases, given.think) for side in sides}
                base = found[FIXED]
                fixed.append(f"{case}: fixed cluster {base.busy:.1f} s busy, {base.held:.0f} job-s")
                for name in ("ours", *peers):
                    one = found[name]
                    values = (one.ran / one.keys, one.busy / base.busy, one.never, one.jobs, one.held)
                    for figure, value in zip(figures[-5:], values, strict=True):
                        (figure.ours if name == "ours" else figure.peer).add(float(value))
    return report("adaptive", figures, as_json=given.json, notes=fixed)


if __name__ == "__main__":
    sys.exit(main())
