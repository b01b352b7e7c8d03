"""Why jobs ended, by the word of Slurm's archive."""

from __future__ import annotations

import dataclasses
import os
import pwd
import time
from collections.abc import Callable

import pytest

from dask_steward.managers.base import JobState, JobStatus, Unknown
from dask_steward.managers.slurm import Slurm
from tests.accounting.conftest import PATIENCE
from tests.support.private_slurm import PrivateSlurm

pytestmark = pytest.mark.requires("accounting")


def submit(tag: str, body: str, count: int = 1) -> tuple[str, ...]:
    text = f"#!/bin/bash\n#SBATCH -o /dev/null\n{body}\n"
    return Slurm().submit(text, job_name=tag, comment=f"{tag}:j1", count=count, cwd="/tmp")


def in_state(jobs: tuple[str, ...], state: JobState) -> dict[str, JobStatus]:
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = Slurm().jobs()
        assert not isinstance(answer, Unknown), answer
        found = {status.id: status for status in answer if status.id in jobs and status.state is state}
        if len(found) == len(jobs):
            return found
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def told(statuses: list[JobStatus], wanted: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """Ask for causes until they are as wanted; return them."""
    deadline, manager = time.monotonic() + PATIENCE, Slurm()
    while not wanted(found := manager.causes(statuses)):
        assert time.monotonic() < deadline, found
    return found


def test_who_cancelled_a_job_is_told(slurm: PrivateSlurm, tag: str) -> None:
    jobs = submit(tag, "exec sleep 600", count=2)
    node = in_state(jobs, JobState.RUNNING)[jobs[0]].node
    slurm.run("scancel", *jobs)

    over = list(in_state(jobs, JobState.ENDED).values())
    # The archive learns of starts and ends seconds after the queue; until then there are plain words.
    causes = Slurm().causes(over)
    assert causes[jobs[0]].startswith("Slurm: CANCELLED — was cancelled")

    me = pwd.getpwuid(os.geteuid()).pw_name
    wanted = f"Slurm: CANCELLED — was cancelled by {me} (yourself) on {node}"
    assert told(over, lambda found: found.get(jobs[0]) == wanted).keys() == set(jobs)


@pytest.mark.requires("root")
def test_another_who_cancelled_it_is_named(slurm: PrivateSlurm, tag: str, account: Callable[..., str]) -> None:
    name = account(users=("nobody",))
    job = slurm.submit("exec sleep 600", f"--account={name}", name=tag, user="nobody")
    deadline = time.monotonic() + PATIENCE
    while not any(one.id == job and one.state == "RUNNING" for one in slurm.queue()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    slurm.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "scancel", job)
    slurm.wait_idle()
    # As root we see everybody's jobs in the archive; an ordinary user's archive holds his own, whoever cancelled them.
    seen = JobStatus(job, tag, JobState.ENDED, "CANCELLED", node="n1")
    wanted = {job: "Slurm: CANCELLED — was cancelled by nobody on n1"}
    assert told([seen], lambda found: found == wanted)


@pytest.mark.parametrize(
    ("body", "words"),
    [("exit 3", "FAILED — ended with exit code 3"), ("true", "COMPLETED — ended by itself")],
)
def test_how_a_job_ended_that_the_queue_forgot_is_told(slurm: PrivateSlurm, tag: str, body: str, words: str) -> None:
    (job,) = submit(tag, body)
    over = in_state((job,), JobState.ENDED)[job]
    # As it was seen last: Slurm forgets an ended job after minutes.
    last = dataclasses.replace(over, state=JobState.RUNNING, native="RUNNING", exit_code=None, ended=None, reason=None)
    wanted = {job: f"Slurm: {words} on {over.node}"}
    assert told([last], lambda found: found == wanted)


def test_a_job_that_still_runs_has_no_end(slurm: PrivateSlurm, tag: str) -> None:
    (job,) = submit(tag, "exec sleep 600")
    running = list(in_state((job,), JobState.RUNNING).values())
    assert Slurm().causes(running) == {}
