"""Keeper and guard of six jobs on Slurm die, alone and together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest

import dask_steward as ds
from dask_steward.ledger.identity import ProcessIdentity
from tests.faults.stage import NODE_SECONDS, NOISE, SlurmStage, Started, wait_until

pytestmark = pytest.mark.requires("slurm")


def check(stage: SlurmStage, started: Started, case: str, now: float, clock: float, limit: float) -> None:
    """Wait for the end, and ask for all that must be true then."""
    seconds = stage.gone(started, now, limit)
    wait_until(f"the entry is crossed out\n{started.log()}", started.ended)
    cost = stage.cost(started, clock)
    stage.note(case, seconds, cost)
    assert cost <= NODE_SECONDS
    stage.nothing_left(started)
    wait_until("keeper and guard have ended", lambda: not started.processes())


def test_a_killed_keeper_leaves_no_job(slurm_stage: SlurmStage) -> None:
    """Given six jobs, when their keeper is killed, then the guard cancels them all."""
    started = slurm_stage.full()
    slurm_stage.pause(1.0)
    now, clock = time.monotonic(), time.time()
    started.kill_keeper()
    check(slurm_stage, started, "keeper: kill", now, clock, 2.0 + NOISE)


def test_a_killed_guard_is_replaced(slurm_stage: SlurmStage) -> None:
    """Given six jobs, when the guard is killed again and again, then there is a new one each time, and no job is lost.

    The last one is as good as the first: it releases when the keeper dies.
    """
    started = slurm_stage.full()
    before = {job.id for job in slurm_stage.ours(started)}
    for _ in range(3):
        guard = started.guard
        os.kill(guard, signal.SIGKILL)
        wait_until("another guard watches", lambda guard=guard: started.guard != guard and started.entry.guard_alive())
    assert {job.id for job in slurm_stage.ours(started, "RUNNING", "PENDING")} == before
    now, clock = time.monotonic(), time.time()
    started.kill_keeper()
    check(slurm_stage, started, "guard: kill, three times; then keeper: kill", now, clock, 2.0 + NOISE)


def test_guard_then_keeper_killed_leaves_no_job(slurm_stage: SlurmStage) -> None:
    """Given six jobs, when the guard is killed and at any moment of its replacement the keeper, then nothing is left.

    Where no new guard was up yet, the line and a sweep give the jobs back.
    """
    started = slurm_stage.full()
    keeper = started.keeper
    now, clock = time.monotonic(), time.time()
    os.kill(started.guard, signal.SIGKILL)
    paused = slurm_stage.pause(0.3)
    os.kill(keeper, signal.SIGKILL)
    seconds = slurm_stage.gone(started, now, 3.0 + NOISE)
    cost = slurm_stage.cost(started, clock)
    slurm_stage.note(f"guard: kill; keeper: kill {paused:.2f} s later", seconds, cost)
    assert cost <= NODE_SECONDS
    if not started.entry.guard_alive():
        ds.sweep()
    wait_until("the entry is crossed out", started.ended)
    slurm_stage.nothing_left(started)


def test_a_sweep_gives_back_what_keeper_and_guard_left(slurm_stage: SlurmStage) -> None:
    """Given waiting jobs that cannot start, when keeper and guard die in one instant, then a sweep gives them back.

    Jobs that run leave by their line; a job that waits has none, and would wait for ever.
    """
    started = slurm_stage.full()
    held = slurm_stage.hold_waiting(started)
    slurm_stage.pause(1.0)
    clock = time.time()
    started.kill_both()
    wait_until("the running jobs have left", lambda: not slurm_stage.ours(started, "RUNNING", "COMPLETING"), 20)
    assert sorted(job.id for job in slurm_stage.ours(started, "PENDING")) == sorted(held)
    now = time.monotonic()
    report = ds.sweep()
    assert sorted(one.id for one in report.released if one.kind == "job") == sorted(held)
    assert report.ended == [started.id]
    assert report.left == []
    check(slurm_stage, started, "keeper and guard: kill in one instant, then sweep", now, clock, 2.0 + NOISE)


def test_a_sweep_while_jobs_still_run_cancels_them_too(slurm_stage: SlurmStage) -> None:
    """Given six jobs, when keeper and guard die in one instant and a sweep follows at once, then nothing is left."""
    started = slurm_stage.full()
    now, clock = time.monotonic(), time.time()
    started.kill_both()
    report = ds.sweep()
    assert report.ended == [started.id]
    check(slurm_stage, started, "keeper and guard: kill in one instant, sweep at once", now, clock, 2.0 + NOISE)


@pytest.fixture
def stand_in() -> Iterator[subprocess.Popen[bytes]]:
    """A living process of somebody else, in a session of its own, with a child."""
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 600 & wait"], start_new_session=True)
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_pids_from_before_a_reboot_mean_nothing(slurm_stage: SlurmStage, stand_in: subprocess.Popen[bytes]) -> None:
    """Given an entry from before a reboot, whose pids now belong to others, when swept, then its jobs are given back.

    And the others live: neither does a living process by an old number pass for the keeper, nor is it killed for one.
    """
    started = slurm_stage.full()
    kernel = started.kernel
    assert kernel is not None
    held = slurm_stage.hold_waiting(started)
    clock = time.time()
    kernel.kill()
    started.kill_both()
    other = {**ProcessIdentity.of(stand_in.pid).to_json(), "boot_id": str(uuid.uuid4())}
    _edit(started, "request.json", lambda value: value["owner"].update(other))
    _edit(started, "entry.json", lambda value: value["keeper"].update(other))
    _edit(started, "guard.json", lambda value: value.update(other))
    now = time.monotonic()
    report = ds.sweep()
    assert {one.id for one in report.released if one.kind == "job"} >= set(held)
    assert [one for one in report.released if one.kind == "process"] == []
    check(slurm_stage, started, "all at once, the boot id changed, then sweep", now, clock, 2.0 + NOISE)
    assert stand_in.poll() is None


def _edit(started: Started, name: str, change: object) -> None:
    path = started.folder / name
    value = json.loads(path.read_text())
    change(value)  # type: ignore[operator]
    path.write_text(json.dumps(value))


@pytest.mark.comes_first
def test_a_submit_burst_cut_by_the_keepers_death_leaves_nothing(slurm_stage: SlurmStage) -> None:
    """Given six submits under way, when the keeper is killed at any moment of them, then nothing is left.

    By hand this cost 66 s and 185 node-seconds: the submits outlive the killed process.
    """
    kernel = slurm_stage.kernel()
    for _ in range(3):
        started = slurm_stage.start("six", kernel=kernel)
        # The moments between the first intent and the last answer.
        wait_until("a submit is announced", (started.folder / "holdings.jsonl").exists, pause=0)
        at = slurm_stage.pause(0.5)
        now, clock = time.monotonic(), time.time()
        started.kill_keeper()
        # A submit that was under way may land after a look that found nothing: the last job counts, not the first gap.
        seconds = 0.0
        while time.monotonic() - now < 2.0:
            seconds = slurm_stage.gone(started, now, 3.0 + NOISE) if slurm_stage.ours(started) else seconds
            time.sleep(0.05)
        cost = slurm_stage.cost(started, clock)
        slurm_stage.note(f"burst: keeper, {at:.2f} s after the first submit", seconds, cost)
        assert cost <= NODE_SECONDS
        slurm_stage.nothing_left(started)
