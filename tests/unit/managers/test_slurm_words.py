"""Slurm's reasons and refusals in words."""

from __future__ import annotations

import time

import pytest

from dask_steward.managers import slurm_words
from dask_steward.managers.base import JobState, JobStatus

NOON = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


def queued(reason: str | None, expected_start: float | None = None, native: str = "PENDING") -> JobStatus:
    return JobStatus("1", "t", JobState.QUEUED, native, reason=reason, expected_start=expected_start)


def ended(native: str, **more: str) -> JobStatus:
    return JobStatus("1", "t", JobState.ENDED, native, **{"node": "n1", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (queued("Resources"), "Slurm: Resources — waits for free nodes"),
        (queued("Resources", NOON + 7500), "Slurm: Resources — waits for free nodes, expected 14:05"),
        (
            queued("Priority", NOON + 86400),
            "Slurm: Priority — jobs of higher priority are first, expected 2026-11-25 12:00",
        ),
        (queued("Resources", NOON - 60), "Slurm: Resources — waits for free nodes"),
        (queued("Resources", NOON + 600 * 365 * 86400), "Slurm: Resources — waits for free nodes"),
        (
            JobStatus("1", "t", JobState.QUEUED, "PENDING", "BeginTime", expected_start=NOON + 120, restarts=1),
            "Slurm: BeginTime — Slurm will start it again, expected 12:02",
        ),
        (queued(None), "Slurm: PENDING — the scheduler has not looked at it yet"),
        (queued(None, native="CONFIGURING"), "Slurm: CONFIGURING — its nodes are being started"),
        (
            queued("ReqNodeNotAvail, UnavailableNodes:n[1-3]"),
            "Slurm: ReqNodeNotAvail, UnavailableNodes:n[1-3] — a node that it needs is down, drained or reserved",
        ),
        (
            queued("Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions"),
            "Slurm: Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions",
        ),
        (
            queued("QOSMaxCpuPerUserLimit"),
            "Slurm: QOSMaxCpuPerUserLimit — a limit of its quality of service is reached (max cpu per user)",
        ),
        (
            queued("AssocMaxJobsLimit"),
            "Slurm: AssocMaxJobsLimit — a limit of its account is reached (max jobs)",
        ),
        (
            queued("AssocGrpCPUMinutesLimit"),
            "Slurm: AssocGrpCPUMinutesLimit — a limit of its account is reached (grp cpu minutes)",
        ),
        (queued("SomethingBrandNew"), "Slurm: SomethingBrandNew"),
        (queued("SomethingBrandNew", NOON + 60), "Slurm: SomethingBrandNew, expected 12:01"),
        (JobStatus("1", "t", JobState.RUNNING, "RUNNING", node="n1", started=NOON), "Slurm: RUNNING on n1 since 12:00"),
        (
            JobStatus("1", "t", JobState.ENDING, "COMPLETING", node="n1"),
            "Slurm: COMPLETING — its last processes are being stopped on n1",
        ),
        (ended("TIMEOUT"), "Slurm: TIMEOUT — reached its walltime"),
        (ended("NODE_FAIL", reason="NodeDown"), "Slurm: NODE_FAIL — its node failed"),
        (ended("OUT_OF_MEMORY"), "Slurm: OUT_OF_MEMORY — used more memory than it had asked for"),
        (ended("PREEMPTED"), "Slurm: PREEMPTED — was stopped for a job of higher priority"),
        (ended("CANCELLED", exit_code="signal 15"), "Slurm: CANCELLED — was cancelled"),
        (ended("FAILED", reason="NonZeroExitCode", exit_code="3"), "Slurm: FAILED — ended with exit code 3"),
        (ended("FAILED", reason="JobLaunchFailure", exit_code="signal 9"), "Slurm: FAILED — ended by signal 9"),
        (
            JobStatus("1", "t", JobState.ENDED, "FAILED", reason="BadConstraints", exit_code="signal 1"),
            "Slurm: FAILED — no node can ever give what it asks for",
        ),
        (ended("COMPLETED", exit_code="0"), "Slurm: COMPLETED — ended by itself"),
    ],
)
def test_a_state_is_never_shown_without_its_reason(status: JobStatus, phrase: str) -> None:
    assert slurm_words.explain(status, now=NOON) == phrase


