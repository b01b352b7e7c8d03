"""How one YARN is reached, and what it says of itself: which ResourceManager, queues, nodes, the largest container."""

from __future__ import annotations

import json
import os
import pwd
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from dask_steward.managers import yarn_conf, yarn_parse
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn_command import Command
from dask_steward.managers.yarn_http import CERTIFICATES, Answer, Forbidden, Web, certificates_of
from dask_steward.managers.yarn_parse import Info, Largest, Node, Queue

REACHED = "DASK_STEWARD_YARN"
"""Variable of `Yarn.remembered`: addresses of the ResourceManagers, the user, and by which way they were reached."""

KEPT = (
    *yarn_conf.FOLDERS,
    *("HADOOP_HOME", "HADOOP_USER_NAME", "JAVA_HOME", "PATH", "HOME", "KRB5CCNAME", "KRB5_CONFIG"),
    *CERTIFICATES,
)
"""Variables by which another process finds configuration, command and ticket."""

NODES_AGAIN = 5.0
"""Seconds beyond a node's pause between two tries, in which it comes back to a ResourceManager that was restarted and
is told to end all containers."""


class ResourceManager:
    """One YARN, as one user reaches it.

    Parameters
    ----------
    environment : mapping, optional
        What `remembered` gave to another process, or `yarn.environment_of` a profile; its variables go before our own.
    timeout : float
        Seconds that one question may take, whichever ResourceManager answers.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, timeout: float = 10.0) -> None:
        self.timeout = timeout
        given = dict(environment or {})
        self._environment = {**os.environ, **{name: given[name] for name in KEPT if name in given}}
        told = _read_reached(given.get(REACHED) or os.environ.get(REACHED))
        self._properties: dict[str, str] = {}
        self._fault: str | None = None
        try:
            self._properties = yarn_conf.read(self._environment)
        except ValueError as error:
            self._fault = str(error)
        addresses = told.get("addresses") or yarn_conf.addresses(self._properties)
        self.addresses: tuple[str, ...] = tuple(addresses)
        self.user: str = told.get("user") or self._environment.get("HADOOP_USER_NAME") or _me()
        self.way: str = told.get("way") or "rest"
        self._web = Web(self.addresses, self.user, certificates_of(self._environment))
        self._command = Command(self._environment)

    # -- who is asked --

    def remembered(self) -> dict[str, str]:
        kept = {name: self._environment[name] for name in KEPT if name in self._environment}
        return {**kept, REACHED: json.dumps({"addresses": self.addresses, "user": self.user, "way": self.way})}

    def connection(self) -> dict[str, str]:
        return {REACHED: json.dumps({"addresses": self.addresses, "user": self.user})}

    @property
    def properties(self) -> dict[str, str]:
        """The site's Hadoop configuration, as far as its files say anything."""
        return self._properties

    def _ask(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: object = None,
        timeout: float | None = None,
    ) -> Answer | Unknown:
        if not self.addresses:
            return Unknown(
                self._fault
                or "no ResourceManager is known: set HADOOP_CONF_DIR, or resource_manager in the profile's options"
            )
        seconds = self.timeout if timeout is None else timeout
        answer = self._web.ask(path, query, method=method, body=body, timeout=seconds)
        if isinstance(answer, Forbidden) and answer.status == 401 and self._command.path is not None:
            self.way = "command"
        elif isinstance(answer, Answer) and answer.status >= 500:
            return Unknown(f"the ResourceManager at {answer.address} failed: {answer.message}")
        return answer

    @property
    def _by_command(self) -> bool:
        return self.way == "command"

    # -- the site --

    def info(self, *, timeout: float | None = None) -> Info | Unknown:
        """Return which ResourceManager answers."""
        # A standby answers this question itself; one that only the active one answers finds that out first.
        if len(self.addresses) > 1:
            first = self._ask("/metrics", timeout=timeout)
            if isinstance(first, Unknown):
                return first
        answer = self._ask("/info", timeout=timeout)
        if isinstance(answer, Unknown):
            return answer
        raw = answer.value.get("clusterInfo") if isinstance(answer.value, dict) else None
        if not isinstance(raw, dict) or not isinstance(raw.get("startedOn"), int):
            return Unknown(f"what answers at {answer.address} is not a ResourceManager")
        return Info(
            started_on=raw["startedOn"] / 1000,
            version=str(raw.get("hadoopVersion") or raw.get("resourceManagerVersion") or ""),
            ha_state=str(raw.get("haState") or ""),
            state=str(raw.get("state") or ""),
            now=time.time() + answer.skew,
        )

    def largest(self, *, timeout: float | None = None) -> Largest | Unknown:
        """Return the largest container that is ever given."""
        answer = self._ask("/apps/new-application", method="POST", body={}, timeout=timeout)
        if isinstance(answer, Unknown):
            return answer
        raw = answer.value.get("maximum-resource-capability") if isinstance(answer.value, dict) else None
        if answer.status != 200 or not isinstance(raw, dict):
            return Unknown(
                f"the ResourceManager at {answer.address} does not tell its largest container: {answer.message}"
            )
        return yarn_parse.largest(raw)

    def queues(self, *, timeout: float | None = None) -> tuple[Queue, ...] | Unknown:
        """Return the queues that take applications."""
        answer = self._ask("/scheduler", timeout=timeout)
        if isinstance(answer, Unknown):
            return answer
        raw = answer.value.get("scheduler") if isinstance(answer.value, dict) else None
        if answer.status != 200 or not isinstance(raw, dict):
            return Unknown(f"the ResourceManager at {answer.address} does not tell its queues: {answer.message}")
        return yarn_parse.queues(raw)

    def may_submit(self, queue: str, user: str, *, timeout: float | None = None) -> bool | Unknown:
        """Return whether a user may submit to a queue; most sites tell that only to a queue's administrators."""
        query = {"queue-acl-type": "SUBMIT_APPLICATIONS", "user": user}
        answer = self._ask(f"/queues/{quote(queue, safe='')}/access", query, timeout=timeout)
        if isinstance(answer, Unknown):
            return answer
        allowed = answer.value.get("allowed") if isinstance(answer.value, dict) else None
        if answer.status != 200 or allowed is None:
            return Unknown(f"the ResourceManager at {answer.address} does not tell who may submit: {answer.message}")
        return str(allowed).lower() == "true"

    def nodes(self, *, timeout: float | None = None) -> tuple[Node, ...] | Unknown:
        """Return the NodeManagers, lost ones too."""
        answer = self._ask("/nodes", timeout=timeout)
        if isinstance(answer, Unknown):
            return answer
        if answer.status != 200 or not isinstance(answer.value, dict) or "nodes" not in answer.value:
            return Unknown(f"the ResourceManager at {answer.address} does not tell its nodes: {answer.message}")
        return tuple(yarn_parse.node(one) for one in (answer.value["nodes"] or {}).get("node") or ())

    @property
    def acls(self) -> bool:
        """Whether the site says that only owners may kill and limit their applications."""
        return yarn_conf.value(self._properties, "yarn.acl.enable").lower() == "true"

    @property
    def gathers(self) -> bool | None:
        """Whether the site says that YARN gathers the logs of what has ended; None where there is no configuration."""
        if not self._properties:
            return None
        return yarn_conf.value(self._properties, "yarn.log-aggregation-enable").lower() == "true"

    @property
    def secure(self) -> bool:
        """Whether the site says that it wants Kerberos tickets."""
        return yarn_conf.value(self._properties, "hadoop.security.authentication").lower() == "kerberos"

    def page(self, id: str) -> str | None:
        """Return the address of the ResourceManager's own page of an application."""
        first = self._web.active or (self.addresses[0] if self.addresses else None)
        return f"{first}/cluster/app/{id}" if first else None

    @property
    def resync(self) -> float:
        """Seconds after its start in which a ResourceManager's nodes come back to it."""
        try:
            pause = float(yarn_conf.value(self._properties, "yarn.resourcemanager.connect.retry-interval.ms")) / 1000
        except ValueError:
            pause = 30.0
        return pause + NODES_AGAIN


def _me() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return os.environ.get("USER", str(os.geteuid()))


def _read_reached(told: str | None) -> dict[str, Any]:
    if not told:
        return {}
    try:
        found = json.loads(told)
        return dict(found)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{REACHED} cannot be read: {error}") from error
