"""The time that is left, and how honest its spread is: against computations whose end is known."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_steward.clusters.time_left import WINDOW, Kind, Speed, time_left, work_left

kinds = st.lists(
    st.builds(
        lambda open_, finished, each: Kind(open_, finished, finished * each),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        st.floats(1e-4, 1e4),
    ),
    max_size=8,
)
speeds = st.tuples(st.floats(1e-3, 1e4), st.floats(1, 10)).map(lambda pair: (pair[0], pair[0] * pair[1]))


@given(kinds, speeds)
def test_a_range_is_a_range(given_kinds: list[Kind], speed: tuple[float, float]) -> None:
    left = time_left(given_kinds, speed)
    if left is not None:
        assert 0 <= left["low"] <= left["high"]


@given(kinds, speeds, st.integers(1, 1000))
def test_more_tasks_never_take_less_time(given_kinds: list[Kind], speed: tuple[float, float], more: int) -> None:
    before = work_left(given_kinds)
    if before is None or not any(kind.finished for kind in given_kinds):
        return
    first, *rest = given_kinds
    after = work_left([Kind(first.open + more, first.finished, first.seconds), *rest])
    assert after is not None
    assert after[0] >= before[0]
    assert after[1] >= before[1]


@given(kinds)
def test_nothing_moves_nothing_is_said(given_kinds: list[Kind]) -> None:
    assert time_left(given_kinds, None) is None


def test_nothing_seen_nothing_is_said() -> None:
    assert time_left([Kind(100, 0, 0.0)], (1.0, 2.0)) is None


def test_a_kind_that_nobody_has_seen_widens_the_range() -> None:
    seen = [Kind(100, 400, 400.0)]
    known = time_left(seen, (4.0, 4.0))
    unknown = time_left([*seen, Kind(100, 0, 0.0)], (4.0, 4.0))
    assert known is not None
    assert unknown is not None
    assert unknown["high"] - unknown["low"] > 3 * (known["high"] - known["low"])


def test_a_mean_of_many_is_a_better_one() -> None:
    few, many = work_left([Kind(100, 4, 4.0)]), work_left([Kind(100, 10_000, 10_000.0)])
    assert few == (50.0, 150.0)
    assert many == pytest.approx((99.0, 101.0))


def test_the_last_task_takes_its_time() -> None:
    left = time_left([Kind(1, 99, 990.0)], (100.0, 100.0))
    assert left is not None
    assert left["high"] >= 10.0


def test_speed_needs_two_looks_and_time() -> None:
    speed = Speed()
    assert speed.range() is None
    speed.look(0.0, 0.0)
    assert speed.range() is None
    speed.look(0.5, 3.0)
    assert speed.range() is None
    speed.look(2.0, 8.0)
    low, high = speed.range() or (0.0, 0.0)
    assert low < 4.0 < high


def test_a_speed_that_varies_is_a_wide_one() -> None:
    even, uneven = Speed(), Speed()
    work = 0.0
    for second in range(40):
        work += 8.0 if second % 20 < 10 else 1.0
        uneven.look(float(second), work)
        even.look(float(second), second * 4.5)
    (low, high), (slow, fast) = even.range() or (0, 0), uneven.range() or (0, 0)
    assert fast / slow > 2 * high / low


def test_what_was_long_ago_is_forgotten() -> None:
    speed = Speed()
    for second in range(200):
        speed.look(float(second), second * 100.0 if second < 100 else 10_000 + second)
    low, high = speed.range() or (0, 0)
    assert WINDOW < 99
    assert high < 2.0
    assert low > 0.5


def run(durations: list[list[float]], workers: int) -> tuple[list[tuple[float, int]], float]:
    """Run tasks kind by kind on so many workers; return when each ended, and of which kind, and the end."""
    free = [0.0] * workers
    ended = []
    for number, kind in enumerate(durations):
        for seconds in kind:
            at = heapq.heappop(free) + seconds
            heapq.heappush(free, at)
            ended.append((at, number))
    return sorted(ended), max(free)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 16), st.floats(0.0, 0.8), st.integers(200, 800))
def test_the_range_holds_the_truth(seed: int, workers: int, spread: float, tasks: int) -> None:
    """Given computations of two kinds with uneven tasks, the true rest is within the range most of the time."""
    dice = random.Random(seed)
    each = [dice.uniform(0.2, 1.0), dice.uniform(0.2, 1.0)]
    durations = [[mean * dice.uniform(1 - spread, 1 + spread) for _ in range(tasks // 2)] for mean in each]
    ended, end = run(durations, workers)
    speed, work, done = Speed(), [0.0, 0.0], [0, 0]
    held = said = 0
    events = iter(ended)
    pending = next(events, None)
    look = 1.0
    while look < end:
        while pending is not None and pending[0] <= look:
            kind = pending[1]
            work[kind] += durations[kind][done[kind]]
            done[kind] += 1
            pending = next(events, None)
        speed.look(look, sum(work))
        left = time_left([Kind(len(durations[n]) - done[n], done[n], work[n]) for n in (0, 1)], speed.range())
        if left is not None and look > 5.0 and end - look > 3.0:
            said += 1
            # Half a second: what runs at the moment of a look is not counted as work yet.
            held += left["low"] - 0.5 <= end - look <= left["high"] + 1.5 * max(each)
        look += 1.0
    assert said == 0 or held >= 0.8 * said, (held, said)
