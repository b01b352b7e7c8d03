"""Whether a job can fit on any node of its partition."""

from __future__ import annotations

from collections.abc import Sequence

from dask_steward.managers.base import NodeSize


def unfit(sizes: Sequence[NodeSize], partition: str | None, *, cores: int | None, memory: int | None) -> str | None:
    """Return why no node of the partition can hold such a job, or None when one can (or nothing is known of it).

    Parameters
    ----------
    sizes : sequence of NodeSize
        What the manager tells.
    partition : str or None
        The job's; None for the site's default.
    cores : int or None
        Cores of the job.
    memory : int or None
        Memory of the job in bytes.

    Examples
    --------
    >>> unfit([NodeSize("debug", True, 4, 4 * 2**30)], None, cores=4, memory=8 * 2**30)
    'a job of 8.0 GiB fits on no node of the partition debug: the largest has 4.0 GiB'
    """
    nodes = [one for one in sizes if one.partition == partition or (partition is None and one.default)]
    if not nodes or any(one.cores >= (cores or 0) and one.memory >= (memory or 0) for one in nodes):
        return None
    where = f"the partition {nodes[0].partition}"
    most = max(one.memory for one in nodes)
    if memory is not None and memory > most:
        return f"a job of {memory / 2**30:.1f} GiB fits on no node of {where}: the largest has {most / 2**30:.1f} GiB"
    if cores is not None and cores > max(one.cores for one in nodes):
        return f"a job of {cores} cores fits on no node of {where}: the largest has {max(one.cores for one in nodes)}"
    return f"a job of {cores} cores and {(memory or 0) / 2**30:.1f} GiB fits on no node of {where}"
