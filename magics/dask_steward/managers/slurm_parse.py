"""What Slurm's commands print, as pure functions: text in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dask_steward.managers.base import JobState, JobStatus, NodeSize, TestAnswer

FIELDS = (
    "JobArrayID",
    "Name",
    "State",
    "Reason",
    "NodeList",
    "Comment",
    "UserName",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "NumCPUs",
    "TimeLimit",
    "RestartCnt",
    "Partition",
    "Account",
    "QOS",
    "PriorityLong",
    "exit_code",
)
"""What `squeue` is asked for, in this order (``man squeue``, *--Format*)."""

OURS = "dask-steward-"
"""Array jobs whose name begins so are listed task by task; an array of somebody else's may have a million tasks."""

MOST_TASKS = 100_000
"""Most tasks that one array expression may stand for."""

_NATIVE = {
    JobState.QUEUED: "PENDING CONFIGURING REQUEUED REQUEUE_FED REQUEUE_HOLD SPECIAL_EXIT POWER_UP_NODE",
    JobState.RUNNING: "RUNNING SUSPENDED STOPPED SIGNALING RESIZING EXPEDITING",
    JobState.ENDING: "COMPLETING STAGE_OUT",
    JobState.ENDED: (
        "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED LAUNCH_FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED RECONFIG_FAIL"
        " REVOKED TIMEOUT"
    ),
}
STATES = {native: state for state, natives in _NATIVE.items() for native in natives.split()}
"""Slurm's job states (``man squeue``, *JOB STATE CODES*, 22.05 to 25.05) in shared words."""

_NOTHING = frozenset({"", "(null)", "N/A", "n/a", "None", "Unknown", "NONE"})
_ARRAY = re.compile(r"(\d+)_\[([\d,:-]+)(?:%\d+)?\]")
_RANGE = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?")
_ID = re.compile(r"\d+(?:_\d+|\+\d+|_\[[\d,:%-]+\])?")
_ANSWER = re.compile(r"[ \t]*(\d+)(?:;[\w.-]+)?[ \t\r]*")
_DURATION = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")
WORDS = 600
"""Letters of a complaint that are shown; Slurm's own are one or two lines."""

_PREFIX = re.compile(r"^\w+: (?:error|fatal): ")


def is_id(text: str) -> bool:
    """Return whether a text is a job id that Slurm's commands take: ``12``, ``12_3``, ``12_[3-5]``, ``12+1``."""
    return _ID.fullmatch(text) is not None


def squeue_format(mark: str, fields: Sequence[str] = FIELDS) -> str:
    """Return the argument of ``squeue --Format`` for `parse_squeue` and `parse_rows`.

    Parameters
    ----------
    mark : str
        Letters and digits that no job's name or comment holds, since they are drawn anew for each command. A fixed
        separator would not do: names and comments may contain any byte, line ends included.
    fields : sequence of str
        What is asked for.
    """
    # A size of 0 means "whole, not padded" (22.05, print.c: no width then); without any size --Format cuts at 20
    # letters. The one-letter --format does not cut either, but has no letter for the exit code.
    between, last = _separators(mark)
    return ",".join(f"{field}:0{between}" for field in fields[:-1]) + f",{fields[-1]}:0{last}"


def _separators(mark: str) -> tuple[str, str]:
    return f"|{mark}|", f"<{mark}>"


def parse_squeue(text: str, mark: str) -> tuple[JobStatus, ...]:
    """Return the jobs that `squeue` listed with `squeue_format` and its header line.

    Times are seconds since the epoch (``SLURM_TIME_FORMAT=%s``). Lines that a site's wrapper prints before the header
    or after the list are passed over.

    Raises
    ------
    ValueError
        If the text is not whole. An answer without a header, or one that is cut, is never taken for an empty queue.
    """
    return tuple(status for row in parse_rows(text, mark) for status in _statuses(row))


