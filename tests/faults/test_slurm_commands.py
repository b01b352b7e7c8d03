"""The Slurm manager when Slurm's commands hang, fail or talk: what a real Slurm cannot be made to do."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator

import pytest

from dask_steward.errors import SubmitRefused, SubmitUncertain
from dask_steward.managers.base import Unknown
from dask_steward.managers.slurm import Slurm
from tests.support import leaks
from tests.support.commands import Faults
from tests.support.private_slurm import PrivateSlurm

pytestmark = pytest.mark.requires("slurm")

SCRIPT = "#!/bin/bash\n#SBATCH -o /dev/null\n#SBATCH --hold\nsleep 600\n"


def submit(tag: str, timeout: float = 30.0) -> str:
    return Slurm().submit(SCRIPT, job_name=tag, comment=f"{tag}:j1", cwd="/tmp", timeout=timeout)[0]


def landed(slurm: PrivateSlurm, tag: str, n: int = 1, timeout: float = 20.0) -> list[str]:
    """Return the ids of our jobs as soon as there are `n`."""
    deadline = time.monotonic() + timeout
    while len(jobs := slurm.jobs_with_tag(tag)) < n and time.monotonic() < deadline:
        time.sleep(0.05)
    return [job.id for job in jobs]


@pytest.fixture
def tag() -> str:
    """A cluster's tag that no test before had: Slurm remembers ended jobs for minutes."""
    return f"dask-steward-{uuid.uuid4().hex[:10]}"


@pytest.fixture(autouse=True)
def emptied(slurm: PrivateSlurm) -> Iterator[None]:
    yield
    slurm.clear()


