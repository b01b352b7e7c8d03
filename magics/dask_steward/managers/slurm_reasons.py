"""The numbers behind Slurm's reasons: how many jobs are before ours, which limit is reached and what is in use.

They stand in answers that are not ours alone (all users' pending jobs, a site's limits), so these are asked for rarely
and only while a job waits for such a reason: `question` says for what, `facts` asks, `sentence` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from dask_steward import units
from dask_steward.managers import command, slurm_parse
from dask_steward.managers.base import JobState, JobStatus, Unknown

Ask = Callable[..., command.Finished | Unknown]

PENDING = "pending"
"""The question for all users' pending jobs."""

_PENDING_FIELDS = ("JobArrayID", "State", "Partition", "PriorityLong", "Reason", "Name")

_COMPETING = frozenset({"None", "Priority", "Resources", "WaitingForScheduling", "(null)", ""})
"""Reasons of jobs that may start as soon as there is room; held, dependent and limited ones are in nobody's way."""

_LIMIT = re.compile(
    r"(QOS|Assoc|)(Grp|Max)"
    r"(CPURunMinutes|CPUMinutes|Cpu|CPU|Memory|Mem|Node|GRES|Billing|SubmitJobs?|Jobs?|WallDuration|Wall)"
    r"(PerUser|PerAccount|PerJob|)(?:Limit)?"
)
_RESOURCES = {"Cpu": "cpu", "CPU": "cpu", "Memory": "mem", "Mem": "mem", "Node": "node", "GRES": "gres/"}
_NOUNS = {"cpu": "CPU", "node": "node", "gres/gpu": "GPU", "billing": "billing unit"}
_VALUE = re.compile(r"(N|[\d.]+)(?:\(([\d.]+)\))?")
_PLAIN_NAME = re.compile(r"[\w.@+-]+")

Limits = dict[str, list[float | None]]
"""By name (``GrpTRES.cpu``): the limit, None where there is none, and what is used, None where that is not told."""


def question(status: JobStatus) -> str | None:
    """Return what to ask to explain a job's reason, or None where its reason needs no numbers.

    >>> question(JobStatus("1", "t", JobState.QUEUED, "PENDING", reason="QOSMaxCpuPerUserLimit", qos="q", user="ann"))
    'qos q ann'
    """
    if status.state is not JobState.QUEUED or status.reason is None:
        return None
    reason = status.reason.strip()
    if reason == "Priority":
        return PENDING
    limit = _LIMIT.fullmatch(reason)
    if limit is None:
        return None
    kind, name = ("assoc", status.account) if limit[1] == "Assoc" else ("qos", status.qos)
    if not (name and status.user and _PLAIN_NAME.fullmatch(name) and _PLAIN_NAME.fullmatch(status.user)):
        return None
    return f"{kind} {name} {status.user}"


def facts(ask: Ask, asked: str, mark: str, timeout: float | None = None) -> Any | Unknown:
    """Ask what `question` named; return the answer as JSON.

    Parameters
    ----------
    ask : callable
        Runs a command of Slurm, as `Slurm.ask` does.
    asked : str
        From `question`.
    mark : str
        As for `slurm_parse.squeue_format`.
    timeout : float, optional
        Seconds.
    """
    kind, *names = asked.split(" ")
    if kind == PENDING:
        form = slurm_parse.squeue_format(mark, _PENDING_FIELDS)
        done = ask(("squeue", "--states=PENDING", f"--Format={form}"), timeout, SLURM_BITSTR_LEN="0")
    else:
        which = "qos" if kind == "qos" else "accounts"
        filters = (f"flags={kind}", f"{which}={names[0]}", f"users={names[1]}")
        done = ask(("scontrol", "--oneliner", "show", "assoc_mgr", *filters), timeout)
    if isinstance(done, Unknown):
        return done
    if done.status != 0:
        return Unknown(slurm_parse.words(done.err, done.out) or f"exit status {done.status}")
    try:
        if kind == PENDING:
            return parse_pending(done.out, mark)
        return parse_qos(done.out, *names) if kind == "qos" else parse_accounts(done.out, *names)
    except ValueError as error:
        return Unknown(f"{error}")


def sentence(status: JobStatus, known: Any) -> str | None:
    """Return a job's reason with numbers; None where what is `known`, an answer to its `question`, holds none."""
    try:
        return _before(status, known) if status.reason == "Priority" else _limited(status, known)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        return None  # another version's answer


# -- who is before us --


def parse_pending(text: str, mark: str) -> dict[str, list[list[Any]]]:
    """Return by partition ``[priority, jobs, cluster's tag or None]`` of the jobs that may start when there is room.

    Raises
    ------
    ValueError
        If the text is not whole.
    """
    counts: dict[str, dict[tuple[int, str | None], int]] = {}
    for row in slurm_parse.parse_rows(text, mark, _PENDING_FIELDS):
        priority = row["PriorityLong"].strip()
        if row["Reason"].strip() not in _COMPETING or not priority.isdecimal() or priority == "0":
            continue
        name = row["Name"]
        key = (int(priority), name if name.startswith(slurm_parse.OURS) else None)
        for partition in row["Partition"].split(","):
            found = counts.setdefault(partition, {})
            found[key] = found.get(key, 0) + _tasks(row["JobArrayID"])
    return {
        partition: [[priority, number, tag] for (priority, tag), number in found.items()]
        for partition, found in counts.items()
    }