def parse_rows(text: str, mark: str, fields: Sequence[str] = FIELDS) -> list[dict[str, str]]:
    """Return the lines of a list that was asked for with `squeue_format`, by field, without its header.

    Parameters
    ----------
    text, mark : str
        What `squeue` printed, and the mark that it was asked with.
    fields : sequence of str
        Job id and state, by which the header is known, among them.

    Raises
    ------
    ValueError
        If the text is not whole.
    """
    between, last = _separators(mark)
    *records, rest = text.split(last)
    if mark in rest or (records and not text.endswith("\n")):
        raise ValueError(f"squeue's answer is cut after {rest.strip()[:80]!r}")
    found: list[dict[str, str]] = []
    headers = 0
    for record in records:
        values = record.split(between)
        if len(values) != len(fields):
            raise ValueError(f"squeue printed {len(values)} of {len(fields)} fields: {record.strip()[:80]!r}")
        row = dict(zip(fields, values, strict=True))
        # Ids hold no line end, so what stands above the last line of this field belongs to somebody else.
        row["JobArrayID"] = row["JobArrayID"].rpartition("\n")[2].strip()
        if row["State"] == "STATE":
            headers += 1
        else:
            found.append(row)
    if not headers:
        words = " ".join(text.split())[:80]
        raise ValueError(f"squeue's answer holds no list: {words!r}")
    return found


def _statuses(row: dict[str, str]) -> Iterator[JobStatus]:
    job = row["JobArrayID"]
    if not is_id(job):
        raise ValueError(f"squeue printed no job id but {job[:80]!r}")
    native = row["State"].strip()
    # A state that this table does not know counts as running: it must never pass for gone.
    state = STATES.get(native, JobState.RUNNING)
    start, node = _seconds(row["StartTime"]), _text(row["NodeList"])
    # A job that was cancelled while it waited has a start time, but never had a node.
    never_ran = state is JobState.QUEUED or (state is JobState.ENDED and node is None)
    name = row["Name"]
    for task in expand(job) if name.startswith(OURS) else (job,):
        yield JobStatus(
            id=task,
            name=name,
            state=state,
            native=native,
            reason=_text(row["Reason"]),
            node=node,
            comment=_text(row["Comment"]),
            user=_text(row["UserName"]),
            submitted=_seconds(row["SubmitTime"]),
            started=None if never_ran else start,
            expected_start=start if state is JobState.QUEUED else None,
            ended=_seconds(row["EndTime"]) if state is JobState.ENDED else None,
            cores=_number(row["NumCPUs"]),
            exit_code=exit_code(row["exit_code"]) if state.gone else None,
            ends=_seconds(row["EndTime"]) if state is JobState.RUNNING else None,
            limit=duration(row["TimeLimit"]),
            restarts=_number(row["RestartCnt"]) or 0,
            partition=_text(row["Partition"]),
            account=_text(row["Account"]),
            qos=_text(row["QOS"]),
            priority=_number(row["PriorityLong"]),
        )


def expand(job: str) -> tuple[str, ...]:
    """Return the tasks that an array expression stands for.

    >>> expand("12_[3-5,9%2]")
    ('12_3', '12_4', '12_5', '12_9')
    >>> expand("12_[0-6:3]")
    ('12_0', '12_3', '12_6')
    >>> expand("12"), expand("12_7")
    (('12',), ('12_7',))
    """
    array = _ARRAY.fullmatch(job)
    if array is None:
        return (job,)
    tasks: list[str] = []
    for part in array[2].split(","):
        bounds = _RANGE.fullmatch(part)
        if bounds is None:
            return (job,)
        first = int(bounds[1])
        numbers = range(first, int(bounds[2] or first) + 1, max(1, int(bounds[3] or 1)))
        if len(tasks) + len(numbers) > MOST_TASKS:
            return (job,)
        tasks.extend(f"{array[1]}_{number}" for number in numbers)
    return tuple(tasks)


def exit_code(raw: str) -> str | None:
    """Return Slurm's raw wait status in words: ``"3"`` for exit status 3, ``"signal 9"`` for a signal.

    >>> exit_code("768"), exit_code("9"), exit_code("0"), exit_code("n/a")
    ('3', 'signal 9', '0', None)
    """
    if not raw.strip().isdecimal():
        return None
    status = int(raw)
    signal = status & 0x7F
    return f"signal {signal}" if signal else str(status >> 8)


def duration(raw: str) -> float | None:
    """Return a time limit in seconds; None where there is none.

    >>> duration("10:00"), duration("1-02:00:00"), duration("UNLIMITED")
    (600.0, 93600.0, None)
    """
    parts = _DURATION.fullmatch(raw.strip())
    if parts is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def parse_sbatch(out: str) -> str | None:
    r"""Return the job's id from what ``sbatch --parsable`` printed, or None when it names none.

    The answer is ``id`` or ``id;cluster`` on a line of its own, the last one: sites print banners before it. Without
    its line end it is half an answer, and the first digits of an id are another job's.

    >>> parse_sbatch("Welcome to Hydra 2\n----\n4711;hydra\n")
    '4711'
    >>> parse_sbatch("47"), parse_sbatch("Submitted batch job 12\n")
    (None, None)
    """
    for line in reversed(out.split("\n")[:-1]):
        answer = _ANSWER.fullmatch(line)
        if answer is not None:
            return answer[1]
    return None


