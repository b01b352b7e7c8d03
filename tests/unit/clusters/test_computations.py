"""What a computation is, and how far it is, on a real scheduler in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import dask
import dask.array as da
import pytest
import pytest_asyncio
from distributed import Client, Scheduler, Worker

from dask_steward.clusters.computations import GROUPS, REMEMBERED, SHOWN
from dask_steward.clusters.spilled import METRIC
from dask_steward.clusters.summary import SummaryPlugin, waits
from dask_steward.progress_data import Computation

pytestmark = pytest.mark.asyncio


class Setup:
    def __init__(self, scheduler: Scheduler, client: Client, plugin: SummaryPlugin) -> None:
        self.scheduler, self.client, self.plugin = scheduler, client, plugin

    def all(self, **which: Any) -> list[Computation]:
        return self.plugin.progress(self.scheduler, **which)

    def one(self) -> Computation:
        (found,) = self.all()
        return found

    async def ended(self, number: int = 1) -> list[Computation]:
        deadline = time.monotonic() + 20
        while len(found := self.all()) < number or any(one["ended"] is None for one in found):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return found


@pytest_asyncio.fixture
async def setup() -> AsyncIterator[Setup]:
    async with Scheduler(protocol="inproc://", dashboard=False, dashboard_address="127.0.0.1:0") as scheduler:
        plugin = SummaryPlugin("mine")
        plugin.attach(scheduler)
        async with (
            Worker(scheduler.address, nthreads=2, dashboard=False, name="w0"),
            Client(scheduler.address, asynchronous=True) as client,
        ):
            yield Setup(scheduler, client, plugin)


def double(x: int) -> int:
    return 2 * x


def slow(x: int, seconds: float = 0.2) -> int:
    time.sleep(seconds)
    return x


def breaks(x: int) -> int:
    if x == 3:
        raise ValueError("no such day")
    return x


def counts(one: Computation) -> tuple[int, int, int, int]:
    return one["done"], one["total"], one["erred"], one["cancelled"]


async def test_a_map(setup: Setup) -> None:
    kept = setup.client.map(double, range(50))
    await setup.client.gather(kept)
    (found,) = await setup.ended()

    assert (found["name"], found["status"], counts(found)) == ("double", "finished", (50, 50, 0, 0))
    assert found["client"] == setup.client.id
    assert found["memory"] == found["groups"][0]["memory"] > 0
    assert found["left"] is None
    assert found["started"] <= (found["ended"] or 0.0) <= time.time()
    assert found["per_second"] > 0


async def test_released_results_are_done_all_the_same(setup: Setup) -> None:
    await setup.client.gather(setup.client.map(double, range(50)))
    (found,) = await setup.ended()
    assert counts(found)[:2] == (50, 50)
    while setup.scheduler.tasks:
        await asyncio.sleep(0.02)
    found = setup.one()
    assert (found["status"], counts(found), found["memory"]) == ("finished", (50, 50, 0, 0), 0)


async def test_a_second_map_of_the_same_function_is_one_of_its_own(setup: Setup) -> None:
    first = setup.client.map(double, range(30))
    await setup.client.gather(first)
    await setup.ended()
    second = setup.client.map(double, range(100, 120))
    await setup.client.gather(second)
    one, two = await setup.ended(2)

    assert (counts(one)[:2], counts(two)[:2]) == ((30, 30), (20, 20))


async def test_futures_that_are_submitted_one_by_one_are_one(setup: Setup) -> None:
    futures = [setup.client.submit(slow, number, 0.05) for number in range(12)]
    await setup.client.gather(futures)
    (found,) = await setup.ended()
    assert counts(found)[:2] == (12, 12)


async def test_a_running_one_says_how_far_it_is(setup: Setup) -> None:
    futures = setup.client.map(slow, range(10))
    while (found := setup.all()) == [] or not found[0]["done"]:
        await asyncio.sleep(0.02)
    one = setup.one()
    assert one["status"] == "running"
    assert one["ended"] is None
    assert 0 < one["running"] < 10
    assert 0 < one["done"] < one["total"] == 10
    assert one["groups"][0]["seconds"] == pytest.approx(0.2, abs=0.15)
    await setup.client.gather(futures)


async def test_groups_in_the_users_words_inputs_first(setup: Setup) -> None:
    array = da.ones((40, 40), chunks=10).mean(axis=0)
    assert await setup.client.compute(array) is not None
    (found,) = await setup.ended()

    names = [group["name"] for group in found["groups"]]
    assert names.index("mean") < names.index("result") if "result" in names else names[-1] == "mean"
    assert len(names) == len(set(names))
    assert found["name"] == "mean"
    assert found["done"] == found["total"] == sum(group["total"] for group in found["groups"])


async def test_several_at_once_are_told_apart(setup: Setup) -> None:
    one, two = setup.client.map(slow, range(6)), setup.client.map(double, range(8))
    await setup.client.gather([*one, *two])
    found = await setup.ended(2)
    assert [(each["name"], each["total"]) for each in found] == [("slow", 6), ("double", 8)]


async def test_one_function_for_two_clients_at_once_is_counted_by_both(setup: Setup) -> None:
    """As docs/progress.md says: they share one group of tasks, and a look at each task would cost too much."""
    async with Client(setup.scheduler.address, asynchronous=True) as other:
        mine = setup.client.map(slow, range(8))
        while not setup.all():
            await asyncio.sleep(0.02)
        theirs = other.map(slow, range(100, 108))
        await setup.client.gather(mine)
        await other.gather(theirs)
        one, two = await setup.ended(2)

    assert (one["client"], two["client"]) == (setup.client.id, other.id)
    assert counts(one)[:2] == (16, 16)
    assert 8 <= two["done"] == two["total"] <= 16  # what was done before is none of it


async def test_an_error_is_shown_with_task_worker_and_traceback(setup: Setup) -> None:
    futures = setup.client.map(breaks, range(6))
    await setup.client.gather(futures, errors="skip")
    (found,) = await setup.ended()

    assert (found["status"], counts(found)) == ("erred", (6, 6, 1, 0))
    error = found["error"]
    assert error is not None
    assert error["key"] == futures[3].key
    assert (error["name"], error["worker"], error["message"]) == ("breaks", "w0", "ValueError: no such day")
    assert "in breaks" in error["traceback"]


async def test_the_first_error_is_that_of_the_task_and_not_of_what_needs_it(setup: Setup) -> None:
    wrong = dask.delayed(breaks)(3)
    total = dask.delayed(sum)([wrong, 1])
    with pytest.raises(ValueError, match="no such day"):
        await setup.client.compute(total)
    (found,) = await setup.ended()
    assert found["error"] is not None
    assert found["error"]["name"] == "breaks"
    assert found["status"] == "erred"


async def test_an_error_stays_when_the_client_has_let_go(setup: Setup) -> None:
    futures = setup.client.map(breaks, range(6))
    await setup.client.gather(futures, errors="skip")
    for future in futures:
        future.release()
    while setup.scheduler.tasks:
        await asyncio.sleep(0.02)
    (found,) = await setup.ended()
    assert found["status"] == "erred"
    assert found["error"] is not None
    assert found["erred"] == 1


async def test_a_cancelled_one_is_not_a_finished_one(setup: Setup) -> None:
    futures = setup.client.map(slow, range(40))
    while (found := setup.all()) == [] or found[0]["done"] < 2:
        await asyncio.sleep(0.02)
    await setup.client.cancel(futures)
    (one,) = await setup.ended()

    assert one["status"] == "cancelled"
    assert one["done"] + one["cancelled"] == one["total"] == 40
    assert one["cancelled"] >= 30


async def test_a_task_that_is_tried_again_is_neither_cancelled_nor_erred(setup: Setup) -> None:
    tries: list[int] = []

    def sometimes(_: int) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("not yet")
        return 1

    assert await setup.client.submit(sometimes, 1, retries=5, pure=False) == 1
    (found,) = await setup.ended()
    assert (found["status"], counts(found)) == ("finished", (1, 1, 0, 0))


async def test_an_error_that_is_tried_again_by_hand(setup: Setup) -> None:
    tries: list[int] = []

    def once(_: int) -> int:
        tries.append(1)
        if len(tries) < 2:
            raise OSError("not yet")
        return 1

    future = setup.client.submit(once, 1, pure=False)
    with pytest.raises(OSError, match="not yet"):
        await future
    await future.retry()
    assert await future == 1
    assert counts((await setup.ended())[0])[:2] == (1, 1)


async def test_asked_by_key_or_group(setup: Setup) -> None:
    futures = setup.client.map(double, range(5))
    array = setup.client.persist(da.ones(20, chunks=5).sum())
    await setup.client.gather(futures)
    await setup.client.gather(setup.client.futures_of(array))
    await setup.ended(2)
    group = array.__dask_keys__()[0][0]

    assert [one["name"] for one in setup.all(keys=[futures[2].key])] == ["double"]
    assert [one["name"] for one in setup.all(groups=[group])] == ["sum"]
    assert setup.all(groups=["nothing"], keys=[]) == []
    assert setup.all(client="nobody") == []
    assert setup.all(since=time.time() + 1) == []


async def test_a_delayed_of_the_same_function_is_found_by_its_key(setup: Setup) -> None:
    one, two = dask.delayed(double)(1, dask_key_name="one"), dask.delayed(double)(2, dask_key_name="two")
    await setup.client.compute(one)
    await setup.ended()
    await setup.client.compute(two)
    await setup.ended(2)
    (found,) = setup.all(keys=["two"])
    assert found["id"] == setup.all()[-1]["id"]


async def test_a_look_costs_groups_and_not_tasks(setup: Setup) -> None:
    """Given 1,000 tasks of one group, when it is looked at, then no task is: only what the group counts."""
    kept = setup.client.map(double, range(1_000))
    await setup.client.gather(kept)
    await setup.ended()

    class Closed(dict[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            raise AssertionError("a task was looked at")

        get = values = items = __iter__ = __getitem__  # type: ignore[assignment]

    real, setup.scheduler.tasks = setup.scheduler.tasks, Closed()
    try:
        assert setup.plugin.summary(setup.scheduler)["computations"][0]["total"] == 1_000
    finally:
        setup.scheduler.tasks = real


async def test_what_is_remembered_is_bounded(setup: Setup) -> None:
    for number in range(REMEMBERED + 10):
        await setup.client.submit(double, number, key=f"n{number:c>3}-{number}" if number < 10 else None)
        setup.all()
    assert len(setup.all()) <= REMEMBERED
    assert len(setup.plugin.summary(setup.scheduler)["computations"]) <= SHOWN


async def test_groups_that_are_gone_are_let_go(setup: Setup) -> None:
    for number in range(REMEMBERED * 2):
        await setup.client.compute(da.ones(4, chunks=2) + number)
        setup.plugin.summary(setup.scheduler)
    tallies = setup.plugin._computations.tallies
    assert len(tallies) < 20 * REMEMBERED
    assert {group for group in tallies if group.states["forgotten"] == len(group)} <= {
        group for record in setup.plugin._computations._records for group in record.groups
    }


async def test_many_kinds_are_cut_and_summed(setup: Setup) -> None:
    tasks = [
        dask.delayed(double)(number, dask_key_name=f"{chr(97 + number % 26)}{'x' * number}q-{number}")
        for number in range(30)
    ]
    await setup.client.compute(dask.delayed(sum)(tasks))
    (found,) = await setup.ended()
    assert len(found["groups"]) == GROUPS
    assert found["more"] == 31 + ("result" in str(found)) - GROUPS or found["more"] > 0
    assert found["done"] == found["total"] >= 31


async def test_bytes_are_those_that_are_held(setup: Setup) -> None:
    array = setup.client.persist(da.random.random((100, 100), chunks=50))
    await setup.client.gather(setup.client.futures_of(array))
    (found,) = await setup.ended()
    assert found["memory"] == pytest.approx(80_000, rel=0.1)
    del array
    while setup.one()["memory"]:
        await asyncio.sleep(0.02)


async def test_what_is_on_disk_is_told_by_group(setup: Setup) -> None:
    array = setup.client.persist(da.random.random((100, 100), chunks=50))
    await setup.client.gather(setup.client.futures_of(array))
    (worker,) = setup.scheduler.workers.values()
    worker.metrics[METRIC] = {array.name: 30_000}
    (found,) = await setup.ended()
    assert (found["spilled"], found["memory"]) == (30_000, pytest.approx(50_000, rel=0.1))


def waiting(**changes: Any) -> Computation:
    base: dict[str, Any] = {"ended": None, "running": 0}
    return {**base, **changes}  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("one", "workers", "paused", "unrunnable", "words"),
    [
        (waiting(), 0, 0, 0, "no worker is connected"),
        (waiting(), 4, 1, 0, "1 of 4 workers is paused, short of memory"),
        (waiting(), 4, 2, 0, "2 of 4 workers are paused, short of memory"),
        (waiting(), 4, 0, 2, "2 tasks ask for workers or resources that no worker has"),
        (waiting(running=1), 4, 0, 2, None),
        (waiting(), 4, 0, 0, None),
        (waiting(ended=1.0), 0, 0, 0, None),
    ],
)
async def test_what_it_waits_for(
    one: Computation, workers: int, paused: int, unrunnable: int, words: str | None
) -> None:
    assert waits(one, workers, paused, unrunnable) == words
