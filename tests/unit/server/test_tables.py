"""What is told of rows, whatever becomes of the stream that they come by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dask_steward.server import tables
from dask_steward.server.tables import _Table


def row(key: str, state: str) -> dict[str, Any]:
    return {"key": key, "state": state}


def table() -> tuple[_Table, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    return _Table("abcdefghij", "jobs", told.append), told


def test_the_first_rows_are_no_change() -> None:
    found, told = table()
    found._replace([row("a", "queued")], 7)
    assert told == []
    assert (found.version, found.filled.is_set()) == (7, True)


def test_a_delta_is_told_as_it_came() -> None:
    found, told = table()
    found._replace([row("a", "queued"), row("b", "queued")], 1)
    found._change([row("a", "running")], ["b"], 2)
    assert told == [
        {
            "id": "abcdefghij",
            "kind": "jobs",
            "since": 1,
            "version": 2,
            "total": 1,
            "changed": [row("a", "running")],
            "gone": ["b"],
        }
    ]


def test_rows_read_anew_are_told_as_what_differs() -> None:
    found, told = table()
    found._replace([row("a", "queued"), row("b", "queued"), row("c", "queued")], 5)
    found._replace([row("a", "queued"), row("b", "running"), row("d", "queued")], 9)
    assert (told[0]["changed"], told[0]["gone"]) == ([row("b", "running"), row("d", "queued")], ["c"])
    assert (told[0]["version"], told[0]["total"]) == (9, 3)
    found._replace([row("a", "queued"), row("b", "running"), row("d", "queued")], 9)
    assert len(told) == 1


def test_the_version_rises_though_the_keeper_counts_anew() -> None:
    found, told = table()
    found._replace([row("a", "queued")], 50)
    found._replace([row("a", "running")], 1)
    assert told[0]["version"] == 51


def test_nobody_looks_nothing_is_followed(monkeypatch: Any) -> None:
    following = 0

    async def follow(self: _Table) -> None:
        nonlocal following
        following += 1
        self.filled.set()
        try:
            await asyncio.sleep(60)
        finally:
            following -= 1

    monkeypatch.setattr(tables._Table, "follow", follow)

    async def wait(done: Callable[[], bool]) -> None:
        for _ in range(300):
            if done():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(following)

    async def look() -> None:
        found = tables.Tables(lambda delta: None, __import__("logging").getLogger())
        await found.watch("abcdefghij", "jobs", "one-page", 60.0)
        await found.watch("abcdefghij", "jobs", "two-page", 0.3)
        assert following == 1
        found.unwatch("abcdefghij", "jobs", "one-page")
        assert following == 1, "the other page still looks"
        await wait(lambda: following == 0)  # its lease ends though it said nothing
        await found.watch("abcdefghij", "jobs", "one-page", 60.0)
        await wait(lambda: following == 1)
        found.stop()
        await wait(lambda: following == 0)

    asyncio.run(look())
