"""The state that every face shows, put together from what a keeper has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dask_steward.clusters.defences import guard as guards
from dask_steward.keeper.observer import NOTHING, Observer
from dask_steward.keeper.progress import completed
from dask_steward.ledger import entries

if TYPE_CHECKING:
    from dask_steward.clusters.agent import Agent
    from dask_steward.clusters.base import Workforce
    from dask_steward.clusters.foreign_pages import ForeignPages
    from dask_steward.clusters.scheduler import Pages
    from dask_steward.clusters.tunnel import RemotePages
    from dask_steward.keeper.keeper import Keeper
    from dask_steward.keeper.sizes import Sizes


@dataclass
class Parts:
    """What a cluster is made of, as far as it is up.

    Attributes
    ----------
    agent : Agent or None
        Speaks to the scheduler.
    observer : Observer or None
        Looks at it.
    workforce : Workforce or None
        The workers.
    sizes : Sizes or None
        Scale them; there once the first sizes are taken up.
    pages : Pages, RemotePages, ForeignPages or None
        Dask's own.
    """

    agent: Agent | None = None
    observer: Observer | None = None
    workforce: Workforce | None = None
    sizes: Sizes | None = None
    pages: Pages | RemotePages | ForeignPages | None = None


def state_of(keeper: Keeper) -> dict[str, Any]:
    """Return the state; docs/formats.md lists its fields."""
    parts, facts, request, belonging = keeper.parts, keeper.facts, keeper.request, keeper.belonging
    agent, observer, workforce, pages = parts.agent, parts.observer, parts.workforce, parts.pages
    counts = workforce.counts() if workforce is not None else None
    guard = keeper.guardian.identity
    idle_since = keeper.idle_since
    ends_at, ends_by = keeper.ends.at(idle_since) if not keeper.stopping else (None, None)
    summary = observer.summary if observer is not None else NOTHING
    return {
        "format": entries.FORMAT,
        "id": request.id,
        "name": belonging.name,
        "profile": request.profile.get("name"),
        "system": request.system,
        "foreign": keeper.system.foreign,
        "tag": entries.tag(request.id),
        "state": facts.state,
        "reason": facts.reason,
        "since": facts.since,
        "created": request.created,
        "ready": keeper.was_ready and not keeper.stopping,
        "tenure": belonging.tenure,
        "owner": belonging.owner_json(),
        "keeper": facts.keeper.to_json(),
        "guard": guard.to_json() if guard is not None else None,
        "workers": vars(counts) if counts is not None else {"asked": 0, "queued": 0, "running": 0, "lost": 0},
        **summary,
        "computations": completed(summary.get("computations", ()), keeper),
        "scheduler": {
            "address": agent.address if agent is not None and not keeper.ended else None,
            "dashboard": pages.where if pages is not None else None,
            "dashboard_reason": pages.why_not if pages is not None else None,
            "link": getattr(pages, "link", None),
        },
        "holdings": [one.to_json() for one in keeper.holdings()],
        "defences": _defences(keeper),
        "spend": {
            "core_seconds_held": round(
                keeper.system.core_seconds() + (workforce.core_seconds() if workforce is not None else 0.0), 1
            ),
            "core_seconds_busy": round(observer.busy if observer is not None else 0.0, 1),
        },
        "cores_held": keeper.system.cores_held() + (workforce.cores_held() if workforce is not None else 0),
        "idle_since": idle_since,
        "ends_at": ends_at,
        "ends_by": ends_by,
        "adapt": parts.sizes.limits() if parts.sizes is not None else None,
        "groups": parts.sizes.views() if parts.sizes is not None else {},
        "losses": workforce.losses() if workforce is not None else [],
        "unit": workforce.unit if workforce is not None else None,
        "warnings": [
            *(workforce.warnings if workforce is not None else ()),
            *keeper.system.warnings(),
            *(observer.memory_warnings if observer is not None else ()),
            *([observer.mismatch] if observer is not None and observer.mismatch else ()),
        ],
        "logs": os.path.join(request.folder, entries.LOGS),
        "logs_until": None,
    }


def _defences(keeper: Keeper) -> list[dict[str, Any]]:
    """Return what would give everything back if this process could not; a scheduler of somebody else costs nothing."""
    if keeper.system.foreign or keeper.ended:
        return []
    return [one.to_json() for one in (guards(keeper.guardian.identity is not None), *keeper.system.defences())]
