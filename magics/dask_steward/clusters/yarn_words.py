"""What YARN says of applications and containers, in words for a person. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dask_steward.units import format_size

if TYPE_CHECKING:
    from dask_steward.managers.yarn import Application, Node, Queue

#: What the diagnostics of a waiting application mean, the first that fits.
_WAITS = (
    (r"Queue's AM resource limit exceeded", "its queue's share for application masters is used up"),
    (r"User's AM resource limit exceeded", "your share of the queue for application masters is used up"),
    (
        r"[Ii]nsufficient resources|Cluster resource is empty",
        "no node has room for its master",
    ),
    (r"waiting for resources to be assigned for AM", "no node has room for its master yet"),
    (r"Queue is not active|STOPPED", "its queue is stopped"),
    (r"not (?:found|exist).*label|label.*not (?:found|exist)", "no node has its label"),
)
_LAUNCHED = re.compile(r"AM container is launched")
_LIMIT = re.compile(r"exceeded the lifetime period")


@dataclass(frozen=True)
class Refusal:
    """Why a submit failed.

    Attributes
    ----------
    sentence : str
        In words for a person.
    certain : bool
        YARN did not take it; else it may have.
    field, hint : str or None
        The profile's field and the way out, where they are known.
    """

    sentence: str
    certain: bool
    field: str | None = None
    hint: str | None = None


def first_line(text: object) -> str:
    r"""Return what an error says first, without the name of its Java class.

    >>> first_line("org.apache.hadoop.yarn.exceptions.YarnException: it is full\n\tat org.apache")
    'it is full'
    """
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    found = lines[0] if lines else type(text).__name__
    if re.match(r"Failed to submit application, exception:$", found) and len(lines) > 1:
        found = lines[1]
    while (wrapped := re.match(r"(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error):\s*(.+)", found)) is not None:
        found = wrapped[1]
    return found.rstrip(".")


def is_silence(error: BaseException) -> bool:
    """Tell whether an error of skein's means that nobody answered in time, and not that nobody is there."""
    return isinstance(error, TimeoutError)  # skein's own is one


def master(report: Application | None) -> str:
    """Return what an application's master is called, with its node where that is known."""
    return f"its master on {report.node}" if report is not None and report.node else "its master"


def refusal(error: BaseException, queue: str) -> Refusal:
    """Return why a submit failed, from what skein raised."""
    said = first_line(error)
    text = str(error)
    if re.search(r"unknown queue|Application rejected by queue placement|to unknown queue", text, re.IGNORECASE):
        return Refusal(
            f"YARN has no queue {queue!r}: {said}.",
            True,
            "options.queue",
            "See the queues that there are with dask-steward discover yarn.",
        )
    if re.search(r"cannot submit applications to queue|does not have permission to submit", text):
        return Refusal(
            f"You may not submit to queue {queue!r}: {said}.", True, "options.queue", "Choose another queue."
        )
    if (found := re.search(r"is not allowed to impersonate (\S+)", text)) is not None:
        return Refusal(
            f"This site does not let you start applications on behalf of {found[1]}: {said}.",
            True,
            "options.user",
            "Leave options.user out, or ask the site for hadoop.proxyuser rights.",
        )
    if re.search(r"is STOPPED|not accept.*submission", text):
        return Refusal(f"Queue {queue!r} takes no application now: {said}.", True, "options.queue")
    if re.search(r"label", text):
        return Refusal(f"YARN refuses the node label: {said}.", True, "options.specification")
    if re.search(r"InvalidResourceRequest|Invalid resource request", text):
        return Refusal(f"YARN has no node for what the application's master asks for: {said}.", True)
    if re.search(r"(Connection refused|ConnectException|NoRouteToHost|SocketTimeout|UnknownHost)", text):
        return Refusal(
            f"YARN cannot be reached to submit: {said}.",
            False,
            "options.resource_manager",
            "Is the ResourceManager up, and does HADOOP_CONF_DIR name the right one?",
        )
    if re.search(r"FileNotFound|does not exist", text):
        return Refusal(f"A file that the containers need is not there: {said}.", True, "options.environment")
    # Whatever it was, it may have come after YARN had taken the application.
    return Refusal(f"YARN did not take the application: {said}.", False)


def waiting(application: Application, *, again: bool = False) -> str:
    """Return why an application has no master yet.

    Parameters
    ----------
    application : Application
        As the ResourceManager reports it.
    again : bool
        It had one before, which died.
    """
    before = "its master was lost, and YARN starts another one: " if again else ""
    text = application.diagnostics or ""
    if _LAUNCHED.search(text):
        return f"{before}its master is starting"
    where = f"YARN: {application.state}, queue {application.queue}"
    for pattern, words in _WAITS:
        if re.search(pattern, text):
            return f"{before}{where} — {words}"
    said = first_line(re.sub(r"\s*;?\s*Details\s*:.*", "", re.sub(r"^\[[^\]]*\]\s*", "", text))) if text.strip() else ""
    return f"{before}{where}{f' — {said}' if said else ''}"


