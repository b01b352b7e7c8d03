"""Stop a cluster from outside, and wait until everything that it held is verified gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from dask_steward.errors import KeeperGone, StateFolderError, TimeLimit, WrongState
from dask_steward.ledger import entries, files
from dask_steward.ledger.identity import ELSEWHERE

if TYPE_CHECKING:
    from dask_steward.control.cluster import Cluster

#: Seconds for which a close waits until everything is verified gone.
CLOSE_LIMIT = 30.0
#: Seconds in which a keeper must acknowledge a stop; one that does not is killed, and the guard releases.
ACKNOWLEDGE_LIMIT = 5.0
#: Shortest and longest pause (seconds) between two looks.
_LOOKS = (0.02, 0.2)


def end_cluster(cluster: Cluster, limit: float, reason: str, starter_of: subprocess.Popen[bytes] | None) -> None:
    """Stop a cluster.

    Parameters
    ----------
    cluster : Cluster
        Its handle.
    limit : float
        Seconds.
    reason : str
        Why, as every face shows it.
    starter_of : Popen or None
        The keeper's process, where this process has started it.

    Raises
    ------
    WrongState
        If its keeper runs on another host.
    StateFolderError
        If nothing is left of it, but that cannot be written down.
    TimeLimit
        If something is not verified gone in time; the guard goes on with it.
    """
    deadline = time.monotonic() + limit
    told = False
    pause = _LOOKS[0]
    while not cluster._ended():
        # Again and again while somebody else's start has not yet come as far as to listen.
        told = told or _ask_stop(cluster, reason, starter_of)
        if time.monotonic() >= deadline:
            raise TimeLimit(
                f"Cluster {cluster.name} is not verified gone after {limit:g} s: {cluster.state['reason']}.",
                hint="The guard goes on; `dask-steward held` shows what is left.",
                cluster=cluster.id,
            )
        entry = cluster._entry()
        if entry.keeper is not None and not entry.keeper_alive() and not entry.guard_alive():
            from dask_steward.release.sweep import sweep

            why = sweep().unwritable.get(cluster.id)
            if why is not None:
                raise StateFolderError(
                    f"Nothing of cluster {cluster.name} is left, but the state folder cannot be written ({why}).",
                    hint="Make room, then run `dask-steward sweep`.",
                    cluster=cluster.id,
                )
        time.sleep(pause)
        pause = min(pause * 1.3, _LOOKS[1])
    if starter_of is not None:
        starter_of.poll()


def _ask_stop(cluster: Cluster, reason: str, starter_of: subprocess.Popen[bytes] | None) -> bool:
    """Return whether there was somebody to tell, or to end."""
    keeper = cluster._entry().keeper
    try:
        cluster._call().stop(reason, timeout=ACKNOWLEDGE_LIMIT)
    except KeeperGone:
        if keeper is not None and keeper.state() == ELSEWHERE:
            raise WrongState(
                f"Cluster {cluster.name} cannot be stopped from here: its keeper runs on {keeper.host}.",
                hint=f"Stop it on {keeper.host}.",
                cluster=cluster.id,
            ) from None
        # It is starting (no socket yet), stuck, or dead. Nothing is taken before the socket is there, and what a stuck
        # one holds is given back by its guard.
        if keeper is not None:
            stop = {"format": entries.FORMAT, "reason": reason, "at": time.time()}
            with contextlib.suppress(OSError):  # on a full disk it ends without a reason
                files.create_json(os.path.join(cluster._folder, entries.STOP), stop)
            keeper.kill(signal.SIGKILL)
        elif starter_of is not None:
            starter_of.kill()
            starter_of.wait()
            _end_unborn(cluster, reason)
        else:
            return False
    return True


def _end_unborn(cluster: Cluster, reason: str) -> None:
    from dask_steward.release.releaser import write_end

    entry = cluster._entry()
    if entry.keeper is None:
        write_end(entry, state="stopped", reason=reason, by="starter")
