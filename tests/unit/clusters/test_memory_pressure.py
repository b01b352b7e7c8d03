"""Memory is spoken of before a worker dies: what is said when, by Dask's own thresholds, and what can be done."""

from __future__ import annotations

import dask
import pytest

from dask_steward.clusters.memory_pressure import Pressure, Thresholds, warnings_of

GIB = 2**30
AT = Thresholds()


def worker(name: str = "w0", used: float = 2.0, spilled: float = 0.0, unmanaged: float = 0.5, paused: bool = False):
    return Pressure(name, 8 * GIB, int(used * GIB), int(spilled * GIB), int(unmanaged * GIB), paused)


def test_nothing_is_said_of_workers_that_have_room() -> None:
    assert warnings_of([worker(f"w{n}", used=5.0) for n in range(4)], AT) == []


def test_a_worker_that_is_about_to_be_killed_comes_first() -> None:
    first, *_ = warnings_of([worker("w1", used=7.4, spilled=2.0, paused=True), worker("w2", spilled=1.0)], AT)

    assert first.startswith("Worker w1 is about to run out of memory (90 % of 8 GiB): at 95% the process is killed")
    assert "smaller chunks" in first
    assert "more memory" in first


def test_one_that_is_close_to_its_end_is_not_told_twice() -> None:
    found = warnings_of([worker("w1", used=7.4, paused=True)], AT)

    assert len([one for one in found if "paused" in one]) == 0


def test_paused_workers_are_counted() -> None:
    (found,) = warnings_of([worker(f"w{n}", used=6.6, paused=True) for n in range(3)], AT)

    assert found.startswith("3 workers are paused, above 80% of their memory (up to 80 % of 8 GiB)")
    assert "no new task starts there" in found


def test_spilling_says_how_much() -> None:
    (found,) = warnings_of([worker("w0", spilled=1.5), worker("w1", spilled=2.0)], AT)

    assert found.startswith("2 workers are writing results to disk (3.5 GiB so far)")


def test_unmanaged_memory_is_named_with_the_worst_worker() -> None:
    (found,) = warnings_of([worker("w0", used=5, unmanaged=4.0), worker("w7", used=5, unmanaged=4.5)], AT)

    assert found.startswith(
        "2 workers are holding much memory that Dask does not manage (4.5 GiB of 8 GiB on worker w7)"
    )


def test_the_sentence_stays_while_memory_breathes() -> None:
    """A sentence that changes with every heartbeat would be news each second, and is not read."""
    said = {tuple(warnings_of([worker(used=6.6 + step / 100, paused=True)], AT)) for step in range(10)}
    assert len(said) == 1


def test_without_a_limit_nothing_can_be_said() -> None:
    assert warnings_of([Pressure("w0", 0, 10 * GIB, 0, 9 * GIB, False)], AT) == []


@pytest.mark.parametrize(("name", "value"), [("terminate", 0.9), ("pause", False), ("spill", 0.5)])
def test_thresholds_are_those_of_dask(name: str, value: float) -> None:
    with dask.config.set({f"distributed.worker.memory.{name}": value}):
        assert getattr(Thresholds.of_config(), name) == (value or None)


def test_a_site_that_does_not_kill_is_not_threatened_with_it() -> None:
    at = Thresholds(terminate=None)
    assert not any("killed" in one for one in warnings_of([worker(used=7.9, paused=True)], at))
