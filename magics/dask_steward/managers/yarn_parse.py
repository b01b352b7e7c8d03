"""A ResourceManager's answers as plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from dask_steward.managers.base import JobState, JobStatus

PREFIX = "dask-steward-"
"""What the tags of clusters begin with. YARN keeps tags in lower case."""

ENDED = ("FINISHED", "FAILED", "KILLED")
_STATES = {"RUNNING": JobState.RUNNING, **dict.fromkeys(ENDED, JobState.ENDED)}
_MB = 2**20
_STAMP = re.compile(r"^\[[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9 ]+:[0-9:]+ [^\]]*\] ")
ID = re.compile(r"application_([0-9]{1,19})_([0-9]{4,19})")
_CONTAINER = re.compile(r"container_[0-9a-z_]+")


@dataclass(frozen=True)
class Application:
    """One application.

    Attributes
    ----------
    id, name, user, queue, type : str
        As the ResourceManager knows it.
    state : str
        NEW, NEW_SAVING, SUBMITTED, ACCEPTED, RUNNING, FINISHED, FAILED or KILLED.
    final_status : str
        What it says of itself: UNDEFINED, SUCCEEDED, FAILED or KILLED.
    diagnostics : str
        Why it is in this state, in the ResourceManager's words, without the time before them.
    tags : tuple of str
        In lower case.
    submitted, started, ended : float, optional
        Seconds since the epoch, by the ResourceManager's clock: submitted, master launched, over.
    tracking_url, am_host, am_rpc, am_container, node : str, optional
        The page that it offers; of its master the node's web, where it takes calls, the container, and the node.
    containers : int
        How many it has now, the master's own included.
    memory, vcores, waiting : int
        Bytes and cores that it holds, and bytes that it has asked for and not got.
    expires, remaining : float, optional
        When the ResourceManager will end it (LIFETIME): seconds since the epoch by its clock, and from the question.
    gathering : str
        How far YARN is with gathering its logs: DISABLED, NOT_START, RUNNING …; nothing before Hadoop 3.
    """

    id: str
    name: str
    user: str
    queue: str
    state: str
    final_status: str = "UNDEFINED"
    type: str = ""
    diagnostics: str = ""
    tags: tuple[str, ...] = ()
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    tracking_url: str | None = None
    am_host: str | None = None
    am_rpc: str | None = None
    am_container: str | None = None
    node: str | None = None
    containers: int = 0
    memory: int = 0
    vcores: int = 0
    waiting: int = 0
    progress: float = 0.0
    expires: float | None = None
    remaining: float | None = None
    gathering: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended, whichever way."""
        return self.state in ENDED

    @property
    def tag(self) -> str | None:
        """The tag of a cluster of ours, where it has one."""
        return next((one for one in self.tags if one.startswith(PREFIX)), None)


@dataclass(frozen=True)
class Queue:
    """A queue that applications can be submitted to.

    Attributes
    ----------
    name, path, state : str
        Such as ``default``, ``root.default``, ``RUNNING``.
    capacity, maximum, used : float, optional
        Percent of the whole cluster that it is promised, may have at most, and uses.
    applications, waiting : int, optional
        Applications in it, and those of them that have not begun.
    labels : tuple of str
        Labels of nodes that it may use; ``*`` for all.
    default_lifetime, maximum_lifetime : float, optional
        Seconds after which its applications are ended: where nobody says otherwise, and in any case.
    submit : str, optional
        Who may submit, to it or to a queue above it: ``*``, or users and groups as YARN writes them
        (``ann,bob physics``); None where it does not tell.
    """

    name: str
    path: str
    state: str = "RUNNING"
    capacity: float | None = None
    maximum: float | None = None
    used: float | None = None
    applications: int | None = None
    waiting: int | None = None
    labels: tuple[str, ...] = ()
    default_lifetime: float | None = None
    maximum_lifetime: float | None = None
    submit: str | None = None


@dataclass(frozen=True)
class Node:
    """A NodeManager: memory in bytes."""

    id: str
    host: str
    state: str
    web: str | None = None
    memory: int = 0
    vcores: int = 0
    used_memory: int = 0
    used_vcores: int = 0
    labels: tuple[str, ...] = ()
    health: str = ""


@dataclass(frozen=True)
class Largest:
    """The largest container that is ever given: memory in bytes, other resources (GPUs) by YARN's own names."""

    memory: int
    vcores: int
    others: Mapping[str, int]


@dataclass(frozen=True)
class Info:
    """A ResourceManager: when it was started (seconds since the epoch, its clock), whether active, which version."""

    started_on: float
    version: str
    ha_state: str
    state: str
    now: float


