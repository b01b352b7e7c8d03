"""Slurm's reasons and refusals in words for a person."""

from __future__ import annotations

import re
import time

from dask_steward.managers.base import JobState, JobStatus

PENDING = {
    "None": "the scheduler has not looked at it yet",
    "Resources": "waits for free nodes",
    "Priority": "jobs of higher priority are first",
    "Dependency": "waits for another job",
    "DependencyNeverSatisfied": "waits for a job that did not end as it must; it will never start",
    "BeginTime": "may not start before its begin time",
    "JobHeldUser": "held by its user; `scontrol release` lets it go",
    "JobHeldAdmin": "held by an administrator",
    "JobHoldMaxRequeue": "held: it was started again too often",
    "JobArrayTaskLimit": "as many tasks of its array run as it allows at once",
    "Licenses": "waits for a licence",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition takes jobs but starts none now",
    "PartitionNodeLimit": "asks for more nodes than its partition allows; it will not start as it is",
    "PartitionTimeLimit": "its walltime is longer than its partition allows; it will not start as it is",
    "PartitionConfig": "its partition does not allow what it asks for; it will not start as it is",
    "AccountNotAllowed": "its account may not use this partition; it will not start as it is",
    "QOSNotAllowed": "its quality of service may not be used with this partition or account",
    "InvalidAccount": "its account is not valid; it will not start as it is",
    "InvalidQOS": "its quality of service is not valid; it will not start as it is",
    "BadConstraints": "no node can ever give what it asks for",
    "ReqNodeNotAvail": "a node that it needs is down, drained or reserved",
    "NodeDown": "a node that it needs is down",
    "NodeNotAvail": "a node that it needs is not available",
    "Reservation": "waits for its reservation to begin",
    "ReservationDeleted": "its reservation was deleted; it will not start as it is",
    "ReservationInvalid": "its reservation is not valid; it will not start as it is",
    "MaxMemPerLimit": "asks for more memory than is allowed; it will not start as it is",
    "Prolog": "the site's preparation of its nodes is running",
    "Cleaning": "its last run is still being cleaned up",
    "BurstBufferResources": "waits for burst buffer space",
    "BurstBufferStageIn": "its data are being staged in",
    "PowerNotAvail": "waits for electrical power",
    "PowerReserved": "waits for electrical power that is reserved",
    "DeadLine": "cannot end before its deadline",
    "SystemFailure": "Slurm, a file system or the network failed",
    "JobLaunchFailure": "could not be started on its nodes; held or waiting to be started again",
    "launch_failed_requeued_held": "could not be started on its nodes and is held",
    "job_requeued_in_held_state": "is to be started again and held",
    "FedJobLock": "waits for the clusters of the federation to agree",
}
"""Why a job waits (``man squeue``, *JOB REASON CODES*), by the first word of the reason."""

ENDED = {
    "COMPLETED": "ended by itself",
    "CANCELLED": "was cancelled",
    "TIMEOUT": "reached its walltime",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "OUT_OF_MEMORY": "used more memory than it had asked for",
    "PREEMPTED": "was stopped for a job of higher priority",
    "DEADLINE": "reached its deadline",
    "REVOKED": "runs in another cluster of the federation",
    "LAUNCH_FAILED": "could not be started on its nodes",
    "RECONFIG_FAIL": "its node could not be configured",
}
"""How a job ended, by its state."""

_FAILED = {
    "JobLaunchFailure": "could not be started on its nodes",
    "SystemFailure": "Slurm, a file system or the network failed",
    "InactiveLimit": "was idle for longer than the site allows",
    "OutOfMemory": "used more memory than it had asked for",
    "TimeLimit": "reached its walltime",
    "NodeFail": "its node failed",
    "Prolog": "the site's preparation of its node failed",
}

_LIMIT = re.compile(r"(QOS|Assoc)(\w*?)(?:Limit)?$")
_NAMED_LIMIT = re.compile(r"\b(?:QOS|Assoc)[A-Z]\w+")
_LATER = re.compile(
    r"unable to contact|connect(?:ion)? (?:failure|refused|reset)|temporarily un|not responding|standby mode"
    r"|socket timed out|zero bytes|munge|authentication (?:error|credential)",
    re.IGNORECASE,
)
_LANDED = re.compile(
    r"socket timed out|zero bytes were transmitted|(?:message|communication) (?:receive|shutdown) failure"
    r"|unexpected message received",
    re.IGNORECASE,
)
_FULL = re.compile(r"job queue full|temporarily unable to accept job|job creation temporarily disabled", re.IGNORECASE)
_ARRAYS = re.compile(r"\barrays?\b", re.IGNORECASE)
_GONE = re.compile(r"invalid job id|already (?:completing|completed|done|finished)", re.IGNORECASE)


_FAR = 366 * 86400.0
"""Seconds from now after which an expected start is none: Slurm counts jobs without a limit as years."""


