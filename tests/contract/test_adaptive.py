"""A size that follows the work: up when the work calls for it, never down for a pause, nothing computed twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Event, wait

from tests.contract.site import PATIENCE, Site, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
#: Quick looks, and work that calls for many jobs.
QUICK = {"interval": "100 ms", "target_duration": "200 ms"}
#: Seconds for which nothing may change: dozens of looks.
WATCHED = 4.0


def steady(look: Callable[[], Any], expected: Any) -> None:
    """Fail unless a look gives the same all the time."""
    deadline = time.monotonic() + WATCHED
    while time.monotonic() < deadline:
        assert look() == expected
        time.sleep(0.05)


def state_of(cluster: Any) -> Any:
    """Return the state that the keeper tells: on a busy machine an answer may be late, and the ledger speaks for it."""
    return until(lambda: (state := cluster.state)["unit"] and state)


def asked(cluster: Any) -> int:
    """Return the units that are wanted."""
    state = state_of(cluster)
    return int(state["workers"]["asked"] // state["unit"]["workers"])


def running(cluster: Any, units: int) -> None:
    """Wait until so many units are wanted and all their workers run, and nothing else is held."""

    def there() -> bool:
        state = state_of(cluster)
        workers = int(units * state["unit"]["workers"])
        jobs = [one for one in state["holdings"] if one["kind"] == "job"]
        whole = {"asked": workers, "queued": 0, "running": workers, "lost": 0}
        return bool(state["workers"] == whole and (not jobs or len(jobs) == units))

    until(there, 3 * PATIENCE)  # two generations of jobs, one after the other, on a busy machine


def step(number: int, record: str, *before: Any, until: str | None = None) -> int:
    """Note that it runs, take a moment (or until an event is set), and return the number."""
    with Path(record).open("a") as file:
        file.write(f"{number}\n")
    if until is None:
        time.sleep(0.2)
    else:
        Event(until).wait(timeout=120)
    return number


def held(number: int, name: str) -> int:
    """Run until the event is set."""
    Event(name).wait(timeout=120)
    return number


@pytest.fixture
def queue(site: Site) -> Any:
    """The Slurm of this site."""
    assert site.slurm is not None
    return site.slurm


@pytest.fixture
def down(queue: Any) -> Iterator[Callable[[], None]]:
    """Let no job start any more, until the test is over or calls what this returns."""
    queue.run("scontrol", "update", "PartitionName=debug", "State=DOWN")

    def up() -> None:
        queue.run("scontrol", "update", "PartitionName=debug", "State=UP")

    yield up
    up()


def jobs_of(queue: Any, cluster: Any) -> set[str]:
    """Return the ids of all jobs that the cluster ever had."""
    return {job.id for job in queue.jobs_with_tag(cluster.state["tag"], ended=True)}


@pytest.mark.only_on("local")
def test_a_pause_shorter_than_hold_changes_nothing_and_a_longer_one_keeps_the_results(
    site: Site, begin: Callable[..., Any], tmp_path: Path
) -> None:
    record = tmp_path / "runs"
    cluster = begin(adapt=(0, 3))
    cluster.adapt(0, 3, hold="5 min", **QUICK)
    with Client(cluster) as client:
        kept = client.map(step, range(30), record=str(record))
        running(cluster, 3)
        wait(kept, timeout=3 * PATIENCE)

        steady(lambda: asked(cluster), 3)

        cluster.adapt(0, 3, hold="500 ms", **QUICK)
        running(cluster, 1)  # the results fit there
        again = client.map(step, range(100, 130), record=str(record))
        assert client.gather(kept) + client.gather(again) == [*range(30), *range(100, 130)]
        runs = record.read_text().split()
        assert len(runs) == len(set(runs)) == 60

        del kept, again
        until(lambda: asked(cluster) == 0)


@pytest.mark.only_on("slurm")
def test_jobs_of_two_processes_come_and_go_whole_and_nothing_runs_twice(
    site: Site, begin: Callable[..., Any], queue: Any, tmp_path: Path
) -> None:
    record = tmp_path / "runs"
    cluster = begin(adapt=(0, 3), set={"options.processes": 2, "options.cores": 2})
    cluster.adapt(0, 3, hold="300 ms", **QUICK)
    with Client(cluster) as client:
        results: list[list[Any]] = []
        for phase in range(3):
            # Each phase needs the results of the one before, and all stay in memory.
            before = results[-1] if results else [None] * 24
            numbers = range(phase * 24, phase * 24 + 24)
            results.append(client.map(step, numbers, [str(record)] * 24, before, until=f"phase-{phase}"))
            running(cluster, 3)
            Event(f"phase-{phase}").set()
            wait(results[-1], timeout=3 * PATIENCE)
            running(cluster, 1)
        assert [number for phase in results for number in client.gather(phase)] == list(range(72))
        runs = record.read_text().split()
        assert len(runs) == len(set(runs)) == 72
        assert not cluster.state["losses"]


@pytest.mark.only_on("slurm")
def test_queued_jobs_are_supply_and_keep_their_places(
    begin: Callable[..., Any], queue: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    record = str(tmp_path / "runs")
    cluster = begin(jobs=1)
    running(cluster, 1)
    with Client(cluster) as client:
        client.gather(client.map(step, range(6), record=record))  # known from now on
        before = jobs_of(queue, cluster)
        up = request.getfixturevalue("down")
        cluster.adapt(1, 3, hold="5 min", **QUICK)

        work = client.map(step, range(100, 140), record=record)
        until(lambda: len(jobs_of(queue, cluster) - before) == 2)
        mine = jobs_of(queue, cluster)
        steady(lambda: jobs_of(queue, cluster), mine)
        wait(work, timeout=3 * PATIENCE)  # the job that runs has done it all alone

        del work
        steady(lambda: (asked(cluster), jobs_of(queue, cluster)), (3, mine))

        up()
        running(cluster, 3)
        assert jobs_of(queue, cluster) == mine


@pytest.mark.only_on("slurm")
def test_a_place_in_the_queue_is_given_up_after_patience(
    begin: Callable[..., Any], queue: Any, down: Callable[[], None]
) -> None:
    cluster = begin(adapt=(0, 2))
    cluster.adapt(0, 2, hold="5 min", queue_patience="500 ms", **QUICK)
    with Client(cluster) as client:
        work = client.map(held, range(4), name="never")
        until(lambda: jobs_of(queue, cluster))
        assert 1 <= asked(cluster) <= 2

        del work

        until(lambda: asked(cluster) == 0)
        until(lambda: not queue.jobs_with_tag(cluster.state["tag"]))


def test_adapt_scale_adapt_change_at_once_and_stick(site: Site, begin: Callable[..., Any]) -> None:
    cluster = begin(adapt=(2, 3))
    running(cluster, 2)

    cluster.scale(1)
    assert cluster.state["adapt"] is None
    running(cluster, 1)
    steady(lambda: asked(cluster), 1)

    cluster.adapt(3, 4, **QUICK)
    running(cluster, 3)
    cluster.adapt(0, 1, hold="1 h", **QUICK)  # below what is there: at once, whatever hold says
    running(cluster, 1)
    cluster.adapt(0, 4, hold="1 h", **QUICK)  # begins from what is there
    steady(lambda: asked(cluster), 1)

    cluster.scale(2)
    running(cluster, 2)
    assert cluster.state["adapt"] is None


def test_a_thousand_short_tasks_of_a_new_kind_are_few_jobs(site: Site, begin: Callable[..., Any]) -> None:
    cluster = begin(adapt=(0, 20))
    cluster.adapt(0, 20, interval="100 ms")
    with Client(cluster) as client:
        work = client.map(abs, range(1000))
        seen = set()

        def done() -> bool:
            seen.add(asked(cluster))
            return all(one.done() for one in work)

        until(done, 3 * PATIENCE)
        assert client.gather(work) == list(range(1000))

    assert max(seen) <= 4  # however long the first one took to start: one where that is quick


@pytest.mark.only_on("slurm")
def test_a_few_long_tasks_of_a_new_kind_soon_have_their_jobs(site: Site, begin: Callable[..., Any]) -> None:
    cluster = begin(adapt=(0, 3))
    with Client(cluster) as client:
        work = client.map(held, range(8), name="long")
        running(cluster, 3)
        Event("long").set()
        assert client.gather(work) == list(range(8))


@pytest.mark.only_on("local")
def test_a_running_task_keeps_its_job(site: Site, begin: Callable[..., Any], tmp_path: Path) -> None:
    cluster = begin(adapt=(2, 2))
    running(cluster, 2)
    with Client(cluster) as client:
        # One on each job, where the threads of one would do for both.
        one, other = client.scheduler_info()["workers"]
        work = [
            client.submit(held, number, "alone", workers=[address], pure=False)
            for number, address in enumerate((one, other))
        ]
        until(lambda: sum(len(tasks) for tasks in client.processing().values()) == 2)
        cluster.adapt(0, 2, hold="500 ms", **QUICK)

        steady(lambda: asked(cluster), 2)

        Event("alone").set()
        assert client.gather(work) == [0, 1]


@pytest.mark.only_on("slurm")
def test_work_that_needs_a_resource_calls_for_the_group_that_has_it(begin: Callable[..., Any], queue: Any) -> None:
    big = {"resources": {"big": 1}, "options": {"cores": 1}}
    cluster = begin(jobs=1, set={"groups": {"large": big}})
    running(cluster, 1)
    cluster.adapt(0, 2, group="large", hold="500 ms", **QUICK)
    cluster.adapt(1, 2, hold="500 ms", **QUICK)
    with Client(cluster) as client:
        work = client.map(abs, range(-3, 0), resources={"big": 1})
        assert client.gather(work, asynchronous=False) == [3, 2, 1]
        groups = cluster.state["groups"]
        assert groups["main"]["jobs"] == 1
        assert 1 <= groups["large"]["jobs"] <= 2
        del work

        until(lambda: cluster.state["groups"]["large"]["jobs"] == 0)
        assert cluster.state["groups"]["main"]["jobs"] == 1
