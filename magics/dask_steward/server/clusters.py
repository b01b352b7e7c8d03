"""Handlers of clusters: list, start, look, change, stop."""

from __future__ import annotations

import os
from typing import Any

from pydantic import ValidationError

from dask_steward.control.cards import FINAL
from dask_steward.control.cluster import Cluster as Handle
from dask_steward.errors import UsageError, WrongState
from dask_steward.ledger.entries import Entry
from dask_steward.profiles import Profile as AnyProfile
from dask_steward.profiles import ProfileStore, forms
from dask_steward.profiles import registry as systems
from dask_steward.profiles.merging import field_path
from dask_steward.server import models
from dask_steward.server.base import SEGMENT, Handler, in_thread
from dask_steward.server.kernels import Kernel, kernel_of
from dask_steward.server.operations import operation
from dask_steward.server.profile_models import Profile
from dask_steward.server.profiles import one_of
from dask_steward.server.starting import asked_for

#: Characters of an Idempotency-Key.
KEY_LIMIT = 200


class All(Handler):
    """All clusters."""

    @operation(
        "read",
        "The clusters of this user, whoever started them: living ones, and those that ended and were not dismissed.",
        query=models.Listing,
        answers={200: models.Clusters},
    )
    async def get(self) -> None:
        """List them."""
        everything = self.query(models.Listing).all
        registry = self.steward.registry
        await registry.ready()
        self.reply(models.Clusters(clusters=tuple(await registry.every() if everything else registry.cards())))

    @operation(
        "write",
        "Start a cluster. The answer comes at once, with the cluster in `starting`.",
        body=models.Start,
        answers={202: models.Cluster, 200: models.Cluster},
        errors=(409, 422, 503),
        headers={"Idempotency-Key": "The same key starts one cluster only; the second answer is 200 with that one."},
    )
    async def post(self) -> None:
        """Start one."""
        body = self.body(models.Start)
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not (0 < len(key) <= KEY_LIMIT and key.isprintable()):
            raise UsageError(f"Idempotency-Key takes 1 to {KEY_LIMIT} printable characters.", field="Idempotency-Key")
        card, new = await self.steward.starter.start(body, key)
        self.set_header("Location", self.place_of(card.id))
        self.reply(card, 202 if new else 200)


class _OfCluster(Handler):
    """What handlers of one cluster share."""

    async def entry(self, id: str) -> Entry:
        """Return what the ledger says of a cluster. Raises ClusterNotFound."""
        return await in_thread(lambda: Handle(self.cluster_id(id))._entry())

    async def kernel(self, id: str | None) -> Kernel | None:
        """Return a kernel of this server, None where there is none of this id (any more)."""
        try:
            return await kernel_of(self.settings, id) if id else None
        except UsageError:
            return None


class One(_OfCluster):
    """One cluster."""

    @operation("read", "One cluster, also after its end.", answers={200: models.Cluster})
    async def get(self, id: str) -> None:
        """Return its card."""
        await self.steward.registry.ready()
        self.reply(await self.steward.registry.find(self.cluster_id(id)))

    @operation(
        "write",
        "Give a cluster another name, or let it end with somebody else.",
        body=models.Change,
        answers={200: models.Cluster},
        errors=(409, 503),
    )
    async def patch(self, id: str) -> None:
        """Change it."""
        body = self.body(models.Change)
        acts = self.steward.acts
        card = await acts.living(self.cluster_id(id))
        owner: dict[str, Any] = {}
        if body.tenure == "process":
            raise UsageError("tenure: a server gives no cluster to a process.", field="tenure", value="process")
        if body.tenure == "kernel":
            if body.kernel_id is None:
                raise UsageError("kernel_id: tenure kernel needs the kernel that it ends with.", field="kernel_id")
            kernel = await kernel_of(self.settings, body.kernel_id)
            owner = {"owner_pid": kernel.pid, "owner_facts": kernel.facts}
        elif body.tenure == "server":
            owner = {"owner_pid": os.getpid()}
        if body.name is not None and body.name != card.name:
            card = await acts.rename(id, body.name)
        if body.tenure is not None:
            card = await acts.set_tenure(id, body.tenure, **owner, idle_timeout=body.idle_timeout)
        self.reply(card)

    @operation(
        "write",
        "Stop a cluster (202, it goes on by itself), or take an ended one off the list (204).",
        answers={202: models.Cluster, 204: None},
        errors=(409, 503),
    )
    async def delete(self, id: str) -> None:
        """Stop or dismiss it."""
        registry = self.steward.registry
        card = await registry.find(self.cluster_id(id))
        if card.state in FINAL:
            await registry.dismiss(id)
            self.reply(None, 204)
        else:
            self.reply(await self.steward.acts.stop(id), 202)


class Scale(_OfCluster):
    """The size of a cluster."""

    @operation(
        "write",
        "Set the size, which ends its following of the work; 202 while data move off workers that are given back.",
        body=models.Scale,
        answers={200: models.Scaled, 202: models.Scaled},
        errors=(409, 503),
    )
    async def post(self, id: str) -> None:
        """Set it."""
        body = self.body(models.Scale)
        await self.steward.acts.living(self.cluster_id(id))
        note, card, done = await self.steward.acts.scale(id, body)
        self.reply(models.Scaled(note=note, cluster=card), 200 if done else 202)


