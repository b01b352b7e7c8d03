"""How long 200 jobs take to be in the queue, and to be out of it again.

submit  ``cluster.scale(jobs=200)`` of a cluster that runs with no job, until the queue holds all of them;
cancel  ``cluster.close()``, until it holds none of them;
start   the same 200 asked for at the start, everything from the import on included;
slow    the same submit where each sbatch takes 0.2 s longer, as at a site whose controller is busy (here it takes
        0.003 s, so that little but the overhead of each side is seen).

Slurm of three nodes on this machine, all drained: no job starts, so that nothing but submits and cancels is timed. The
peer is dask-jobqueue's ``SLURMCluster``, in the same kind of kernel. How many processes of ``sbatch`` and ``scancel``
that takes is counted in runs of its own, since counting slows them down.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import site
from support.figures import Figure, alternate, parser, report, say
from support.kernels import Kernel

from tests.support.commands import Faults
from tests.support.private_slurm import PrivateSlurm, missing

PEER_NAME = "dask-jobqueue's SLURMCluster by hand"
OURS = (
    "import dask_steward as ds\ncluster = ds.start('site', jobs={jobs}, wait={wait})\n"
    "print('BENCH', cluster.state['tag'])"
)
PEER = f"{site.by_hand()}\ncluster.scale(jobs={{jobs}})\nprint('BENCH', {site.BY_HAND_NAME!r})"
SCALE = "cluster.scale(jobs={jobs})"
CLOSE = "cluster.close()"
#: Seconds in which 200 jobs must be in the queue, or out of it.
LIMIT = 180.0
#: Seconds between two looks at the queue; each takes about 0.02 s of one of the cores.
LOOK = 0.02
#: Seconds that an sbatch takes at a site whose controller has other things to do.
SLOW = 0.2


def until(slurm: PrivateSlurm, tag: str, number: int, since: float) -> float:
    """Wait until the queue holds so many jobs of a tag; return the seconds since a moment (monotonic)."""
    while True:
        looked = time.monotonic()
        wanted = [job for job in slurm.jobs_with_tag(tag) if job.state == "PENDING"]
        if len(wanted) == number:
            return looked - since
        if looked - since > LIMIT:
            raise TimeoutError(f"{len(wanted)} jobs, not {number}, after {LIMIT:g} s")
        time.sleep(LOOK)


class Measurement:
    """One side, measured again and again.

    Parameters
    ----------
    start : str
        The cell that makes its cluster.
    jobs : int
        How many.
    """

    def __init__(self, slurm: PrivateSlurm, start: str, jobs: int) -> None:
        self.slurm, self.start, self.jobs = slurm, start, jobs
        self.cancelled: list[float] = []

    def submit(self) -> float:
        """Return the seconds of the submit; those of the cancel are kept."""
        self.slurm.wait_idle()
        return self._submit(site.environment(self.slurm))

    def slow_submit(self) -> float:
        """Return the seconds of the submit where each sbatch is slow."""
        with commands() as slow:
            slow.script("sbatch", f"sleep {SLOW}", f'exec {slow.real("sbatch")} "$@"')
            return self._submit(before(slow, self.slurm))

    def _submit(self, environment: dict[str, str]) -> float:
        with Kernel(environment) as kernel:
            kernel.profile("site", site.PROFILE)
            tag = kernel.run(self.start.format(jobs=0, wait=True)).value or ""
            return self._round(kernel, tag, SCALE.format(jobs=self.jobs))

    def whole_start(self) -> float:
        """Return the seconds from the request of the first cell."""
        self.slurm.wait_idle()
        with Kernel(site.environment(self.slurm)) as kernel:
            kernel.profile("site", site.PROFILE)
            began = time.monotonic()
            tag = kernel.run(self.start.format(jobs=self.jobs, wait=False), finish=False).value or ""
            return self._round(kernel, tag, "", began)

    def _round(self, kernel: Kernel, tag: str, cell: str, began: float | None = None) -> float:
        try:
            if began is None:
                began = time.monotonic()
                kernel.send(cell)
            seconds = until(self.slurm, tag, self.jobs, began)
            kernel.run("1")  # a scale or a start that still waits for something is not timed with the close
            closing = time.monotonic()
            kernel.send(CLOSE)
            self.cancelled.append(until(self.slurm, tag, 0, closing))
            return seconds
        finally:
            self.slurm.clear(60)

    def processes(self) -> tuple[int, int]:
        """Return how many sbatch and scancel one life of such a cluster takes."""
        try:
            with commands() as counted:
                for program in ("sbatch", "scancel"):
                    counted.script(program, f'exec {counted.real(program)} "$@"')
                with Kernel(before(counted, self.slurm)) as kernel:
                    kernel.profile("site", site.PROFILE)
                    tag = kernel.run(self.start.format(jobs=0, wait=True)).value or ""
                    kernel.send(SCALE.format(jobs=self.jobs))
                    until(self.slurm, tag, self.jobs, time.monotonic())
                    kernel.run(CLOSE)
                    until(self.slurm, tag, 0, time.monotonic())
                return len(counted.calls("sbatch")), len(counted.calls("scancel"))
        finally:
            self.slurm.clear(60)


@contextmanager
def commands() -> Iterator[Faults]:
    """Commands that stand before the real ones for a while."""
    folder = Path(tempfile.mkdtemp(prefix="dsk-count-"))
    try:
        yield Faults(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def before(faults: Faults, slurm: PrivateSlurm) -> dict[str, str]:
    """Return the environment in which they do."""
    environment = site.environment(slurm)
    return {**environment, "PATH": f"{faults.folder}:{environment['PATH']}"}


def main() -> int:
    arguments = parser(__doc__ or "", runs=3)
    arguments.add_argument("--jobs", type=int, default=200, help="how many (default 200)")
    given = arguments.parse_args()
    lacking = missing()
    if lacking:
        return report("submit", [], as_json=given.json, notes=[f"this machine lacks {', '.join(lacking)}"])
    submit = Figure(f"{given.jobs} jobs: all in the queue", "s", PEER_NAME, at_most=0.2)
    cancel = Figure(f"{given.jobs} jobs: all out of it", "s", PEER_NAME, at_most=0.5)
    slow = Figure(f"the same, sbatch takes {SLOW:g} s more: all in the queue", "s", PEER_NAME)
    whole = Figure("from nothing, keeper included: all in the queue", "s", PEER_NAME)
    sbatch = Figure("processes of sbatch", "", PEER_NAME)
    scancel = Figure("processes of scancel", "", PEER_NAME)
    with PrivateSlurm() as slurm:
        slurm.run("scontrol", "update", f"nodename=n[1-{slurm.nodes}]", "state=drain", "reason=benchmark")
        ours, peer = (Measurement(slurm, start, given.jobs) for start in (OURS, PEER))
        alternate(given.runs, submit, ours.submit, peer.submit)
        cancel.ours.values, cancel.peer.values = list(ours.cancelled), list(peer.cancelled)
        alternate(given.runs, slow, ours.slow_submit, peer.slow_submit)
        alternate(max(1, given.runs // 2), whole, ours.whole_start, peer.whole_start)
        for side, of in (("ours", ours), ("peer", peer)):
            for figure, number in zip((sbatch, scancel), of.processes(), strict=True):
                getattr(figure, side).add(number)
        say(f"processes: {sbatch.ours.values} and {sbatch.peer.values} sbatch")
    return report("submit", [submit, cancel, slow, whole, sbatch, scancel], as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
