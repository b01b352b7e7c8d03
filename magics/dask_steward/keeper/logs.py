"""The ends of a living cluster's logs."""

from __future__ import annotations

from dask_steward.clusters.agent import Agent
from dask_steward.clusters.systems import System
from dask_steward.ledger.logs import log_files
from dask_steward.ledger.logs import tail as tail_of


async def collect_logs(
    folder: str, system: System, agent: Agent | None, *, job: str | None, worker: str | None, keeper: bool, tail: int
) -> dict[str, str]:
    """Return logs by name: of one job, one worker or the keeper; of all of them when none is named.

    Parameters
    ----------
    folder : str
        The cluster's folder in the ledger.
    system : System
        Brings logs that are elsewhere.
    agent : Agent or None
        Knows the workers.
    job, worker : str or None
        A job's id, a worker's name or address.
    keeper : bool
        Whether the keeper's own log is wanted.
    tail : int
        Lines of each.
    """
    if not keeper:
        await system.bring_logs(job)
    found = {name: _read(path, tail) for name, path in log_files(folder, job=job, keeper=keeper, worker=worker).items()}
    living: dict[str, str] = {}
    if agent is not None and job is None and not keeper:
        living = await agent.worker_logs(tail, worker)
    # A worker that lives tells its own log; that of its job, which it shares with others, is for those that do not.
    return living if worker is not None and living else {**found, **living}


def _read(path: str, lines: int) -> str:
    try:
        return tail_of(path, lines)
    except OSError as error:
        return f"(cannot be read: {error})"
