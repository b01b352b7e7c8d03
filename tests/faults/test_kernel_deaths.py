"""A kernel that owns six jobs on Slurm ends, in each of the ways in which kernels end."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.stage import NODE_SECONDS, NOISE, DeathWatch, Kernel, QueueWatch, SlurmStage, frozen, wait_until

pytestmark = pytest.mark.requires("slurm")

GONE = 2.0
"""Seconds after a kernel's death in which its last job must be gone."""

LIMIT_OF_BIRTH = 15.0
"""Seconds for a start that loses its owner before its guard is up: interpreter and guard must come up first."""


def kill(kernel: Kernel) -> None:
    kernel.kill()


def restart(kernel: Kernel) -> None:
    kernel.manager.restart_kernel(now=False)


def restart_now(kernel: Kernel) -> None:
    kernel.manager.restart_kernel(now=True)


def shut_down(kernel: Kernel) -> None:
    kernel.manager.shutdown_kernel(now=False)


def shut_down_now(kernel: Kernel) -> None:
    kernel.manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("end", [kill, restart, restart_now, shut_down, shut_down_now])
def test_jobs_of_a_dead_kernel_do_not_stay(slurm_stage: SlurmStage, end: object) -> None:
    """Given six jobs of a kernel, three waiting, when it ends, then the queue is empty of them within two seconds.

    By hand it took 34 s and 100 node-seconds, and nobody cancelled those that waited.
    """
    started = slurm_stage.full()
    kernel = started.kernel
    assert kernel is not None
    slurm_stage.pause(1.0)
    death, clock = DeathWatch(kernel.pid), time.time()
    queue = QueueWatch(slurm_stage, started)
    end(kernel)  # type: ignore[operator]
    seconds = queue.seconds_after(death.at())
    wait_until("the entry is crossed out", started.ended)
    cost = slurm_stage.cost(started, clock)
    slurm_stage.note(f"kernel: {end.__name__}", seconds, cost)  # type: ignore[attr-defined]
    assert seconds <= GONE + NOISE
    assert cost <= NODE_SECONDS
    slurm_stage.nothing_left(started)
    wait_until("keeper and guard have ended", lambda: not started.processes())


def test_a_scheduler_that_is_stuck_does_not_keep_jobs(slurm_stage: SlurmStage) -> None:
    """Given a scheduler whose loop is blocked, when its owner dies, then the guard kills the keeper and releases.

    A keeper that cannot answer a stop would otherwise hold its jobs for as long as it is stuck.
    """
    started = slurm_stage.full()
    kernel = started.kernel
    assert kernel is not None
    kernel.run("import time; from distributed import Client; client = Client(c)")
    kernel.send("client.run_on_scheduler(time.sleep, 60)")
    keeper = started.keeper
    wait_until("the scheduler's loop is blocked", lambda: not _answers(started.entry.socket))
    clock = time.time()
    death = DeathWatch(kernel.pid)
    kernel.kill()
    seconds = slurm_stage.gone(started, death.at(), 3.0 + NOISE)
    wait_until("the entry is crossed out", started.ended)
    cost = slurm_stage.cost(started, clock)
    slurm_stage.note("kernel: kill, its scheduler stuck", seconds, cost)
    assert cost <= NODE_SECONDS
    assert not os.path.exists(f"/proc/{keeper}")
    slurm_stage.nothing_left(started)


def _answers(path: str | None) -> bool:
    from dask_steward.control.client import Control
    from dask_steward.errors import KeeperGone

    assert path is not None
    try:
        with Control(path, "probe") as control:
            control.state(timeout=0.5)
    except KeeperGone:
        return False
    return True


def test_a_kernel_that_is_stopped_keeps_its_jobs(slurm_stage: SlurmStage) -> None:
    """Given six jobs of a kernel, when it is stopped (SIGSTOP) and goes on later, then no job was lost."""
    started = slurm_stage.full()
    kernel = started.kernel
    assert kernel is not None
    before = {job.id for job in slurm_stage.ours(started)}
    with frozen(kernel.pid):
        time.sleep(4.0)
        assert {job.id for job in slurm_stage.ours(started, "RUNNING", "PENDING")} == before
        assert started.running == 3
        assert os.path.exists(f"/proc/{started.guard}")
    assert kernel.run("print(c.state['workers']['running'])").strip() == "3"
    os.kill(kernel.pid, signal.SIGKILL)
    slurm_stage.gone(started, time.monotonic(), 20)
    slurm_stage.nothing_left(started)


@pytest.mark.comes_first
def test_a_submit_burst_cut_by_the_kernels_death_leaves_nothing(slurm_stage: SlurmStage) -> None:
    """Given a kernel that starts six jobs, when it is killed at any moment of the start, then nothing is left."""
    for _ in range(3):
        kernel = slurm_stage.kernel()
        kernel.send("c = ds.start('six', wait=False)")
        at = slurm_stage.random.uniform(0.0, 2.5)
        time.sleep(at)
        clock, death = time.time(), DeathWatch(kernel.pid)
        kernel.kill()
        died = death.at()
        known = slurm_stage.known() - {one.id for one in slurm_stage.started}
        if not known:
            slurm_stage.note(f"burst: kernel, {at:.2f} s after the start: nothing was begun", 0.0, 0.0)
            continue
        started = slurm_stage.arrived()
        seconds = slurm_stage.gone(started, died, LIMIT_OF_BIRTH)
        wait_until("the entry is crossed out", started.ended)
        slurm_stage.gone(started, time.monotonic(), 1)
        cost = slurm_stage.cost(started, clock)
        slurm_stage.note(f"burst: kernel, {at:.2f} s after the start", seconds, cost)
        assert cost <= NODE_SECONDS
        slurm_stage.nothing_left(started)
