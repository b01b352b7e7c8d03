"""Hadoop YARN, by its ResourceManager's REST interface: list, kill, limit and explain applications.

Only the standard library, and no Java: the guard, which must start in a blink, releases by this. A *job* is an
application. One of ours is known by its tag; YARN ends all containers of an application with it. Where the web
interface asks for a Kerberos ticket, which the standard library cannot show, the ``yarn`` command is the second way.

A ResourceManager that could not be asked, or is a standby, or has forgotten what it knew, is never *gone*.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from dask_steward.errors import SubmitRefused
from dask_steward.managers import yarn_conf, yarn_parse, yarn_staging
from dask_steward.managers.base import JobState, JobStatus, Manager, NodeSize, Unknown
from dask_steward.managers.yarn_http import Answer, Forbidden
from dask_steward.managers.yarn_parse import ID, Application, Info, Largest, Lifetime, Node, Queue
from dask_steward.managers.yarn_rm import REACHED, ResourceManager

__all__ = ["Application", "Info", "Largest", "Lifetime", "Node", "Queue", "Yarn", "environment_of"]

COMMANDS = ("yarn",)
"""What is on the PATH of a host of the site."""

MANY = 50
"""Tags that one question names: they stand in its address."""

TOLERATED = 3.0
"""Seconds by which a lifetime may be shorter than what was asked for, before it is taken for a limit of the queue."""


def environment_of(profile: Mapping[str, Any]) -> dict[str, str]:
    """Return what `Yarn.remembered` would say of a profile: for an entry of which nothing else can be read."""
    options = profile.get("options")
    if not isinstance(options, Mapping):
        return {}
    given = options.get("resource_manager")
    addresses = [given] if isinstance(given, str) else list(given or ())
    found: dict[str, Any] = {}
    if addresses:
        found["addresses"] = [yarn_conf.normal(str(one)) for one in addresses]
    if options.get("user"):
        found["user"] = str(options["user"])
    return {REACHED: json.dumps(found)} if found else {}


class Yarn(ResourceManager, Manager):
    """The applications of one user on one YARN.

    Parameters
    ----------
    environment : mapping, optional
        What `remembered` gave to another process, or `environment_of` a profile; its variables go before our own.
    timeout : float
        Seconds that one question may take, whichever ResourceManager answers.
    """

    system = "yarn"
    gone = "the ResourceManager does not know it any more"
    # Who submits is a process of the cluster, ended before anybody looks; what it sent is carried out within a second
    # by a ResourceManager that answers.
    submit_window = 10.0
    answered_window = 5.0

    # -- what all managers are asked --

    def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...] | Unknown:
        found = self.applications(timeout=timeout)
        return found if isinstance(found, Unknown) else tuple(yarn_parse.status(one) for one in found)

    def applications(
        self, tags: Collection[str] | None = None, *, timeout: float | None = None
    ) -> tuple[Application, ...] | Unknown:
        """Return this user's applications, ended ones that are still known included: all, or those with a tag."""
        if not self._by_command:
            found = self._applications(tags, timeout)
            if not self._by_command:
                return found
        return self._applications_by_command(tags, timeout)

    def _applications(self, tags: Collection[str] | None, timeout: float | None) -> tuple[Application, ...] | Unknown:
        found: dict[str, Application] = {}
        groups = [None] if tags is None else list(_groups(sorted(tags), MANY))
        for group in groups:
            query = {"user": self.user, "deSelects": "resourceRequests"}
            if group is not None:
                query["applicationTags"] = ",".join(one.lower() for one in group)
            answer = self._ask("/apps", query, timeout=timeout)
            if isinstance(answer, Unknown):
                return answer
            if answer.status != 200 or not isinstance(answer.value, dict) or "apps" not in answer.value:
                return Unknown(f"the ResourceManager at {answer.address} does not list applications: {answer.message}")
            # Versions before 3 say null where there is none.
            for raw in (answer.value["apps"] or {}).get("app") or ():
                one = yarn_parse.application(raw)
                if one.user == self.user:
                    found[one.id] = one
        return tuple(found.values())

    def _applications_by_command(
        self, tags: Collection[str] | None, timeout: float | None
    ) -> tuple[Application, ...] | Unknown:
        seconds = self._patience(timeout)
        found: dict[str, Application] = {}
        for tag in [None] if tags is None else sorted(tags):
            answer = self._command.list(tag, seconds)
            if isinstance(answer, Unknown):
                return answer
            found.update((one.id, one) for one in answer if one.user == self.user)
        return tuple(found.values())

    def _patience(self, timeout: float | None) -> float:
        """Return how long the command may take: a Java virtual machine that starts on a busy host needs seconds."""
        return max(30.0, self.timeout) if timeout is None else timeout

    def find_by_tag(
        self, tags: Collection[str], *, timeout: float | None = None
    ) -> dict[str, tuple[JobStatus, ...]] | Unknown:
        answer = self.applications(tags, timeout=timeout)
        if isinstance(answer, Unknown):
            return answer
        # YARN keeps them in lower case, and looks for them without regard to case.
        return {
            tag: tuple(yarn_parse.status(one) for one in answer if tag.lower() in (each.lower() for each in one.tags))
            for tag in tags
        }

    def cancel(self, ids: Sequence[str], *, timeout: float | None = None, commands: int = 0) -> Unknown | None:
        todo = list(dict.fromkeys(ids))
        for id in todo:
            _check(id)
        refused: list[str] = []
        while todo and not self._by_command:
            answer = self._ask(f"/apps/{todo[0]}/state", method="PUT", body={"state": "KILLED"}, timeout=timeout)
            if self._by_command:
                break
            id = todo.pop(0)
            if isinstance(answer, Forbidden) and answer.status == 403 and self._command.path is not None:
                # A site may let the web interface look and not touch.
                second = self._command.kill([id], self._patience(timeout))
                refused += [answer.reason, second.reason] if second is not None else []
            elif isinstance(answer, Unknown):
                refused.append(answer.reason)
                if not isinstance(answer, Forbidden):
                    break  # who does not answer is not asked again for each of many
            elif not _taken(answer) and not _unknown_id(answer):
                refused.append(f"{id} cannot be killed: {answer.message}")
        if todo and self._by_command:
            second = self._command.kill(todo, self._patience(timeout))
            refused += [second.reason] if second is not None else []
        return Unknown("; ".join(dict.fromkeys(refused))) if refused else None

    def cancel_tag(self, tag: str, *, timeout: float | None = None) -> Unknown | None:
        found = self.applications([tag], timeout=timeout)
        if isinstance(found, Unknown):
            return found
        ids = [one.id for one in found if not one.over]
        return self.cancel(ids, timeout=timeout) if ids else None

    def settled(self, tag: str, ids: Collection[str], *, timeout: float | None = None) -> Unknown | None:
        # One that the ResourceManager does not know went with an earlier life of it (ids hold when it was started): its
        # containers run on until their nodes come back to the new one, which tells them to end all.
        for id in ids:
            if not ID.fullmatch(id):
                continue
            one = self.application(id, timeout=timeout)
            if isinstance(one, Unknown):
                return one
            if one is not None and not one.over and (self._by_command or tag.lower() in one.tags):
                return Unknown(f"{id} is {one.state}")
            if one is None and not self._by_command:
                info = self.info(timeout=timeout)
                if isinstance(info, Unknown):
                    return info
                up = info.now - info.started_on
                if _begun(id) < int(info.started_on * 1000) and up < self.resync:
                    return Unknown(
                        f"the ResourceManager was restarted {up:.0f} s ago and does not know {id}: its nodes have "
                        f"{self.resync:.0f} s to come back and end what is left"
                    )
        return None

    def submitted(self, folder: str) -> tuple[str, ...]:
        return tuple(yarn_staging.places(folder))

    def tidy(self, folder: str, ids: Collection[str]) -> str | None:
        files = yarn_staging.Files(self._properties, self._environment, self.user)
        return files.remove_staging({**dict.fromkeys(ids), **yarn_staging.places(folder)})

    def node_sizes(self, *, timeout: float | None = None) -> tuple[NodeSize, ...] | Unknown:
        queues = self.queues(timeout=timeout)
        if isinstance(queues, Unknown):
            return queues
        nodes = self.nodes(timeout=timeout)
        if isinstance(nodes, Unknown):
            return nodes
        kinds = sorted({(one.vcores, one.memory) for one in nodes if one.state == "RUNNING"})
        return tuple(
            NodeSize(queue.name, queue.name == "default", vcores, memory)
            for queue in queues
            if queue.state == "RUNNING"
            for vcores, memory in kinds
        )

    def submit(
        self,
        script: str,
        *,
        job_name: str,
        comment: str,
        count: int = 1,
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> tuple[str, ...]:
        raise SubmitRefused("an application of YARN is submitted by skein, not as a script.")

    def explain(self, status: JobStatus, facts: object = None) -> str:
        words = {
            JobState.QUEUED: "it waits for its master's container",
            JobState.RUNNING: "it runs",
            JobState.ENDED: f"it is {status.native}",
        }[status.state]
        return f"{words}: {status.reason}" if status.reason else words

    # -- one application --

    def application(self, id: str, *, timeout: float | None = None) -> Application | Unknown | None:
        """Return one application, whosesoever; None where the ResourceManager answers that it does not know it."""
        _check(id)
        if not self._by_command:
            answer = self._ask(f"/apps/{id}", timeout=timeout)
            if not self._by_command:
                if isinstance(answer, Unknown):
                    return answer
                if _unknown_id(answer):
                    return None
                raw = answer.value.get("app") if isinstance(answer.value, dict) else None
                if answer.status != 200 or not isinstance(raw, dict):
                    return Unknown(f"the ResourceManager at {answer.address} does not tell of {id}: {answer.message}")
                return yarn_parse.application(raw)
        return self._command.application(id, self._patience(timeout))

    def lifetime(self, id: str, seconds: float, *, timeout: float | None = None) -> Lifetime | Unknown:
        """Have the ResourceManager end an application in that many seconds, by its own clock; return what holds now.

        It cannot be taken back, only be put off by another call. A queue may allow less, and says so only by what then
        holds: `Lifetime.wall`.
        """
        _check(id)
        if self._by_command:
            return self._lifetime_by_command(id, seconds, timeout)
        before = self._ask("/info", timeout=timeout)
        skew = before.skew if isinstance(before, Answer) else 0.0
        for _ in range(2):
            expires = time.time() + skew + seconds
            body = {"timeout": {"type": "LIFETIME", "expiryTime": yarn_parse.moment(expires)}}
            answer = self._ask(f"/apps/{id}/timeout", method="PUT", body=body, timeout=timeout)
            if self._by_command:
                return self._lifetime_by_command(id, seconds, timeout)
            if isinstance(answer, Unknown):
                return answer
            raw = answer.value.get("timeout", answer.value) if isinstance(answer.value, dict) else None
            if answer.status != 200 or not isinstance(raw, dict) or "expiryTime" not in raw:
                return Unknown(f"the lifetime of {id} cannot be set: {answer.message}")
            until, left = yarn_parse.timeout(raw)
            if until is None or left is None or left == 0:
                # An application that has ended is answered like this, with what had held to its end.
                return Unknown(f"the lifetime of {id} cannot be set: it has ended")
            capped = until < expires - TOLERATED
            if capped or abs(left - seconds) <= TOLERATED:
                return Lifetime(until, left, wall=capped, skew=skew)
            # It took what was asked for, and yet it is not that long: the clocks differ, now we know by how much.
            skew = until - left - time.time()
        return Lifetime(until, left, wall=False, skew=skew)

    def _lifetime_by_command(self, id: str, seconds: float, timeout: float | None) -> Lifetime | Unknown:
        patience = self._patience(timeout)
        refused = self._command.lifetime(id, seconds, patience)
        if refused is not None:
            return refused
        one = self._command.application(id, patience)
        if isinstance(one, Unknown):
            return one
        if one is None or one.over or one.remaining is None:
            return Unknown(f"the lifetime of {id} cannot be set: it has ended")
        return Lifetime(time.time() + one.remaining, one.remaining, wall=one.remaining < seconds - 2 * TOLERATED)


def _check(id: str) -> None:
    if not ID.fullmatch(id):
        raise ValueError(f"not an application of YARN: {id!r}")


def _begun(id: str) -> int:
    """Return when the ResourceManager was started that gave out an id (milliseconds since the epoch)."""
    match = ID.fullmatch(id)
    return int(match[1]) if match else 0


def _taken(answer: Answer) -> bool:
    return answer.status in (200, 202) and isinstance(answer.value, dict) and "state" in answer.value


def _unknown_id(answer: Answer) -> bool:
    # Another server's 404 says nothing of applications.
    return answer.status == 404 and answer.exception == "NotFoundException"


def _groups(values: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    for first in range(0, len(values), size):
        yield values[first : first + size]