@dataclass(frozen=True)
class Lifetime:
    """The LIFETIME time-out in force.

    Attributes
    ----------
    expires : float or None
        When the ResourceManager ends the application (seconds since the epoch, by its clock); None: never.
    remaining : float or None
        Seconds until then.
    wall : bool
        The queue allows no more: it is earlier than what was asked for.
    skew : float
        Seconds that the ResourceManager's clock is ahead of ours.
    """

    expires: float | None
    remaining: float | None
    wall: bool = False
    skew: float = 0.0


def application(raw: Mapping[str, Any]) -> Application:
    """Return an application of ``/apps``."""
    expires, remaining = None, None
    for one in _list(raw.get("timeouts"), "timeout"):
        if one.get("type") == "LIFETIME":
            expires, remaining = timeout(one)
    return Application(
        id=str(raw["id"]),
        name=str(raw.get("name") or ""),
        user=str(raw.get("user") or ""),
        queue=str(raw.get("queue") or ""),
        state=str(raw["state"]),
        final_status=str(raw.get("finalStatus") or "UNDEFINED"),
        type=str(raw.get("applicationType") or ""),
        diagnostics=plain(str(raw.get("diagnostics") or "")),
        tags=tuple(one for one in str(raw.get("applicationTags") or "").split(",") if one),
        submitted=_seconds(raw.get("startedTime")),
        started=_seconds(raw.get("launchTime")),
        ended=_seconds(raw.get("finishedTime")),
        tracking_url=raw.get("trackingUrl") or None,
        am_host=raw.get("amHostHttpAddress") or None,
        am_rpc=raw.get("amRPCAddress") or None,
        # Named, not made from the id: a ResourceManager that was started again puts an epoch into it.
        am_container=found[0] if (found := _CONTAINER.search(str(raw.get("amContainerLogs") or ""))) else None,
        node=str(raw.get("amHostHttpAddress") or "").partition(":")[0] or None,
        containers=max(0, int(raw.get("runningContainers") or 0)),
        memory=max(0, int(raw.get("allocatedMB") or 0)) * _MB,
        vcores=max(0, int(raw.get("allocatedVCores") or 0)),
        waiting=_pending(raw.get("resourceInfo")) * _MB,
        progress=float(raw.get("progress") or 0.0),
        expires=expires,
        remaining=remaining,
        gathering=str(raw.get("logAggregationStatus") or ""),
    )


def status(one: Application) -> JobStatus:
    """Return an application as all managers show what they have."""
    return JobStatus(
        id=one.id,
        name=one.tag or one.name,
        state=_STATES.get(one.state, JobState.QUEUED),
        native=one.state,
        reason=one.diagnostics or None,
        node=one.node,
        comment=one.tag,
        user=one.user,
        submitted=one.submitted,
        started=one.started,
        ended=one.ended if one.over else None,
        ends=None if one.over else one.expires,
        cores=one.vcores or None,
        partition=one.queue,
    )


