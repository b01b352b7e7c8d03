"""The progress of computations, completed with what only the keeper knows: why workers are missing, and their jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dask_steward.errors import UsageError
from dask_steward.progress_data import Computation

if TYPE_CHECKING:
    from dask_steward.keeper.keeper import Keeper


def completed(computations: Iterable[Computation], keeper: Keeper) -> list[Computation]:
    """Return computations with what they wait for and the job of a worker whose task failed."""
    workforce = keeper.parts.workforce
    found = list(computations)
    if workforce is None or not found:
        return found
    queued = _queued(vars(workforce.counts()), [one.to_json() for one in keeper.holdings()])
    answer = []
    for one in found:
        error = one["error"]
        if error is not None and error["worker"] is not None:
            error = {**error, "job": workforce.job_of(error["worker"])}
        waits = one["waits"]
        if one["ended"] is None and queued is not None:
            # With workers that run it only goes slower.
            waits = f"{queued}; {waits}" if waits and waits != NO_WORKER else queued
        answer.append(Computation(**{**one, "error": error, "waits": waits}))
    return answer


#: What the scheduler says where it has no worker; the queue's reason says more.
NO_WORKER = "no worker is connected"


def _queued(counts: Mapping[str, int], holdings: Iterable[Mapping[str, Any]]) -> str | None:
    """Return ``3 workers queued: Priority``; None where none is."""
    number = counts.get("queued") or 0
    if not number:
        return None
    reasons = (str(one["reason"]) for one in holdings if one.get("state") == "queued" and one.get("reason"))
    why = next(reasons, None)
    return f"{number} {'worker' if number == 1 else 'workers'} queued" + (f": {why}" if why else "")


async def ask_progress(keeper: Keeper, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``computations`` that are asked for, and ``warnings`` about memory.

    Raises
    ------
    UsageError
        If what is asked for cannot be understood.
    """
    client, since = given.get("client"), given.get("since")
    for name in ("groups", "keys"):
        value = given.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise UsageError(f"{name} must be a list of names; got {value!r}.", field=name, value=value)
    if client is not None and not isinstance(client, str):
        raise UsageError(f"client must be the id of a client; got {client!r}.", field="client", value=client)
    if since is not None and (isinstance(since, bool) or not isinstance(since, int | float)):
        raise UsageError(f"since must be seconds since the epoch; got {since!r}.", field="since", value=since)
    agent, observer = keeper.parts.agent, keeper.parts.observer
    if agent is None or observer is None:
        return {"computations": [], "warnings": []}
    found = completed(await agent.progress(given.get("groups"), given.get("keys"), client, since), keeper)
    return {"computations": found, "warnings": observer.memory_warnings}