def test_a_banner_before_the_id_is_not_the_id(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    faults.banner_sbatch()
    job = submit(tag)
    assert landed(slurm, tag) == [job]


def test_a_submit_without_an_answer_in_time_is_uncertain(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    faults.slow_sbatch(after=600)
    with pytest.raises(SubmitUncertain, match="did not answer within 3 s; the job may still appear") as uncertain:
        submit(tag, timeout=3)
    assert uncertain.value.retryable
    assert len(landed(slurm, tag)) == 1  # and indeed it had landed


def test_half_a_line_is_no_id(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    """The first digits of an id are the id of another job, which would then be cancelled as ours."""
    faults.script("sbatch", f'id=$({faults.real("sbatch")} "$@"); printf "${{id%?}}"')
    slurm.submit_foreign(10)
    with pytest.raises(SubmitUncertain, match="without a job id"):
        submit(tag)
    assert len(landed(slurm, tag)) == 1


def test_a_submit_that_says_nothing_is_uncertain(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    faults.silent_sbatch()
    with pytest.raises(SubmitUncertain, match="without a job id"):
        submit(tag)
    assert len(landed(slurm, tag)) == 1


def test_an_id_is_taken_though_sbatch_then_fails(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    faults.script("sbatch", f'{faults.real("sbatch")} "$@"; echo "sbatch: error: plugin: oops" >&2; exit 1')
    job = submit(tag)
    assert landed(slurm, tag) == [job]


def test_an_sbatch_that_is_killed_is_uncertain(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    faults.script("sbatch", "kill -9 $$")
    with pytest.raises(SubmitUncertain, match="ended by signal 9"):
        submit(tag)


@pytest.mark.parametrize(
    ("words", "retryable", "uncertain"),
    [
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", True, True),
        ("sbatch: error: Batch job submission failed: Resource temporarily unavailable", True, False),
        (
            "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates"
            " accounting/QOS policy (job submit limit, user's size and/or time limits)",
            True,
            False,
        ),
        ("Your project has no hours left.", False, False),
        ("", False, False),
    ],
)
def test_refusals_are_told_apart(
    slurm: PrivateSlurm, tag: str, faults: Faults, words: str, retryable: bool, uncertain: bool
) -> None:
    faults.refuse("sbatch", words)
    with pytest.raises(SubmitRefused) as refused:
        submit(tag)
    assert isinstance(refused.value, SubmitUncertain) is uncertain
    assert refused.value.retryable is retryable
    last = words.splitlines()[-1].removeprefix("sbatch: error: ") if words else "exit status 1 without a word"
    assert last in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("program", ["squeue", "scancel"])
def test_a_command_that_hangs_is_unknown_and_leaves_no_process(
    slurm: PrivateSlurm, faults: Faults, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_HANG", str(time.time_ns()))
    faults.hang(program)
    manager = Slurm(timeout=0.5)
    answer = manager.jobs() if program == "squeue" else manager.cancel(["1"])
    assert isinstance(answer, Unknown)
    assert answer.reason == f"{program} did not answer within 0.5 s"
    assert leaks.marked(f"TEST_HANG={os.environ['TEST_HANG']}", "SLURM_CONF") == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refuse", "squeue: slurm_load_jobs error: Invalid user id"),
        ("missing", "squeue: bash: squeue: command not found"),
        ("nothing", "squeue's answer holds no list: ''"),
        ("garbage", "squeue's answer holds no list: 'Welcome to Hydra 2'"),
        ("cut", "squeue's answer is cut"),
    ],
)
def test_a_squeue_that_fails_is_never_an_empty_queue(
    slurm: PrivateSlurm, tag: str, faults: Faults, fault: str, reason: str
) -> None:
    job = submit(tag)
    if fault == "refuse":
        faults.refuse("squeue", "slurm_load_jobs error: Invalid user id")
    elif fault == "garbage":
        faults.script("squeue", "echo Welcome to Hydra 2")
    elif fault == "cut":
        faults.script("squeue", f'{faults.real("squeue")} "$@" | head -c -20')
    else:
        getattr(faults, fault)("squeue")
    answer = Slurm().find_by_tag([tag])
    assert isinstance(answer, Unknown)
    assert answer.reason.startswith(reason)

    faults.clear("squeue")
    again = Slurm().find_by_tag([tag])
    assert not isinstance(again, Unknown)
    assert [status.id for status in again[tag]] == [job]


def test_a_squeue_that_talks_is_still_understood(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    job = submit(tag)
    real = faults.real("squeue")
    faults.script("squeue", "echo '*** Maintenance on Monday ***'", f'{real} "$@"; echo "Have a nice day"')
    answer = Slurm().find_by_tag([tag])
    assert not isinstance(answer, Unknown)
    assert [status.id for status in answer[tag]] == [job]


def test_an_order_that_failed_is_unknown_and_can_be_given_again(slurm: PrivateSlurm, tag: str, faults: Faults) -> None:
    job = submit(tag)
    faults.fail_first(
        "scancel", 2, "scancel: error: Kill job error on job id 1: Socket timed out on send/recv operation"
    )
    manager = Slurm()
    for _ in range(2):
        answer = manager.cancel([job])
        assert isinstance(answer, Unknown)
        assert answer.reason == "scancel: Kill job error on job id 1: Socket timed out on send/recv operation"
        assert landed(slurm, tag) == [job]
    assert manager.cancel([job]) is None
    slurm.wait_idle()
    assert len(faults.calls("scancel")) == 3


def test_at_most_a_hundred_ids_go_to_one_scancel(slurm: PrivateSlurm, faults: Faults) -> None:
    faults.nothing("scancel")
    ids = [str(900000 + n) for n in range(250)]
    assert Slurm().cancel(ids) is None
    assert [len(call) for call in faults.calls("scancel")] == [100, 100, 50]
    assert [job for call in faults.calls("scancel") for job in call] == ids


def test_a_batch_that_fails_does_not_spare_the_next(slurm: PrivateSlurm, faults: Faults) -> None:
    faults.fail_first("scancel", 1, "scancel: error: Kill job error on job id 900000: Access/permission denied")
    answer = Slurm().cancel([str(900000 + n) for n in range(150)])
    assert isinstance(answer, Unknown)
    assert len(faults.calls("scancel")) == 2


def test_a_frozen_controller_is_unknown(slurm: PrivateSlurm) -> None:
    slurm.freeze_controller()
    try:
        answer = Slurm().jobs(timeout=1)
        assert isinstance(answer, Unknown)
        assert answer.reason.startswith("squeue did not answer within 1 s")
    finally:
        slurm.thaw_controller()