def _tasks(expression: str) -> int:
    """Return how many jobs an array expression stands for (an array of others' may stand for millions).

    >>> _tasks("12"), _tasks("12_7"), _tasks("12_[0-999999%5]"), _tasks("12_[1,4-8:2]")
    (1, 1, 1000000, 4)
    """
    inside = expression.partition("[")[2].partition("]")[0].partition("%")[0]
    number = 0
    for part in inside.split(",") if inside else ():
        first, _, rest = part.partition("-")
        last, _, step = rest.partition(":")
        if first.isdecimal():
            number += (int(last) - int(first)) // int(step or 1) + 1 if last.isdecimal() else 1
    return max(1, number)


def _before(status: JobStatus, known: dict[str, list[list[Any]]]) -> str | None:
    """Return how many jobs of higher priority wait in the job's partition, its own cluster's not counted."""
    if not status.priority or not status.partition:
        return None
    numbers = {
        partition: sum(
            int(jobs)
            for priority, jobs, tag in known.get(partition, ())
            if priority > status.priority and tag != status.name
        )
        for partition in status.partition.split(",")
    }
    partition, before = min(numbers.items(), key=lambda one: one[1])
    if not before:
        return None
    return f"{before} {'job is' if before == 1 else 'jobs are'} before yours in {partition}"


# -- which limit is reached --


def parse_qos(text: str, qos: str, user: str) -> dict[str, Limits]:
    """Return the limits of a quality of service: of all its jobs, and of a user's and of each account's in it.

    Parameters
    ----------
    text : str
        From ``scontrol --oneliner show assoc_mgr flags=qos``.
    qos, user : str
        Names.

    Returns
    -------
    dict
        By ``qos``, ``user`` and ``account <name>``.
    """
    for line in text.splitlines():
        if not re.match(rf"QOS={re.escape(qos)}\(\d+\)", line):
            continue
        own, _, rest = line.partition(" Account Limits=")
        accounts, _, users = rest.partition(" User Limits=")
        if not rest:
            own, _, users = line.partition(" User Limits=")
        found = {"qos": _limits(own)}
        found |= {f"account {name}": _limits(inside) for name, inside in _braces(accounts)}
        # 22.05 names users by number, later ones as "name(number)".
        mine = {user, _uid(user)}
        for name, inside in _braces(users):
            if mine & set(re.split(r"[()]", name)):
                found["user"] = _limits(inside)
        return found
    return {}


def parse_accounts(text: str, account: str, user: str) -> dict[str, Limits]:
    """Return the limits of an account and of a user in it, from ``… show assoc_mgr flags=assoc``.

    Returns
    -------
    dict
        By ``account <name>`` and ``user``.
    """
    found: dict[str, Limits] = {}
    for line in text.splitlines():
        head = re.match(r"ClusterName=\S* Account=(\S*) UserName=([^\s(]*)\S* Partition=(\S*)", line)
        if head is None or head[1] != account or head[3]:
            continue
        if not head[2]:
            found[f"account {account}"] = _limits(line)
        elif head[2] in (user, _uid(user)):
            found["user"] = _limits(line)
    return found


def _uid(user: str) -> str:
    import pwd

    try:
        return str(pwd.getpwnam(user).pw_uid)
    except KeyError:
        return user


def _braces(text: str) -> Iterable[tuple[str, str]]:
    return re.findall(r"(\S+?)=\{(.*?)\}", text)


def _limits(text: str) -> Limits:
    """Read ``GrpJobs=N(2) GrpTRES=cpu=5(3),mem=N(0) MaxWallPJ=5``."""
    found: Limits = {}
    for key, value in re.findall(r"(\w+)=(\S+)", text):
        if "TRES" not in key:
            found |= _limit(key, value)
            continue
        for part in value.split(","):
            resource, _, amount = part.partition("=")
            found |= _limit(f"{key}.{resource}", amount)
    return found


def _limit(name: str, value: str) -> Limits:
    parts = _VALUE.fullmatch(value)
    if parts is None:
        return {}
    return {name: [None if parts[1] == "N" else float(parts[1]), float(parts[2]) if parts[2] else None]}


