"""Workers' containers: added to the application one by one, each with a key of its own, and killed by name.

To the parts of `queue` a container is what a job is elsewhere; the application's master, through skein, is their
manager. A master that YARN has started anew knows none of them, and YARN has ended them: they are added again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dask_steward.clusters import yarn_words
from dask_steward.clusters.yarn_application import YarnApplication
from dask_steward.clusters.yarn_script import KEY_VARIABLE, first_key
from dask_steward.clusters.yarn_spec import WORKER
from dask_steward.errors import SubmitRefused
from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown

if TYPE_CHECKING:
    import skein

logger = logging.getLogger(__name__)

#: skein's words for where a container stands, in those of all managers.
_STATES = {
    "WAITING": JobState.QUEUED,
    "REQUESTED": JobState.QUEUED,
    "RUNNING": JobState.RUNNING,
    "SUCCEEDED": JobState.ENDED,
    "FAILED": JobState.ENDED,
    "KILLED": JobState.ENDED,
}
_OVER = ("SUCCEEDED", "FAILED", "KILLED")
#: Most containers that are asked for at once, as one batch.
MOST_AT_ONCE = 200


@dataclass
class _Wanted:
    """A container that is wanted.

    Attributes
    ----------
    key : str
        Our key of it.
    asked : float
        When its present life was asked for (seconds since the epoch).
    lives : int
        How many it has had before.
    fresh : bool
        That it is asked for anew has not been told yet.
    """

    key: str
    asked: float
    lives: int = 0
    fresh: bool = False


class Containers(Manager):
    """The containers of one application.

    Parameters
    ----------
    application : YarnApplication
        Whose they are.
    tag : str
        The cluster's tag.
    vcores : int
        Cores of each.
    first : int
        How many the specification itself asks for. YARN is asked for these with the application's first breath, for
        others up to five seconds later: so seldom does skein's master look while nothing is open. Their keys are those
        of the first batch, which their scripts know (`yarn_script.first_key`).
    """

    system = "yarn"
    timeout = 30.0
    gone = "YARN does not know the container any more"

    def __init__(self, application: YarnApplication, tag: str, vcores: int, first: int = 0) -> None:
        self.closing = False
        self.why_waiting: str | None = None
        """Why YARN gives no more containers now, in words for a person."""
        self.environment: dict[str, str] = {}
        """Variables of every container, besides those of the specification."""
        self.bring: Callable[[str], str] = lambda id: ""
        """Brings a container's log, and returns its path."""
        self._application, self._tag, self._vcores = application, tag, vcores
        self._changing = threading.Lock()
        self._wanted: dict[str, _Wanted] = {}  # by skein's own id, of the present master
        self._first = {first_key(number, first): f"{WORKER}_{number}" for number in range(first)}
        self._open = bool(first)
        self._seen: set[str] = set()
        self._ids: dict[str, str] = {}  # skein's ids by YARN's
        self._nodes: dict[str, str] = {}  # web addresses of the nodes by YARN's container ids
        application.arrived.append(self._revive)

    @property
    def awaits_first(self) -> bool:
        """Whether the first batch may be asked for, although there is no master yet."""
        return self._open and self._application.attempt == 0

    def most_at_once(self) -> int:
        return MOST_AT_ONCE

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
        batch = comment.rpartition(":")[2]
        keys = [batch] if count == 1 else [f"{batch}.{number}" for number in range(count)]
        client = self._application.client
        with self._changing:
            if self._open and not self.closing and set(keys) <= set(self._first):
                self._open = False
                self._wanted.update((self._first[key], _Wanted(key, time.time())) for key in keys)
                return tuple(self._first[key] for key in keys)
            if client is None or self.closing:
                raise SubmitRefused("the application has no master now", retryable=True)
            added: list[str] = []
            try:
                for key in keys:
                    added.append(self._add(client, _Wanted(key, time.time())))
            except SubmitRefused:
                for id in added:
                    del self._wanted[id]
                raise
            return tuple(added)

    def _add(self, client: skein.ApplicationClient, wanted: _Wanted) -> str:
        """Ask for a container; one that an error leaves behind is ended when it is seen, since nobody wants it."""
        import skein

        try:
            found = client.add_container(WORKER, env={**self.environment, KEY_VARIABLE: wanted.key})
        except (ConnectionError, TimeoutError) as error:  # skein's own are such
            self._application.doubt()
            raise SubmitRefused(f"{self._unanswered(error)}.", retryable=True) from error
        except (skein.SkeinError, ValueError, KeyError) as error:
            raise SubmitRefused(
                f"the application's master took no container: {yarn_words.first_line(error)}.", retryable=True
            ) from error
        self._wanted[found.id] = wanted
        return str(found.id)

    def _revive(self, client: skein.ApplicationClient, attempt: int) -> None:
        """Ask a new master for what is wanted; those of the one before are gone, YARN has ended them with it."""
        with self._changing:
            self._open = False
            if attempt > 1:
                before = dict(self._wanted)
                self._wanted.clear()
                self._ids.clear()
                self._seen.clear()
                logger.info("master %d of the application: %d containers are asked for again", attempt, len(before))
                try:
                    for one in () if self.closing else before.values():
                        again = replace(one, asked=time.time(), lives=one.lives + 1, fresh=True)
                        if one.key in self._first:
                            self._wanted[self._first[one.key]] = again  # it asks for these by itself
                        else:
                            self._add(client, again)
                except SubmitRefused:
                    self._wanted = before  # all over again, with the next look
                    raise
            for id in self._first.values():
                if id not in self._wanted:
                    with contextlib.suppress(KeyError, ValueError):
                        client.kill_container(id)

    # -- questions --

    def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...] | Unknown:
        application = self._application
        if application.over is not None:
            return ()
        client = self._master()
        if isinstance(client, Unknown):
            return client
        try:
            found = self._all(client)
        except Exception as error:  # noqa: BLE001  # gRPC's own, skein's, or a master that was closed meanwhile
            application.doubt()
            return Unknown(self._unanswered(error))
        with self._changing:
            if application.client is None or client is not application.client:
                return Unknown("the application has a new master")
            mine = {*self._wanted, *(self._first.values() if self._open else ())}
            strangers = [one.id for one in found if one.id not in mine and str(one.state) not in _OVER]
            self._seen.update(one.id for one in found)
            # A master that has just come up may not have them in its list yet.
            late = [id for id in self._wanted if id not in self._seen]
            known = [self._status(one) for one in found if one.id in self._wanted]
            answer = (*known, *(self._late(id) for id in late))
        for id in strangers:
            # Asked for by a call that had no answer, so that nobody knows it.
            logger.info("container %s is nobody's, and is ended", id)
            try:
                client.kill_container(id)
            except Exception as error:  # noqa: BLE001  # tried again with the next look
                logger.info("container %s could not be ended: %s", id, error)
                break
        return answer

    def _master(self) -> skein.ApplicationClient | Unknown:
        """Return who speaks to the application's master, where it answers."""
        application = self._application
        if application.client is None:
            return Unknown(application.unknown or application.reason or "the application has no master now")
        if application.silent is not None:
            return Unknown(f"application {application.id}: {application.silent}")
        return application.client

    def _unanswered(self, error: Exception) -> str:
        """Return that the application's master does not answer, in words for a person."""
        if yarn_words.is_silence(error):
            return f"application {self._application.id}: {self._application.silence}"
        return f"the application's master does not answer: {yarn_words.first_line(error)}"

    @staticmethod
    def _all(client: skein.ApplicationClient) -> list[skein.Container]:
        found: list[skein.Container] = client.get_containers(services=[WORKER], states=list(_STATES))
        return found

    def _status(self, one: skein.Container) -> JobStatus:
        wanted = self._wanted[one.id]
        native = str(one.state)
        state = _STATES[native]
        if wanted.fresh:
            # Told once as queued, however quickly it runs: what is left of its life before has to be sent away.
            wanted.fresh, state = False, JobState.QUEUED
        id = str(one.yarn_container_id or one.id)
        self._ids[id] = one.id
        if one.yarn_node_http_address:
            self._nodes[id] = str(one.yarn_node_http_address)
        message = str(one.exit_message or "")
        return JobStatus(
            id=id,
            name=self._tag,
            state=state,
            native=native,
            reason=yarn_words.container_end(native, message) if native in _OVER else None,
            node=str(one.yarn_node_http_address).rpartition(":")[0] or None,
            comment=f"{self._tag}:{wanted.key}",
            submitted=wanted.asked,
            started=_stamp(one.start_time) if state is not JobState.QUEUED else None,
            ended=_stamp(one.finish_time),
            cores=self._vcores,
            exit_code=yarn_words.exit_code(message) if native in _OVER else None,
            restarts=wanted.lives,
        )

    def _late(self, id: str) -> JobStatus:
        wanted = self._wanted[id]
        wanted.fresh = False
        comment = f"{self._tag}:{wanted.key}"
        return JobStatus(
            id,
            self._tag,
            JobState.QUEUED,
            "WAITING",
            None,
            None,
            comment,
            submitted=wanted.asked,
            restarts=wanted.lives,
        )

    def node_of(self, id: str) -> str | None:
        """Return the web address of the node that a container runs, or ran, on."""
        return self._nodes.get(id)

    def explain(self, status: JobStatus, facts: object = None) -> str:
        if status.state is JobState.QUEUED:
            again = "asked for again by a new application master" if status.restarts else "asked for"
            return f"{again}{f': {self.why_waiting}' if self.why_waiting else ''}"
        return status.reason or f"it runs on {status.node}"

    def causes(self, statuses: Collection[JobStatus], *, timeout: float | None = None) -> dict[str, str]:
        found = super().causes(statuses, timeout=timeout)
        for status in statuses:
            # Of most ends skein only tells that they were none of the good ones; the container's own script knows more.
            said = yarn_words.own_words(self.bring(status.id)) if status.native == "FAILED" else None
            if said is not None and yarn_words.is_vague(found[status.id]):
                found[status.id] = said
        return found

    # -- orders --

    def cancel(self, ids: Sequence[str], *, timeout: float | None = None, commands: int = 0) -> Unknown | None:
        if self.closing or self._application.over is not None:
            return None  # all go with the application
        client = self._master()
        if isinstance(client, Unknown):
            return client
        for id in ids:
            with self._changing:
                own = self._ids.get(id, id)
                known = self._wanted.get(own)
            if known is None:
                continue
            try:
                client.kill_container(own)
            except (KeyError, ValueError):
                continue  # over already
            except Exception as error:  # noqa: BLE001  # gRPC's own, skein's
                self._application.doubt()
                return Unknown(self._unanswered(error))
        return None

    def forget(self, keys: Collection[str]) -> None:
        """Ask no later master for containers that were given back."""
        with self._changing:
            for id in [id for id, one in self._wanted.items() if one.key in keys]:
                del self._wanted[id]

    def cancel_tag(self, tag: str, *, timeout: float | None = None) -> Unknown | None:
        return self.cancel(tuple(self._wanted))

    def remembered(self) -> dict[str, str]:
        return {}


class ContainerQueue:
    """What the application's master says of its containers now.

    Parameters
    ----------
    containers : Containers
        Asks it.
    """

    def __init__(self, containers: Containers) -> None:
        self.began = 0.0
        self.missing: str | None = None
        self._containers = containers

    def jobs(self, max_age: float) -> tuple[JobStatus, ...] | Unknown:
        """Ask; the answer costs some milliseconds, so none is ever old."""
        began = time.time()
        answer = self._containers.jobs()
        if not isinstance(answer, Unknown):
            self.began = began
        return answer

    def explain(self, status: JobStatus) -> str:
        """Return a container's state and its reason."""
        return self._containers.explain(status)


def _stamp(value: Any) -> float | None:
    return value.timestamp() if value is not None else None
