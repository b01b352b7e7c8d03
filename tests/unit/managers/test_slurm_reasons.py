"""Numbers behind Slurm's reasons, read from what Slurm 22.05 printed."""

from __future__ import annotations

from typing import Any

import pytest

from dask_steward.managers import slurm_reasons
from dask_steward.managers.base import JobState, JobStatus

MARK = "5e4d3c2b1a09"
TAG = "dask-steward-abcdefghij"

QOS = (
    "Current Association Manager state\n"
    "QOS Records\n"
    "QOS=small(2) UsageRaw=0.000000 GrpJobs=N(1) GrpJobsAccrue=N(2) GrpSubmitJobs=N(3) GrpWall=100(99.50)"
    " GrpTRES=cpu=20(18),mem=N(200),energy=N(0),node=N(1),billing=N(2),fs/disk=N(0),gres/gpu=4(4)"
    " GrpTRESMins=cpu=1000(1000),mem=N(0) GrpTRESRunMins=cpu=60(55),mem=N(200)"
    " MaxWallPJ=5 MaxTRESPJ=cpu=2 MaxTRESPN= MaxTRESMinsPJ= MinPrioThresh=  MinTRESPJ= PreemptMode=OFF Priority=0"
    " Account Limits= lab={MaxJobsPA=2(2) MaxJobsAccruePA=N(2) MaxSubmitJobsPA=N(3)"
    " MaxTRESPA=cpu=9(9),mem=N(200),node=N(1)}"
    " User Limits= 65534={MaxJobsPU=7(0) MaxSubmitJobsPU=N(3) MaxTRESPU=cpu=64(0)}"
    " 0={MaxJobsPU=1(1) MaxJobsAccruePU=N(2) MaxSubmitJobsPU=6(6) MaxTRESPU=cpu=128(128),mem=4096(1536),node=3(2)}\n"
)

ASSOC = (
    "Current Association Manager state\n"
    "Association Records\n"
    "ClusterName=private Account=other UserName= Partition= Priority=0 ID=9 GrpTRES=cpu=1(1)\n"
    "ClusterName=private Account=lab UserName= Partition= Priority=0 ID=3 ParentAccount=root(1) Lft=2 DefAssoc=No"
    " GrpJobs=N(2) GrpSubmitJobs=N(5) GrpWall=N(0.00) GrpTRES=cpu=100(97),mem=N(500) MaxJobs= MaxWallPJ= MaxTRESPJ=\n"
    "ClusterName=private Account=lab UserName=root(0) Partition= Priority=0 ID=4 ParentAccount= Lft=3 DefAssoc=Yes"
    " GrpJobs=N(0) GrpSubmitJobs=N(3) GrpTRES=cpu=N(0),mem=2000(0) MaxJobs=1(1) MaxWallPJ=5 MaxTRESPJ=cpu=2\n"
    "ClusterName=private Account=lab UserName=root(0) Partition=debug Priority=0 ID=5 MaxJobs=99(1)\n"
)


def waits(reason: str, **more: Any) -> JobStatus:
    usual: dict[str, Any] = {"user": "root", "account": "lab", "qos": "small", "cores": 4}
    return JobStatus("1", TAG, JobState.QUEUED, "PENDING", reason=reason, **{**usual, **more})


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("QOSMaxCpuPerUserLimit", "you may hold 128 CPUs; 128 are in use"),
        ("QOSMaxMemoryPerUser", "you may hold 4 GiB; 1.5 GiB is in use"),
        ("QOSMaxNodePerUserLimit", "you may hold 3 nodes; 2 are in use"),
        ("QOSMaxJobsPerUserLimit", "you may run 1 job at once; 1 is running"),
        ("QOSMaxSubmitJobPerUserLimit", "you may have 6 jobs in the queue; 6 are there"),
        (
            "QOSGrpCpuLimit",
            "all jobs in the QOS small together may hold 20 CPUs; 18 are in use, and this job asks for 4",
        ),
        ("QOSGrpGRES", "all jobs in the QOS small together may hold 4 GPUs; 4 are in use"),
        ("QOSGrpCPUMinutesLimit", "all jobs in the QOS small together may use 1000 CPU minutes; 1000 are used"),
        ("QOSGrpCPURunMinutesLimit", "all jobs in the QOS small together may have 60 CPU minutes left to run; 55 are"),
        ("QOSGrpWallLimit", "all jobs in the QOS small together may use 100 minutes; 99.5 are used"),
        ("QOSMaxCpuPerJobLimit", "a job may have 2 CPUs; this one asks for 4; it will not start as it is"),
        ("QOSMaxWallDurationPerJobLimit", "a job may last 5 min; it will not start as it is"),
        ("MaxCpuPerAccount", "the account lab may hold 9 CPUs; 9 are in use"),
        ("MaxJobsPerAccount", "the account lab may run 2 jobs at once; 2 are running"),
        ("QOSGrpMemLimit", None),  # where there is no such limit, plain words stay
        ("QOSGrpJobsLimit", None),
        ("QOSResourceLimit", None),
    ],
)
def test_limits_of_a_quality_of_service(reason: str, sentence: str | None) -> None:
    known = slurm_reasons.parse_qos(QOS, "small", "root")
    assert slurm_reasons.sentence(waits(reason), known) == sentence


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("AssocGrpCpuLimit", "the account lab may hold 100 CPUs; 97 are in use, and this job asks for 4"),
        ("AssocGrpMemLimit", "you may hold 2000 MiB in the account lab; 0 is in use"),
        ("AssocMaxJobsLimit", "you may run 1 job at once in the account lab; 1 is running"),
        (
            "AssocMaxWallDurationPerJobLimit",
            "a job may last 5 min; this one asks for 2 h; it will not start as it is",
        ),
        ("AssocMaxCpuPerJobLimit", "a job may have 2 CPUs; this one asks for 4; it will not start as it is"),
        ("AssocGrpNodeLimit", None),
    ],
)
def test_limits_of_an_account(reason: str, sentence: str | None) -> None:
    known = slurm_reasons.parse_accounts(ASSOC, "lab", "root")
    assert slurm_reasons.sentence(waits(reason, limit=7200.0), known) == sentence


