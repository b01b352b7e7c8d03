"""What a new cluster belongs to."""

from __future__ import annotations

import os
from typing import Any

from dask_steward.errors import UsageError
from dask_steward.ledger.identity import ProcessIdentity

TENURES = ("kernel", "server", "process", "detached")


def owner_of(tenure: str, pid: int | None, *, limited: bool) -> dict[str, Any] | None:
    """Return the owner as the ledger holds it; None for a detached cluster.

    Parameters
    ----------
    tenure : str
        One of `TENURES`.
    pid : int or None
        The owning process; by default the calling one.
    limited : bool
        Whether the profile has an idle time-out or a time to live.

    Raises
    ------
    UsageError
        If the tenure is unknown, a detached cluster has no limit, or the process is not there.
    """
    if tenure not in TENURES:
        raise UsageError(f"tenure: {tenure!r} is none of {', '.join(TENURES)}.", field="tenure", value=tenure)
    if tenure == "detached":
        if pid is not None:
            raise UsageError("A detached cluster has no owner; leave out the owner's process.", field="owner_pid")
        if not limited:
            raise UsageError(
                "tenure: detached needs idle_timeout or time_to_live: nothing else would ever end the cluster.",
                field="tenure",
                value=tenure,
                hint='For example set idle_timeout to "30 min".',
            )
        return None
    try:
        identity = ProcessIdentity.of(os.getpid() if pid is None else pid)
    except (ProcessLookupError, ValueError) as error:
        raise UsageError(f"owner_pid: no process {pid} runs on this host.", field="owner_pid", value=pid) from error
    return {"kind": tenure, **identity.to_json()}
