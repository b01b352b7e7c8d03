"""The ends of a living cluster's logs."""

from __future__ import annotations

import os

from distributed import Scheduler

from dask_steward.ledger import entries


async def collect_logs(
    folder: str, scheduler: Scheduler | None, *, job: str | None, worker: str | None, keeper: bool, tail: int
) -> dict[str, str]:
    """Return logs by name: of one job, one worker or the keeper; of all of them when none is named.

    Parameters
    ----------
    folder : str
        The cluster's folder in the ledger.
    scheduler : Scheduler or None
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
    if scheduler is not None and (worker is not None or everything):
        wanted = [
            address
            for address, state in scheduler.workers.items()
            if everything or worker in (address, str(state.name))
        ]
        answers = await scheduler.get_worker_logs(n=tail, workers=wanted, nanny=False) if wanted else {}
        for address, lines in answers.items():
            known = scheduler.workers.get(address)
            name = f"worker {known.name if known is not None else address}"
            found[name] = (
                "\n".join(str(text) for _, text in reversed(lines)) if isinstance(lines, list | tuple) else str(lines)
            )
    return found


def _tail(path: str, lines: int) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:] if lines else [])
    except OSError as error:
        return f"(cannot be read: {error})"
