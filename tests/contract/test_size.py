"""The size of a cluster: asked for in one unit, up, down, by the work, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, wait

import dask_steward as ds
from tests.contract.site import PATIENCE, Site, until


@pytest.fixture
def resized(cluster: Any) -> Iterator[Any]:
    """The shared cluster, made two workers again before each test."""
    cluster.scale(2)
    until(lambda: cluster.state["workers"] == {"asked": 2, "queued": 0, "running": 2, "lost": 0})
    return cluster


def size(cluster: Any, workers: int) -> Any:
    """Wait until exactly so many workers are asked for and run."""
    numbers = {"asked": workers, "queued": 0, "running": workers, "lost": 0}
    return until(lambda: (state := cluster.state)["workers"] == numbers and state)


@pytest.mark.parametrize(
    ("ask", "workers"),
    [
        ({"n": 3}, 3),
        ({"workers": 1}, 1),
        ({"jobs": 3}, 3),
        ({"cores": 5}, 3),  # two threads each, rounded up
        ({"memory": "1.1 GB"}, 2),  # 600 MB each, rounded up
        ({"memory": 1}, 1),
    ],
    ids=str,
)
def test_scale_in_any_unit(resized: Any, ask: dict[str, Any], workers: int) -> None:
    resized.scale(**ask)

    assert size(resized, workers)["state"] == "running"


@pytest.mark.also_on("ssh", "yarn")
def test_nothing_is_held_at_size_zero_and_the_cluster_still_runs(site: Site, resized: Any) -> None:
    resized.scale(0)

    state = size(resized, 0)
    assert state["state"] == "running"
    if site.slurm is not None:
        until(lambda: not site.slurm.jobs_with_tag(state["tag"]))
        until(lambda: not [one for one in ds.held() if one.cluster == resized.id])
    resized.scale(1)
    size(resized, 1)


@pytest.mark.also_on("ssh", "yarn")
def test_results_survive_a_scale_down(resized: Any) -> None:
    with Client(resized) as client:
        kept = client.map(lambda x: x * 2, range(40))
        wait(kept)

        resized.scale(1)

        size(resized, 1)
        assert client.gather(kept) == [x * 2 for x in range(40)]


@pytest.mark.parametrize(
    ("ask", "word"),
    [
        ({}, "one unit"),
        ({"workers": 1, "jobs": 1}, "one unit"),
        ({"workers": -1}, "0 or more"),
        ({"workers": True}, "whole number"),
        ({"jobs": 1.5}, "whole number"),
        ({"memory": "many"}, "memory"),
        ({"memory": "-1 GB"}, "memory"),
    ],
    ids=str,
)
def test_a_wrong_size_is_refused_and_changes_nothing(resized: Any, ask: dict[str, Any], word: str) -> None:
    with pytest.raises(ds.UsageError, match=word):
        resized.scale(**ask)

    assert resized.state["workers"]["asked"] == 2


def test_wait_for_workers_returns_when_they_are_there(resized: Any) -> None:
    resized.scale(3)
    resized.wait_for_workers(3, timeout=PATIENCE)

    assert resized.state["workers"]["running"] == 3


def test_wait_for_workers_has_a_time_limit(resized: Any) -> None:
    with pytest.raises(ds.TimeLimit, match="2 of 5 workers") as caught:
        resized.wait_for_workers(5, timeout="300 ms")

    assert caught.value.exit_code == 4
    assert resized.state["state"] == "running"


@pytest.mark.asyncio
async def test_scale_on_an_event_loop(site: Site, resized: Any) -> None:
    handle = ds.Cluster(resized.id, asynchronous=True)

    await handle.scale(3)
    await handle.wait_for_workers(3, timeout=PATIENCE)

    assert handle.state["workers"]["running"] == 3


@pytest.mark.also_on("ssh", "yarn")
def test_adapt_follows_the_work_and_scale_ends_it(resized: Any) -> None:
    resized.adapt(minimum=1, maximum=3, interval="200 ms", target_duration="50 ms", wait_count=2)
    assert {"minimum": 1, "maximum": 3}.items() <= resized.state["adapt"].items()
    size(resized, 1)

    with Client(resized) as client:
        import time

        # More than is done before the last of them is there; what is left is cancelled.
        slow = client.map(time.sleep, [0.5] * 400, pure=False)
        until(lambda: resized.state["workers"]["running"] == 3)
        client.cancel(slow, force=True)
        del slow

        size(resized, 1)

    resized.scale(2)
    assert size(resized, 2)["adapt"] is None


def test_adapt_ends_without_a_change_of_size(resized: Any) -> None:
    resized.adapt(minimum=2, maximum=3)
    resized.adapt(active=False)

    assert resized.state["adapt"] is None
    assert resized.state["workers"]["asked"] == 2


@pytest.mark.parametrize(
    "limits",
    [
        {"minimum": 3, "maximum": 1},
        {"minimum": -1, "maximum": 1},
        {"minimum": 0, "maximum": 1, "interval": "0 s"},
        {"minimum": 0, "maximum": 1, "interval": "soon"},
        {"minimum": 0, "maximum": 1, "wait_count": 0},
        {"minimum": 0, "maximum": 1, "group": "no-such"},
    ],
    ids=str,
)
def test_wrong_limits_are_refused(resized: Any, limits: dict[str, Any]) -> None:
    with pytest.raises(ds.UsageError, match=r"adapt|group"):
        resized.adapt(**limits)

    assert resized.state["adapt"] is None


def test_start_adaptive(site: Site) -> None:
    with site.start(adapt=(1, 2)) as cluster:
        state = cluster.state
        assert {"minimum": 1, "maximum": 2}.items() <= state["adapt"].items()
        size(cluster, 1)


@pytest.mark.only_on("slurm")
def test_several_processes_of_a_job_come_and_go_together(site: Site) -> None:
    with site.start(jobs=2, set={"options.processes": 2}) as cluster:
        state = size(cluster, 4)
        assert len({one["id"] for one in state["holdings"]}) == 2
        assert state["threads"] == 4 or until(lambda: cluster.state["threads"] == 4)

        cluster.scale(workers=3)  # rounded up to whole jobs
        size(cluster, 4)
        cluster.scale(workers=2)

        size(cluster, 2)
        until(lambda: len(cluster.state["holdings"]) == 1)  # the other is shown until the queue says that it is gone