def explain(status: JobStatus, *, now: float | None = None, numbers: str | None = None) -> str:
    """Return a job's state and its reason as one phrase, such as ``Slurm: Resources — waits for free nodes``.

    Parameters
    ----------
    status : JobStatus
        The job.
    now : float, optional
        The present, as seconds since the epoch: an expected start that has passed is not shown.
    numbers : str, optional
        What its reason means in this very case, from `slurm_reasons`; shown in the place of our general words.
    """
    now = time.time() if now is None else now
    if status.state is JobState.QUEUED:
        return _waiting(status, now, numbers)
    if status.state is JobState.ENDED:
        return f"Slurm: {status.native} — {_ending(status)}"
    where = f" on {status.node}" if status.node else ""
    if status.state is JobState.ENDING:
        return f"Slurm: {status.native} — its last processes are being stopped{where}"
    if status.native == "SUSPENDED":
        return f"Slurm: SUSPENDED — stopped for a while, still holding its memory{where}"
    since = f" since {clock(status.started, now)}" if status.started else ""
    return f"Slurm: {status.native}{where}{since}"


def _waiting(status: JobStatus, now: float, numbers: str | None) -> str:
    expected = status.expected_start
    when = f", expected {clock(expected, now)}" if expected is not None and 0 <= expected - now < _FAR else ""
    if status.native == "CONFIGURING":
        return f"Slurm: CONFIGURING — its nodes are being started{when}"
    reason = status.reason or "None"
    # Slurm waits two minutes before it starts a job again.
    again = "Slurm will start it again" if status.restarts and reason == "BeginTime" else None
    meaning = numbers or again or reason_words(reason)
    shown = status.native if reason == "None" else reason.replace("_", " ")
    return f"Slurm: {shown} — {meaning}{when}" if meaning else f"Slurm: {shown}{when}"


def reason_words(reason: str) -> str | None:
    """Return what a pending reason means, or None when this table does not know it.

    >>> reason_words("ReqNodeNotAvail, UnavailableNodes:n[1-3]")
    'a node that it needs is down, drained or reserved'
    >>> reason_words("QOSMaxCpuPerUserLimit")
    'a limit of its quality of service is reached (max cpu per user)'
    """
    spaced = reason.strip().replace("_", " ")
    if spaced.startswith("Nodes required for job are"):
        return None  # Slurm's sentence says it all
    if reason.strip() in PENDING:
        return PENDING[reason.strip()]
    first = re.split(r"[,:( ]", reason.strip(), maxsplit=1)[0]
    if first in PENDING:
        return PENDING[first]
    limit = _LIMIT.fullmatch(first)
    if limit is None:
        return None
    whose = "quality of service" if limit[1] == "QOS" else "account"
    # "MaxCpuPerUser" -> "max cpu per user"
    which = " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|\d+", limit[2])).lower()
    return f"a limit of its {whose} is reached" + (f" ({which})" if which else "")


def _ending(status: JobStatus) -> str:
    known = ENDED.get(status.native)
    if known is not None:
        return known
    reason, code = (status.reason or "").strip(), status.exit_code
    if status.node is None and reason in PENDING:
        return PENDING[reason]  # Slurm gave up on it before it ran
    if reason in _FAILED and reason != "JobLaunchFailure":
        return _FAILED[reason]
    if code is None or code == "0":
        return _FAILED.get(reason) or reason or "ended"
    # Slurm says JobLaunchFailure, too, where only the script's shell was killed: the signal says more.
    return f"ended by {code}" if code.startswith("signal") else f"ended with exit code {code}"


def clock(when: float, now: float) -> str:
    """Return a time of today as ``14:05``, any other as ``2026-11-24 14:05``, in local time."""
    then, today = time.localtime(when), time.localtime(now)
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)


def is_retryable(words: str) -> bool:
    """Return whether a refused submit may succeed later as it is.

    >>> is_retryable("Unable to contact slurm controller (connect failure)")
    True
    >>> is_retryable("QOSMaxSubmitJobPerUserLimit; Job violates accounting/QOS policy (job submit limit, ...)")
    True
    >>> is_retryable("QOSMaxWallDurationPerJobLimit; Job violates accounting/QOS policy (job submit limit, ...)")
    False
    """
    if _LATER.search(words):
        return True
    named = _NAMED_LIMIT.findall(words)
    if named:
        # Slurm's sentence names the submit limit whichever limit it was; its code says which.
        return any("Submit" in name for name in named)
    return "submit limit" in words


def is_unreachable(words: str) -> bool:
    """Return whether a command did not reach its controller: what it says is no answer."""
    return _LATER.search(words) is not None


def is_too_many(words: str, count: int) -> bool:
    """Return whether a limit on the number of jobs refused a submit of `count` jobs: fewer may pass.

    >>> is_too_many("QOSMaxSubmitJobPerUserLimit; Job violates accounting/QOS policy (job submit limit, ...)", 1)
    True
    >>> is_too_many("Invalid job array specification", 2000), is_too_many("Invalid partition name specified", 2000)
    (True, False)
    """
    if refuses_arrays(words, count):
        return True
    named = _NAMED_LIMIT.findall(words)
    if named:
        return any("Submit" in name for name in named)
    return "submit limit" in words or _FULL.search(words) is not None


def refuses_arrays(words: str, count: int) -> bool:
    """Return whether a submit of `count` jobs was refused because it was an array, or one of this length."""
    return count > 1 and _ARRAYS.search(words) is not None


def may_have_landed(words: str) -> bool:
    """Return whether a submit that failed so may have reached the controller all the same."""
    return _LANDED.search(words) is not None


def is_gone_already(words: str) -> bool:
    """Return whether all that `scancel` complained about is that jobs were gone before."""
    return all(_GONE.search(part) for part in words.split("; ") if part)
