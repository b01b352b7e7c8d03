"""A cluster's state in words: the same in the shell and in a notebook.

The state is the object of the control socket's ``GET /state``. A state is never said without its reason where it has
one, and workers are always several numbers: asked for, queued, running, lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from dask_steward.console.held import clock, groups_table, holdings_table, losses_text
from dask_steward.console.moments import ago
from dask_steward.console.progress_text import computation_lines
from dask_steward.console.tables import fields, one_line
from dask_steward.errors import ClusterNotFound
from dask_steward.units import size_text as size

State = Mapping[str, Any]


class HasState(Protocol):
    """A cluster, as far as sentences need one."""

    @property
    def state(self) -> dict[str, Any]:
        """The cluster's state now."""


def states(clusters: Iterable[HasState]) -> list[dict[str, Any]]:
    """Return the states of clusters; one that was removed since they were listed is left out."""
    found = []
    for cluster in clusters:
        try:
            found.append(cluster.state)
        except ClusterNotFound:
            continue
    return found


#: States in which a cluster holds nothing any more.
ENDED = frozenset({"stopped", "failed", "lost"})


def count(number: int, noun: str) -> str:
    """Return ``1 worker``, ``2 workers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def core_time(seconds: float | None) -> str:
    """Return core time for a person: core-hours, or core-seconds of short clusters.

    Examples
    --------
    >>> core_time(90), core_time(36000)
    ('90 core-seconds', '10.0 core-hours')
    """
    if not seconds:
        return ""
    return f"{seconds:.0f} core-seconds" if seconds < 360 else f"{seconds / 3600:.1f} core-hours"


def workers(state: State) -> str:
    """Return the workers in words: what runs, and what differs from what was asked for."""
    found = state.get("workers") or {}
    running, asked = int(found.get("running") or 0), int(found.get("asked") or 0)
    parts = [f"{count(running, 'worker')} running"]
    if found.get("queued"):
        parts.append(f"{found['queued']} queued")
    if found.get("lost"):
        parts.append(f"{found['lost']} lost")
    if asked != running:
        parts.append(f"{asked} asked for")
    return ", ".join(parts)


def resized(state: State, note: str | None = None, group: str | None = None) -> str:
    """Return the answer to a change of size: what there is now, how it adapts, and what was rounded up (`note`)."""
    found = (state.get("groups") or {}).get(group) if group else None
    shown = state if found is None else {"workers": found}
    bounds = (state if found is None else found).get("adapt")
    name = label(state) if found is None else f"{label(state)}, {group}"
    tail = f", adapts between {bounds['minimum']} and {bounds['maximum']}" if bounds else ""
    return f"{name}: {workers(shown)}{tail}" + (f"\n{one_line(note)}" if note else "")


def renamed(before: str, state: State) -> str:
    """Return the answer to another name."""
    return f"{one_line(before)} is called {label(state)} now."


def belongs(state: State) -> str:
    """Return the answer to another owner: to whom the cluster belongs, and when it ends by itself."""
    found = state.get("owner")
    whose = f"belongs to {owner(state)}" if found else "belongs to nobody"
    at = clock(state.get("ends_at"))
    idle = "without work " if state.get("ends_by") == "idle_timeout" else ""
    return f"{label(state)} {whose} now" + (f"; {idle}it ends at {at}." if at else ".")


def restarted(state: State, note: str | None = None) -> str:
    """Return the answer to a restart of all workers."""
    return f"{label(state)}: {one_line(note) if note else workers(state)}"


def label(state: State) -> str:
    """Return what a person calls the cluster."""
    return one_line(state.get("name") or state.get("profile") or state.get("id") or "cluster")


def ended(state: State) -> str:
    """Return the answer to a stop; a scheduler of somebody else goes on, and is only let go."""
    word = state.get("state", "stopped")
    return f"{label(state)}: {'detached' if state.get('foreign') and word == 'stopped' else word}"


def reason(state: State) -> str:
    """Return why the cluster is in its state; while jobs wait, why the first of them does."""
    if state.get("reason"):
        return one_line(state["reason"])
    for holding in state.get("holdings") or ():
        if holding.get("state") == "queued" and holding.get("reason"):
            return one_line(holding["reason"])
    return ""


def progress(state: State, elapsed: float, *, end: bool = False) -> str:
    """Return the one line that is shown while a cluster starts, and when it has (`end`)."""
    middle = workers(state)
    why = reason(state)
    if not end or state.get("state") not in ("running", None):
        middle = f"{state.get('state', 'starting')}, {middle}"
        middle += f" — {why}" if why else ""
    return f"{label(state)}: {middle} ({elapsed:.1f} s)"


CLUSTER_HEADERS = ("ID", "NAME", "PROFILE", "STATE", ">ASKED", ">QUEUED", ">RUNNING", ">LOST", "SINCE", "REASON")


def cluster_row(state: State, now: float | None = None) -> list[object]:
    """Return a cluster as a row of the table of clusters."""
    found = state.get("workers") or {}
    numbers = [found.get(name, 0) for name in ("asked", "queued", "running", "lost")]
    profile = f"{state.get('profile')} (foreign)" if state.get("foreign") else state.get("profile")
    start = [state.get("id"), state.get("name"), profile, state.get("state")]
    return [*start, *numbers, ago(state.get("since"), now), reason(state)]


def cluster_table(states: Sequence[State], *, ended: bool = False) -> tuple[tuple[str, ...], list[list[object]]]:
    """Return headers and rows of the table of clusters; of those that have `ended`, until when logs are kept."""
    rows = [cluster_row(state) for state in states]
    if not ended:
        return CLUSTER_HEADERS, rows
    logs = [clock(state.get("logs_until")) for state in states]
    rows = [[*row[:-1], f"until {until}" if until else "", row[-1]] for row, until in zip(rows, logs, strict=True)]
    return (*CLUSTER_HEADERS[:-1], "LOGS", CLUSTER_HEADERS[-1]), rows


def owner(state: State) -> str:
    """Return to whom a cluster belongs."""
    found = state.get("owner")
    if not found:
        return str(state.get("tenure") or "detached")
    return f"{found.get('kind') or state.get('tenure')} {found.get('pid')} on {found.get('host')}"


def cluster_text(state: State) -> str:
    """Return all that a person wants to know about one cluster, in a few lines."""
    scheduler, memory = state.get("scheduler") or {}, state.get("memory") or {}
    spend, adapt, tasks = state.get("spend") or {}, state.get("adapt"), state.get("tasks") or {}
    work = [
        f"{g['name']} {g['done']}/{g['total']}" + (f" ({g['erred']} erred)" if g.get("erred") else "")
        for g in (tasks.get("groups") or ())[:5]
    ]
    used = (
        f"{size(memory.get('used'))} of {size(memory.get('limit'))}"
        if memory.get("limit")
        else size(memory.get("used"))
    )
    spilled = f", {size(memory['spilled'])} spilled" if memory.get("spilled") else ""
    foreign = bool(state.get("foreign") and scheduler.get("address"))
    lines = fields(
        [
            ("id", state.get("id")),
            ("name", state.get("name")),
            ("profile", f"{state.get('profile')} ({state.get('system')})"),
            (
                "state",
                f"{state.get('state')} since {ago(state.get('since'))}" if state.get("since") else state.get("state"),
            ),
            ("reason", reason(state)),
            ("owner", owner(state)),
            ("workers", workers(state)),
            ("adapt", f"{adapt.get('minimum')} to {adapt.get('maximum')}" if adapt else None),
            ("threads", state.get("threads")),
            ("memory", used + spilled),
            ("tasks", ", ".join(work)),
            ("scheduler", f"{scheduler.get('address')} (of somebody else)" if foreign else scheduler.get("address")),
            ("dashboard", scheduler.get("link") or scheduler.get("dashboard")),
            ("spent", core_time(spend.get("core_seconds_held"))),
            ("logs", _logs(state)),
            *(("manager's page", one["link"]) for one in state.get("holdings") or () if _has_page(one)),
            *(("defence", _defence(one)) for one in state.get("defences") or ()),
            *(("warning", warning) for warning in state.get("warnings") or ()),
        ]
    )
    holdings = state.get("holdings") or ()
    computed = [line for one in state.get("computations") or () for line in computation_lines(one, traceback=False)]
    parts = [
        lines,
        "\n".join(computed),
        groups_table(state.get("groups") or {}),
        holdings_table(holdings) if holdings else "",
        losses_text(state.get("losses") or (), unit_noun(state)),
    ]
    return "\n\n".join(part for part in parts if part)


def unit_noun(state: State) -> str:
    """Return what a person calls the units of a cluster: jobs of a queue, containers of YARN."""
    return "container" if state.get("system") == "yarn" else "job"


def _has_page(holding: State) -> bool:
    return bool(holding.get("kind") == "application" and holding.get("link"))


def _defence(found: State) -> str:
    """Return what would give the cluster back without its keeper, and when the manager does if nobody renews it."""
    at = clock(found.get("at"))
    words = one_line(found.get("words"))
    return f"{found.get('name')}{'' if found.get('in_force') else ' (not in force)'}: {words}{f', {at}' if at else ''}"


def _logs(state: State) -> str | None:
    if state.get("state") not in ENDED:
        return state.get("logs")
    until = clock(state.get("logs_until"))
    return f"{state.get('logs')}, until {until}" if until else "deleted"


def logs_text(logs: Mapping[str, str], state: State | None = None) -> str:
    """Return logs with a headline each, or the log itself when there is one only; without any, why (by the `state`)."""
    if not logs:
        if state is None or state.get("state") not in ENDED:
            return "no logs yet"
        return "no such log" if state.get("logs_until") else "no logs: they were deleted"
    if len(logs) == 1:
        return next(iter(logs.values())).rstrip("\n")
    return "\n\n".join(f"== {name} ==\n{text.rstrip()}" for name, text in logs.items())
