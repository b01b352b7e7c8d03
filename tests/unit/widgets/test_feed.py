"""The news of displays: told when there are some, at most four times a second, by one thread that ends."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from dask_steward.control.card_models import Cluster
from dask_steward.control.cards import card_of
from dask_steward.widgets import feed as feeds
from dask_steward.widgets.feed import THREAD, Feed

LIMIT = 10.0


def card(**more: Any) -> tuple[Cluster, dict[str, Any]]:
    state = {"id": "c1", "state": "running", "created": 1.0, "threads": 2, **more}
    return card_of(state, profile={}, seen=time.time()), state


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == THREAD]


def until(done: Any) -> None:
    deadline = time.monotonic() + LIMIT
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_no_news_is_not_told() -> None:
    told = []
    teller = feeds._Teller(lambda one, state: told.append(one))

    async def say() -> None:
        for _ in range(20):
            await teller.say(*card(memory={"limit": 10**9, "used": 10**6, "spilled": 0}))

    asyncio.run(say())

    assert len(told) == 1


def test_news_are_told_at_most_four_times_a_second() -> None:
    told: list[float] = []
    teller = feeds._Teller(lambda one, state: told.append(time.monotonic()))

    async def say() -> None:
        for number in range(5):
            await teller.say(*card(reason=f"for the {number}th time"))

    asyncio.run(say())

    assert len(told) == 5
    assert min(later - before for before, later in pairwise(told)) > feeds.INTERVAL * 0.95


def test_a_keeper_that_is_silent_makes_the_last_card_old() -> None:
    told = []
    teller = feeds._Teller(lambda one, state: told.append(one.stale))

    async def say() -> None:
        await teller.grey("nothing was said yet")
        await teller.say(*card())
        await teller.grey("its keeper does not answer")
        await teller.say(*card())

    asyncio.run(say())

    assert told == [None, "its keeper does not answer", None]


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    """A feed whose clusters never end."""

    async def forever(id: str, tell: Any) -> None:
        tell(*card(id=id))
        await asyncio.Event().wait()

    monkeypatch.setattr(feeds, "_follow", forever)
    return Feed()


def test_one_thread_for_all_that_ends_with_the_last(followed: Feed) -> None:
    told: list[str] = []
    for number in range(30):
        followed.follow(number, f"c{number}", lambda one, state: told.append(one.id))
        followed.follow(number, f"c{number}", lambda one, state: told.append("twice"))
    until(lambda: len(told) == 30)
    assert threads() == [THREAD]
    assert "twice" not in told

    for number in range(29):
        followed.leave(number)
    time.sleep(0.1)
    assert threads() == [THREAD]
    followed.leave(29)

    until(lambda: not threads())
    # And again.
    followed.follow("again", "c1", lambda one, state: told.append("again"))
    until(lambda: told[-1] == "c1" or told[-1] == "again")
    followed.leave("again")
    until(lambda: not threads())


def test_leaving_at_once_leaves_nothing(followed: Feed) -> None:
    for number in range(200):
        followed.follow(number, "c1", lambda one, state: None)
        followed.leave(number)

    until(lambda: not threads())


def test_who_leaves_and_comes_back_is_followed(followed: Feed) -> None:
    told: list[str] = []
    for _ in range(5):
        followed.follow("key", "c1", lambda one, state: told.append(one.id))
        followed.leave("key")
    followed.follow("key", "c2", lambda one, state: told.append(one.id))

    until(lambda: told[-1:] == ["c2"])
    time.sleep(0.1)

    assert threads() == [THREAD]
    followed.leave("key")
    until(lambda: not threads())


def test_what_is_to_happen_later_does_not_when_it_is_called_off(followed: Feed) -> None:
    happened: list[str] = []
    followed.later("a", 0.05, lambda: happened.append("a"))
    followed.later("b", 0.05, lambda: happened.append("b"))
    followed.leave("b")

    until(lambda: not threads())

    assert happened == ["a"]


def test_one_that_fails_does_not_end_the_others(followed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def fail(one: Cluster, state: dict[str, Any]) -> None:
        raise ValueError("no page")

    followed.follow("bad", "c1", fail)
    followed.follow("good", "c2", lambda one, state: told.append(one.id))
    until(lambda: told == ["c2"])
    assert threads() == [THREAD]
    assert "no page" in caplog.text
    followed.leave("good")
    until(lambda: not threads())
