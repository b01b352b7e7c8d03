"""Clusters that are forgotten end by themselves: idle time-out and time to live."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

import dask_steward as ds
from dask_steward.errors import UsageError
from dask_steward.release import guard
from tests.faults.stage import MEASURED, NOISE, Stage, Started, state_letter, wait_until

pytestmark = pytest.mark.requires("procfs")

ONE = "workers=1, set={'options.threads_per_worker': 1"


def why(started: Started) -> str:
    """Return how a cluster ended, in its own words."""
    assert started.entry.end is not None
    return str(started.entry.end["reason"])


def test_an_idle_cluster_ends(stage: Stage) -> None:
    """Given an idle time-out, when nothing is computed for that long, then the cluster ends; work puts it off."""
    kernel = stage.kernel()
    started = stage.start("local", f"{ONE}, 'idle_timeout': '4 s'}}", kernel=kernel)
    wait_until("one worker is connected", lambda: started.running == 1)
    kernel.run("import time; from distributed import Client; client = Client(c)")
    kernel.run("client.submit(time.sleep, 6).result()")
    assert not started.ended()
    seconds = wait_until("it has ended", started.ended, 4 + 10)
    stage.note("idle time-out of 4 s, after its last task", seconds)
    assert "idle for 4 s" in why(started)
    wait_until("no process is left", lambda: not started.processes(), 5)


def test_a_time_to_live_ends_a_busy_cluster(stage: Stage) -> None:
    """Given a time to live, when it is over, then the cluster ends, whatever it computes."""
    kernel = stage.kernel()
    started = stage.start("local", f"{ONE}, 'time_to_live': '6 s'}}", kernel=kernel)
    wait_until("one worker is connected", lambda: started.running == 1)
    kernel.run("import time; from distributed import Client; client = Client(c); f = client.submit(time.sleep, 100)")
    wait_until("it has ended", started.ended, 6 + 10)
    stage.note("time to live of 6 s, a task under way", time.time() - started.entry.created)
    assert time.time() - started.entry.created >= 6
    assert "time to live" in why(started)
    wait_until("no process is left", lambda: not started.processes(), 5)


LIVES = 5
"""Time to live (seconds) of the cluster whose keeper is frozen."""


@pytest.fixture(scope="session")
def forgotten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A cluster with a short time to live whose keeper stands still; the whole run waits for its end."""
    folder = tmp_path_factory.mktemp("forgotten")
    (folder / "state").mkdir(mode=0o700)
    stage = Stage(folder, random.Random(0), MEASURED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASK_STEWARD_STATE_DIR", str(folder / "state"))
        started = stage.start("local", f"{ONE}, 'time_to_live': '{LIVES} s'}}")
        wait_until("one worker is connected", lambda: started.running == 1)
    os.kill(started.keeper, signal.SIGSTOP)
    yield stage
    assert not stage.end()


@pytest.mark.comes_first
def test_a_frozen_keeper_cannot_end_its_cluster(forgotten: Stage) -> None:
    """Given a keeper that stands still, when its time to live is over, then it does nothing: somebody else must.

    What its guard does some grace later is looked at by the last of all tests.
    """
    (started,) = forgotten.started
    time.sleep(max(0.0, started.entry.created + LIVES + 2 - time.time()))
    assert not started.ended()
    assert state_letter(started.keeper) == "T"


@pytest.mark.comes_last
def test_the_guard_enforces_the_time_to_live_of_a_frozen_keeper(forgotten: Stage) -> None:
    """Given a keeper that stands still, when its time to live and some grace are over, then the guard ends it."""
    (started,) = forgotten.started
    limit = LIVES + guard.LIVE_GRACE
    left = max(0.0, started.entry.created + limit - time.time())
    wait_until(f"it is crossed out\n{started.log()}", started.ended, left + 5 + NOISE, 0.2)
    end = started.entry.end
    assert end is not None
    lived = end["at"] - started.entry.created
    assert limit <= lived <= limit + 5 + NOISE
    assert end["by"] == "guard"
    assert started.processes() == []
    forgotten.note(f"time to live of {LIVES} s, keeper frozen (grace {guard.LIVE_GRACE:.0f} s)", lived)


def test_a_detached_cluster_outlives_its_starter_and_ends_when_idle(stage: Stage) -> None:
    """Given a detached cluster, when its starter is killed, then it lives on until it is idle too long."""
    kernel = stage.kernel()
    started = stage.start("local", f"{ONE}, 'idle_timeout': '8 s'}}, tenure='detached'", kernel=kernel)
    wait_until("one worker is connected", lambda: started.running == 1)
    before = {process.pid for process in started.processes()}
    kernel.kill()
    time.sleep(3)
    assert {process.pid for process in started.processes()} == before
    assert started.running == 1
    seconds = wait_until("it has ended", started.ended, 8 + 10)
    stage.note("detached, idle time-out of 8 s; its starter killed 3 s before", seconds + 3)
    assert "idle for 8 s" in why(started)
    wait_until("no process is left", lambda: not started.processes(), 5)


def test_a_detached_cluster_without_a_limit_is_refused(stage: Stage) -> None:
    """Given no idle time-out and no time to live, when a detached cluster is asked for, then nothing is started."""
    with pytest.raises(UsageError, match="detached needs idle_timeout or time_to_live"):
        ds.start("local", tenure="detached")
    assert stage.known() == set()
