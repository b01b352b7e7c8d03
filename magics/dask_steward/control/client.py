"""Calls on a keeper's control socket."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import httpx

from dask_steward import errors
from dask_steward.errors import KeeperGone, StewardError
from dask_steward.progress_data import Computation

#: Seconds for a call; retiring workers with much data takes longer, so `scale` has its own.
CALL_LIMIT = 10.0
SCALE_LIMIT = 180.0
#: Another guard comes up within ten seconds; workers have half a minute to end, and to come back.
OWNER_LIMIT, RESTART_LIMIT = 20.0, 90.0

_BY_CODE = {cls.code: cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, StewardError)}


class Control:
    """Speak to one keeper.

    Parameters
    ----------
    path : str
        Path of its control socket.
    cluster : str
        Id of its cluster, for errors.
    """

    def __init__(self, path: str, cluster: str) -> None:
        self._cluster = cluster
        self._http = httpx.Client(
            # No TLS on a unix socket: reading the certificates of the world would take 30 to 100 ms.
            transport=httpx.HTTPTransport(uds=path, verify=False),
            base_url="http://keeper",
            timeout=CALL_LIMIT,
            trust_env=False,
        )
        # A handle that nobody holds any more closes its connection; Python warns about sockets that are only dropped.
        weakref.finalize(self, self._http.close).atexit = False

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float = CALL_LIMIT,
        **query: Any,
    ) -> Any:
        params = {key: value for key, value in query.items() if value is not None}
        try:
            answer = self._http.request(method, path, json=body, params=params, timeout=timeout)
        except httpx.TimeoutException as error:
            raise KeeperGone(f"The keeper did not answer within {timeout:g} s.", cluster=self._cluster) from error
        except httpx.TransportError as error:
            raise KeeperGone(f"The keeper does not answer: {error}.", cluster=self._cluster) from error
        except RuntimeError as error:  # httpx: another thread has closed this connection with the cluster
            raise KeeperGone(f"The connection to the keeper was closed: {error}.", cluster=self._cluster) from error
        if answer.is_success:
            return answer.json()
        raise self._error(answer)

    def _error(self, answer: httpx.Response) -> StewardError:
        try:
            found = answer.json()
        except ValueError:
            found = {}
        cls = _BY_CODE.get(str(found.get("error")), StewardError)
        message = str(found.get("message") or f"The keeper answered {answer.status_code}.")
        return cls(message, field=found.get("field"), hint=found.get("hint"), cluster=self._cluster)

    def state(self, timeout: float = CALL_LIMIT) -> dict[str, Any]:
        """Return the cluster's state."""
        found: dict[str, Any] = self._call("GET", "/state", timeout=timeout)
        return found

    def identity(self) -> dict[str, Any]:
        """Return the scheduler's own description, with all workers."""
        found: dict[str, Any] = self._call("GET", "/identity")
        return found

    def scale(self, ask: Mapping[str, Any]) -> dict[str, Any]:
        """Set the size, in one unit; returns when data have moved off workers that are given back."""
        found: dict[str, Any] = self._call("POST", "/scale", ask, timeout=SCALE_LIMIT)
        return found

    def adapt(self, limits: Mapping[str, Any]) -> dict[str, Any]:
        """Let the size follow the work."""
        found: dict[str, Any] = self._call("POST", "/adapt", limits)
        return found

    def rename(self, name: str) -> dict[str, Any]:
        """Give the cluster another name."""
        found: dict[str, Any] = self._call("POST", "/rename", {"name": name})
        return found

    def give(self, tenure: str, owner: Mapping[str, Any] | None, idle_timeout: float | None = None) -> dict[str, Any]:
        """Give the cluster to another owner; returns when a guard watches that one."""
        asked = {"tenure": tenure, "owner": owner, "idle_timeout": idle_timeout}
        found: dict[str, Any] = self._call("POST", "/owner", asked, timeout=OWNER_LIMIT)
        return found

    def restart_workers(self) -> dict[str, Any]:
        """Start all workers' processes again: how many are ``back``, and names of those ``late`` or left ``fixed``."""
        found: dict[str, Any] = self._call("POST", "/restart", timeout=RESTART_LIMIT)
        return found

    def progress(
        self,
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
        since: float | None = None,
    ) -> tuple[list[Computation], list[str]]:
        """Return computations, oldest first, of these task groups or keys, of this client, submitted since then.

        And sentences about memory.
        """
        asked = {"groups": groups and list(groups), "keys": keys and list(keys), "client": client, "since": since}
        found = self._call("POST", "/progress", asked)
        return found["computations"], found["warnings"]

    def stop(self, reason: str, timeout: float = CALL_LIMIT) -> None:
        """Ask for a stop; it is acknowledged at once and goes on by itself."""
        self._call("POST", "/stop", {"reason": reason}, timeout=timeout)

    def logs(self, **query: Any) -> dict[str, str]:
        """Return the ends of logs by name."""
        found: dict[str, str] = self._call("GET", "/logs", timeout=30.0, **query)
        return found

    def page(self, kind: str, **query: Any) -> dict[str, Any]:
        """Return part of a table, ``workers`` or ``jobs``: ``{version, total, offset, rows}``."""
        found: dict[str, Any] = self._call("GET", f"/{kind}", **query)
        return found

    def stream(self) -> Iterator[dict[str, Any]]:
        """Yield the state whenever it changes, until it is final or the keeper goes."""
        import json

        try:
            with self._http.stream("GET", "/stream", timeout=httpx.Timeout(CALL_LIMIT, read=None)) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line[len("data: ") :])
        except httpx.TransportError:
            return