def test_a_user_is_known_by_number_or_by_name() -> None:
    for shown in ("0", "root", "root(0)"):
        known = slurm_reasons.parse_qos(QOS.replace(" 0={", f" {shown}={{"), "small", "root")
        assert known["user"]["MaxJobsPU"] == [1.0, 1.0]
    assert slurm_reasons.parse_qos(QOS, "smal", "root") == {}
    assert "user" not in slurm_reasons.parse_qos(QOS, "small", "nobody-of-this-name")


@pytest.mark.parametrize(
    ("status", "question"),
    [
        (waits("Priority"), "pending"),
        (waits("QOSMaxCpuPerUserLimit"), "qos small root"),
        (waits("MaxCpuPerAccount"), "qos small root"),
        (waits("AssocGrpCpuLimit"), "assoc lab root"),
        (waits("AssocGrpCpuLimit", account=None), None),
        (waits("QOSGrpCpuLimit", qos="a b"), None),
        (waits("QOSGrpCpuLimit", qos="a,flags=x"), None),
        (waits("Resources"), None),
        (waits("JobHeldUser"), None),
        (JobStatus("1", TAG, JobState.ENDED, "FAILED", reason="Priority"), None),
        (JobStatus("1", TAG, JobState.QUEUED, "PENDING"), None),
    ],
)
def test_what_is_asked(status: JobStatus, question: str | None) -> None:
    assert slurm_reasons.question(status) == question


def pending(*rows: tuple[str, str, int, str, str]) -> str:
    fields = ("JOBID", "PARTITION", "PRIORITY", "REASON", "NAME")
    lines = [fields, *rows]
    return "".join(
        f"|{MARK}|".join((str(job), "STATE" if job == "JOBID" else "PENDING", *map(str, rest))) + f"<{MARK}>\n"
        for job, *rest in lines
    )


def test_jobs_before_ours_are_those_that_could_start_instead() -> None:
    text = pending(
        ("1", "debug", 90, "Resources", "a"),
        ("2", "debug", 80, "Priority", "b"),
        ("3_[0-9%2]", "debug", 80, "Priority", "sweep"),
        ("4", "debug,big", 70, "Priority", "c"),
        ("5", "debug", 60, "Priority", TAG),  # ours
        ("6", "debug", 60, "Priority", "dask-steward-other"),
        ("7", "debug", 40, "Priority", "after us"),
        ("8", "debug", 99, "Dependency", "waits for another"),
        ("9", "debug", 99, "QOSMaxCpuPerUserLimit", "at its limit"),
        ("10", "debug", 0, "JobHeldUser", "held"),
        ("11", "big", 99, "Priority", "elsewhere"),
    )
    known = slurm_reasons.parse_pending(text, MARK)

    def before(partition: str, priority: int = 50) -> str | None:
        return slurm_reasons.sentence(waits("Priority", partition=partition, priority=priority), known)

    assert before("debug") == "14 jobs are before yours in debug"
    assert before("big") == "2 jobs are before yours in big"
    assert before("debug,big") == "2 jobs are before yours in big"
    assert before("debug", 85) == "1 job is before yours in debug"
    assert before("debug", 95) is None
    assert before("nowhere") is None


def test_a_list_that_is_cut_is_no_answer() -> None:
    text = pending(("1", "debug", 90, "Resources", "a"))
    for length in range(len(text)):
        if not text[:length].endswith(f"<{MARK}>\n"):
            with pytest.raises(ValueError, match=r"cut|no list"):
                slurm_reasons.parse_pending(text[:length], MARK)
