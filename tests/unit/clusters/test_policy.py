"""How many jobs there should be: what work calls for, and when jobs are given back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.clusters.adaptive import Limits
from dask_steward.clusters.base import Shape, UnitView
from dask_steward.clusters.demand import Demand, Load, Probe, Work
from dask_steward.clusters.policy import FILL, Policy, home, needed, seen, threads_of

GB = 10**9
PLAIN = {"main": Shape(workers=2, threads=4, memory=8 * GB)}


def jobs(count: int, *, step: str = "connected", leaving: bool = False, first: int = 0) -> list[UnitView]:
    return [
        UnitView(
            f"j{number}",
            step,
            0.0,
            (f"tls://{number}-0", f"tls://{number}-1") if step == "connected" else (),
            leaving=leaving,
        )
        for number in range(first, first + count)
    ]


def demand(*works: Work, loads: dict[str, Load] | None = None, waiting: int = 0) -> Demand:
    return Demand(5.0, works=works, workers=loads or {}, waiting=waiting)


# --- what work calls for ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "threads"),
    [
        (Work(ready=0), 0),
        (Work(ready=64, threads=5.12), 5.12),
        (Work(ready=3, threads=3.0), 3),
        (Work(ready=1000, fresh=True), 8),  # never seen: two jobs find out
        (Work(ready=1, fresh=True), 1),
        (Work(ready=1000, probes=(Probe(1000.0, 0.4),)), 4),
        (Work(ready=1000, probes=(Probe(1000.0, 5.1),)), 8),
        (Work(ready=1000, probes=(Probe(1000.0, 26.0),)), 128),
        (Work(ready=8, probes=(Probe(8.0, 21.0),)), 8),  # eight long ones have all their threads after seconds
        (Work(ready=8, probes=(Probe(0.001, 30.0),)), 1),
        (Work(ready=9, threads=4.0, stuck=4, fresh=True), 5),  # what is new must not wait for long tasks
    ],
    ids=str,
)
def test_threads_of_work(work: Work, threads: float) -> None:
    assert threads_of(work, 4) == threads


def test_a_thousand_new_tasks_are_two_jobs_and_a_long_one_of_them_grows_step_by_step() -> None:
    assert needed(demand(Work(ready=1000, fresh=True)), "main", PLAIN, []) == 2

    def after(seconds: float) -> int:
        return needed(demand(Work(ready=1000, probes=(Probe(1000.0, seconds),))), "main", PLAIN, jobs(1))

    assert [after(seconds) for seconds in (0.5, 4.9, 5.0, 10.0, 15.0, 40.0, 600.0)] == [1, 1, 2, 4, 8, 250, 250]


@pytest.mark.parametrize(
    ("tasks", "waited", "count"),
    [(40, 0.0, 1), (64, 0.0, 2), (1000, 2.9, 2), (1000, 3.0, 4), (1000, 3600.0, 4), (40, 3600.0, 1)],
)
def test_more_jobs_come_for_new_tasks_while_nothing_runs_yet_but_few(tasks: int, waited: float, count: int) -> None:
    assert needed(demand(Work(ready=tasks, fresh=True)), "main", PLAIN, jobs(1, step="queued"), waited) == count


def test_jobs_that_cannot_be_given_back_now_are_needed() -> None:
    loads = {"tls://0-0": Load(2, busy=True), "tls://0-1": Load(2), "tls://2-1": Load(2, busy=True)}

    # Two threads would do for the rest, but the tasks run in two jobs.
    assert needed(demand(Work(ready=2, threads=2.0, stuck=2), loads=loads), "main", PLAIN, jobs(3)) == 2


def test_a_job_that_leaves_or_is_replaced_already_is_not_needed() -> None:
    loads = {f"tls://{number}-0": Load(2, busy=True) for number in range(3)}
    supply = [*jobs(1), *jobs(1, leaving=True, first=1), *(replace(one, expiring=True) for one in jobs(1, first=2))]

    assert needed(demand(loads=loads), "main", PLAIN, supply) == 1


@pytest.mark.parametrize(("stored", "count"), [(0, 0), (4, 1), (4.7 * GB, 1), (4.9 * GB, 2), (12 * GB, 3)])
def test_results_need_the_memory_that_they_fill(stored: float, count: int) -> None:
    loads = {f"tls://{number}-0": Load(2, stored=int(stored / 4), limit=4 * GB) for number in range(4)}

    assert needed(demand(loads=loads), "main", PLAIN, jobs(4)) == count


def test_results_alone_never_ask_for_more_jobs_but_work_on_full_workers_does() -> None:
    loads = {"tls://0-0": Load(2, stored=int(7.9 * GB), limit=8 * GB)}

    assert needed(demand(loads=loads), "main", PLAIN, jobs(1)) == 1
    assert needed(demand(loads=loads, waiting=3), "main", PLAIN, jobs(1)) == 2


def test_results_stay_somewhere_where_memory_has_no_limit() -> None:
    shapes = {"main": Shape(1, 1, 0)}

    assert needed(demand(loads={"tls://0-0": Load(stored=10)}), "main", shapes, jobs(4)) == 1


def test_results_may_go_to_another_group() -> None:
    shapes = {"main": Shape(2, 4, 8 * GB), "gpu": Shape(2, 4, 8 * GB, {"GPU": 1})}
    loads = {"tls://0-0": Load(2, stored=GB, limit=4 * GB), "tls://9-0": Load(2, stored=0, limit=4 * GB)}

    assert needed(demand(loads=loads), "gpu", shapes, jobs(1)) == 0

    loads["tls://9-0"] = Load(2, stored=int(0.55 * 4 * GB), limit=4 * GB)
    assert needed(demand(loads=loads), "gpu", shapes, jobs(1)) == 1


SHAPES = {
    "big": Shape(1, 8, 64 * GB, {"bigmem": 1, "GPU": 2}),
    "main": Shape(2, 8, 8 * GB),
    "gpu": Shape(1, 8, 8 * GB, {"GPU": 2}),
}


@pytest.mark.parametrize(
    ("needs", "group"),
    [({}, "main"), ({"GPU": 1}, "gpu"), ({"bigmem": 1}, "big"), ({"GPU": 3}, None), ({"x": 1}, None)],
)
def test_work_goes_to_the_plainest_group_that_can_run_it(needs: dict[str, float], group: str | None) -> None:
    assert home(needs, SHAPES) == group


def test_each_group_counts_what_only_it_can_run() -> None:
    work = demand(Work(ready=40, threads=20.0), Work({"GPU": 1}, ready=10, threads=6.0), Work({"x": 1}, ready=9))

    # A worker of eight threads and two GPUs runs two of these tasks at once.
    assert {name: needed(work, name, SHAPES, []) for name in SHAPES} == {"main": 3, "gpu": 3, "big": 0}


def test_resources_that_only_the_workers_tell_of_count_and_the_first_worker_can_tell() -> None:
    work = demand(Work({"x": 1}, ready=9, threads=9.0), loads={"tls://0-0": Load(2, resources={"x": 4.0})})

    assert needed(demand(*work.works), "main", PLAIN, []) == 3
    assert needed(work, "main", PLAIN, jobs(1)) == 0
    assert needed(work, "main", {"main": seen(PLAIN["main"], work, jobs(1))}, jobs(1)) == 3


def test_work_and_its_description_survive_the_wire() -> None:
    there = demand(
        Work({"GPU": 1.0}, 3, 1.5, (Probe(1.0, 2.0),), 1, True),
        loads={"tls://a": Load(2, 3, 4, True, {"GPU": 1.0})},
        waiting=7,
    )

    assert Demand.from_json(json.loads(json.dumps(there.to_json()))) == there
    assert there.open == 10


# --- when jobs are given back -----------------------------------------------------------------------------------------


class Clock:
    """A policy with its clock and the size that it made, as `Adaptive` drives it."""

    def __init__(self, size: int = 0, **limits: Any) -> None:
        given = {"minimum": 0, "maximum": 10, "hold": 300.0, **limits}
        self.policy = Policy(Limits(**given), size, 0.0)
        self.size, self.now = size, 0.0

    def look(self, need: int, *, seconds: float = 1.0, queued: int = 0) -> int:
        self.now += seconds
        supply = [*jobs(self.size - queued), *jobs(queued, step="queued", first=100)]
        self.size = self.policy.size(self.now, need, self.size, supply)
        return self.size


def test_more_is_asked_for_at_once_and_a_pause_shorter_than_hold_changes_nothing() -> None:
    clock = Clock()
    assert clock.look(4) == 4

    assert {clock.look(0, seconds=10.0) for _ in range(29)} == {4}
    assert clock.look(3) == 4


def test_jobs_go_when_they_were_not_needed_for_all_of_hold() -> None:
    clock = Clock()
    clock.look(4)
    clock.look(2)
    clock.look(0, seconds=200.0)
    assert clock.look(0, seconds=99.5) == 4
    assert clock.look(0, seconds=0.5) == 2  # two were needed until 100 s ago
    assert clock.look(0, seconds=300.0) == 0


def test_queued_jobs_count_as_supply_and_are_not_given_up_in_a_pause() -> None:
    clock = Clock()
    clock.look(4)

    assert clock.look(4, queued=4) == 4
    assert {clock.look(1, seconds=10.0, queued=3) for _ in range(29)} == {4}
    assert clock.look(1, seconds=20.0, queued=3) == 1


def test_a_place_in_the_queue_is_kept_longer_with_patience_but_not_beyond_running_ones() -> None:
    clock = Clock(queue_patience=1800.0)
    clock.look(4)
    clock.look(1, queued=3)
    assert clock.look(1, seconds=1700.0, queued=3) == 4
    assert clock.look(1, seconds=101.0, queued=3) == 1

    clock = Clock(queue_patience=1800.0)
    clock.look(4)
    clock.look(0, queued=3)
    assert clock.look(0, seconds=301.0, queued=3) == 0


def test_queued_jobs_are_given_up_sooner_where_that_is_asked_for() -> None:
    clock = Clock(queue_patience=10.0)
    clock.look(4)
    clock.look(1, queued=2)

    assert clock.look(1, seconds=11.0, queued=2) == 2  # those that run are held


def test_limits_change_the_size_at_once() -> None:
    assert Clock(size=1, minimum=3).look(0) == 3
    assert Clock(size=8, maximum=2).look(9) == 2
    assert Clock(size=8, maximum=2).look(0) == 2
    assert Clock(size=2, maximum=None).look(500) == 500


def test_it_begins_from_the_present_size() -> None:
    clock = Clock(size=5)

    assert clock.look(0, seconds=1.0) == 5
    assert clock.look(0, seconds=299.0) == 5
    assert clock.look(0, seconds=2.0) == 0


def test_without_hold_jobs_go_as_soon_as_they_are_not_needed() -> None:
    clock = Clock(hold=0.0)
    clock.look(4)

    assert clock.look(1) == 1


@given(
    st.lists(st.tuples(st.integers(0, 12), st.floats(0.1, 50), st.integers(0, 10)), min_size=1, max_size=40),
    st.floats(0, 100),
    st.one_of(st.none(), st.floats(0, 200)),
)
def test_never_below_need_never_more_than_was_needed_and_never_back_up_for_the_same_work(
    looks: list[tuple[int, float, int]], hold: float, patience: float | None
) -> None:
    clock = Clock(minimum=1, maximum=8, hold=hold, queue_patience=patience)
    most = 1
    for need, seconds, queued in looks:
        bounded = min(8, max(1, need))
        before = clock.size
        most = max(most, bounded)
        after = clock.look(need, seconds=seconds, queued=min(queued, before))
        assert bounded <= after <= most
        if after < before:
            assert clock.look(need, seconds=0.0) <= after  # the same demand calls for nothing that was given back
        else:
            assert after == max(before, bounded)
    assert FILL < 1
