"""Limits of accounts and qualities of service: what refuses a submit, and what a job waits for, with numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dask_steward.errors import SubmitRefused, SubmitUncertain
from dask_steward.managers.base import JobState, JobStatus, TestAnswer, Unknown
from dask_steward.managers.shared import SharedQueue
from dask_steward.managers.slurm import Slurm
from tests.accounting.conftest import PATIENCE
from tests.support.private_slurm import PrivateSlurm
from tests.support.slurm_accounting import ACCOUNT

pytestmark = pytest.mark.requires("accounting")


def script(*directives: str) -> str:
    lines = ["#!/bin/bash", "#SBATCH -o /dev/null", *(f"#SBATCH {each}" for each in directives), "exec sleep 600", ""]
    return "\n".join(lines)


def submit(tag: str, *directives: str, count: int = 1) -> tuple[str, ...]:
    return Slurm().submit(script(*directives), job_name=tag, comment=f"{tag}:j1", count=count, cwd="/tmp")


def waiting(job: str, reason: str) -> JobStatus:
    """Return a job's status once it waits for a reason."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = Slurm().jobs()
        assert not isinstance(answer, Unknown), answer
        status = next(status for status in answer if status.id == job)
        if status.reason == reason:
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


def explained(status: JobStatus, folder: Path, numbers: Callable[[str], bool] = lambda text: True) -> str:
    """Return a status in words as soon as its numbers are as wanted: usage is counted when a job starts."""
    deadline = time.monotonic() + PATIENCE
    for attempt in range(1000):
        own = folder / str(attempt)
        own.mkdir()  # so that no older answer is taken
        text = SharedQueue(Slurm(), str(own)).explain(status)
        if numbers(text) or time.monotonic() > deadline:
            return text
        time.sleep(0.1)
    raise AssertionError


def test_more_jobs_than_one_may_submit_are_refused_and_fewer_pass(
    slurm: PrivateSlurm, tag: str, qos: Callable[..., str]
) -> None:
    name = qos("MaxSubmitJobsPerUser=3")

    with pytest.raises(SubmitRefused, match="QOSMaxSubmitJobPerUserLimit") as refused:
        submit(tag, f"--qos={name}", count=4)

    error = refused.value
    assert (error.too_many, error.retryable, error.arrays) == (True, True, False)
    assert not isinstance(error, SubmitUncertain)
    assert len(submit(tag, f"--qos={name}", count=3)) == 3
    with pytest.raises(SubmitRefused) as full:
        submit(tag, f"--qos={name}")
    assert (full.value.too_many, full.value.retryable) == (True, True)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--account=nosuch", "Invalid account or account/partition combination specified"),
        ("--qos=nosuch", "Invalid qos specification"),
    ],
)
def test_a_wrong_account_is_refused_in_slurms_words(slurm: PrivateSlurm, tag: str, option: str, words: str) -> None:
    with pytest.raises(SubmitRefused, match=words) as refused:
        submit(tag, option)
    error = refused.value
    assert (error.too_many, error.retryable, error.arrays) == (False, False, False)
    assert Slurm().test_only(script(option)) == TestAnswer(refusal=words)


def test_a_walltime_over_the_limit_is_no_limit_on_the_number(
    slurm: PrivateSlurm, tag: str, qos: Callable[..., str]
) -> None:
    name = qos("MaxWall=00:05:00", "Flags=DenyOnLimit")
    with pytest.raises(SubmitRefused, match="QOSMaxWallDurationPerJobLimit") as refused:
        submit(tag, f"--qos={name}", "--time=10")
    assert (refused.value.too_many, refused.value.retryable) == (False, False)


