"""What is held, by cores; and what has been held since midnight."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dask_steward.control.held import held_of, spent_today
from dask_steward.ledger.entries import Entry

NOON = datetime(2026, 11, 21, 12).timestamp()
MIDNIGHT = datetime(2026, 11, 21).timestamp()
HOUR = 3600.0


def entry(
    folder: Path,
    *lines: tuple[str, str, float],
    created: float,
    end: float | None = None,
    spend: float | None = None,
    cores: int = 4,
) -> Entry:
    folder.mkdir(exist_ok=True)
    steps = [{"kind": "job", "key": key, "step": step, "at": at} for key, step, at in lines]
    (folder / "holdings.jsonl").write_text("".join(f"{json.dumps(step)}\n" for step in steps))
    facts = {} if spend is None else {"spend": {"core_seconds_held": spend, "core_seconds_busy": 0.0}}
    profile = {"system": "slurm", "options": {"cores": cores}}
    ended = None if end is None else {"at": end, "state": "stopped"}
    return Entry(str(folder), {"created": created, "profile": profile}, facts, None, ended)


def test_a_cluster_of_today_counts_whole(tmp_path: Path) -> None:
    living = entry(tmp_path / "aaaaaaaaaa", ("j1", "held", NOON - HOUR), created=NOON - HOUR)
    ended = entry(tmp_path / "bbbbbbbbbb", created=NOON - HOUR, end=NOON - 60, spend=500.0)
    assert spent_today([living, ended], {"aaaaaaaaaa": 1000.0}, NOON) == 1500.0


def test_a_cluster_that_ended_before_midnight_counts_nothing(tmp_path: Path) -> None:
    old = entry(tmp_path / "aaaaaaaaaa", created=MIDNIGHT - 9 * HOUR, end=MIDNIGHT - 1, spend=9999.0)
    assert spent_today([old], {}, NOON) == 0.0


def test_a_night_s_cluster_counts_what_it_held_since_midnight(tmp_path: Path) -> None:
    # Two jobs from four hours before midnight on; one was given back at midnight, the other lives.
    night = entry(
        tmp_path / "aaaaaaaaaa",
        ("j1", "held", MIDNIGHT - 4 * HOUR),
        ("j2", "held", MIDNIGHT - 4 * HOUR),
        ("j1", "released", MIDNIGHT),
        created=MIDNIGHT - 4 * HOUR,
    )
    # 4 + 4 hours before, 12 after: of 20 core-hours (one core each) 12 are of today.
    assert spent_today([night], {"aaaaaaaaaa": 20 * HOUR}, NOON) == pytest.approx(12 * HOUR)


def test_of_a_killed_keeper_the_profile_says_what_its_jobs_had(tmp_path: Path) -> None:
    killed = entry(
        tmp_path / "aaaaaaaaaa",
        ("j1", "held", NOON - 100),
        ("j1", "released", NOON - 50),
        ("j2", "intent", NOON - 100),
        ("j2", "refused", NOON - 90),
        created=NOON - 100,
        end=NOON - 50,
    )
    assert spent_today([killed], {}, NOON) == 50 * 4


def state(*holdings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "aaaaaaaaaa", "name": "a", "holdings": list(holdings), **more}


def test_a_queued_job_takes_no_cores_and_a_running_one_those_of_its_group() -> None:
    groups = {"main": {"unit": {"cores": 4}}, "gpu": {"unit": {"cores": 16}}}
    queued, running, gpu = held_of(
        state(
            {"kind": "job", "id": "1", "state": "queued", "since": NOON - 100},
            {"kind": "job", "id": "2", "state": "running", "since": NOON - 100, "group": "main"},
            {"kind": "job", "id": "3", "state": "connected", "since": NOON - 10, "group": "gpu"},
            groups=groups,
        ),
        NOON,
    )
    assert (queued.cores, queued.core_seconds) == (0, 0)
    assert (running.cores, running.core_seconds) == (4, 400)
    assert (gpu.cores, gpu.core_seconds) == (16, 160)


def test_all_workers_of_a_local_cluster_are_one_holding() -> None:
    spend = {"core_seconds_held": 123.0}
    (found,) = held_of(
        state({"kind": "process", "id": "1", "state": "held", "since": NOON}, cores_held=8, spend=spend), NOON
    )
    assert (found.cores, found.core_seconds) == (8, 123)
