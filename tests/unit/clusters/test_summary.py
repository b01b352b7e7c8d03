"""The summary of a scheduler: by prefixes and workers, never by tasks; and the rate, the request, the identity."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, Scheduler, Worker

from dask_steward.clusters import summary as module
from dask_steward.clusters.summary import GROUPS_SHOWN, SummaryPlugin
from dask_steward.keeper.control import _plain


class Counted(dict[str, Any]):
    """Prefixes that count how often they are looked at; a scheduler that has nothing else but workers."""

    looks = 0

    def values(self) -> Any:
        for one in super().values():
            self.looks += 1
            yield one


def prefix(name: str, counts: dict[str, int] | None = None, **states: int) -> SimpleNamespace:
    return SimpleNamespace(
        name=name, states=states, state_counts=counts or {}, all_durations={"compute": 2.0}, groups=None
    )


def worker(used: int = 100, spilled: int = 5) -> SimpleNamespace:
    return SimpleNamespace(
        nthreads=2,
        memory_limit=1000,
        memory=SimpleNamespace(process=used, spilled=spilled, unmanaged_old=0),
        metrics={"cpu": 75.0},
        name="w",
        status=SimpleNamespace(name="running"),
    )


@pytest.fixture
def plugin() -> SummaryPlugin:
    return SummaryPlugin("unique")


def scheduler(*prefixes: SimpleNamespace, workers: int = 0) -> Any:
    # Whatever else it were asked for (tasks, identity) would be an AttributeError.
    return SimpleNamespace(
        task_prefixes=Counted({one.name: one for one in prefixes}),
        task_groups={},
        workers={str(number): worker() for number in range(workers)},
    )


def test_an_empty_scheduler(plugin: SummaryPlugin) -> None:
    assert plugin.summary(scheduler()) == {
        "threads": 0,
        "cpu": {"used": 0.0, "limit": 0},
        "memory": {"limit": 0, "used": 0, "spilled": 0},
        "tasks": {"groups": [], "per_second": 0.0},
        "computations": [],
        "memory_warnings": [],
    }


def test_sums_over_workers_and_prefixes(plugin: SummaryPlugin) -> None:
    found = plugin.summary(
        scheduler(prefix("load", memory=3, processing=2, released=1), prefix("sum", erred=1, waiting=4), workers=3)
    )

    assert found["threads"] == 6
    assert found["cpu"] == {"used": 2.2, "limit": 6}
    assert found["memory"] == {"limit": 3000, "used": 300, "spilled": 15}
    assert {group["name"]: (group["done"], group["total"], group["erred"]) for group in found["tasks"]["groups"]} == {
        "load": (4, 6, 0),
        "sum": (1, 5, 1),
    }


def test_a_prefix_without_tasks_is_not_shown(plugin: SummaryPlugin) -> None:
    assert plugin.summary(scheduler(prefix("gone", memory=0, released=0)))["tasks"]["groups"] == []


def test_each_prefix_is_looked_at_once(plugin: SummaryPlugin) -> None:
    """O(prefixes + workers): a million tasks of one prefix cost what one does."""
    many = scheduler(*(prefix(f"p{number}", memory=10**6) for number in range(200)), workers=50)

    plugin.summary(many)

    assert many.task_prefixes.looks == 200


def test_of_many_groups_those_with_open_tasks_are_shown(plugin: SummaryPlugin) -> None:
    done = [prefix(f"done{number}", memory=5) for number in range(40)]
    found = plugin.summary(scheduler(*done, prefix("open", waiting=3, memory=1)))["tasks"]["groups"]

    assert len(found) == GROUPS_SHOWN
    assert found[0]["name"] == "open"


def test_rate_is_by_the_clock_and_never_negative(plugin: SummaryPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [module.time.monotonic() + 100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    plugin.summary(scheduler())
    now[0] += 10.0
    plugin.summary(scheduler())
    now[0] += 2.0

    assert plugin.summary(scheduler(prefix("a", {"memory": 20})))["tasks"]["per_second"] == 10.0
    now[0] += 2.0
    assert plugin.summary(scheduler())["tasks"]["per_second"] == 0.0  # the prefix was forgotten


def test_busy_seconds(plugin: SummaryPlugin) -> None:
    assert plugin.busy_seconds(scheduler(prefix("a"), prefix("b"))) == 4.0


@pytest.mark.asyncio
async def test_on_a_real_scheduler_and_beside_another_observer() -> None:
    """Two with names of their own do not blind each other."""
    joined: list[str] = []
    async with Scheduler(protocol="inproc://", dashboard=False, dashboard_address="127.0.0.1:0") as real:
        plugins = [SummaryPlugin(f"p{number}") for number in range(2)]
        for one in plugins:
            one.watch(lambda address, name: joined.append(address), joined.remove)
            one.attach(real)
        async with (
            Worker(real.address, nthreads=2, dashboard=False),
            Client(real.address, asynchronous=True) as client,
        ):
            kept = client.map(lambda x: x, range(10), key="mine")
            await client.gather(kept)

            for one in plugins:
                found = one.summary(real)
                assert found["threads"] == 2
                assert {"name": "mine", "done": 10, "total": 10, "erred": 0} in found["tasks"]["groups"]
            assert len(joined) == 2
    assert joined == []


# --- the scheduler's description as JSON ------------------------------------------------------------------------------


def test_what_json_cannot_say_becomes_text() -> None:
    given = {
        ("execute", "x", 1): 2.0,
        "set": {1},
        "tuple": (1, None),
        3: True,
        "object": complex(1, 2),
        "nested": [{(): "x"}],
    }

    found = _plain(given)

    assert json.loads(json.dumps(found)) == {
        "('execute', 'x', 1)": 2.0,
        "set": [1],
        "tuple": [1, None],
        "3": True,
        "object": "(1+2j)",
        "nested": [{"()": "x"}],
    }