@pytest.mark.parametrize(
    ("limit", "directives", "reason", "numbers"),
    [
        (
            "MaxTRESPerUser=cpu=4",
            ("-c 3",),
            "QOSMaxCpuPerUserLimit",
            "you may hold 4 CPUs; 3 are in use, and this job asks for 3",
        ),
        ("MaxTRESPerUser=cpu=4", ("-c 4",), "QOSMaxCpuPerUserLimit", "you may hold 4 CPUs; 4 are in use"),
        (
            "MaxTRESPerUser=mem=1G",
            ("--mem=800M",),
            "QOSMaxMemoryPerUser",
            "you may hold 1 GiB; 800 MiB is in use",
        ),
        ("MaxJobsPerUser=1", (), "QOSMaxJobsPerUserLimit", "you may run 1 job at once; 1 is running"),
        (
            "GrpTRES=node=1",
            ("-c 3",),
            "QOSGrpNodeLimit",
            "all jobs in the QOS {} together may hold 1 node; 1 is in use",
        ),
        (
            "MaxTRESPerAccount=cpu=5",
            ("-c 4",),
            "MaxCpuPerAccount",
            f"the account {ACCOUNT} may hold 5 CPUs; 4 are in use, and this job asks for 4",
        ),
    ],
)
def test_a_limit_of_a_quality_of_service_is_told_with_numbers(
    slurm: PrivateSlurm,
    tag: str,
    qos: Callable[..., str],
    tmp_path: Path,
    limit: str,
    directives: tuple[str, ...],
    reason: str,
    numbers: str,
) -> None:
    name = qos(limit)
    submit(tag, f"--qos={name}", *directives)
    (second,) = submit(tag, f"--qos={name}", *directives)

    status = waiting(second, reason)

    assert status.qos == name
    wanted = f"Slurm: {reason} — {numbers.format(name)}"
    assert explained(status, tmp_path, lambda text: text == wanted) == wanted


@pytest.mark.parametrize(
    ("limits", "mine", "directives", "reason", "numbers"),
    [
        (
            ("GrpTRES=cpu=5",),
            (),
            ("-c 3",),
            "AssocGrpCpuLimit",
            "the account {} may hold 5 CPUs; 3 are in use, and this job asks for 3",
        ),
        (
            ("GrpTRES=cpu=50",),
            ("GrpTRES=cpu=4",),
            ("-c 4",),
            "AssocGrpCpuLimit",
            "you may hold 4 CPUs in the account {}; 4 are in use",
        ),
        (
            (),
            ("MaxJobs=1",),
            (),
            "AssocMaxJobsLimit",
            "you may run 1 job at once in the account {}; 1 is running",
        ),
        (
            (),
            ("MaxWall=00:05:00",),
            ("--time=10",),
            "AssocMaxWallDurationPerJobLimit",
            "a job may last 5 min; this one asks for 10 min; it will not start as it is",
        ),
    ],
)
def test_a_limit_of_an_account_is_told_with_numbers(
    slurm: PrivateSlurm,
    tag: str,
    account: Callable[..., str],
    tmp_path: Path,
    limits: tuple[str, ...],
    mine: tuple[str, ...],
    directives: tuple[str, ...],
    reason: str,
    numbers: str,
) -> None:
    name = account(*limits, mine=mine)
    submit(tag, f"--account={name}", *directives)
    (second,) = submit(tag, f"--account={name}", *directives)

    status = waiting(second, reason)

    assert status.account == name
    wanted = f"Slurm: {reason} — {numbers.format(name)}"
    assert explained(status, tmp_path, lambda text: text == wanted) == wanted


def test_numbers_that_are_not_told_leave_plain_words(
    slurm: PrivateSlurm, tag: str, qos: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = qos("MaxJobsPerUser=1")
    submit(tag, f"--qos={name}")
    (second,) = submit(tag, f"--qos={name}")
    status = waiting(second, "QOSMaxJobsPerUserLimit")
    refusing = tmp_path / "bin"
    refusing.mkdir()
    (refusing / "scontrol").write_text("#!/bin/sh\necho Access denied >&2; exit 1\n")
    (refusing / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{refusing}:{slurm.env['PATH']}")

    assert SharedQueue(Slurm(), str(tmp_path)).explain(status) == (
        "Slurm: QOSMaxJobsPerUserLimit — a limit of its quality of service is reached (max jobs per user)"
    )
    assert status.state is JobState.QUEUED
