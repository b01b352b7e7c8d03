"""Rows of tables: a page, and what has changed, with nothing taken while nobody looks."""

from __future__ import annotations

from typing import Any

import pytest

from dask_steward.errors import UsageError
from dask_steward.keeper import rows as module
from dask_steward.keeper.rows import Rows


class Source:
    """Rows that a test changes, and how often they were taken."""

    def __init__(self, **memory: int | None) -> None:
        self.memory = memory
        self.taken = 0

    async def __call__(self) -> list[dict[str, Any]]:
        self.taken += 1
        return [{"address": name, "memory": size} for name, size in self.memory.items()]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.02)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("sort", "order"),
    [(None, "abcd"), ("memory", "cabd"), ("-memory", "bacd"), ("-address", "dcba")],
    ids=["as they are", "smallest first", "largest first", "text"],
)
async def test_a_page_is_sorted_and_what_is_not_known_comes_last(sort: str | None, order: str) -> None:
    table = Rows("address", Source(a=2, b=3, c=1, d=None))

    found = await table.page(sort=sort)

    assert "".join(row["address"] for row in found["rows"]) == order
    assert (found["total"], found["offset"]) == (4, 0)


@pytest.mark.asyncio
async def test_a_page_is_a_part() -> None:
    found = await Rows("address", Source(a=2, b=3, c=1)).page(1, 1)

    assert [row["address"] for row in found["rows"]] == ["b"]
    assert (found["total"], found["offset"], found["version"]) == (3, 1, 1)


@pytest.mark.asyncio
async def test_a_field_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"'size' is no field of these rows\. They have address, memory"):
        await Rows("address", Source(a=1)).page(sort="-size")


@pytest.mark.asyncio
async def test_a_follower_gets_all_then_only_what_changed() -> None:
    source = Source(a=1, b=2)
    table = Rows("address", source)
    news = table.follow(beat=60.0)

    assert await anext(news) == (
        "snapshot",
        {"version": 1, "total": 2, "offset": 0, "rows": [{"address": "a", "memory": 1}, {"address": "b", "memory": 2}]},
    )
    source.memory = {"b": 5, "c": 6}
    kind, delta = (await anext(news)) or ("", {})

    assert kind == "delta"
    assert delta == {
        "since": 1,
        "version": 2,
        "total": 2,
        "changed": [{"address": "b", "memory": 5}, {"address": "c", "memory": 6}],
        "gone": ["a"],
    }
    await news.aclose()


@pytest.mark.asyncio
async def test_nothing_is_told_while_nothing_changes_but_a_beat() -> None:
    news = Rows("address", Source(a=1)).follow(beat=0.1)
    await anext(news)

    assert await anext(news) is None
    await news.aclose()


@pytest.mark.asyncio
async def test_each_follower_hears_of_every_change_whoever_took_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(a=1)
    table = Rows("address", source)
    first, second = table.follow(60.0), table.follow(60.0)
    await anext(first)
    await anext(second)
    source.memory = {"a": 2}

    heard = [await anext(first), await anext(second)]

    assert [one and one[1]["changed"] for one in heard] == [[{"address": "a", "memory": 2}]] * 2
    assert heard[0] == heard[1]
    await first.aclose()
    await second.aclose()


@pytest.mark.asyncio
async def test_rows_are_taken_only_while_somebody_looks() -> None:
    import asyncio

    source = Source(a=1)
    table = Rows("address", source)
    await asyncio.sleep(0.1)
    assert source.taken == 0
    news = table.follow(60.0)
    await anext(news)
    await news.aclose()
    taken = source.taken
    await asyncio.sleep(0.1)

    assert source.taken == taken == 1
