"""The lease that YARN holds: what is in force, as the ResourceManager answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from dask_steward.clusters.defences import LIFETIME, WALL
from dask_steward.clusters.yarn_lease import Lease
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn import Lifetime, Yarn

ID = "application_1_0001"


class Answers(Yarn):
    """A ResourceManager's answers, one after the other, the last one for ever."""

    def __init__(self, answers: Sequence[Lifetime | Unknown]) -> None:
        self.answers = list(answers)
        self.asked: list[float] = []
        self.told = asyncio.Event()

    def lifetime(self, id: str, seconds: float, *, timeout: float | None = None) -> Lifetime | Unknown:
        assert id == ID
        self.asked.append(seconds)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def lasts(seconds: float, *, wall: bool = False, skew: float = 0.0) -> Lifetime:
    return Lifetime(time.time() + seconds + skew, seconds, wall=wall, skew=skew)


def test_it_is_renewed_and_its_end_is_told_by_our_own_clock() -> None:
    async def hold() -> None:
        manager = Answers([lasts(300, skew=7200.0)])
        lease = Lease(manager, 300.0, 0.01, lambda: None)
        await lease.take(ID)
        while len(manager.asked) < 4:
            await asyncio.sleep(0)
        lease.drop()

        (found,) = lease.defences()
        assert (found.name, found.in_force) == (LIFETIME, True)
        assert found.at is not None
        assert 290 < found.at - time.time() <= 300
        assert set(manager.asked) == {300.0}
        assert lease.ends is None

    asyncio.run(asyncio.wait_for(hold(), 30))


def test_a_queue_that_allows_less_is_a_wall() -> None:
    async def hold() -> None:
        lease = Lease(Answers([lasts(60, wall=True)]), 300.0, 20.0, lambda: None)
        await lease.take(ID)
        lease.drop()

        (found,) = lease.defences()
        assert (found.name, found.in_force) == (WALL, True)
        assert lease.ends == found.at
        assert lease.warning is not None
        assert "Save what you need" in lease.warning

    asyncio.run(hold())


def test_where_it_cannot_be_had_the_reason_is_told_and_tried_again() -> None:
    async def hold() -> None:
        changes: list[None] = []
        manager = Answers([Unknown("you may not modify it")])
        lease = Lease(manager, 300.0, 20.0, lambda: changes.append(None))
        await lease.take(ID)
        lease.drop()

        (found,) = lease.defences()
        assert (found.name, found.in_force) == (LIFETIME, False)
        assert "you may not modify it" in found.words
        assert changes

    asyncio.run(hold())


def test_a_renewal_that_fails_leaves_what_holds_in_force() -> None:
    async def hold() -> None:
        manager = Answers([lasts(300), Unknown("it is away")])
        lease = Lease(manager, 300.0, 0.01, lambda: None)
        await lease.take(ID)
        while len(manager.asked) < 2 or "it is away" not in lease.defences()[0].words:
            await asyncio.sleep(0)
        lease.drop()

        assert lease.defences()[0].in_force

    asyncio.run(asyncio.wait_for(hold(), 30))


def test_a_profile_may_want_none() -> None:
    async def hold() -> None:
        manager = Answers([lasts(300)])
        lease = Lease(manager, 0.0, 20.0, lambda: None)
        await lease.take(ID)

        assert manager.asked == []
        (found,) = lease.defences()
        assert not found.in_force
        assert "lease.timeout is 0" in found.words

    asyncio.run(hold())