def words(err: str, out: str = "") -> str:
    r"""Return what a command complained about as one line, without its own name and *error* on each.

    >>> words("sbatch: error: invalid partition specified: debgu\nsbatch: error: Batch job submission failed: x\n")
    'invalid partition specified: debgu; Batch job submission failed: x'
    >>> words("sbatch: error: \x1b[2J no\x00 account")
    '[2J no account'
    """
    lines = [_PREFIX.sub("", " ".join(_plain(line).split())) for line in (err.strip() or out.strip()).splitlines()]
    said = "; ".join(dict.fromkeys(line for line in lines if line))
    return said if len(said) <= WORDS else f"{said[:WORDS]}…"


def _plain(line: str) -> str:
    """Return a line without what a terminal would take for an order: these words are shown to a person."""
    return "".join(one if one.isprintable() else " " for one in line)


def _text(raw: str) -> str | None:
    return None if raw.strip() in _NOTHING else raw


def _seconds(raw: str) -> float | None:
    return float(raw) if raw.strip().isdecimal() else None


def _number(raw: str) -> int | None:
    return int(raw) if raw.strip().isdecimal() else None


def parse_sinfo(text: str) -> tuple[NodeSize, ...]:
    r"""Read ``sinfo --noheader --exact --format=%P|%c|%m``: partition, CPUs and memory (MiB) of each kind of node.

    >>> parse_sinfo("debug*|4|4000\nbig|64|512000\n")[0]
    NodeSize(partition='debug', default=True, cores=4, memory=4194304000)
    """
    found = []
    for line in text.splitlines():
        partition, _, rest = line.strip().rpartition("|")[0].rpartition("|") if line.count("|") >= 2 else ("", "", "")
        cores, memory = rest.rstrip("+"), line.strip().rpartition("|")[2].rstrip("+")
        # Lines of a wrapper around sinfo are passed over.
        if partition and cores.isdecimal() and memory.isdecimal():
            name = partition.rstrip("*")
            found.append(NodeSize(name, partition.endswith("*"), int(cores), int(memory) * 2**20))
    return tuple(found)


def parse_most_at_once(text: str) -> int:
    r"""Return from ``scontrol show config`` how many jobs one array may have; 1 where arrays are switched off.

    ``MaxArraySize`` is one more than the largest index, and the first index is 0.

    >>> parse_most_at_once("MaxArraySize            = 1001\nMaxJobCount             = 10000\n")
    1001
    >>> parse_most_at_once("MaxArraySize = 1001\nSchedulerParameters = defer,max_array_tasks=50\n")
    50
    """
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", text, re.MULTILINE)
    tasks = re.search(r"^SchedulerParameters\s*=.*\bmax_array_tasks=(\d+)", text, re.MULTILINE)
    jobs = re.search(r"^MaxJobCount\s*=\s*(\d+)", text, re.MULTILINE)
    if size is None:
        return 1
    return max(1, min(int(found[1]) for found in (size, tasks, jobs) if found is not None))


_TEST_ONLY = re.compile(r"Job \d+ to start at (\S+) using (\d+) processors on nodes (\S+)(?: in partition (\S+))?")

NEVER = 366 * 86400.0
"""Seconds from now after which a start that Slurm expects is none: it counts jobs without a limit as years."""


def parse_test_only(status: int, err: str, now: float) -> TestAnswer | None:
    r"""Read what ``sbatch --test-only`` said, with times in seconds since the epoch; None where that is no answer.

    >>> parse_test_only(0, "sbatch: Job 12 to start at 9000 using 4 processors on nodes n[1-2] in partition debug\n", 0)
    TestAnswer(start=9000.0, nodes='n[1-2]', partition='debug', cores=4, refusal=None)
    >>> parse_test_only(1, "allocation failure: Invalid qos specification\n", 0).refusal
    'Invalid qos specification'
    """
    found = _TEST_ONLY.search(err)
    if found is not None:
        start = float(found[1]) if found[1].isdecimal() else None
        if start is not None and start - now > NEVER:
            start = None
        return TestAnswer(start=start, nodes=found[3], partition=found[4], cores=int(found[2]))
    if status == 0:
        return None
    said = words(err)
    return TestAnswer(refusal=said.replace("allocation failure: ", "")) if said else None
