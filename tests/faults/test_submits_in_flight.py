"""Submits that are under way when their keeper dies, and a controller that is away or says no."""

from __future__ import annotations

import os
import signal
import time

import pytest

import dask_steward as ds
from tests.faults.stage import NODE_SECONDS, NOISE, SlurmStage, Started, wait_until
from tests.support import leaks
from tests.support.commands import Faults

pytestmark = [pytest.mark.long, pytest.mark.requires("slurm")]

SLOW = 2.5
"""Seconds that a slow sbatch takes: the guard has looked and found nothing by then."""


def detached_sbatch(faults: Faults, seconds: float) -> None:
    """An sbatch that hands the submit to a service elsewhere: whoever kills the command does not stop the submit."""
    faults.script(
        "sbatch",
        f"script={faults.folder}/script.$$; cat > $script; answer={faults.folder}/answer.$$",
        # Nothing of the caller's is left in it: neither session, nor environment, nor open pipes.
        "env -i PATH=$PATH SLURM_CONF=$SLURM_CONF setsid bash -c"
        f" 'sleep {seconds}; {faults.real('sbatch')} \"$@\" < '$script' > '$answer'.new; mv '$answer'.new '$answer"
        ' sbatch "$@" < /dev/null > /dev/null 2>&1 &',
        "while [ ! -e $answer ]; do sleep 0.1; done; cat $answer",
    )


@pytest.mark.comes_first
@pytest.mark.parametrize("way", ["before the job is there", "before it answers", "detached"])
@pytest.mark.parametrize("dies", ["keeper", "kernel"])
def test_a_submit_in_flight_is_given_back(slurm_stage: SlurmStage, faults: Faults, way: str, dies: str) -> None:
    """Given submits that take long, when keeper or kernel dies meanwhile, then what they still bring is given back.

    A clean-up that looked once would see an empty queue: with dask-jobqueue no job existed yet when the kernel was
    killed, and all six came, started one after the other, and burnt 186 node-seconds.
    """
    if way == "detached":
        detached_sbatch(faults, SLOW)
    else:
        faults.slow_sbatch(**{"before" if way.startswith("before the job") else "after": SLOW})
    # On hold, so that no job of these starts, finds its keeper dead and leaves by itself: here the guard must do it.
    started = slurm_stage.start("six", "set={'options.job_extra_directives': ['--hold']}")
    wait_until("a submit is under way", lambda: faults.calls("sbatch"))
    slurm_stage.pause(1.0)
    now, clock = time.monotonic(), time.time()
    if dies == "keeper":
        started.kill_keeper()
    else:
        assert started.kernel is not None
        started.kernel.kill()
    # Longer than any of them takes: what can land has landed then.
    seen: set[str] = set()
    last = now
    while time.monotonic() - now < 2 * SLOW:
        jobs = {job.id for job in slurm_stage.ours(started)}
        last = time.monotonic() if jobs else last
        seen |= jobs
        time.sleep(0.05)
    assert slurm_stage.ours(started) == [], started.log()
    if way == "detached":
        assert slurm_stage.slurm.jobs_with_tag(started.tag, ended=True), "no submit landed: nothing was tested"
    cost = slurm_stage.cost(started, clock)
    slurm_stage.note(f"submit in flight, {way}; {dies}: kill", last - now, cost)
    assert cost <= NODE_SECONDS
    slurm_stage.nothing_left(started)
    assert not started.entry.keeper_alive()
    assert started.ended() or started.entry.guard_alive(), started.log()


def test_a_controller_that_is_down_at_release_is_asked_again(slurm_stage: SlurmStage) -> None:
    """Given a controller that is down when the kernel dies, when it is up 20 s later, then the jobs are given back.

    With dask-jobqueue the close said nothing, and the waiting jobs started after the restart. Until it answers, what is
    held is unknown, not gone: nothing is crossed out.
    """
    started = slurm_stage.full()
    assert started.kernel is not None
    slurm_stage.hold_waiting(started)

    # The running ones leave by their line, long before anybody can tell the controller.
    def at_work() -> list[leaks.Process]:
        found = slurm_stage.slurm.processes_on_nodes()
        return [one for one in found if one.environment.get("SLURM_JOB_NAME") == started.tag]

    assert len(at_work()) >= 3
    slurm_stage.slurm.controller_down()
    clock = time.time()
    down = time.monotonic()
    started.kernel.kill()
    left = wait_until("no worker is left on any node", lambda: not at_work(), 2.0 + NOISE)
    slurm_stage.note("controller down at the kernel's death: workers have left", left)
    time.sleep(max(0.0, 20 - (time.monotonic() - down)))
    assert not started.ended()
    assert started.entry.guard_alive()
    now = time.monotonic()
    slurm_stage.slurm.controller_up()
    # The guard asks every five seconds at most.
    seconds = slurm_stage.gone(started, now, 20.0)
    wait_until(f"the entry is crossed out\n{started.log()}", started.ended)
    # The controller's own record counts until it is back; what a job really took is the time until its worker left.
    cost = 3 * left
    slurm_stage.note("controller down at the kernel's death, up 20 s later (after it is up)", seconds, cost)
    assert cost <= NODE_SECONDS
    assert slurm_stage.cost(started, clock) <= 3 * (time.monotonic() - down)
    slurm_stage.nothing_left(started)


@pytest.mark.parametrize("dies", ["kernel", "keeper", "keeper and guard"])
def test_a_scancel_that_fails_twice_is_tried_again(slurm_stage: SlurmStage, faults: Faults, dies: str) -> None:
    """Given a scancel that fails twice, when somebody dies, then the jobs are given back all the same."""
    started = slurm_stage.full()
    assert started.kernel is not None
    slurm_stage.hold_waiting(started)
    faults.fail_first("scancel", 2)
    now, clock = time.monotonic(), time.time()
    if dies == "kernel":
        started.kernel.kill()
    elif dies == "keeper":
        started.kill_keeper()
    else:
        started.kill_both()
        report = ds.sweep()
        assert report.ended == []
        # What a sweep cannot finish in a moment gets a new guard.
        assert [id for id, _ in report.left] == [started.id]
    seconds = slurm_stage.gone(started, now, 8.0 + NOISE)
    assert len(faults.calls("scancel")) >= 3
    wait_until(f"the entry is crossed out\n{started.log()}", started.ended)
    cost = slurm_stage.cost(started, clock)
    slurm_stage.note(f"scancel fails twice; {dies}: kill", seconds, cost)
    assert cost <= NODE_SECONDS
    slurm_stage.nothing_left(started)


def test_a_state_that_cannot_be_asked_is_not_shown_as_gone(slurm_stage: SlurmStage, faults: Faults) -> None:
    """Given a squeue that fails, when the kernel dies, then nothing is crossed out until squeue has answered."""
    started = slurm_stage.full()
    assert started.kernel is not None
    faults.refuse("squeue", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    death = time.monotonic()
    os.kill(started.kernel.pid, signal.SIGKILL)
    time.sleep(3)
    assert not started.ended()
    assert _held(started)
    faults.clear("squeue")
    slurm_stage.gone(started, death, 40)
    wait_until(f"the entry is crossed out\n{started.log()}", started.ended)
    slurm_stage.nothing_left(started)


def _held(started: Started) -> bool:
    return any(one.cluster == started.id for one in ds.held())
