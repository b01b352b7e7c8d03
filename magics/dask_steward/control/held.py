"""What the ledger holds now, and what has been held today."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dask_steward.ledger import files, holdings
from dask_steward.ledger.entries import Entry

#: States of a holding in which it takes cores.
_TAKES = ("held", "running", "connected")


@dataclass(frozen=True)
class Held:
    """One thing that costs something.

    Attributes
    ----------
    cluster, name : str
        Id and name of the cluster that holds it.
    kind : str
        ``job``, ``application`` or ``process``.
    id : str or None
        The manager's id; None while a submit has no answer yet.
    state : str
        Where it stands: ``intent``, ``held``, or the keeper's own word (``queued``, ``running`` …).
    reason : str or None
        Why.
    since : float or None
        Since when (seconds since the epoch).
    node : str or None
        Where it runs.
    cores : float
        Cores that it takes now: none while it waits.
    core_seconds : float
        What it has taken since it is in this state.
    """

    cluster: str
    name: str
    kind: str
    id: str | None
    state: str
    reason: str | None = None
    since: float | None = None
    node: str | None = None
    cores: float = 0.0
    core_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


def held_of(state: Mapping[str, Any], now: float | None = None) -> list[Held]:
    """Return the holdings of one cluster's state."""
    now = time.time() if now is None else now
    found = state["holdings"]
    cores = [_cores(state, one) for one in found]
    spent = [each * max(0.0, now - float(one.get("since") or now)) for each, one in zip(cores, found, strict=True)]
    if len(found) == 1 and found[0]["kind"] == "process":  # all workers of a local cluster are one holding
        cores = [float(state.get("cores_held") or 0.0)]
        spent = [float((state.get("spend") or {}).get("core_seconds_held") or 0.0)]
    return [
        Held(
            state["id"],
            state["name"],
            one["kind"],
            one["id"],
            one["state"],
            one.get("reason"),
            one.get("since"),
            one.get("node"),
            round(each, 3),
            round(seconds, 1),
        )
        for one, each, seconds in zip(found, cores, spent, strict=True)
    ]


def _cores(state: Mapping[str, Any], holding: Mapping[str, Any]) -> float:
    if holding.get("state") not in _TAKES:
        return 0.0
    group = (state.get("groups") or {}).get(holding.get("group") or "main") or {}
    unit = group.get("unit") or state.get("unit") or {}
    return float(unit.get("cores") or 0.0)


def spent_today(entries: Iterable[Entry], living: Mapping[str, float], now: float | None = None) -> float:
    """Return the core-seconds that clusters have held since midnight here.

    Parameters
    ----------
    entries : iterable of Entry
        All clusters that the ledger knows.
    living : mapping
        Core-seconds so far of those whose keepers answer, by id.
    now : float, optional
        Seconds since the epoch.

    Notes
    -----
    Of a cluster that began before midnight its whole is shared out by how long it held things before and after.
    """
    now = time.time() if now is None else now
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    total = 0.0
    for entry in entries:
        ended = (entry.end or {}).get("at")
        if isinstance(ended, int | float) and ended <= today:
            continue
        whole, after = _times(entry, today, now)
        spent = living.get(entry.id)
        if spent is None:
            spent = _told(entry)
        if spent is None:  # its keeper was killed: what its profile asks for stands for what it had
            spent = whole * _cores_asked(entry.profile)
        total += spent * (1.0 if entry.created >= today else after / whole if whole else 0.0)
    return total


def _told(entry: Entry) -> float | None:
    found = entry.facts.get("spend")
    held = found.get("core_seconds_held") if isinstance(found, Mapping) else None
    return float(held) if isinstance(held, int | float) else None


def _times(entry: Entry, today: float, now: float) -> tuple[float, float]:
    """Return for how many seconds things were held, one after the other added up, in all and since midnight."""
    began: dict[str, float] = {}
    whole = after = 0.0
    try:
        lines = files.read_lines(os.path.join(entry.folder, holdings.FILE))
    except OSError:
        return 0.0, 0.0
    for line in lines:
        key, step, at = line.get("key"), line.get("step"), line.get("at")
        if not isinstance(key, str) or not isinstance(at, int | float):
            continue
        if step == holdings.HELD:
            began.setdefault(key, float(at))
        elif step in holdings.FINAL and key in began:
            start = began.pop(key)
            whole += max(0.0, at - start)
            after += max(0.0, at - max(start, today))
    for start in began.values():
        whole += max(0.0, now - start)
        after += max(0.0, now - max(start, today))
    return whole, after


def _cores_asked(profile: Mapping[str, Any]) -> float:
    options = profile.get("options")
    found = options.get("cores") if isinstance(options, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 1.0
