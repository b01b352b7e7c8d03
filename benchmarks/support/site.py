"""The Slurm of the benchmarks, and the same jobs asked of both sides."""

from __future__ import annotations

from tests.support.private_slurm import PrivateSlurm

BY_HAND_NAME = "by-hand"
#: One worker with one thread on a whole node of four processors, as in `by_hand`.
PROFILE = (
    "system: slurm\n"
    "options: {queue: debug, cores: 1, job_cpu: 4, memory: 1GB, processes: 1, interface: lo, walltime: '00:10:00'}\n"
)


def environment(slurm: PrivateSlurm) -> dict[str, str]:
    """Return what makes a process ask this Slurm."""
    return {"SLURM_CONF": str(slurm.conf), "PATH": slurm.env["PATH"]}


def by_hand(*more: str) -> str:
    """Return a line that makes dask-jobqueue's cluster of the same jobs, with more arguments."""
    arguments = ", ".join(
        [
            "queue='debug', cores=1, job_cpu=4, memory='1GB', processes=1, interface='lo', walltime='00:10:00'",
            f"job_name={BY_HAND_NAME!r}",
            *more,
        ]
    )
    return f"from dask_jobqueue import SLURMCluster; cluster = SLURMCluster({arguments})"