@pytest.mark.parametrize(
    "words",
    [
        "Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Socket timed out on send/recv operation",
        "Batch job submission failed: Resource temporarily unavailable",
        "Slurm temporarily unable to accept job, sleeping and retrying",
        "QOSMaxSubmitJobPerUserLimit; Batch job submission failed: Job violates accounting/QOS policy"
        " (job submit limit, user's size and/or time limits)",
        "AssocMaxSubmitJobLimit; Batch job submission failed: Job violates accounting/QOS policy (job submit limit)",
        "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size ...)",
        'Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such file or directory',
    ],
)
def test_what_may_be_better_later_is_retryable(words: str) -> None:
    assert slurm_words.is_retryable(words)


@pytest.mark.parametrize(
    "words",
    [
        "invalid partition specified: debgu; Batch job submission failed: Invalid partition name specified",
        "Batch job submission failed: Requested node configuration is not available",
        "Batch job submission failed: Invalid account or account/partition combination specified",
        "QOSMaxWallDurationPerJobLimit; Batch job submission failed: Job violates accounting/QOS policy"
        " (job submit limit, user's size and/or time limits)",
        "Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
        "command not found",
        "",
    ],
)
def test_what_stays_wrong_is_not_retryable(words: str) -> None:
    assert not slurm_words.is_retryable(words)


@pytest.mark.parametrize(
    ("words", "count", "too_many", "arrays"),
    [
        ("QOSMaxSubmitJobPerUserLimit; Job violates accounting/QOS policy (job submit limit, ...)", 1, True, False),
        ("AssocGrpSubmitJobsLimit; Job violates accounting/QOS policy (job submit limit, ...)", 9, True, False),
        ("QOSMaxWallDurationPerJobLimit; Job violates accounting/QOS policy (job submit limit, ...)", 9, False, False),
        ("Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)", 1, True, False),
        ("Slurm temporarily unable to accept job, sleeping and retrying", 1, True, False),
        ("Slurm job queue full, sleeping and retrying", 5, True, False),
        ("Batch job submission failed: Invalid job array specification", 5, True, True),
        ("Job arrays are not allowed in this partition", 5, True, True),
        ("Batch job submission failed: Invalid job array specification", 1, False, False),
        ("Invalid partition name specified", 5, False, False),
        ("Unable to contact slurm controller (connect failure)", 5, False, False),
    ],
)
def test_whether_fewer_jobs_or_single_ones_may_pass(words: str, count: int, too_many: bool, arrays: bool) -> None:
    assert (slurm_words.is_too_many(words, count), slurm_words.refuses_arrays(words, count)) == (too_many, arrays)


@pytest.mark.parametrize(
    ("words", "landed"),
    [
        ("Batch job submission failed: Socket timed out on send/recv operation", True),
        ("Batch job submission failed: Zero Bytes were transmitted or received", True),
        ("Batch job submission failed: Unable to contact slurm controller (connect failure)", False),
        ("Batch job submission failed: Invalid partition name specified", False),
    ],
)
def test_a_submit_that_lost_its_answer_may_have_landed(words: str, landed: bool) -> None:
    assert slurm_words.may_have_landed(words) is landed


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        ("Kill job error on job id 15: Invalid job id specified", True),
        ("Kill job error on job id 1: Job/step already completing or completed", True),
        (
            "Kill job error on job id 1: Invalid job id specified; Kill job error on job id 2: Access denied",
            False,
        ),
        ("Kill job error on job id 1: Unable to contact slurm controller (connect failure)", False),
    ],
)
def test_jobs_that_were_gone_before_are_no_failure_of_scancel(words: str, gone: bool) -> None:
    assert slurm_words.is_gone_already(words) is gone
