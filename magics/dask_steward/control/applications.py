"""Applications of YARN by their id: one of our clusters, or somebody's, which can be attached to and killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dask_steward.control.cluster import Cluster
from dask_steward.errors import ClusterNotFound, ManagerUnreachable, TimeLimit, UsageError, WrongState
from dask_steward.ledger import entries
from dask_steward.managers.base import Unknown

if TYPE_CHECKING:
    from dask_steward.managers.yarn import Application, Yarn

#: Seconds until an application that was killed must have ended, and between two looks.
KILL_LIMIT, LOOK = 30.0, 0.1


def is_application(text: str | None) -> bool:
    """Tell whether a text is the id of an application.

    >>> is_application("application_1795256476310_0001"), is_application("application"), is_application(None)
    (True, False, False)
    """
    if text is None or not text.startswith("application_"):
        return False
    from dask_steward.managers.yarn_parse import ID

    return ID.fullmatch(text) is not None


def cluster_of(id: str) -> Cluster | None:
    """Return the cluster of ours that an application belongs to, None where it is somebody else's."""
    found, _ = entries.list_entries()
    for entry in sorted(found, key=lambda one: (one.ended, -one.created)):
        if entry.system == "yarn" and any(one.id == id for one in entry.holdings().values()):
            return Cluster(entry.id)
    return None


def split(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return what names clusters of ours, and which applications are somebody else's; each once, in their order.

    An application of a cluster of ours stands for that cluster.
    """
    clusters: dict[str, None] = {}
    others: dict[str, None] = {}
    for name in names:
        own = cluster_of(name) if is_application(name) else None
        if own is None and is_application(name):
            others[name] = None
        else:
            clusters[name if own is None else own.id] = None
    return list(clusters), list(others)


def look(id: str) -> Application:
    """Return what the ResourceManager knows of an application.

    Raises
    ------
    ManagerUnreachable
        If it cannot be asked.
    ClusterNotFound
        If it knows no such application.
    """
    return _look(_yarn(), id)


def kill(id: str) -> Application:
    """Kill an application that is no cluster of ours, and wait until it has ended; return how.

    Raises
    ------
    ManagerUnreachable
        If the ResourceManager cannot be asked.
    ClusterNotFound
        If it knows no such application.
    WrongState
        If it is not yours.
    TimeLimit
        If it does not end in time.
    """
    own = cluster_of(id)
    if own is not None and not own._ended():
        raise UsageError(
            f"{id} is of your cluster {own.name}, which is stopped as a whole.",
            field="id",
            value=id,
            hint=f"dask-steward stop {own.id}",
        )
    yarn = _yarn()
    found = _look(yarn, id)
    if found.over:
        return found
    me = yarn.user
    if found.user != me:
        raise WrongState(
            f"{id} belongs to {found.user}, not to you ({me}): it is left alone.", hint=f"Ask {found.user} to stop it."
        )
    refused = yarn.cancel([id])
    if isinstance(refused, Unknown):
        raise ManagerUnreachable(f"{id} could not be killed: {refused.reason}.")
    deadline = time.monotonic() + KILL_LIMIT
    while not (found := _look(yarn, id)).over:
        if time.monotonic() > deadline:
            raise TimeLimit(f"{id} has not ended within {KILL_LIMIT:g} s; it is {found.state}.", hint="Look again.")
        time.sleep(LOOK)
    return found


def ended_text(found: Application) -> str:
    """Return how an application ended, in one line."""
    return f"{found.id}  {found.name}: {found.state.lower()}"


def _yarn() -> Yarn:
    from dask_steward.managers.yarn import Yarn

    return Yarn(dict(os.environ))


def _look(yarn: Yarn, id: str) -> Application:
    found = yarn.application(id)
    if isinstance(found, Unknown):
        raise ManagerUnreachable(
            f"YARN cannot be asked for {id}: {found.reason}.",
            hint="HADOOP_CONF_DIR names the folder whose yarn-site.xml says where the ResourceManager is.",
        )
    if found is None:
        raise ClusterNotFound(f"YARN knows no {id}.", hint="`yarn application -list` shows the applications that run.")
    return found
