"""Handlers of tables: pages of workers and jobs, and leases on what changes in them."""

from __future__ import annotations

from dask_steward.server import models
from dask_steward.server.base import SEGMENT, Handler, in_thread
from dask_steward.server.operations import operation
from dask_steward.server.tables import page_of


class _Rows(Handler):
    async def page(self, id: str, kind: models.RowKind) -> None:
        """Send a page of one table."""
        page = self.query(models.Page)
        card = await self.steward.registry.find(self.cluster_id(id))
        self.reply(await in_thread(page_of, card.id, kind, page))


class Workers(_Rows):
    """The workers table."""

    @operation("read", "A part of the workers table.", query=models.Page, answers={200: models.Workers})
    async def get(self, id: str) -> None:
        """Return it."""
        await self.page(id, "workers")


class Jobs(_Rows):
    """The jobs table."""

    @operation("read", "A part of the jobs table.", query=models.Page, answers={200: models.Jobs})
    async def get(self, id: str) -> None:
        """Return it."""
        await self.page(id, "jobs")


class Watch(Handler):
    """Leases: while one lives, what changes in a table is told as `rows` events."""

    @operation(
        "read",
        "Take or renew a lease on a table: its changes are told as events until it ends. Read the rows after this.",
        body=models.Watch,
        answers={200: models.Watched},
    )
    async def post(self, id: str) -> None:
        """Take one."""
        body = self.body(models.Watch)
        card = await self.steward.registry.find(self.cluster_id(id))
        version = await self.steward.tables.watch(card.id, body.kind, body.watcher, body.seconds)
        self.reply(models.Watched(version=version))

    @operation("read", "Give a lease back.", body=models.Watch, answers={204: None})
    async def delete(self, id: str) -> None:
        """Give it back."""
        body = self.body(models.Watch)
        card = await self.steward.registry.find(self.cluster_id(id))
        self.steward.tables.unwatch(card.id, body.kind, body.watcher)
        self.reply(None, 204)


ROUTES: list[tuple[str, type[Handler]]] = [
    (rf"clusters/{SEGMENT}/workers", Workers),
    (rf"clusters/{SEGMENT}/jobs", Jobs),
    (rf"clusters/{SEGMENT}/watch", Watch),
]
