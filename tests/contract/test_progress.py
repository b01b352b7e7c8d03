"""Progress of what people compute, in every way in which they do, on every system."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client

import dask_steward as ds
from tests.contract.site import PATIENCE, Site, until

#: The scheduler alone follows what is computed: it is the same wherever the workers are.
pytestmark = pytest.mark.only_on("local")

Begin = Callable[..., Any]


@pytest.fixture(scope="module")
def client(cluster: Any) -> Iterator[Client]:
    with cluster.get_client() as found:
        yield found


def nap(seconds: float) -> Callable[[int], int]:
    def sleeps(number: int) -> int:
        time.sleep(seconds)
        return number

    return sleeps


def done(progress: Any) -> dict[str, Any]:
    """Wait until what is followed has ended, and return it."""

    def look() -> dict[str, Any] | None:
        found = progress.view()["computations"]
        return dict(found[-1]) if found and all(one["ended"] for one in found) else None

    found: dict[str, Any] = until(look)
    return found


def names(computation: dict[str, Any]) -> list[str]:
    return [group["name"] for group in computation["groups"]]


def test_persist(client: Client) -> None:
    array = da.random.random((400, 400), chunks=100).mean(axis=0)
    kept = array.persist()

    found = done(ds.widgets.Progress(kept))

    assert found["status"] == "finished"
    assert found["name"] == "mean"
    assert names(found)[-1] == "mean"
    assert found["memory"] == 400 * 8


def test_what_is_shown_right_after_a_submission_knows_of_it(client: Client) -> None:
    """It may be saved in a notebook as it is shown then."""
    for number in range(3):
        kept = (da.random.random((1000, 1000), chunks=50) + number).sum(axis=0).persist()
        assert repr(ds.widgets.Progress(kept)).startswith("sum ")
    assert repr(ds.widgets.Progress(client.map(nap(0.01), range(10)))).startswith("sleeps ")
    assert repr(ds.widgets.Progress(da.ones(8, chunks=4) + 7)) == "nothing was submitted yet"


def test_compute_of_an_array_that_is_followed_before(client: Client) -> None:
    array = (da.random.random((400, 400), chunks=100) + 1).sum()
    progress = ds.widgets.Progress(array)
    assert progress.view()["computations"] == []

    array.compute()

    found = done(progress)
    assert found["status"] == "finished"
    assert found["name"] == "sum"
    assert found["done"] == found["total"] > 16


def test_load_of_a_data_set(client: Client) -> None:
    data = xr.Dataset({"t": (("time", "x"), da.random.random((120, 40), chunks=(10, 40)))})
    mean = data.mean("time")
    progress = ds.widgets.Progress(mean)

    mean.load()

    found = done(progress)
    assert found["status"] == "finished"
    assert "mean" in found["name"]
    assert isinstance(mean["t"].data, np.ndarray)


def test_futures(client: Client) -> None:
    futures = client.map(nap(0.02), range(40))
    progress = ds.widgets.Progress(futures)
    client.gather(futures)

    found = done(progress)
    assert (found["name"], found["done"], found["total"]) == ("sleeps", 40, 40)
    assert found["per_second"] > 1


def test_delayed(client: Client) -> None:
    total = dask.delayed(sum)([dask.delayed(nap(0.01))(number) for number in range(10)])
    progress = ds.widgets.Progress(total)
    assert total.compute() == 45

    found = done(progress)
    assert "sleeps" in names(found)
    assert found["done"] == found["total"]


def test_while_it_runs_it_moves_and_says_how_long(client: Client) -> None:
    seen: list[Any] = []
    futures = client.map(nap(0.2), range(80))
    stop = ds.widgets.Progress(futures).follow(seen.append)
    client.gather(futures)
    until(lambda: seen and seen[-1]["ended"])
    stop()

    counts = [view["computations"][0]["done"] for view in seen if view["computations"]]
    assert counts == sorted(counts)
    assert len(counts) >= 4
    told = [one["left"] for view in seen for one in view["computations"] if one["left"]]
    assert told
    assert all(0 <= left["low"] <= left["high"] for left in told)


def test_several_at_once(client: Client) -> None:
    with ds.widgets.Progress(client=client) as progress:
        one = client.map(nap(0.1), range(12))
        two = (da.random.random((200, 200), chunks=50) * 2).sum().persist()
        found = until(
            lambda: len(progress.view()["computations"]) == 2 and [dict(one) for one in progress.view()["computations"]]
        )
        client.gather(one)
        two.compute()
    assert {each["name"] for each in found} == {"sleeps", "sum"}
    assert progress.view()["ended"]


def test_two_threads_of_one_person(client: Client) -> None:
    def work(size: int) -> None:
        client.gather(client.map(nap(0.05), range(size), key=f"part{size}"))

    with ds.widgets.Progress(client=client) as progress:
        threads = [threading.Thread(target=work, args=(size,)) for size in (7, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    found = progress.view()["computations"]
    assert sorted(one["total"] for one in found) == [7, 9]


@pytest.mark.only_on("local", "slurm")
def test_an_error_has_its_task_worker_and_traceback(site: Site, client: Client) -> None:
    def breaks(number: int) -> int:
        if number == 3:
            raise ValueError("no such day")
        return number

    futures = client.map(breaks, range(8))
    progress = ds.widgets.Progress(futures)
    client.gather(futures, errors="skip")

    found = done(progress)
    error = found["error"]
    assert (found["status"], found["erred"]) == ("erred", 1)
    assert error["key"] == futures[3].key
    assert error["message"] == "ValueError: no such day"
    assert "in breaks" in error["traceback"]
    assert error["worker"] in {row["name"] for row in ds.get(progress.cluster.id)._call().page("workers")["rows"]}
    assert (error["job"] is not None) == (site.system != "local")


def test_cancelled(client: Client) -> None:
    futures = client.map(nap(0.3), range(60))
    progress = ds.widgets.Progress(futures)
    until(lambda: progress.view()["computations"] and progress.view()["computations"][0]["done"])
    client.cancel(futures)

    found = done(progress)
    assert found["status"] == "cancelled"
    assert found["done"] + found["cancelled"] == found["total"] == 60


def test_the_state_has_them_as_well(cluster: Any, client: Client) -> None:
    futures = client.map(nap(0.01), range(5), key="seen")
    client.gather(futures)
    until(lambda: any(one["name"] == "seen" and one["ended"] for one in cluster.state["computations"]))


def test_what_is_spilled_is_told_by_group(begin: Begin) -> None:
    """Given results that do not fit, when workers write them to disk, then each group says how much, and a warning."""
    cluster = begin(workers=1)
    with cluster.get_client() as client:
        # 450 MB on a worker of 600 MB, of which Dask keeps 60 % in memory.
        kept = da.random.random((450, 125_000), chunks=(50, 125_000)).persist()
        progress = ds.widgets.Progress(kept)
        done(progress)
        view = until(
            lambda: (
                progress.view()["computations"][0]["spilled"] > 0 and progress.view()["warnings"] and progress.view()
            )
        )
        (group,) = view["computations"][0]["groups"]
        assert group["spilled"] == view["computations"][0]["spilled"]
        assert group["memory"] + group["spilled"] == pytest.approx(450e6, rel=0.2)
        assert any("disk" in one for one in view["warnings"])
        assert any("disk" in one for one in cluster.state["warnings"])
        del kept
        client.restart()


def test_no_worker_says_so(begin: Begin) -> None:
    cluster = begin(workers=0)
    with cluster.get_client() as client:
        future = client.submit(sum, [1, 2])
        progress = ds.widgets.Progress(future)
        found = until(lambda: progress.view()["computations"])
        assert found[0]["status"] == "waiting"
        assert "no worker is connected" in found[0]["waits"]


def test_a_cluster_that_ends_under_it(begin: Begin) -> None:
    cluster = begin(workers=1)
    client = cluster.get_client()
    seen: list[Any] = []
    future = client.submit(time.sleep, 60)
    progress = ds.widgets.Progress(future)
    progress.follow(seen.append)
    until(lambda: seen and seen[-1]["computations"])
    cluster.close()
    until(lambda: seen[-1]["ended"])
    assert seen[-1]["stale"]
    client.close()


def test_somebody_elses_scheduler_is_one_sentence() -> None:
    with (
        Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client,
        pytest.raises(ds.UsageError, match="none of Dask Steward's clusters"),
    ):
        ds.widgets.Progress(client=client)


@pytest.mark.parametrize("make", ["blocks", "one block", "shared input"])
def test_what_is_computed_is_found_under_the_names_that_dask_gives_it(client: Client, make: str) -> None:
    """Dask fuses tasks and renames them: what was asked for is found all the same, and nothing else is."""
    base = da.random.random((200, 200), chunks=50)
    array = {"blocks": base + 1, "one block": (base + 1).mean() - 3, "shared input": base.max()}[make]
    other = base.mean(axis=1)
    progress = ds.widgets.Progress(array)
    other.compute()
    assert progress.view()["computations"] == []

    array.compute()

    found = done(progress)
    assert len(progress.view()["computations"]) == 1
    assert found["status"] == "finished"


@pytest.mark.parametrize("wrong", [3, "x", np.zeros(3)], ids=["number", "text", "array"])
def test_what_is_no_computation_is_refused(client: Client, wrong: Any) -> None:
    with pytest.raises(ds.UsageError, match="neither a Dask collection nor a future"):
        ds.widgets.Progress(wrong, client=client)


@pytest.mark.only_on("slurm")
def test_workers_that_are_queued_are_why_it_waits(site: Site, begin: Begin) -> None:
    """Given a job that the queue does not start, then the computation waits for it, with the queue's own reason."""
    cluster = begin(jobs=1, wait=False, set={"options.job_extra_directives": ["--hold"]})
    with cluster.get_client() as client:
        future = client.submit(sum, [1, 2])
        progress = ds.widgets.Progress(future)
        waits = until(
            lambda: [one["waits"] for one in progress.view()["computations"] if "queued: " in (one["waits"] or "")]
        )
        assert waits[0].startswith("1 worker queued: ")
        assert "held" in waits[0].lower()
        assert progress.view()["computations"][0]["left"] is None
