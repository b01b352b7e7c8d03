"""From what a keeper says of its cluster to the card that a person sees; and whether another one is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from dask_steward.control.card_models import (
    Cluster,
    Counts,
    Cpu,
    Defence,
    Group,
    Job,
    JobCounts,
    Loss,
    ManagerPage,
    MemoryUse,
    Owner,
    SchedulerCard,
    Spend,
    State,
    TaskGroup,
    Tasks,
    Tenure,
    Unit,
)

STATES, TENURES = get_args(State), get_args(Tenure)

#: States of a job before it runs, and while it does.
QUEUED = ("intent", "intended", "submitted", "queued")
RUNNING = ("held", "running", "connected")
#: States after which nothing more happens.
FINAL = ("stopped", "failed", "lost")

#: Smaller changes of a measure are no news: parts of its limit, bytes, cores.
_SHARE = 1 / 200
_BYTES, _CORES = 2**20, 0.1
#: Core-seconds, and seconds of all cores, by which what is held may differ from what a page works out by itself.
_HELD, _HELD_SECONDS = 5.0, 2.0


def card_of(state: Mapping[str, Any], *, profile: Mapping[str, Any], seen: float, stale: str | None = None) -> Cluster:
    """Return the card of a cluster.

    Parameters
    ----------
    state : mapping
        As a keeper answers it, or `dask_steward.control.fallback.state_of`. Keys that an older keeper does not have
        may be missing.
    profile : mapping
        The profile that it was started from.
    seen : float
        When that was heard (seconds since the epoch).
    stale : str, optional
        Why it is old.
    """
    memory, tasks, spend = _map(state, "memory"), _map(state, "tasks"), _map(state, "spend")
    scheduler, keeper, cpu = _map(state, "scheduler"), _map(state, "keeper"), _map(state, "cpu")
    threads = int(state.get("threads") or 0)
    return Cluster(
        id=str(state["id"]),
        name=str(state.get("name") or state["id"]),
        profile=_text(state.get("profile")),
        profile_title=_text(profile.get("title")),
        system=str(state.get("system") or "unknown"),
        foreign=bool(state.get("foreign")),
        state=state["state"] if state.get("state") in STATES else "starting",
        reason=_text(state.get("reason")),
        since=float(state.get("since") or state.get("created") or seen),
        created=float(state.get("created") or 0.0),
        ready=bool(state.get("ready")),
        tenure=state["tenure"] if state.get("tenure") in TENURES else None,
        owner=_owner(state.get("owner")),
        host=_text(keeper.get("host")),
        workers=_counts(_map(state, "workers")),
        threads=threads,
        cpu=Cpu(used=round(float(cpu.get("used") or 0.0), 1), limit=float(cpu.get("limit") or threads)),
        memory=MemoryUse(**{name: int(memory.get(name) or 0) for name in ("limit", "used", "spilled")}),
        tasks=Tasks(
            groups=tuple(
                TaskGroup(
                    name=str(one["name"]), done=int(one["done"]), total=int(one["total"]), erred=int(one["erred"])
                )
                for one in _list(tasks.get("groups"))
            ),
            per_second=float(tasks.get("per_second") or 0.0),
        ),
        computations=tuple(dict(one) for one in _list(state.get("computations"))),
        scheduler=SchedulerCard(
            address=_text(scheduler.get("address")),
            dashboard=bool(scheduler.get("dashboard")),
            dashboard_reason=_text(scheduler.get("dashboard_reason")),
            link=_text(scheduler.get("link")),
        ),
        spend=Spend(
            held=float(spend.get("core_seconds_held") or 0.0),
            busy=float(spend.get("core_seconds_busy") or 0.0),
            cores=float(state.get("cores_held") or 0.0),
        ),
        adapt=dict(_map(state, "adapt")) or None,
        groups={name: _group(one) for name, one in _map(state, "groups").items()},
        unit=_unit(state.get("unit")),
        jobs=_jobs(_list(state.get("holdings"))),
        losses=tuple(
            Loss(
                id=_text(one.get("id")),
                node=_text(one.get("node")),
                at=float(one.get("at") or 0.0),
                reason=str(one.get("reason") or ""),
                log=_text(one.get("log")),
            )
            for one in _list(state.get("losses"))
        ),
        manager_page=_page(_list(state.get("holdings"))),
        defences=tuple(
            Defence(
                name=str(one.get("name")),
                in_force=bool(one.get("in_force")),
                words=str(one.get("words") or ""),
                at=_number(one.get("at")),
            )
            for one in _list(state.get("defences"))
        ),
        warnings=tuple(str(one) for one in _list(state.get("warnings"))),
        idle_since=_number(state.get("idle_since")),
        ends_at=_number(state.get("ends_at")),
        ends_by=_text(state.get("ends_by")),
        logs_until=_number(state.get("logs_until")),
        stale=stale,
        seen=seen,
    )


def job_rows(state: Mapping[str, Any]) -> list[Job]:
    """Return the rows of the jobs table from a state, for a cluster whose keeper sends none."""
    rows = []
    for number, one in enumerate(_list(state.get("holdings"))):
        rows.append(
            Job(
                # An older keeper gives no key; its order is that in which it took them.
                key=str(one.get("key") or one.get("id") or number),
                kind=str(one.get("kind") or "job"),
                id=_text(one.get("id")),
                state=str(one.get("state")),
                reason=_text(one.get("reason")),
                expected_start=_number(one.get("expected_start")),
                node=_text(one.get("node")),
                since=_number(one.get("since")),
                group=_text(one.get("group")),
                link=_link(one.get("link")),
            )
        )
    return rows


def is_news(old: Cluster | None, new: Cluster) -> bool:
    """Tell whether a page that has the card `old` must get the card `new`.

    What is held grows by itself on the page, and memory and processors of an idle cluster move a little all the time:
    a page hears nothing of these.
    """
    return old is None or _told(old) != _told(new) or _moved(old, new)


def _told(card: Cluster) -> tuple[Any, ...]:
    """Return all of a card but what is measured, and when."""
    measured = {"seen", "spend", "memory", "cpu"}
    return tuple(getattr(card, name) for name in Cluster.model_fields if name not in measured)


def _moved(old: Cluster, new: Cluster) -> bool:
    limit = new.memory.limit
    size, cores = max(_BYTES, limit * _SHARE), max(_CORES, new.cpu.limit * _SHARE)
    expected = old.spend.held + old.spend.cores * (new.seen - old.seen)
    return (
        limit != old.memory.limit
        or new.cpu.limit != old.cpu.limit
        or new.spend.cores != old.spend.cores
        or abs(new.memory.used - old.memory.used) >= size
        or abs(new.memory.spilled - old.memory.spilled) >= size
        or round(abs(new.cpu.used - old.cpu.used), 3) >= cores
        or abs(new.spend.busy - old.spend.busy) >= max(_HELD, old.spend.busy * _SHARE)
        or abs(new.spend.held - expected) >= max(_HELD, new.spend.cores * _HELD_SECONDS, expected * _SHARE)
    )


def in_order(cards: Sequence[Cluster]) -> list[Cluster]:
    """Return living clusters first, the newest first in each part."""
    return sorted(cards, key=lambda card: (card.state in FINAL, -card.created))


# -- parts --


def _map(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = state.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(found: Any) -> Sequence[Any]:
    return found if isinstance(found, list | tuple) else ()


def _text(found: Any) -> str | None:
    return None if found is None else str(found)


def _number(found: Any) -> float | None:
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _counts(found: Mapping[str, Any]) -> Counts:
    return Counts(**{name: int(found.get(name) or 0) for name in Counts.model_fields})


def _unit(found: Any) -> Unit | None:
    if not isinstance(found, Mapping):
        return None
    return Unit(**{name: float(found.get(name) or 0.0) for name in ("workers", "cores", "memory")})


def _group(found: Mapping[str, Any]) -> Group:
    return Group(
        **{name: int(found.get(name) or 0) for name in ("asked", "queued", "running", "lost", "jobs")},
        unit=_unit(found.get("unit")),
        adapt=dict(_map(found, "adapt")) or None,
    )


def _owner(found: Any) -> Owner | None:
    if not isinstance(found, Mapping):
        return None
    return Owner(
        kind=str(found.get("kind") or "process"),
        pid=int(found.get("pid") or 0),
        host=str(found.get("host") or ""),
        kernel_id=_text(found.get("kernel_id")),
        session=_text(found.get("session")),
    )


def _link(found: Any) -> str | None:
    """Return the address of a page; nothing else may become a link, whatever a manager was told to say."""
    return found if isinstance(found, str) and found.startswith(("http://", "https://")) else None


def _page(holdings: Sequence[Mapping[str, Any]]) -> ManagerPage | None:
    """Return the page of what holds all the rest."""
    for one in holdings:
        link = _link(one.get("link"))
        if one.get("kind") == "application" and link is not None:
            return ManagerPage(id=str(one.get("id")), link=link)
    return None


def _jobs(holdings: Sequence[Mapping[str, Any]]) -> JobCounts:
    queued = [one for one in holdings if one.get("state") in QUEUED]
    starts = [start for one in queued if (start := _number(one.get("expected_start"))) is not None]
    return JobCounts(
        total=len(holdings),
        queued=len(queued),
        running=sum(one.get("state") in RUNNING for one in holdings),
        expected_start=min(starts, default=None),
    )
