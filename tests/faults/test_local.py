"""Clusters of this host: their processes end with their owner, and only then."""

from __future__ import annotations

import os
import signal
import time

import pytest

import dask_steward as ds
from tests.faults.stage import NOISE, DeathWatch, Kernel, Stage, Started, wait_until
from tests.support import leaks

pytestmark = pytest.mark.requires("procfs")

GONE = 2.0
"""Seconds after a kernel's death in which no process of ours may be left."""

HOLD_GIL = """
def hold_gil(seconds):
    import ctypes, subprocess
    subprocess.Popen(["setsid", "sleep", str(seconds)])
    ctypes.PyDLL("libc.so.6").sleep(seconds)

futures = [client.submit(hold_gil, 301, pure=False) for _ in range(2)]
"""


def two_workers(stage: Stage) -> tuple[Started, Kernel]:
    """Start a cluster of two workers that a kernel owns and is a client of."""
    kernel = stage.kernel()
    started = stage.start("local", "workers=2, set={'options.threads_per_worker': 1}", kernel=kernel)
    wait_until("two workers are connected", lambda: started.running == 2)
    kernel.run("from distributed import Client; client = Client(c)")
    return started, kernel


def hold_gils(kernel: Kernel) -> None:
    """Have both workers hold their GIL in a C call."""
    kernel.run(HOLD_GIL)
    wait_until(
        "both tasks run",
        lambda: sum(p.command == "sleep 301" for p in leaks.marked("DASK_STEWARD_CLUSTER")) == 2,
    )
    time.sleep(0.3)  # from the child's start to the call that holds the GIL


def scratch_of(started: Started) -> str:
    """Return the folder in which its workers spill."""
    return str(started.entry.facts["scratch"])


@pytest.mark.parametrize("work", ["idle", "holding the GIL"])
@pytest.mark.parametrize("dies", ["kernel", "keeper", "keeper and guard"])
def test_no_process_is_left(stage: Stage, work: str, dies: str) -> None:
    """Given two workers, also in a C call that holds the GIL, when somebody is killed, then no process of ours is left.

    Dask's own watching threads do not run while the GIL is held, and a killed nanny ends nobody.
    """
    started, kernel = two_workers(stage)
    if work == "holding the GIL":
        hold_gils(kernel)
    mine = started.processes()
    assert len(mine) >= 5  # keeper, guard, the workers' parent, two workers
    scratch = scratch_of(started)
    stage.pause(0.5)
    now = time.monotonic()
    if dies == "kernel":
        death = DeathWatch(kernel.pid)
        kernel.kill()
        now = death.at()
    elif dies == "keeper":
        started.kill_keeper()
    else:
        started.kill_both()

    # What a task put into a session of its own is no child of ours any more: only who looks for the mark finds it.
    def left() -> list[leaks.Process]:
        found = started.processes()
        return found if dies != "keeper and guard" else [one for one in found if not one.command.startswith("sleep")]

    wait_until(f"no process is left: {[str(one) for one in left()]}\n{started.log()}", lambda: not left(), GONE + NOISE)
    stage.note(f"local, workers {work}; {dies}: kill", time.monotonic() - now)
    if dies == "keeper and guard":
        ds.sweep()
    assert started.processes() == []
    wait_until("the entry is crossed out", started.ended)
    assert not os.path.exists(scratch)
    assert not os.path.exists(started.folder / "tls")


def test_an_interrupt_of_the_kernel_kills_no_worker(stage: Stage) -> None:
    """Given a kernel that waits for a result, when it is interrupted, then the wait ends, and every worker lives on."""
    started, kernel = two_workers(stage)
    before = {process.pid for process in started.processes()}
    for _ in range(3):
        cell = kernel.send("import time; client.submit(time.sleep, 4, pure=False).result()")
        time.sleep(0.5)
        kernel.manager.interrupt_kernel()
        kernel.finish(cell, 20)
    # As a terminal does it, to the kernel's whole group.
    kernel_group = os.getpgid(kernel.pid)
    assert kernel_group != os.getpgid(0)
    cell = kernel.send("time.sleep(20)")
    time.sleep(0.5)
    os.killpg(kernel_group, signal.SIGINT)
    kernel.finish(cell, 20)
    assert {process.pid for process in started.processes()} == before
    assert started.running == 2
    assert kernel.run("print(client.submit(sum, [1, 2]).result(timeout=60))").strip() == "3"


def test_a_worker_that_is_killed_is_replaced(stage: Stage) -> None:
    """Given two workers, when one is killed, then another takes its place."""
    started, kernel = two_workers(stage)
    first, second = kernel.run("print(*client.run(__import__('os').getpid).values())").split()
    os.kill(int(first), signal.SIGKILL)
    dead = DeathWatch(int(first))
    dead.at()
    # Until the scheduler has noticed, it counts the dead one, too.
    wait_until("the scheduler counts one worker", lambda: started.running == 1, pause=0.005)
    wait_until("the scheduler counts two", lambda: started.running == 2)
    now = kernel.run("print(*client.run(__import__('os').getpid).values())").split()
    assert len(now) == 2
    assert second in now
    assert first not in now


def test_a_frozen_keeper_does_not_keep_its_cluster(stage: Stage) -> None:
    """Given a keeper that stands still, when its owner dies, then the guard kills it and nothing is left."""
    started, kernel = two_workers(stage)
    os.kill(started.keeper, signal.SIGSTOP)
    death = DeathWatch(kernel.pid)
    kernel.kill()
    wait_until("no process is left", lambda: not started.processes(), 3.0 + NOISE)
    stage.note("local, keeper frozen; kernel: kill", time.monotonic() - death.at())
    wait_until("the entry is crossed out", started.ended)
