"""What a private YARN's ResourceManager is asked and told over its REST interface, as the tests do it."""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

OUR_NAMES = "dask-steward-"
ENDED = ("FINISHED", "FAILED", "KILLED")


class Application(NamedTuple):
    """One application of any user."""

    id: str
    name: str
    user: str
    queue: str
    state: str
    final_status: str
    tags: tuple[str, ...]
    diagnostics: str
    containers: int

    @property
    def is_ours(self) -> bool:
        """Whether it looks like one of a cluster of ours."""
        return any(text.startswith(OUR_NAMES) for text in (self.name, *self.tags))


class YarnRest:
    """Questions and orders to the ResourceManager at ``web``."""

    def __init__(self) -> None:
        self.web = ""
        self.certificate: Path | None = None
        self.signs: str | None = None
        self.foreign: set[str] = set()
        """Applications of others, from `submit_foreign`."""

    def ask(
        self, path: str, body: object = None, *, method: str | None = None, user: str | None = None, timeout: float = 10
    ) -> tuple[int, Any]:
        """Return status and decoded answer of a request below ``/ws/v1/cluster``."""
        address = f"{self.web}/ws/v1/cluster{path}{'&' if '?' in path else '?'}user.name={user or getpass.getuser()}"
        request = urllib.request.Request(
            address,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        if self.signs is not None:
            request.add_header("Cookie", _signed(self.signs, user or getpass.getuser()))
        context = ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else None
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
                status, raw = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, raw = error.code, error.read()
        try:
            return status, json.loads(raw or b"null")
        except ValueError:
            return status, raw.decode(errors="replace")

    def active_nodes(self) -> int:
        """Return how many nodes can take containers; 0 as long as nobody answers."""
        try:
            status, answer = self.ask("/metrics", timeout=2)
            return int(answer["clusterMetrics"]["activeNodes"]) if status == 200 else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def nodes(self) -> dict[str, str]:
        """Return the state of each node, such as RUNNING or LOST, by its host."""
        _, answer = self.ask("/nodes")
        return {one["nodeHostName"]: one["state"] for one in (answer["nodes"] or {}).get("node", ())}

    def applications(self) -> list[Application]:
        """Return all applications that the ResourceManager knows, ended ones too."""
        status, answer = self.ask("/apps?deSelects=resourceRequests")
        assert status == 200, answer
        return [_application(one) for one in (answer.get("apps") or {}).get("app", ())]

    def application(self, id: str) -> Application | None:
        """Return one of them; None where it is not known."""
        status, answer = self.ask(f"/apps/{id}")
        return _application(answer["app"]) if status == 200 else None

    def with_tag(self, tag: str, *, ended: bool = False) -> list[Application]:
        """Return the applications that have a tag."""
        found = [one for one in self.applications() if tag.lower() in one.tags]
        return [one for one in found if ended or one.state not in ENDED]

    def wait_state(self, id: str, *states: str, timeout: float = 30.0) -> Application:
        """Wait until an application is in one of the states."""
        deadline = time.monotonic() + timeout
        while (one := self.application(id)) is None or one.state not in states:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{id} is not {' or '.join(states)} after {timeout:g} s: {one}")
            time.sleep(0.03)
        return one

    def new_id(self) -> str:
        """Return an application id that nobody has yet."""
        status, answer = self.ask("/apps/new-application", {}, method="POST")
        assert status == 200, answer
        return str(answer["application-id"])

    def submit(
        self,
        command: str = "exec sleep 600",
        *,
        name: str = "job",
        tags: Sequence[str] = (),
        queue: str = "default",
        user: str | None = None,
        memory: int = 64,
        id: str | None = None,
        wait: bool = True,
    ) -> str:
        """Submit an application that consists of one command in the master's container; return its id.

        It never registers as a master must, so it stays ACCEPTED while it runs; cheap, and enough for whoever lists,
        kills and limits applications. With `wait` it is known and past its first checks when this returns.
        """
        id = id or self.new_id()
        body = self.submission(id, command, name=name, tags=tags, queue=queue, memory=memory)
        status, answer = self.ask("/apps", body, user=user)
        assert status == 202, answer
        if wait:
            self.wait_state(id, "ACCEPTED", "RUNNING", *ENDED)
        return id

    def submission(
        self,
        id: str,
        command: str = "exec sleep 600",
        *,
        name: str = "job",
        tags: Sequence[str] = (),
        queue: str = "default",
        memory: int = 64,
    ) -> dict[str, Any]:
        """Return what `submit` sends."""
        return {
            "application-id": id,
            "application-name": name,
            "application-type": "TEST",
            "queue": queue,
            "max-app-attempts": 1,
            "application-tags": {"tag": list(tags)},
            "resource": {"memory": memory, "vCores": 1},
            "am-container-spec": {"commands": {"command": command}},
        }

    def submit_foreign(self, n: int = 3, *, name: str = "somebody", tags: Sequence[str] = ()) -> list[str]:
        """Submit applications that are not ours: alternately this user's and another user's; remember their ids.

        Give `tags` to see that not even a stranger's application of that tag is touched; they are then all another
        user's.
        """
        ids = [
            self.submit("exec sleep 900", name=name, tags=tags, user="somebody" if i % 2 or tags else None)
            for i in range(n)
        ]
        self.foreign.update(ids)
        return ids

    def touched_foreign(self) -> list[str]:
        """Return the applications of `submit_foreign` that no longer wait or run."""
        return sorted(self.foreign - {one.id for one in self.applications() if one.state not in ENDED})

    def kill_application(self, id: str, *, user: str | None = None) -> int:
        """Ask for the end of an application; return the HTTP status."""
        return self.ask(f"/apps/{id}/state", {"state": "KILLED"}, method="PUT", user=user)[0]

    def lifetime(self, id: str) -> float | None:
        """Return for how many seconds an application may still live; None where there is no limit."""
        _, answer = self.ask(f"/apps/{id}/timeouts/LIFETIME")
        left = float(answer["timeout"]["remainingTimeInSeconds"])
        return None if left < 0 else left


def _signed(secret: str, user: str) -> str:
    """Return the cookie by which Hadoop's filter knows whom it has let in."""
    value = f"u={user}&p={user}&t=kerberos&e={int((time.time() + 3600) * 1000)}"
    signature = base64.b64encode(hmac.new(secret.encode(), value.encode(), hashlib.sha256).digest()).decode()
    return f'hadoop.auth="{value}&s={signature}"'


def _application(raw: dict[str, Any]) -> Application:
    return Application(
        id=raw["id"],
        name=raw["name"],
        user=raw["user"],
        queue=raw["queue"],
        state=raw["state"],
        final_status=raw["finalStatus"],
        tags=tuple(filter(None, raw.get("applicationTags", "").split(","))),
        diagnostics=raw.get("diagnostics", ""),
        containers=max(0, int(raw.get("runningContainers", 0))),
    )


__all__ = ["ENDED", "Application", "YarnRest"]
