"""What the ledger alone says of a cluster whose keeper does not answer."""

from __future__ import annotations

import os
from typing import Any

from dask_steward.ledger import entries
from dask_steward.ledger.entries import Entry
from dask_steward.ledger.identity import ELSEWHERE
from dask_steward.ledger.logs import logs_until


def state_of(entry: Entry) -> dict[str, Any]:
    """Return the state in the form of a keeper's own, with nothing invented: what is not known is 0 or None."""
    state, reason, since = _judge(entry)
    keeper, guard = entry.keeper, entry.guard
    scheduler = entry.facts.get("scheduler")
    limit = entry.profile.get("time_to_live")
    ends_at = entry.created + limit if isinstance(limit, int | float) and not entry.ended else None
    return {
        "format": entries.FORMAT,
        "id": entry.id,
        "name": entry.name,
        "profile": entry.profile.get("name"),
        "system": entry.system,
        "foreign": entry.foreign,
        "tag": entry.tag,
        "state": state,
        "reason": reason,
        "since": since,
        "created": entry.created,
        "ready": False,
        "tenure": entry.tenure,
        "owner": entries.owner_json(entry.owner_facts),
        "keeper": keeper.to_json() if keeper is not None else None,
        "guard": guard.to_json() if guard is not None else None,
        "workers": {"asked": 0, "queued": 0, "running": 0, "lost": 0},
        "threads": 0,
        "cpu": {"used": 0.0, "limit": 0},
        "memory": {"limit": 0, "used": 0, "spilled": 0},
        "tasks": {"groups": [], "per_second": 0.0},
        "computations": [],
        "scheduler": {
            "address": scheduler.get("address") if isinstance(scheduler, dict) else None,
            "dashboard": None,
            "dashboard_reason": None,
            "link": None,
        },
        "holdings": [
            {
                "kind": one.kind,
                "id": one.id,
                "state": one.step,
                "reason": one.reason,
                "expected_start": None,
                "node": None,
                "since": one.since,
                "group": None,
                "ends": None,
                "key": one.key,
                "link": None,
            }
            for one in entry.holdings().values()
            if one.open and not entry.ended
        ],
        "defences": [],
        "groups": {},
        "losses": [],
        "spend": _spend(entry),
        "cores_held": 0,
        "idle_since": None,
        "ends_at": ends_at,
        "ends_by": "time_to_live" if ends_at is not None else None,
        "adapt": None,
        "unit": None,
        "warnings": [],
        "logs": os.path.join(entry.folder, entries.LOGS),
        "logs_until": logs_until(entry),
    }


def _spend(entry: Entry) -> dict[str, float]:
    """Return what a keeper noted at the end of its cluster."""
    found = entry.facts.get("spend")
    told = found if isinstance(found, dict) else {}
    return {name: float(told.get(name) or 0.0) for name in ("core_seconds_held", "core_seconds_busy")}


def _judge(entry: Entry) -> tuple[str, str | None, float]:
    if entry.end is not None:
        return str(entry.end.get("state")), entry.end.get("reason"), float(entry.end.get("at") or 0.0)
    since = float(entry.facts.get("since") or entry.created)
    keeper = entry.keeper
    if keeper is None:
        return "starting", "its keeper is coming up", entry.created
    if keeper.state() == ELSEWHERE:
        if entry.keeper_alive():
            return str(entry.facts.get("state")), f"its keeper runs on {keeper.host}", since
        return (
            "lost",
            f"its keeper on {keeper.host} gave no sign for {entry.lease_age():.0f} s; sweep releases it",
            since,
        )
    if entry.keeper_alive():
        return str(entry.facts.get("state")), entry.facts.get("reason"), since
    if entry.guard_alive():
        if entry.stop_reason is not None:
            return "stopping", f"{entry.stop_reason}; the guard gives back what is left", since
        return "stopping", "its keeper died; the guard gives back what it held", since
    return "lost", "its keeper and guard died; sweep gives back what they held", since
