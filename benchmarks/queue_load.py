"""How many commands the clusters of one user put to the queue, each minute.

pending    each cluster waits for one job that does not start (on hold);
connected  each cluster has one job, with its worker connected, and nothing to do.

Every call of squeue, sacct, scontrol, sinfo, sbatch and scancel is counted by a wrapper on the PATH, during
``--seconds`` once all clusters are where they should be. What sites ask is that the rate does not grow with the number
of clusters. The peer is dask-jobqueue: it never asks at all, which is why it knows neither why a job waits nor that it
has died; its figure is measured all the same.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from support import site
from support.figures import Figure, Side, parser, report, say
from support.kernels import Kernel

from tests.support.commands import Faults
from tests.support.private_slurm import PrivateSlurm, missing

COUNTED = ("squeue", "sacct", "scontrol", "sinfo", "sbatch", "scancel")
CASES = ("pending", "connected")
PEER_NAME = "dask-jobqueue's SLURMCluster, which never asks"
OPTIONS = "queue: debug, cores: 1, job_cpu: 1, memory: 300 MB, processes: 1, interface: lo, walltime: '00:30:00'"
PROFILE = "system: slurm\ndashboard: 'off'\noptions: {%s}\n"
OURS = "import dask_steward as ds\nclusters = []\nprint('BENCH', 'ready')"
ONE_OF_OURS = "clusters.append(ds.start('site', jobs=1, wait={wait}))\nprint('BENCH', clusters[-1].state['tag'])"
PEER = "from dask_jobqueue import SLURMCluster\nclusters = []\nprint('BENCH', 'ready')"
ONE_OF_PEER = (
    "clusters.append(SLURMCluster(queue='debug', cores=1, job_cpu=1, memory='300MB', processes=1, interface='lo',"
    f" walltime='00:30:00', job_name={site.BY_HAND_NAME!r}, scheduler_options={{{{'dashboard': False}}}},"
    " job_extra_directives={extra}))\n"
    f"clusters[-1].scale(jobs=1)\nprint('BENCH', {site.BY_HAND_NAME!r})"
)
#: Seconds in which a cluster's job must be in the queue.
START_LIMIT = 120.0
#: Seconds after the last start until the rate counts: what a start causes is over then.
SETTLE = 20.0


def count(slurm: PrivateSlurm, ours: bool, case: str, clusters: int, seconds: float) -> tuple[float, float]:
    """Return commands per minute that ask, and those that order, of so many clusters of one user."""
    folder = Path(tempfile.mkdtemp(prefix="dsk-count-"))
    counted = Faults(folder)
    for program in COUNTED:
        try:
            counted.script(program, f'exec {counted.real(program)} "$@"')
        except FileNotFoundError:
            continue  # a Slurm without this command
    environment = site.environment(slurm)
    pending = case == "pending"
    try:
        with Kernel({**environment, "PATH": f"{folder}:{environment['PATH']}"}) as kernel:
            kernel.profile("site", PROFILE % (OPTIONS + (", job_extra_directives: [--hold]" if pending else "")))
            kernel.run(OURS if ours else PEER).checked("ready")
            one = (
                ONE_OF_OURS.format(wait=not pending)
                if ours
                else ONE_OF_PEER.format(extra=["--hold"] if pending else [])
            )
            # In turn: fifty keepers that start together need more than two cores.
            tags = {kernel.run(one, limit=START_LIMIT).value or "" for _ in range(clusters)}
            deadline = time.monotonic() + START_LIMIT
            state = "PENDING" if pending else "RUNNING"
            while len([job for job in slurm.queue() if job.name in tags and job.state == state]) < clusters:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not all of {clusters} jobs are {state}")
                time.sleep(0.5)
            time.sleep(SETTLE)
            before = {program: len(counted.calls(program)) for program in COUNTED}
            began = time.monotonic()
            time.sleep(seconds)
            minutes = (time.monotonic() - began) / 60
            made = {program: len(counted.calls(program)) - before[program] for program in COUNTED}
            say(f"{clusters} {case}, {'ours' if ours else 'peer'}: {made} in {minutes * 60:.0f} s")
        orders = made["sbatch"] + made["scancel"]
        return (sum(made.values()) - orders) / minutes, orders / minutes
    finally:
        slurm.clear(60)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    arguments = parser(__doc__ or "", runs=1)
    arguments.add_argument(
        "--clusters", type=int, nargs="+", default=[1, 10, 50], help="how many clusters (default 1 10 50)"
    )
    arguments.add_argument("--only", choices=CASES, action="append", help="this case (may be given several times)")
    arguments.add_argument(
        "--connected-most",
        type=int,
        default=10,
        help="most clusters whose workers run, each of which is three processes (default 10)",
    )
    arguments.add_argument("--seconds", type=float, default=60.0, help="for which it is counted (default 60)")
    given = arguments.parse_args()
    lacking = missing()
    if lacking:
        return report("queue_load", [], as_json=given.json, notes=[f"this machine lacks {', '.join(lacking)}"])
    figures: list[Figure] = []
    notes: list[str] = []
    with PrivateSlurm(cpus=32, mem=64000) as slurm:
        for case in given.only or CASES:
            numbers = [n for n in given.clusters if case == "pending" or n <= given.connected_most]
            first: Figure | None = None
            for number in numbers:
                figure = Figure(f"{number} {case}: questions", "/min", PEER_NAME)
                for run in range(given.runs):
                    sides: list[tuple[Side, bool]] = [(figure.ours, True), (figure.peer, False)]
                    for side, ours in sides if run % 2 == 0 else sides[::-1]:
                        asked, ordered = count(slurm, ours, case, number, given.seconds)
                        side.add(asked)
                        if ordered:
                            notes.append(f"{figure.name}: {ordered:.1f} sbatch and scancel a minute as well")
                first = first or figure
                # Constant: what one cluster asks, and a few more since no two minutes are alike.
                figure.limit = None if figure is first else first.ours.median * 1.25 + 3
                figures.append(figure)
    notes.append("goal: what one cluster asks, a quarter and three a minute more")
    return report("queue_load", figures, as_json=given.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