def _limited(status: JobStatus, known: dict[str, Limits]) -> str | None:
    """Return the limit that a reason names, and what is in use."""
    parts = _LIMIT.fullmatch((status.reason or "").strip())
    if parts is None:
        return None
    of, span, what, per = parts.groups()
    scopes = _scopes(of, span, per, status)
    reached = [
        (scope, name, limit, used)
        for scope in scopes
        for name, (limit, used) in known.get(scope, {}).items()
        if limit is not None and _is_named(name, span, what, per)
    ]
    if not reached:
        return None
    # The tightest one is what holds the job.
    scope, name, limit, used = min(reached, key=lambda one: one[2] - (one[3] or 0.0))
    return _told(_whose(scope, of, status), name, limit, used, status)


def _scopes(of: str, span: str, per: str, status: JobStatus) -> tuple[str, ...]:
    account = f"account {status.account}"
    if of == "Assoc":
        return ("user", account)
    if per == "PerUser":
        return ("user",)
    return (account,) if per == "PerAccount" else ("qos",)


def _is_named(name: str, span: str, what: str, per: str) -> bool:
    """Tell whether a limit is the one that a reason names.

    >>> _is_named("MaxTRESPU.cpu", "Max", "Cpu", "PerUser"), _is_named("MaxJobsPU", "Max", "Jobs", "PerUser")
    (True, True)
    >>> _is_named("GrpTRES.mem", "Grp", "Mem", ""), _is_named("MaxTRESPJ.cpu", "Max", "Cpu", "PerUser")
    (True, False)
    """
    tail = "" if span == "Grp" else {"PerUser": "PU", "PerAccount": "PA", "PerJob": "PJ"}.get(per, "")
    if what in ("CPUMinutes", "CPURunMinutes"):
        return name == f"GrpTRES{'Mins' if what == 'CPUMinutes' else 'RunMins'}.cpu"
    if what.startswith("Wall"):
        return name == ("GrpWall" if span == "Grp" else "MaxWallPJ")
    if what.startswith(("Job", "SubmitJob")):
        return name == f"{span}{'SubmitJobs' if what.startswith('Submit') else 'Jobs'}{tail}"
    resource = _RESOURCES.get(what, what.lower())
    wanted = f"{span}TRES{tail}.{resource}"
    return name.startswith(wanted) if resource.endswith("/") else name == wanted


def _whose(scope: str, of: str, status: JobStatus) -> str:
    if scope == "qos":
        return f"all jobs in the QOS {status.qos} together"
    if scope == "user":
        return f"you may {{}} in the account {status.account}" if of == "Assoc" else "you"
    return f"the account {status.account}"


def _told(whose: str, name: str, limit: float, used: float | None, status: JobStatus) -> str | None:
    """Return one sentence, such as ``you may hold 128 CPUs; 128 are in use``."""

    def may(verb: str) -> str:
        return whose.format(verb) if "{}" in whose else f"{whose} may {verb}"

    kind, _, resource = name.partition(".")
    if kind.endswith("PJ"):
        return _per_job(kind, resource, limit, status)
    if used is None:
        return None
    if "Jobs" in kind:
        waits = "Submit" in kind
        there = f"{used:g} {'is' if used == 1 else 'are'} {'there' if waits else 'running'}"
        queued = f"have {_jobs(limit)} in the queue"
        return f"{may(queued if waits else f'run {_jobs(limit)} at once')}; {there}"
    if kind in ("GrpTRESMins", "GrpWall"):
        unit = "CPU minutes" if resource else "minutes"
        return f"{may(f'use {limit:g} {unit}')}; {used:g} are used"
    if kind == "GrpTRESRunMins":
        return f"{may(f'have {limit:g} CPU minutes left to run')}; {used:g} are"
    asked = ""
    if used < limit and resource == "cpu" and status.cores:
        asked = f", and this job asks for {status.cores}"
    verb = "is" if used == 1 or resource == "mem" else "are"
    return f"{may(f'hold {_amount(limit, resource)}')}; {_amount(used, resource, bare=True)} {verb} in use{asked}"


def _per_job(kind: str, resource: str, limit: float, status: JobStatus) -> str | None:
    if kind == "MaxWallPJ":
        asked = f"; this one asks for {units.format_duration(status.limit)}" if status.limit else ""
        return f"a job may last {units.format_duration(limit * 60)}{asked}; it will not start as it is"
    asked = f"; this one asks for {status.cores}" if resource == "cpu" and status.cores else ""
    return f"a job may have {_amount(limit, resource)}{asked}; it will not start as it is"


def _jobs(number: float) -> str:
    return f"{number:g} job{'' if number == 1 else 's'}"


def _amount(value: float, resource: str, *, bare: bool = False) -> str:
    """Return an amount of a resource, memory in units.

    >>> _amount(128, "cpu"), _amount(1, "gres/gpu"), _amount(2048, "mem"), _amount(3, "cpu", bare=True)
    ('128 CPUs', '1 GPU', '2 GiB', '3')
    """
    if resource == "mem":
        return units.format_size(int(value) * 2**20)
    if bare:
        return f"{value:g}"
    noun = _NOUNS.get(resource) or resource.rpartition("/")[2]
    return f"{value:g} {noun}{'' if value == 1 else 's'}"
