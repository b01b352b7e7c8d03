"""End the processes of one cluster on this host."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping

from dask_steward.ledger.identity import ProcessIdentity, boot_id, host
from dask_steward.managers.base import Unknown
from dask_steward.managers.process import Processes, ProcessStatus


def sessions_of(keepers: Mapping[str, ProcessIdentity | None]) -> dict[str, tuple[int, int]]:
    """Return the sessions that keepers began on this host since it booted, by cluster id.

    A process that wiped its environment (as `setproctitle` does) is still found by its session. After a reboot the
    number belongs to somebody else.
    """
    return {
        id: (keeper.pid, keeper.start_time)
        for id, keeper in keepers.items()
        if keeper is not None and (keeper.host, keeper.boot_id) == (host(), boot_id())
    }


def find_marked(id: str, keeper: ProcessIdentity | None) -> tuple[ProcessStatus, ...] | Unknown:
    """Return the processes that carry a cluster's mark or belong to its keeper's session, except this one."""
    answer = Processes().find_by_tag([id], sessions=sessions_of({id: keeper}), exclude=[os.getpid()])
    return answer if isinstance(answer, Unknown) else answer.get(id, ())


def end_marked(id: str, keeper: ProcessIdentity | None, limit: float) -> str | None:
    """Kill them until none is left.

    Parameters
    ----------
    id : str
        The cluster's id.
    keeper : ProcessIdentity or None
        Its keeper.
    limit : float
        Seconds.

    Returns
    -------
    str or None
        None when none is left, else what is.
    """
    deadline = time.monotonic() + limit
    while True:
        found = find_marked(id, keeper)
        if isinstance(found, Unknown):
            return found.reason
        if not found:
            return None
        if time.monotonic() > deadline:
            return f"processes {', '.join(str(one.pid) for one in found)} do not end"
        Processes().kill(found, signal.SIGKILL)
        Processes().wait_gone(found, 0.5)
