"""What the ledger holds now, with age and cost, and the sweep that gives back what dead keepers left."""

from __future__ import annotations

import asyncio

from dask_steward.control import api
from dask_steward.control.cluster import Cluster
from dask_steward.control.fallback import state_of
from dask_steward.control.held import Held, held_of, spent_today
from dask_steward.errors import ClusterNotFound, KeeperGone
from dask_steward.ledger import entries
from dask_steward.ledger.entries import Entry
from dask_steward.release.sweep import SweepReport
from dask_steward.server.base import Handler, in_thread
from dask_steward.server.models import Nothing, Told
from dask_steward.server.operations import operation


class Thing(Told):
    """One thing that costs something."""

    cluster: str
    name: str
    kind: str
    id: str | None
    state: str
    reason: str | None
    since: float | None
    node: str | None
    cores: float
    core_seconds: float


class HeldAnswer(Told):
    """What is held now, and what was held today."""

    things: tuple[Thing, ...]
    core_seconds_today: float
    problems: tuple[str, ...]


class Released(Told):
    """A thing that a sweep gave back."""

    cluster: str
    name: str
    kind: str
    id: str


class Left(Told):
    """A cluster whose things could not be given back yet."""

    cluster: str
    reason: str


class SweepAnswer(Told):
    """What a sweep has done."""

    released: tuple[Released, ...]
    ended: tuple[str, ...]
    left: tuple[Left, ...]
    removed: int


class Now(Handler):
    """What is held."""

    @operation("read", "What all clusters hold now, and the core-seconds of today.", answers={200: HeldAnswer})
    async def get(self) -> None:
        """Ask every keeper, all at once."""
        found, problems = await in_thread(entries.list_entries)
        living = [entry for entry in found if not entry.ended]
        answers = await asyncio.gather(*(in_thread(_of, entry) for entry in living))
        known = {entry.id: spent for entry, (_, spent) in zip(living, answers, strict=True) if spent is not None}
        self.reply(
            HeldAnswer(
                things=tuple(Thing(**one.to_dict()) for things, _ in answers for one in things),
                core_seconds_today=round(await in_thread(spent_today, found, known), 1),
                problems=tuple(one.message for one in problems),
            )
        )


class Sweep(Handler):
    """Give back what nobody looks after."""

    @operation(
        "write",
        "Give back what clusters left whose keeper and guard are both gone.",
        body=Nothing,
        answers={200: SweepAnswer},
        errors=(503,),
    )
    async def post(self) -> None:
        """Sweep now."""
        self.body(Nothing)
        self.reply(_told(await in_thread(api.sweep)))


def _of(entry: Entry) -> tuple[list[Held], float | None]:
    """Return what a cluster holds, and its core-seconds so far; None where only its keeper knew them."""
    try:
        state = Cluster(entry.id).state
    except ClusterNotFound:
        return [], None
    except KeeperGone:
        state = state_of(entry)
    return held_of(state), state["spend"]["core_seconds_held"] or None


def _told(report: SweepReport) -> SweepAnswer:
    return SweepAnswer(**report.to_dict())


ROUTES: list[tuple[str, type[Handler]]] = [("held", Now), ("sweep", Sweep)]