class Adapt(_OfCluster):
    """A size that follows the work."""

    @operation(
        "write",
        "Let the size follow the work between limits; `active: false` ends that and keeps the size.",
        body=models.Adapt,
        answers={200: models.Cluster},
        errors=(409, 503),
    )
    async def post(self, id: str) -> None:
        """Set the limits."""
        body = self.body(models.Adapt)
        await self.steward.acts.living(self.cluster_id(id))
        self.reply(await self.steward.acts.adapt(id, body))


class Restart(_OfCluster):
    """The processes of the workers."""

    @operation(
        "write",
        "Restart the processes of all workers; their jobs stay. What they hold in memory is lost.",
        body=models.Nothing,
        answers={202: models.Cluster},
        errors=(409, 503),
    )
    async def post(self, id: str) -> None:
        """Restart them."""
        self.body(models.Nothing)
        await self.steward.acts.living(self.cluster_id(id))
        self.reply(await self.steward.acts.restart(id), 202)


class Retry(_OfCluster):
    """Another try of what ended."""

    @operation(
        "write",
        "Start again with what an ended cluster was asked for, from the profile as it is saved now.",
        body=models.Nothing,
        answers={202: models.Cluster},
        errors=(409, 422, 503),
    )
    async def post(self, id: str) -> None:
        """Start another one, and take the ended one off the list."""
        self.body(models.Nothing)
        entry = await self.entry(id)
        if not entry.ended:
            raise WrongState(f"Cluster {entry.name} has not ended.", hint="Stop it first.", cluster=entry.id)
        taken = {card.name for card in self.steward.registry.cards() if card.state not in FINAL}
        kernel = await self.kernel(entry.owner_facts.get("kernel_id")) if entry.tenure == "kernel" else None
        try:
            body = asked_for(entry, None if entry.name in taken else entry.name, kernel)
        except ValidationError as error:  # written by hand, or by a version that allowed more
            raise WrongState(f"What cluster {entry.name} was asked for cannot be asked for again.") from error
        card, _ = await self.steward.starter.start(body)
        await self.steward.registry.dismiss(entry.id)
        self.set_header("Location", self.place_of(card.id))
        self.reply(card, 202)


class SaveAs(_OfCluster):
    """A cluster as a profile."""

    @operation(
        "write",
        "Save a cluster as a profile of yours, with the size that it has now.",
        body=models.SaveAs,
        answers={201: Profile},
        errors=(409,),
    )
    async def post(self, id: str) -> None:
        """Write the profile."""
        name = self.body(models.SaveAs).name
        entry = await self.entry(id)
        card = await self.steward.registry.find(entry.id)
        self.reply(await in_thread(_save, name, entry, card), 201)


class Connect(_OfCluster):
    """How a client gets to a cluster."""

    @operation("read", "What a client needs, and Python that makes one.", answers={200: models.Connect}, errors=(409,))
    async def get(self, id: str) -> None:
        """Return it."""
        card = await self.steward.acts.living(self.cluster_id(id))
        found = await in_thread(lambda: Handle(card.id).connect_info())
        self.reply(models.Connect(**found))


def _save(name: str, entry: Entry, card: models.Cluster) -> Profile:
    """Write a profile that extends the cluster's own by what was set over it, and by its size now."""
    store = ProfileStore()
    base = entry.profile.get("name")
    data: dict[str, Any] = {"extends": base, "system": entry.system}
    kind = systems.find(entry.system)[0] or AnyProfile
    given = entry.request.get("set")
    for field, value in (given if isinstance(given, dict) else {}).items():
        _put(data, field_path(kind, field), value)
    if card.adapt is not None:
        data["adapt"] = {one: card.adapt[one] for one in ("minimum", "maximum") if card.adapt.get(one) is not None}
        data.pop("scale", None)
    elif not card.foreign:  # somebody else decides on the size of theirs
        data["scale"] = _size(card)
    forms.put(store, name, data, create=True)
    return one_of(store, name)


def _size(card: models.Cluster) -> dict[str, int]:
    jobs = card.groups["main"].jobs if "main" in card.groups else None
    return {"workers": card.workers.asked} if card.system == "local" or jobs is None else {"jobs": jobs}


def _put(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    for part in path[:-1]:
        data = data.setdefault(part, {})
    data[path[-1]] = value


OF_CLUSTER = rf"clusters/{SEGMENT}"

ROUTES: list[tuple[str, type[Handler]]] = [
    ("clusters", All),
    (OF_CLUSTER, One),
    (rf"{OF_CLUSTER}/scale", Scale),
    (rf"{OF_CLUSTER}/adapt", Adapt),
    (rf"{OF_CLUSTER}/restart", Restart),
    (rf"{OF_CLUSTER}/retry", Retry),
    (rf"{OF_CLUSTER}/profile", SaveAs),
    (rf"{OF_CLUSTER}/connect", Connect),
]
