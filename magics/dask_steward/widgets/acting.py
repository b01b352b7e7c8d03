"""What the buttons of a cluster's display do, where no Jupyter server does it: calls on the keeper's socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dask_steward.control.client import Control
from dask_steward.control.cluster import Cluster
from dask_steward.errors import UsageError, WrongState

#: Seconds for which a stop is waited for; the guard goes on after that.
STOP_LIMIT = 60.0
#: Rows of a table.
ROWS = 10_000


def act_on(cluster: Cluster, what: str, args: Mapping[str, Any]) -> Any:
    """Do what a button asks, and return what its view shows.

    Raises
    ------
    StewardError
        If it cannot be done; the message is shown in the view.
    """
    found = _ACTS.get(what)
    if found is None:
        raise UsageError(f"{what!r} cannot be asked of a display.", hint=f"It knows {', '.join(_ACTS)}.")
    return found(cluster, args)


def _scale(cluster: Cluster, args: Mapping[str, Any]) -> Any:
    units = {name: args[name] for name in ("workers", "jobs", "cores", "memory", "group") if args.get(name) is not None}
    return cluster.scale(**units)


def _adapt(cluster: Cluster, args: Mapping[str, Any]) -> None:
    cluster.adapt(**{str(name): value for name, value in args.items() if value is not None})


def _stop(cluster: Cluster, args: Mapping[str, Any]) -> None:
    cluster.close(STOP_LIMIT)


def _rename(cluster: Cluster, args: Mapping[str, Any]) -> None:
    cluster.rename(str(args.get("name")))


def _restart(cluster: Cluster, args: Mapping[str, Any]) -> Any:
    return cluster.restart_workers()


def _dashboard(cluster: Cluster, args: Mapping[str, Any]) -> str:
    link = cluster.dashboard_link
    if not link.startswith("http"):
        raise WrongState(
            f"The dashboard of {cluster.name} has no address in the browser: in a shell, run "
            f"`dask-steward dashboard {cluster.id}`.",
            cluster=cluster.id,
        )
    return link


def _rows(cluster: Cluster, args: Mapping[str, Any]) -> Any:
    from dask_steward.control.cards import job_rows
    from dask_steward.control.looking import look

    kind = str(args.get("kind"))
    found = look(cluster.id)
    if found is None or found.socket is None:
        rows = job_rows(found.state) if found is not None and kind == "jobs" else []
        return [row.model_dump() for row in rows]
    with Control(found.socket, cluster.id) as control:
        return control.page(kind, limit=ROWS)["rows"]


def _logs(cluster: Cluster, args: Mapping[str, Any]) -> Any:
    from dask_steward.control.log_parts import logs_of

    return logs_of(cluster.id).model_dump()


def _log(cluster: Cluster, args: Mapping[str, Any]) -> Any:
    from dask_steward.control.log_parts import part_of

    offset = args.get("offset")
    limit = int(args.get("limit") or 1)
    part = part_of(cluster.id, str(args.get("name")), None if offset is None else int(offset), limit)
    return part.model_dump()


_ACTS: dict[str, Callable[[Cluster, Mapping[str, Any]], Any]] = {
    "scale": _scale,
    "adapt": _adapt,
    "stop": _stop,
    "rename": _rename,
    "restart": _restart,
    "dashboard": _dashboard,
    "rows": _rows,
    "logs": _logs,
    "log": _log,
}
