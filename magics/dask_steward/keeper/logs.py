"""The ends of a living cluster's logs."""

from __future__ import annotations

import os

from dask_steward.clusters.agent import Agent
from dask_steward.ledger import entries


async def collect_logs(
    folder: str, agent: Agent | None, *, job: str | None, worker: str | None, keeper: bool, tail: int
) -> dict[str, str]:
    """Return logs by name: of one job, one worker or the keeper; of all of them when none is named.

    Parameters
    ----------
    folder : str
        The cluster's folder in the ledger.
    agent : Agent or None
        Knows the workers.
    job, worker : str or None
        A job's id, a worker's name or address.
    keeper : bool
        Whether the keeper's own log is wanted.
    tail : int
        Lines of each.
    """
    everything = job is None and worker is None and not keeper
    found: dict[str, str] = {}
    if keeper or everything:
        found["keeper"] = _tail(os.path.join(folder, entries.LOG), tail)
    logs = os.path.join(folder, entries.LOGS)
    if job is not None or everything:
        names = sorted(os.listdir(logs)) if os.path.isdir(logs) else []
        for name in names:
            id = name.removesuffix(".log")
            if everything or id == job:
                found[f"job {id}"] = _tail(os.path.join(logs, name), tail)
    if agent is not None and (worker is not None or everything):
        found.update(await agent.worker_logs(tail, worker))
    return found


def _tail(path: str, lines: int) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:] if lines else [])
    except OSError as error:
        return f"(cannot be read: {error})"
