"""Rows of a cluster's tables, workers and jobs: followed only while somebody looks, told as what has changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from dask_steward.control.cards import job_rows
from dask_steward.control.client import Control
from dask_steward.control.looking import Look, look
from dask_steward.control.stream import NoAnswer, NoSuchStream, listen
from dask_steward.errors import KeeperGone, StewardError, UsageError
from dask_steward.server.models import Job, Page, RowKind
from dask_steward.server.threads import in_thread

Row = dict[str, Any]

#: The field that names a row.
KEYS: Mapping[RowKind, str] = {"workers": "address", "jobs": "key"}
#: Seconds between two looks at a cluster whose keeper cannot be followed.
PAUSE = 1.0
#: Seconds for which a watch waits until the first rows are there.
FIRST_LIMIT = 5.0
#: Watchers of one table at once: pages that went without a word are forgotten when their leases end.
WATCHERS = 100


class _Table:
    """One table that somebody looks at."""

    def __init__(self, id: str, kind: RowKind, tell: Callable[[dict[str, Any]], None]) -> None:
        self.leases: dict[str, float] = {}
        self.version = 0
        self.filled = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._id, self._kind, self._tell = id, kind, tell
        self._rows: dict[str, Row] = {}

    async def follow(self) -> None:
        """Follow the keeper, or what the ledger says where there is none, until cancelled."""
        while True:
            found: Look | None = None
            with contextlib.suppress(OSError):
                found = await in_thread(look, self._id)
            if found is None or found.socket is None or not await self._from_keeper(found.socket):
                # An ended cluster has no workers; what it still holds, or may, is a row.
                rows = _from_ledger(found, self._kind) if found is not None else []
                self._replace(rows, self.version + 1)
            await asyncio.sleep(PAUSE)

    async def _from_keeper(self, socket: str) -> bool:
        """Return whether it sent any rows."""
        said = False
        try:
            async with aclosing(listen(socket, f"/rows?kind={self._kind}")) as events:
                async for event, news in events:
                    said = True
                    version = int(news.get("version") or 0)
                    if event == "snapshot":
                        self._replace(list(news.get("rows") or ()), version)
                    elif event == "delta":
                        self._change(list(news.get("changed") or ()), list(news.get("gone") or ()), version)
        except (NoAnswer, NoSuchStream):
            return said
        return said

    def _replace(self, rows: list[Row], version: int) -> None:
        """Take all rows anew, and tell what differs: after a stream was cut nobody must read everything again."""
        key = KEYS[self._kind]
        fresh = {str(row[key]): row for row in rows}
        changed = [row for name, row in fresh.items() if self._rows.get(name) != row]
        gone = [name for name in self._rows if name not in fresh]
        if not self.filled.is_set():
            self._rows, self.version = fresh, max(version, self.version)
            self.filled.set()
        elif changed or gone:
            self._change(changed, gone, version)

    def _change(self, changed: list[Row], gone: list[str], version: int) -> None:
        key = KEYS[self._kind]
        for row in changed:
            self._rows[str(row[key])] = row
        for name in gone:
            self._rows.pop(name, None)
        since, self.version = self.version, max(version, self.version + 1)
        self._tell(
            {
                "id": self._id,
                "kind": self._kind,
                "since": since,
                "version": self.version,
                "total": len(self._rows),
                "changed": changed,
                "gone": gone,
            }
        )


def _from_ledger(found: Look, kind: RowKind) -> list[Row]:
    return [row.model_dump() for row in job_rows(found.state)] if kind == "jobs" else []


class Tables:
    """The tables of all clusters.

    Parameters
    ----------
    tell : callable
        Given what changed in a table that somebody watches, at most once a second.
    log : Logger
        For what goes wrong.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None], log: logging.Logger) -> None:
        self._tell = tell
        self._log = log
        self._tables: dict[tuple[str, RowKind], _Table] = {}

    def stop(self) -> None:
        """Follow no more."""
        for place in list(self._tables):
            self._drop(place)

    async def watch(self, id: str, kind: RowKind, watcher: str, seconds: float) -> int:
        """Take or renew a lease, and return the version from which on changes are told.

        Raises
        ------
        UsageError
            If there are too many watchers already.
        """
        place = (id, kind)
        table = self._tables.get(place)
        if table is None:
            table = self._tables[place] = _Table(id, kind, self._tell)
            table.task = asyncio.get_running_loop().create_task(table.follow())
            table.task.add_done_callback(self._finished)
        if watcher not in table.leases and len(table.leases) >= WATCHERS:
            raise UsageError(f"watcher: {WATCHERS} watch this table already.", field="watcher")
        table.leases[watcher] = asyncio.get_running_loop().time() + seconds
        self._expire(place)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(table.filled.wait(), FIRST_LIMIT)
        return table.version

    def unwatch(self, id: str, kind: RowKind, watcher: str) -> None:
        """Give a lease back; without any nothing is followed."""
        table = self._tables.get((id, kind))
        if table is not None:
            table.leases.pop(watcher, None)
            self._expire((id, kind))

    def _expire(self, place: tuple[str, RowKind]) -> None:
        """Forget leases that are over, and the table with the last of them."""
        table = self._tables.get(place)
        if table is None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        table.leases = {watcher: end for watcher, end in table.leases.items() if end > now}
        if table.timer is not None:
            table.timer.cancel()
        if table.leases:
            table.timer = loop.call_at(max(table.leases.values()) + 0.01, self._expire, place)
        else:
            self._drop(place)

    def _drop(self, place: tuple[str, RowKind]) -> None:
        table = self._tables.pop(place)
        for one in (table.timer, table.task):
            if one is not None:
                one.cancel()

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._log.error("Rows of a cluster cannot be followed.", exc_info=task.exception())


def page_of(id: str, kind: RowKind, page: Page) -> dict[str, Any]:
    """Return part of a table: from the keeper, else from the ledger; blocking, for a thread.

    Raises
    ------
    UsageError
        If the rows have no field to sort by.
    """
    found = look(id)
    if found is not None and found.socket is not None:
        try:
            with Control(found.socket, id) as control:
                return control.page(kind, offset=page.offset, limit=page.limit, sort=page.sort)
        except KeeperGone:
            pass
        except UsageError:
            raise
        except StewardError:
            pass  # an older keeper, which has no such table
    rows = _from_ledger(found, kind) if found is not None else []
    if page.sort and kind == "jobs":
        rows = _sorted(rows, page.sort)
    return {
        "version": 0,
        "total": len(rows),
        "offset": page.offset,
        "rows": rows[page.offset : page.offset + page.limit],
    }


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    field = sort.removeprefix("-")
    if field not in Job.model_fields:
        raise UsageError(f"sort: {field!r} is no field of these rows.", field="sort", value=sort)
    known = [row for row in rows if row[field] is not None]
    unknown = [row for row in rows if row[field] is None]
    return sorted(known, key=lambda row: row[field], reverse=sort.startswith("-")) + unknown
