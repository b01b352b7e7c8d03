"""What the open work calls for, asked of a real scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, Scheduler, Worker, secede, wait

from dask_steward.clusters.base import Shape, UnitView
from dask_steward.clusters.demand import SAMPLE, SEEN, Demand, Probe, demand_of
from dask_steward.clusters.policy import needed

pytestmark = pytest.mark.asyncio
ONE = {"main": Shape(1, 1, 10**9)}
#: Seconds within which something must have happened.
PATIENCE = 30.0
#: What tasks wait for, by name: the workers are threads of this process, and a task must not need the loop to end.
HOLDS: dict[str, threading.Event] = defaultdict(threading.Event)


@contextlib.asynccontextmanager
async def site(*workers: dict[str, Any]) -> AsyncIterator[tuple[Scheduler, Any]]:
    """A scheduler with workers in this process, and a client."""
    arguments: dict[str, Any] = {"dashboard": False, "protocol": "tcp"}
    async with (
        Scheduler(host="127.0.0.1", port=0, dashboard_address=":0", **arguments) as scheduler,
        contextlib.AsyncExitStack() as stack,
    ):
        for number, options in enumerate(workers):
            given = {"nthreads": 1, "memory_limit": 10**9, "name": f"w{number}", "dashboard": False, **options}
            await stack.enter_async_context(
                Worker(scheduler.address, heartbeat_interval="100 ms", dashboard_address=":0", **given)
            )
        async with Client(scheduler.address, asynchronous=True) as client:
            try:
                yield scheduler, client
            finally:
                # However a test ends: a worker cannot close before its tasks have ended.
                for held in HOLDS.values():
                    held.set()


async def until(scheduler: Scheduler, done: Callable[[Demand], bool], target: float = 5.0) -> Demand:
    deadline = time.monotonic() + PATIENCE
    while not done(found := demand_of(scheduler, target)):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


def jobs(demand: Demand, shapes: dict[str, Shape] = ONE, group: str = "main") -> int:
    supply = [UnitView(address, "connected", 0.0, (address,)) for address in demand.workers]
    return needed(demand, group, shapes, supply)


def guess(demand: Demand) -> Probe:
    """Return what the only unknown prefix calls for."""
    found = [probe for work in demand.works for probe in work.probes]
    return found[0] if found else Probe(0.0, 0.0)


def hold(number: int, name: str) -> int:
    HOLDS[name].wait(PATIENCE)
    return number


def long_hold(name: str) -> None:
    secede()
    HOLDS[name].wait(PATIENCE)


async def test_nothing_is_open() -> None:
    async with site({}) as (scheduler, _):
        found = demand_of(scheduler, 5.0)

    assert (found.open, found.works, jobs(found)) == (0, (), 0)
    assert [load.busy for load in found.workers.values()] == [False]


async def test_a_thousand_tasks_of_a_new_kind_call_for_two_jobs_where_dask_calls_for_a_hundred() -> None:
    async with site() as (scheduler, client):
        tasks = client.map(abs, range(1000))
        found = await until(scheduler, lambda demand: demand.open == 1000)

        assert scheduler.adaptive_target(target_duration=5.0) == 100
        assert found.unseen == 1000
        assert jobs(found) == 2
        del tasks


async def test_short_tasks_call_for_no_more_once_some_have_finished() -> None:
    async with site({}) as (scheduler, client):
        await client.gather(client.map(abs, range(100)))
        tasks = client.map(hold, range(1000), name="held", key=[f"abs-{number}" for number in range(1000, 2000)])
        found = await until(scheduler, lambda demand: demand.open == 1000)

        assert found.unseen == 0
        assert jobs(found) == 1
        await client.cancel(tasks)
        HOLDS["held"].set()


async def test_long_tasks_of_a_new_kind_call_for_more_with_each_moment_that_they_run() -> None:
    async with site({}) as (scheduler, client):
        tasks = client.map(hold, range(8), name="long")
        early = await until(scheduler, lambda demand: guess(demand).tried > 0)
        later = await until(scheduler, lambda demand: guess(demand).tried > guess(early).tried)
        assert 0 < guess(early).threads <= guess(later).threads <= 8
        # With a shorter target, all eight are called for after a moment; more than there are never.
        every = await until(scheduler, lambda demand: guess(demand).threads == 8, target=0.2)
        assert every.works[0].ready == 8

        busy = await until(scheduler, lambda demand: any(load.busy for load in demand.workers.values()))
        assert jobs(busy) >= 1
        HOLDS["long"].set()
        await wait(tasks)


async def test_one_task_that_outlasts_its_kind_is_no_reason_to_think_so_of_all() -> None:
    async with site({"nthreads": 2}) as (scheduler, client):
        await client.gather(client.map(abs, range(50)))
        straggler = client.submit(hold, 1, "straggler", key="abs-77777")
        # Dask forgets the average of all when a heartbeat tells of one that lasts twice as long.
        await until(scheduler, lambda _: scheduler.task_prefixes["abs"].duration_average < 0)
        await until(scheduler, lambda demand: bool(demand.works and demand.works[0].stuck), target=0.5)
        others = client.map(hold, range(300), name="others", key=[f"abs-{number}" for number in range(900, 1200)])
        found = await until(scheduler, lambda demand: demand.open == 301, target=0.5)

        assert found.works[0].threads < 3
        HOLDS["others"].set()
        HOLDS["straggler"].set()
        await wait([straggler, *others])


async def test_two_long_tasks_do_not_lend_their_length_to_a_thousand_short_ones() -> None:
    async with site({}) as (scheduler, client):
        await client.gather(client.map(abs, range(SEEN + 1)))
        prefix = scheduler.task_prefixes["abs"]
        tasks = client.map(hold, range(1000), name="short", key=[f"abs-{number}" for number in range(1000)])
        two = client.map(hold, range(2), name="short", key=["slow-1", "slow-2"])
        await until(scheduler, lambda demand: demand.open == 1002)
        prefix.duration_average = 0.001
        slow = scheduler.task_prefixes["slow"]
        slow.duration_average, slow.state_counts["memory"] = 3600.0, SEEN

        assert jobs(demand_of(scheduler, 5.0)) == 3
        assert scheduler.adaptive_target(target_duration=5.0) > 500
        await client.cancel([*tasks, *two])
        HOLDS["short"].set()


async def test_tasks_that_wait_for_others_are_open_but_call_for_nothing_yet() -> None:
    async with site() as (scheduler, client):
        first = client.submit(hold, 1, "first")
        rest = client.map(lambda x, y: x + y, [first] * 20, range(20))
        found = await until(scheduler, lambda demand: demand.open == 21)

        assert found.waiting == 20
        assert jobs(found) == 1
        del first, rest


async def test_what_needs_a_resource_calls_for_the_group_that_has_it() -> None:
    shapes = {"main": Shape(1, 1, 10**9), "gpu": Shape(1, 4, 10**9, {"GPU": 1})}
    async with site({}) as (scheduler, client):
        plain = client.map(hold, range(3), name="kinds", key=[f"plain-{number}" for number in range(3)])
        special = client.map(hold, range(5), name="kinds", resources={"GPU": 1}, key=[f"gpu-{n}" for n in range(5)])
        found = await until(scheduler, lambda demand: demand.open == 8)

        assert {tuple(work.resources): work.ready for work in found.works} == {(): 3, ("GPU",): 5}
        assert jobs(found, shapes) == 1
        assert needed(found, "gpu", shapes, []) == 1
        # The same without any group that has it: a job more would not help.
        assert jobs(found) == 1

        async with Worker(scheduler.address, resources={"GPU": 1}, dashboard=False, dashboard_address=":0"):
            given = await until(scheduler, lambda demand: len(demand.workers) == 2 and demand.open == 8)
            assert {tuple(work.resources): work.ready for work in given.works} == {(): 3, ("GPU",): 5}
            HOLDS["kinds"].set()
            await wait([*plain, *special])


async def test_tasks_tied_to_a_worker_that_is_not_there_call_for_no_job() -> None:
    async with site({}) as (scheduler, client):
        tied = client.submit(abs, -1, workers=["tcp://127.0.0.1:1"])
        found = await until(scheduler, lambda demand: demand.unseen == 1)

        assert jobs(found) == 0
        del tied


async def test_workers_that_must_stay_say_so() -> None:
    class Counter:
        def count(self) -> int:
            return 1

    async with site({"nthreads": 2}, {}, {}) as (scheduler, client):
        by_name = {state.name: address for address, state in scheduler.workers.items()}
        seceded = client.submit(long_hold, "seceded", workers=["w0"])
        actor = await client.submit(Counter, actor=True, workers=["w1"])
        stored = client.submit(bytes, 10**6, workers=["w2"])
        await wait([stored])
        found = await until(scheduler, lambda demand: demand.workers[by_name["w0"]].busy)

        assert {name: found.workers[address].busy for name, address in by_name.items()} == {
            "w0": True,
            "w1": True,
            "w2": False,
        }
        assert found.workers[by_name["w2"]].stored >= 10**6
        assert found.open == 0  # a task that has given its thread back calls for none
        assert await actor.count() == 1
        HOLDS["seceded"].set()
        await wait([seceded])


class Counted(dict[str, Any]):
    """Prefixes or tasks that count how often one of them is looked at."""

    looks = 0

    def values(self) -> Any:
        for one in super().values():
            self.looks += 1
            yield one

    def __iter__(self) -> Any:
        for one in super().__iter__():
            self.looks += 1
            yield one


async def test_a_look_costs_prefixes_and_workers_not_tasks() -> None:
    homeless: Any = Counted()
    for number in range(10_000):
        task = SimpleNamespace(
            prefix=SimpleNamespace(name="p0"),
            worker_restrictions=None,
            host_restrictions=None,
            loose_restrictions=False,
            resource_restrictions={"GPU": 1},
        )
        homeless[number] = task
    tasks = Counted.fromkeys([])
    prefixes = Counted(
        {
            f"p{number}": SimpleNamespace(
                name=f"p{number}",
                states={"no-worker": 10_000 if number == 0 else 0, "queued": 10**6},
                state_counts={"memory": 100},
                duration_average=0.01,
                all_durations={"compute": 1.0},
            )
            for number in range(50)
        }
    )

    class Unrunnable(Counted):
        def __iter__(self) -> Any:
            for one in dict.values(self):
                self.looks += 1
                yield one

    unrunnable = Unrunnable(homeless)
    scheduler: Any = SimpleNamespace(workers={}, plugins={}, task_prefixes=prefixes, unrunnable=unrunnable, tasks=tasks)

    found = demand_of(scheduler, 5.0)

    assert prefixes.looks == 50
    assert unrunnable.looks <= SAMPLE + 1
    assert {tuple(work.resources): work.ready for work in found.works} == {(): 50 * 10**6, ("GPU",): 10_000}
