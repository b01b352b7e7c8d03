"""Intent, held, released: what the lines of a cluster add up to."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.ledger import files, holdings
from dask_steward.ledger.holdings import HoldingsLog, fold


def line(key: str, step: str, at: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"at": at, "kind": "job", "key": key, "step": step, **more}


def test_the_last_step_counts_and_the_id_stays() -> None:
    found = fold([line("j1", "intent"), line("j1", "held", 2.0, id="77"), line("j1", "released", 3.0, reason="gone")])

    assert list(found) == ["j1"]
    one = found["j1"]
    assert (one.id, one.step, one.since, one.reason, one.open) == ("77", "released", 3.0, "gone", False)


@pytest.mark.parametrize(
    ("step", "is_open"), [("intent", True), ("held", True), ("refused", False), ("released", False), ("novel", True)]
)
def test_what_may_still_be_held(step: str, is_open: bool) -> None:
    assert fold([line("j1", step)])["j1"].open is is_open


def test_foreign_lines_are_passed_over() -> None:
    lines: list[dict[str, Any]] = [
        {},
        {"key": 1, "step": "held", "at": 1},
        {"key": "j1", "step": None, "at": 1},
        {"key": "j1", "step": "held", "at": "now"},
        line("j2", "held", id=12),
    ]

    found = fold(lines)

    assert list(found) == ["j2"]
    assert found["j2"].id == "12"


steps = st.sampled_from([holdings.INTENT, holdings.HELD, holdings.REFUSED, holdings.RELEASED])


@given(st.lists(st.tuples(st.sampled_from(["j1", "j2", "j3"]), steps)))
def test_fold_is_the_last_step_of_each_key(history: list[tuple[str, str]]) -> None:
    found = fold(line(key, step, float(at)) for at, (key, step) in enumerate(history))

    assert {key: one.step for key, one in found.items()} == dict(history)


def test_a_log_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    log = HoldingsLog(str(tmp_path))
    log.write("job", "j1", holdings.INTENT)
    log.write("job", "j1", holdings.HELD, "5")

    assert [one["step"] for one in files.read_lines(str(tmp_path / holdings.FILE))] == ["intent", "held"]
    assert HoldingsLog(str(tmp_path)).known["j1"].id == "5"
    assert log.known["j1"] == HoldingsLog(str(tmp_path)).known["j1"]


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    log = HoldingsLog(str(tmp_path))

    def write(number: int) -> None:
        for turn in range(20):
            log.write("job", f"j{number}-{turn}", holdings.INTENT)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)

    assert len(files.read_lines(str(tmp_path / holdings.FILE))) == 80
    assert len(log.known) == 80


def test_a_step_that_cannot_be_written_is_not_known(tmp_path: Path) -> None:
    """Intent that is not on disk must not be acted upon: whoever asks the log sees nothing."""
    log = HoldingsLog(str(tmp_path / "gone"))

    with pytest.raises(OSError, match="No such file"):
        log.write("job", "j1", holdings.INTENT)

    assert log.known == {}
