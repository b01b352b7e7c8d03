"""Jobs and processes in words: what a cluster holds, its groups, what it has lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dask_steward.console.moments import ago, epoch
from dask_steward.console.tables import one_line, table

#: Rows of a table of jobs; a cluster of hundreds says the rest in one line.
MOST_ROWS = 40
#: Losses that are told with their logs; the last ones say most.
MOST_LOSSES = 5


def clock(moment: float | str | None, now: float | None = None) -> str:
    """Return a moment as a person reads it on a clock: the time, with the date unless it is today.

    Examples
    --------
    >>> noon = datetime(2026, 11, 21, 12).timestamp()
    >>> clock(noon + 300, noon), clock(noon + 86400, noon), clock(None)
    ('12:05', '2026-11-22 12:00', '')
    """
    seconds = epoch(moment)
    if seconds is None:
        return ""
    then, today = datetime.fromtimestamp(seconds), datetime.fromtimestamp(time.time() if now is None else now)
    return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")


def holdings_table(holdings: Sequence[Mapping[str, Any]]) -> str:
    """Return the jobs and processes that one cluster holds, at most `MOST_ROWS` of them and how many more there are.

    A column that says nothing (no group but the profile's own, nothing that waits) is left out.
    """
    # An application holds all the rest: its kind says that, it is no group.
    grouped = any(one.get("group") not in (None, "main") for one in holdings if one.get("kind") != "application")
    waiting = any(one.get("expected_start") for one in holdings)
    headers = ["KIND", "ID", *(["GROUP"] if grouped else []), "STATE", "NODE", "SINCE"]
    rows = [
        [
            one.get("kind"),
            one.get("id"),
            *([one.get("group") or "main"] if grouped else []),
            one.get("state"),
            one.get("node"),
            ago(one.get("since")),
            *([clock(one.get("expected_start"))] if waiting else []),
            one.get("reason"),
        ]
        for one in holdings[:MOST_ROWS]
    ]
    text = table((*headers, *(["EXPECTED"] if waiting else []), "REASON"), rows)
    rest = Counter(str(one.get("state")) for one in holdings[MOST_ROWS:])
    if not rest:
        return text
    states = ", ".join(f"{number} {state}" for state, number in rest.items())
    return f"{text}\n… and {sum(rest.values())} more: {states} (--json has all)"


def groups_table(groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the groups of a cluster with their sizes; nothing where there is only the profile's own."""
    if not set(groups) - {"main"}:
        return ""
    rows = [
        [name, *(one.get(number, 0) for number in ("asked", "queued", "running", "lost")), one.get("jobs"), _adapt(one)]
        for name, one in groups.items()
    ]
    adapts = any(row[-1] for row in rows)
    headers = ("GROUP", ">ASKED", ">QUEUED", ">RUNNING", ">LOST", ">JOBS", "ADAPT")
    return table(headers, rows) if adapts else table(headers[:-1], [row[:-1] for row in rows])


def _adapt(group: Mapping[str, Any]) -> str:
    limits = group.get("adapt")
    return f"{limits.get('minimum')} to {limits.get('maximum')}" if limits else ""


def losses_text(losses: Sequence[Mapping[str, Any]], noun: str = "job") -> str:
    """Return the last losses, each with the end of its log."""
    if not losses:
        return ""
    lines = [f"lost {noun}s: {len(losses)}" + (f", the last {MOST_LOSSES}" if len(losses) > MOST_LOSSES else "")]
    for loss in losses[-MOST_LOSSES:]:
        where = f" on {loss['node']}" if loss.get("node") else ""
        when = f", {ago(loss.get('at'))} ago" if loss.get("at") else ""
        lines.append(f"  {one_line(loss.get('id') or f'a {noun}')}{where}{when}: {one_line(loss.get('reason'))}")
        lines += [f"      {one_line(line)}" for line in log_lines(loss.get("log"))]
    return "\n".join(lines)


def log_lines(log: object) -> list[str]:
    """Return the lines of a log, which may be one text or a list of them; empty ones are left out."""
    found = log.splitlines() if isinstance(log, str) else list(log) if isinstance(log, list | tuple) else []
    return [str(line).rstrip() for line in found if str(line).strip()]


def held_text(held: Sequence[Mapping[str, Any]]) -> str:
    """Return what all clusters hold; ``held: nothing`` is an answer, too."""
    if not held:
        return "held: nothing"
    names = ("cluster", "name", "kind", "id", "state", "node")
    rows = [[*(one.get(name) for name in names), ago(one.get("since")), one.get("reason")] for one in held]
    return table(("CLUSTER", "NAME", "KIND", "ID", "STATE", "NODE", "SINCE", "REASON"), rows)
