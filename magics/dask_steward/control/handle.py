"""What is known of one cluster from outside: its entry in the ledger, its keeper's answers, and how to connect."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dask_steward.control.fallback import state_of
from dask_steward.errors import ClusterNotFound, KeeperGone, NewerFormat, WrongState
from dask_steward.ledger import entries, files

if TYPE_CHECKING:
    import subprocess

    from distributed.core import Status
    from distributed.security import Security

    from dask_steward.control.client import Control

#: States after which nothing more happens.
FINAL = ("stopped", "failed", "lost")
#: Seconds that a keeper has to tell its state.
STATE_LIMIT = 3.0


class Handle:
    """One cluster, looked at.

    Parameters
    ----------
    id : str
        The cluster's id.
    asynchronous : bool
        Whether what acts on it returns something to await.

    Raises
    ------
    ClusterNotFound
        If the ledger does not know it.
    """

    def __init__(self, id: str, *, asynchronous: bool = False) -> None:
        from dask_steward.ledger import paths

        self.id = id
        self.asynchronous = asynchronous
        self._folder = os.path.join(paths.clusters_dir(), id)
        self._control: Control | None = None
        self._pending: Callable[[], None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._address: str | None = None
        self._security: Security | None = None
        self._closing = False
        self._name = self._entry().name

    # -- state --

    @property
    def name(self) -> str:
        """The name that people gave it, as it is now; the last one known where the entry is gone."""
        try:
            self._name = self._entry().name
        except (ClusterNotFound, NewerFormat, OSError):
            pass
        return self._name

    @property
    def foreign(self) -> bool:
        """Whether somebody else owns its scheduler: what closes it detaches, and the scheduler goes on."""
        return self._entry().foreign

    def _entry(self) -> entries.Entry:
        try:
            return entries.read_entry(self._folder)
        except (FileNotFoundError, NotADirectoryError, files.TornFile) as error:
            raise ClusterNotFound(f"No cluster {self.id} is known.", cluster=self.id) from error

    def _ended(self) -> bool:
        return os.path.exists(os.path.join(self._folder, entries.END))

    def _call(self) -> Control:
        if self._control is None:
            path = self._entry().socket
            if path is None or not os.path.exists(path):
                raise KeeperGone(f"The keeper of {self.name} does not answer.", cluster=self.id)
            from dask_steward.control.client import Control

            self._control = Control(path, self.id)
        return self._control

    def _usable(self) -> Control:
        entry = self._entry()
        if entry.ended:
            raise WrongState(f"Cluster {self.name} is {state_of(entry)['state']}.", cluster=self.id)
        return self._call()

    def _hang_up(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            control.close()

    @property
    def state(self) -> dict[str, Any]:
        """The cluster's state now, from its keeper, else from the ledger; `docs/formats` lists the fields."""
        entry = self._entry()
        if not entry.ended and entry.keeper_alive():
            try:
                return self._call().state(STATE_LIMIT)
            except KeeperGone as error:
                self._hang_up()
                entry = self._entry()
                if not entry.ended and entry.keeper_alive():
                    # A large graph can block a scheduler for long; the ledger still knows the rest.
                    return {**state_of(entry), "warnings": [error.message]}
        return state_of(entry)

    def stream(self) -> Iterator[dict[str, Any]]:
        """Yield the state whenever it changes, the last time when it is final."""
        last: dict[str, Any] = {}
        try:
            for last in self._call().stream():
                yield last
        except KeeperGone:
            pass
        if last.get("state") not in FINAL:
            yield self.state

    @property
    def status(self) -> Status:
        """Dask's status: running, closing once a stop has begun, closed once everything was given back.

        A client that sees its scheduler go asks this, and does not try to reconnect to a cluster that is closing.
        """
        from distributed.core import Status

        if self._ended():
            return Status.closed
        stopping = self._closing or bool(self._entry().facts.get("stopping"))
        return Status.closing if stopping else Status.running

    @property
    def scheduler_address(self) -> str:
        """Address of the scheduler; empty while the cluster is starting."""
        if self._address is None:
            scheduler = self._entry().facts.get("scheduler")
            self._address = scheduler.get("address") if isinstance(scheduler, dict) else None
        return self._address or ""

    @property
    def security(self) -> Security:
        """Security for a client: the cluster's own keys, readable by its owner only."""
        if self._security is None:
            from distributed.security import Security

            tls = self._entry().facts.get("tls")
            if isinstance(tls, Mapping) and tls:
                self._security = Security(
                    tls_ca_file=tls["ca"],
                    tls_client_cert=tls["cert"],
                    tls_client_key=tls["key"],
                    require_encryption=True,
                )
            elif self.scheduler_address:
                self._security = Security()
            else:  # its keys are not known yet
                return Security()
        return self._security

    @property
    def dashboard_link(self) -> str:
        """Where Dask's pages are: a URL if the profile asks for one, else the private socket as ``unix:PATH``."""
        scheduler = self.state["scheduler"]
        if scheduler.get("link"):
            return str(scheduler["link"])  # its owner has opened it
        where = scheduler["dashboard"]
        return "" if where is None else where if str(where).startswith("http") else f"unix:{where}"

    @property
    def scheduler_info(self) -> dict[str, Any]:
        """The scheduler's own description, with all its workers."""
        return self._call().identity()

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """The groups of jobs by name, ``main`` first, each with its size now and what one of its jobs brings."""
        found: dict[str, dict[str, Any]] = self.state.get("groups") or {}
        return found

    @property
    def group_names(self) -> list[str]:
        """Names of the profile's groups, without asking the keeper."""
        return ["main", *(self._entry().profile.get("groups") or {})]

    @property
    def asked(self) -> dict[str, Any]:
        """How it was started, as arguments of `dask_steward.start` (without the owner): what another try asks for."""
        entry = self._entry()
        request = entry.request
        found: dict[str, Any] = {"profile": entry.profile.get("name"), "name": entry.name, "tenure": entry.tenure}
        found.update({unit: number for unit, number in (request.get("ask") or {}).items() if number is not None})
        found.update({key: request[key] for key in ("adapt", "set") if request.get(key)})
        return found

    def connect_info(self) -> dict[str, Any]:
        """Return what a client anywhere needs: ``address``, ``security`` (paths of the keys) and ``code``."""
        tls = self._entry().facts.get("tls") or {}
        code = (
            f'import dask_steward\nfrom distributed import Client\n\nclient = Client(dask_steward.get("{self.name}"))\n'
        )
        return {
            "id": self.id,
            "name": self.name,
            "address": self.scheduler_address,
            "security": dict(tls),
            "code": code,
        }

    def _do(self, act: Callable[[], Any]) -> Any:
        """Run `act` now; or in a thread, and return something to await, where blocking would stop an event loop.

        `Client.shutdown` awaits ``cluster.close()`` on Dask's own loop thread. A notebook's main thread has a running
        loop, too, but a person who calls ``cluster.close()`` there wants it done when it returns.
        """
        if self.asynchronous or (threading.current_thread() is not threading.main_thread() and _in_loop()):
            return asyncio.ensure_future(asyncio.to_thread(act))
        return act()


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