def timeout(raw: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return when a time-out ends an application, and in how many seconds; None and None for never."""
    text = str(raw.get("expiryTime") or "UNLIMITED")
    if text == "UNLIMITED":
        return None, None
    left = float(raw.get("remainingTimeInSeconds") or 0)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp(), max(0.0, left)


def moment(seconds: float) -> str:
    """Return a time (seconds since the epoch) as the ResourceManager reads it.

    >>> moment(0.25)
    '1970-01-01T00:00:00.250+0000'
    """
    found = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03d}+0000"


def plain(diagnostics: str) -> str:
    """Return diagnostics without the time before them and in one line.

    >>> plain("[Sat Nov 21 22:52:40 +0000 2026] Application is Activated,   waiting")
    'Application is Activated, waiting'
    """
    return " ".join(_STAMP.sub("", diagnostics.strip()).split())


def queues(scheduler: Mapping[str, Any]) -> tuple[Queue, ...]:
    """Return the queues of ``/scheduler`` that take applications, of the capacity and of the fair scheduler."""
    root = scheduler.get("schedulerInfo") or {}
    if "rootQueue" in root:
        return tuple(_fair(root["rootQueue"]))
    return tuple(_capacity(root, "root"))


def _capacity(raw: Mapping[str, Any], path: str, above: str | None = None) -> Iterable[Queue]:
    inner = _list(raw.get("queues"), "queue")
    submit = _either(above, _submitters(raw))
    for one in inner:
        name = str(one.get("queueName") or "")
        yield from _capacity(one, str(one.get("queuePath") or f"{path}.{name}"), submit)
    if inner or path == "root":
        return
    labels = raw.get("nodeLabels") or ()
    yield Queue(
        name=str(raw.get("queueName") or ""),
        path=path,
        state=str(raw.get("state") or "RUNNING"),
        capacity=_number(raw.get("absoluteCapacity")),
        maximum=_number(raw.get("absoluteMaxCapacity")),
        used=_number(raw.get("absoluteUsedCapacity")),
        applications=int(raw.get("numApplications") or 0),
        waiting=int(raw.get("numPendingApplications") or 0),
        labels=tuple(str(one) for one in ([labels] if isinstance(labels, str) else labels)),
        default_lifetime=_positive(raw.get("defaultApplicationLifetime")),
        maximum_lifetime=_positive(raw.get("maxApplicationLifetime")),
        submit=submit,
    )


def _fair(raw: Mapping[str, Any]) -> Iterable[Queue]:
    inner = _list(raw.get("childQueues"), "queue")
    for one in inner:
        yield from _fair(one)
    if inner:
        return
    path = str(raw.get("queueName") or "root")
    cluster = (raw.get("clusterResources") or {}).get("memory") or 0

    def percent(key: str) -> float | None:
        memory = (raw.get(key) or {}).get("memory")
        return 100.0 * memory / cluster if cluster and memory is not None else None

    yield Queue(
        name=path.rpartition(".")[2],
        path=path,
        capacity=percent("steadyFairResources"),
        maximum=percent("maxResources"),
        used=percent("usedResources"),
        applications=int(raw.get("numActiveApps") or 0) + int(raw.get("numPendingApps") or 0),
        waiting=int(raw.get("numPendingApps") or 0),
    )


def _submitters(raw: Mapping[str, Any]) -> str | None:
    for one in _list(raw.get("queueAcls"), "queueAcl"):
        if str(one.get("accessType") or "").upper() in ("SUBMIT_APP", "SUBMIT_APPLICATIONS"):
            # A blank before groups says that no user is named.
            return str(one.get("accessControlList") or "").rstrip()
    return None


def _either(above: str | None, here: str | None) -> str | None:
    """Return who may submit: whoever may to a queue may to all below it.

    >>> _either("ann", "bob,ann physics"), _either("*", ""), _either(None, "")
    ('ann,bob physics', '*', '')
    """
    if above is None or here is None:
        return above if here is None else here
    if "*" in (above, here):
        return "*"
    parts = [(text.partition(" ")[0], text.partition(" ")[2]) for text in (above, here)]
    users, groups = (
        ",".join(dict.fromkeys(name for part in parts for name in part[index].split(",") if name)) for index in (0, 1)
    )
    return f"{users} {groups}".rstrip()


def node(raw: Mapping[str, Any]) -> Node:
    """Return a node of ``/nodes``."""
    used, free = int(raw.get("usedMemoryMB") or 0), int(raw.get("availMemoryMB") or 0)
    cores, left = int(raw.get("usedVirtualCores") or 0), int(raw.get("availableVirtualCores") or 0)
    labels = raw.get("nodeLabels") or ()
    return Node(
        id=str(raw.get("id") or ""),
        host=str(raw.get("nodeHostName") or ""),
        state=str(raw.get("state") or ""),
        web=raw.get("nodeHTTPAddress") or None,
        memory=(used + free) * _MB,
        vcores=cores + left,
        used_memory=used * _MB,
        used_vcores=cores,
        labels=tuple(str(one) for one in ([labels] if isinstance(labels, str) else labels)),
        health=str(raw.get("healthReport") or ""),
    )


def largest(raw: Mapping[str, Any]) -> Largest:
    """Return the ``maximum-resource-capability`` of ``/apps/new-application``."""
    others = {
        str(one["name"]): int(one.get("value") or 0)
        for one in _list(raw.get("resourceInformations"), "resourceInformation")
        if one.get("name") not in ("memory-mb", "vcores", None)
    }
    return Largest(int(raw["memory"]) * _MB, int(raw["vCores"]), others)


def _list(raw: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the things of a list, which is no list where there is but one, in some versions."""
    inner = raw.get(name) if isinstance(raw, dict) else None
    found = inner if isinstance(inner, list) else [inner]
    return [one for one in found if isinstance(one, dict)]


def _pending(raw: Any) -> int:
    found = [(one.get("pending") or {}).get("memory") for one in _list(raw, "resourceUsagesByPartition")]
    return sum(max(0, int(one or 0)) for one in found)


def _seconds(milliseconds: Any) -> float | None:
    return float(milliseconds) / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else None


def _number(raw: Any) -> float | None:
    return float(raw) if isinstance(raw, int | float) else None


def _positive(raw: Any) -> float | None:
    return float(raw) if isinstance(raw, int | float) and raw > 0 else None
