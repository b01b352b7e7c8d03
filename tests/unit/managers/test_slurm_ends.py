"""Why jobs ended, in words, and an archive that does not answer."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from typing import Any

import pytest

from dask_steward.managers import command, slurm_ends
from dask_steward.managers.base import JobState, JobStatus, Unknown
from dask_steward.managers.slurm_ends import Archive, Archived

ME = pwd.getpwuid(os.geteuid()).pw_name


def ended(native: str, id: str = "7", **more: Any) -> JobStatus:
    return JobStatus(id, "t", JobState.ENDED, native, **{"node": "n1", **more})


@pytest.mark.parametrize(
    ("status", "seen", "phrase"),
    [
        (ended("TIMEOUT", limit=600.0), None, "Slurm: TIMEOUT — reached its walltime of 10 min on n1"),
        (ended("TIMEOUT"), None, "Slurm: TIMEOUT — reached its walltime on n1"),
        (ended("NODE_FAIL"), None, "Slurm: NODE_FAIL — its node failed: n1"),
        (
            ended("OUT_OF_MEMORY", exit_code="signal 9"),
            None,
            "Slurm: OUT_OF_MEMORY — used more memory than it had asked for on n1 (signal 9)",
        ),
        (ended("PREEMPTED"), None, "Slurm: PREEMPTED — was stopped for a job of higher priority on n1"),
        (ended("FAILED", exit_code="3"), None, "Slurm: FAILED — ended with exit code 3 on n1"),
        (ended("CANCELLED"), None, "Slurm: CANCELLED — was cancelled on n1"),
        (
            ended("CANCELLED", node=None),
            Archived("CANCELLED", str(os.geteuid()), "0", None),
            f"Slurm: CANCELLED — was cancelled by {ME} (yourself)",
        ),
        (
            ended("CANCELLED"),
            Archived("CANCELLED", "4000000", "signal 15", "n1"),
            "Slurm: CANCELLED — was cancelled by user 4000000 on n1",
        ),
        (
            JobStatus("7", "t", JobState.RUNNING, "RUNNING", node="n2", limit=60.0),
            Archived("TIMEOUT", None, "0", "n2"),
            "Slurm: TIMEOUT — reached its walltime of 1 min on n2",
        ),
        (
            JobStatus("7", "t", JobState.RUNNING, "RUNNING"),
            Archived("OUT_OF_MEMORY", None, "signal 125", "n3"),
            "Slurm: OUT_OF_MEMORY — used more memory than it had asked for on n3 (signal 125)",
        ),
    ],
)
def test_how_a_job_ended_is_one_phrase(status: JobStatus, seen: Archived | None, phrase: str) -> None:
    assert slurm_ends.phrase(status, seen) == phrase


@pytest.mark.parametrize(
    "text", ["", "garbage\n", "|||\n", "7|RUNNING|0:0|n1\n", "7.batch|CANCELLED|0:15|n1\n", "7|CANCEL\n", "7\n"]
)
def test_what_is_no_end_is_passed_over(text: str) -> None:
    assert slurm_ends.parse_sacct(text) == {}


class Sacct:
    """What a site's sacct does, time after time; the last answer stays."""

    def __init__(self, *answers: command.Finished | Unknown) -> None:
        self.answers = list(answers)
        self.asked: list[Sequence[str]] = []

    def __call__(self, arguments: Sequence[str], timeout: float | None = None) -> command.Finished | Unknown:
        self.asked.append(arguments)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "answer",
    [
        Unknown("sacct did not answer within 5 s"),
        command.Finished(1, "", "Slurm accounting storage is disabled\n"),
    ],
    ids=["hangs", "disabled"],
)
def test_an_archive_that_does_not_answer_is_not_asked_again(answer: command.Finished | Unknown) -> None:
    sacct = Sacct(answer)
    archive = Archive(sacct)
    for _ in range(3):
        assert archive.causes([ended("CANCELLED")]) == {"7": "Slurm: CANCELLED — was cancelled on n1"}
    assert len(sacct.asked) == 1


def test_an_archive_that_hears_of_it_later_is_asked_again() -> None:
    none, told = command.Finished(0, "", ""), command.Finished(0, "7|CANCELLED by 4000000|0:15|n1\n", "")
    sacct = Sacct(none, told)
    assert Archive(sacct).causes([ended("CANCELLED"), ended("TIMEOUT", "8")]) == {
        "7": "Slurm: CANCELLED — was cancelled by user 4000000 on n1",
        "8": "Slurm: TIMEOUT — reached its walltime on n1",
    }
    assert len(sacct.asked) == 2
    assert all(arguments[-1] == "--jobs=7" for arguments in sacct.asked)  # the queue tells all of the other one


def test_many_jobs_are_asked_for_in_parts() -> None:
    jobs = [ended("CANCELLED", str(n)) for n in range(1, 251)]
    sacct = Sacct(Unknown("no"))
    Archive(sacct).causes(jobs)
    assert len(sacct.asked) == 1

    lines = "".join(f"{job.id}|CANCELLED by 4000000|0:0|n1\n" for job in jobs)
    sacct = Sacct(command.Finished(0, lines, ""))
    causes = Archive(sacct).causes(jobs)
    assert len(causes) == 250
    assert [len(arguments[-1].split(",")) for arguments in sacct.asked] == [100, 100, 50]
