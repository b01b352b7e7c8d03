"""When a job near its end is replaced and emptied, and which tasks cannot end in any job: pure arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.clusters import walltime
from dask_steward.clusters.walltime import LEAST, MOST, SPARE, hopeless, plan, usable

HOUR = 3600.0


def margin(limit: float, longest: float = 0.0) -> float:
    """Return the seconds that a job of this walltime has for being emptied."""
    found = plan(0.0, limit, wait=0.0, startup=0.0, longest=longest)
    return found.finish + found.move


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        (8 * HOUR, MOST),
        (1200.0, 180.0),  # 15 %
        (40.0, LEAST),
        (20.0, 10.0),  # half of a walltime in which nothing is possible
        (0.0, 0.0),
    ],
    ids=["at most five minutes", "a share", "at least ten seconds", "half of very little", "nothing"],
)
def test_time_for_emptying(limit: float, seconds: float) -> None:
    assert margin(limit) == pytest.approx(seconds)


def test_long_tasks_get_more_time_but_no_more_than_a_third() -> None:
    assert margin(HOUR, longest=200.0) == pytest.approx(1.5 * 200.0 / 0.6)
    assert margin(HOUR, longest=10 * HOUR) == pytest.approx(HOUR / 3)
    assert margin(HOUR, longest=1.0) == margin(HOUR)


def test_most_of_it_is_for_tasks_and_the_rest_for_data() -> None:
    found = plan(0.0, HOUR, wait=0.0, startup=0.0, longest=0.0)

    assert found.finish == pytest.approx(1.5 * found.move)
    assert found.drain_at + found.finish + found.move == pytest.approx(HOUR - SPARE)


def test_the_replacement_comes_earlier_the_longer_it_takes() -> None:
    quick = plan(0.0, HOUR, wait=0.0, startup=5.0, longest=0.0)
    slow = plan(0.0, HOUR, wait=100.0, startup=30.0, longest=0.0)

    assert quick.replace_at == pytest.approx(quick.drain_at - 6.0)
    assert slow.replace_at == pytest.approx(slow.drain_at - 120.0 - 31.0)
    assert slow.drain_at == quick.drain_at


def test_a_long_queue_does_not_hold_every_place_twice() -> None:
    found = plan(1000.0, 1000.0 + HOUR, wait=100 * HOUR, startup=15.0, longest=0.0)

    assert found.replace_at == 1000.0 + HOUR / 2


@given(
    started=st.floats(0, 2e9),
    limit=st.floats(0, 30 * 86400),
    wait=st.floats(0, 1e6),
    startup=st.floats(0, 1e4),
    longest=st.floats(0, 1e6),
)
def test_nothing_is_planned_after_the_end_or_in_the_wrong_order(
    started: float, limit: float, wait: float, startup: float, longest: float
) -> None:
    found = plan(started, started + limit, wait=wait, startup=startup, longest=longest)

    assert found.replace_at <= found.drain_at <= started + limit
    assert found.finish >= 0
    assert found.move >= 0
    assert found.drain_at + found.finish + found.move <= started + limit + 1e-3


def test_what_a_task_has_at_most_is_without_startup_and_data() -> None:
    # 1200 s: 180 s for emptying, 108 of them for tasks; 3 s spare, 20 s to come up.
    assert usable(1200.0, startup=20.0) == pytest.approx(1200 - 3 - 180 + 108 - 20)
    assert usable(10.0, startup=60.0) == 0.0


def test_a_task_is_hopeless_a_little_before_that() -> None:
    assert hopeless(1200.0, startup=20.0) == pytest.approx(0.9 * usable(1200.0, startup=20.0))
    assert hopeless(10.0, startup=60.0) == 0.0


def test_a_job_that_ends_before_it_began_is_due_at_once() -> None:
    found = plan(100.0, 50.0, wait=0.0, startup=0.0, longest=0.0)

    assert (found.finish, found.move) == (0.0, 0.0)
    assert found.drain_at == pytest.approx(50.0 - walltime.SPARE)