def no_room(
    queue: Queue | None, nodes: Iterable[Node], memory: int, vcores: int, label: str | None = None
) -> str | None:
    """Return why YARN gives no container of a size now; None where nothing speaks against it.

    Parameters
    ----------
    queue : Queue or None
        The application's own.
    nodes : iterable of Node
        All nodes, lost ones too.
    memory, vcores : int
        Of a container; memory in bytes.
    label : str, optional
        Only nodes that have it will do.
    """
    if queue is not None and queue.used is not None and queue.maximum is not None and queue.used >= queue.maximum - 0.5:
        return f"queue {queue.name} is full: it uses {queue.used:.0f} % of the cluster and may have no more"
    live = [one for one in nodes if one.state == "RUNNING"]
    if not live:
        return "YARN has no node that works"
    if label:
        live = [one for one in live if label in one.labels]
        if not live:
            return f"no node that works has the label {label}"
    free = [(one.memory - one.used_memory, one.vcores - one.used_vcores) for one in live]
    if any(one[0] >= memory and one[1] >= vcores for one in free):
        return None
    what = f"{format_size(memory)} and {vcores} vcore{'s' if vcores != 1 else ''}"
    most = max(free)
    return f"no node has {what} free; the emptiest has {format_size(max(0, most[0]))} and {max(0, most[1])}"


def over(application: Application) -> str:
    """Return why an application is over."""
    text = (application.diagnostics or "").strip()
    if _LIMIT.search(text):
        return "YARN ended it: its lifetime was over, and nobody had put that off"
    said = first_line(text) if text else ""
    native = application.state.lower()
    killed = next((words for pattern, words in _KILLED[:2] if re.search(pattern, text)), None)
    if killed is not None:
        return f"{native}: its master was {killed}{_used(text, killed)}"
    if application.state == "FINISHED" and application.final_status not in ("SUCCEEDED", "UNDEFINED", "", None):
        native = f"finished as {application.final_status.lower()}"
    return f"{native}: {said}" if said else native


def port_taken(application: Application) -> bool:
    """Tell whether an application ended since its scheduler's port was taken (`scheduler_host.PORT_TAKEN`)."""
    return re.search(r"driver failed with exit code 73\b", application.diagnostics or "") is not None


def cannot_call(application: Application) -> bool:
    """Tell whether an application ended since its master could not call the keeper (`jobscript.UNREACHABLE`)."""
    return re.search(r"driver failed with exit code 69\b", application.diagnostics or "") is not None


#: How YARN says it of an application's master; of a worker's container skein passes on only the numbers.
_BEYOND = r"(?i:beyond (?:the )?'?{0}'? memory)|[\d.]+ [KMG]B of [\d.]+ [KMG]B {0} memory used\s*$"
_KILLED = (
    (_BEYOND.format("physical"), "killed by YARN: it used more memory than it had asked for"),
    (_BEYOND.format("virtual"), "killed by YARN: it used more virtual memory than its site allows"),
    (r"preempt", "taken away by YARN for another queue"),
    (r"released on a \*lost\* node|lost node|node.*lost", "its node was lost"),
    (r"[Ii]nvalid resource request", "YARN has no node for what a container asks for"),
    (r"changed on src filesystem", "a file that it needs was changed after the start"),
)
_USED = re.compile(r"([\d.]+ [KMG]B of [\d.]+ [KMG]B) (physical|virtual) memory used")
_EXIT = re.compile(r"(?:exitCode[:=]\s*|exit code\s*(?:of |: ?)?|exited with (?:status|code) )(-?\d+)", re.IGNORECASE)


def exit_code(message: str) -> str | None:
    """Return the exit status that YARN tells of a container, as managers tell it.

    >>> exit_code("Exception from container-launch. exitCode: 69"), exit_code("[..] exitCode=137: x")
    ('69', 'signal 9')
    """
    found = _EXIT.search(message)
    if found is None:
        return None
    code = int(found[1])
    return f"signal {code - 128}" if 128 < code < 160 else str(code)


def container_end(state: str, message: str) -> str:
    """Return why a container is over."""
    for pattern, words in _KILLED:
        if re.search(pattern, message):
            return f"{words}{_used(message, words)}"
    code = exit_code(message)
    if code is not None:
        return f"it ended by {code}" if code.startswith("signal") else f"it ended with exit status {code}"
    if state == "SUCCEEDED":
        return "it ended by itself"
    if _VAGUE in message:
        return "it ended with an error"
    said = first_line(message) if message.strip() else ""
    return f"{state.lower()}: {said}" if said else state.lower()


def _used(message: str, words: str) -> str:
    """Return how much of how much memory was used, where it was killed for that."""
    kind = "virtual" if "virtual" in words else "physical"
    found = next((one for one in _USED.finditer(message) if one[2] == kind), None)
    return f" ({found[1]})" if found is not None and "memory" in words else ""


_VAGUE = "Container failed during execution"


def is_vague(words: str) -> bool:
    """Tell whether words about a container's end say no more than that it was no good one."""
    return _VAGUE in words or words == "it ended with an error"


def own_words(path: str) -> str | None:
    """Return what a container's script said last of its worker's end, where its log holds that."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()[-50:]
    except OSError:
        return None
    said = [line.partition(": ")[2].strip() for line in lines if line.startswith("dask-steward: ")]
    return said[-1] if said and "unreachable" not in said[-1] else None
