"""From a fresh kernel to the first result, beside what one writes by hand.

local   four workers of one thread: ``%load_ext dask_steward`` and ``%%dask_cluster local --workers 4`` with a submit in
        the cell, against ``LocalCluster(n_workers=4, threads_per_worker=1)`` with a ``Client``. Timed in the front end,
        from the request to the arrival of the printed result; a second peer has its dashboard switched off.
slurm   a cell with three jobs until its client has seen the first worker, against dask-jobqueue's ``SLURMCluster``.
        A Slurm of three nodes on this machine, which looks at its queue every second (stock: three seconds after a
        submit), so that the wait in the queue does not hide the rest. A second peer has its workers' pages switched
        off, as ours are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from support import site
from support.figures import Figure, alternate, parser, report
from support.kernels import Kernel, Ran

from tests.support.private_slurm import PrivateSlurm, missing

LOAD = "%load_ext dask_steward"
#: A first piece of real work: a task on a worker and its result in the kernel.
WORK = "print('BENCH', client.submit(sum, [1, 2, 3]).result())\n"
OURS = f"%%dask_cluster local --workers 4\n{WORK}"
BY_HAND = (
    "from distributed import Client, LocalCluster\n"
    "cluster = LocalCluster(n_workers=4, threads_per_worker=1{more})\n"
    f"client = Client(cluster)\n{WORK}"
)
FIRST_WORKER = "client.wait_for_workers(1)\nprint('BENCH', 'a worker')\n"


def local(*cells: str, used: Figure | None = None) -> Callable[[], float]:
    """Return a measurement of cells in a fresh kernel; the processor time goes to another figure's side."""

    def measure() -> float:
        with Kernel() as kernel:
            ran = kernel.run(*cells, finish=False).checked(6)
        if used is not None:
            (used.ours if cells[0] == LOAD else used.peer).add(ran.cpu)
        return ran.seconds

    return measure


def by_hand(*more: str) -> str:
    """Return a cell with dask-jobqueue, with more arguments of its ``SLURMCluster``."""
    return (
        f"{site.by_hand(*more)}\ncluster.scale(jobs=3)\n"
        f"from distributed import Client\nclient = Client(cluster)\n{FIRST_WORKER}cluster.close()\n"
    )


def slurm(cluster: PrivateSlurm, *cells: str) -> Callable[[], float]:
    """Return a measurement of cells in a fresh kernel of an empty Slurm."""

    def measure() -> float:
        cluster.wait_idle()
        with Kernel(site.environment(cluster)) as kernel:
            kernel.profile("site", site.PROFILE)
            ran: Ran = kernel.run(*cells).checked("a worker")
        cluster.clear()
        return ran.seconds

    return measure


def main() -> int:
    arguments = parser(__doc__ or "", runs=5)
    arguments.add_argument("--only", choices=("local", "slurm"), help="one of the two systems")
    given = arguments.parse_args()
    figures, notes = [], []
    if given.only != "slurm":
        first = Figure("local, 4 workers: first result", "s", "LocalCluster + Client by hand", at_most=0.6)
        used = Figure("… processor time until then", "s", first.peer_name)
        plain = Figure("the same, peer without dashboard", "s", "LocalCluster(dashboard_address=None) + Client")
        alternate(given.runs, first, local(LOAD, OURS, used=used), local(BY_HAND.format(more=""), used=used))
        without = BY_HAND.format(more=", dashboard_address=None")
        alternate(max(1, given.runs // 2), plain, local(LOAD, OURS), local(without))
        figures += [first, used, plain]
    if given.only != "local":
        lacking = missing()
        if lacking:
            notes.append(f"slurm: not measured, this machine lacks {', '.join(lacking)}")
        else:
            worker = Figure("slurm, 3 jobs: first worker", "s", "dask-jobqueue's SLURMCluster + Client", at_most=1.0)
            lean = Figure(
                "the same, peer's workers without pages",
                "s",
                "SLURMCluster(worker_extra_args=['--no-dashboard']) + Client",
            )
            ours = (LOAD, f"%%dask_cluster site --jobs 3\n{FIRST_WORKER}")
            with PrivateSlurm() as cluster:
                alternate(given.runs, worker, slurm(cluster, *ours), slurm(cluster, by_hand()))
                without = by_hand("worker_extra_args=['--no-dashboard']")
                alternate(max(1, given.runs // 2), lean, slurm(cluster, *ours), slurm(cluster, without))
            figures += [worker, lean]
    return report("start", figures, as_json=given.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
