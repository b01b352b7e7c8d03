"""The scheduler of one cluster, and Dask's own pages on a private socket."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import dask
from distributed import Scheduler
from distributed.security import Security
from tornado.netutil import bind_sockets, bind_unix_socket

from dask_steward.clusters.base import first_cause
from dask_steward.errors import StartFailed

logger = logging.getLogger(__name__)


def security_of(tls: Mapping[str, str]) -> Security:
    """Return Dask's security for these files; an empty one without TLS."""
    if not tls:
        return Security()
    roles = {f"tls_{role}_{part}": tls[part] for role in ("scheduler", "worker", "client") for part in ("cert", "key")}
    return Security(tls_ca_file=tls["ca"], require_encryption=True, **roles)


def _is_no_port_check(record: logging.LogRecord) -> bool:
    """Tell a call that ended before its handshake, as each job makes one to see whether it can reach the port."""
    words = record.getMessage()
    return not ("TLS handshake failed" in words and "UNEXPECTED_EOF" in words)


async def start_scheduler(options: Mapping[str, Any], security: Security, *, tls: bool) -> Scheduler:
    """Start a scheduler in this process, without its pages (see `Pages`).

    Parameters
    ----------
    options : mapping
        ``host``, ``interface``, ``port`` and further arguments of ``distributed.Scheduler``.
    security : Security
        For its comms.
    tls : bool
        Whether comms are encrypted.

    Raises
    ------
    StartFailed
        With the cause in one sentence (port taken, interface unknown …).
    """
    logging.getLogger("distributed.comm.tcp").addFilter(_is_no_port_check)
    arguments = dict(options)
    arguments.setdefault("port", 0)
    if tls:
        arguments["protocol"] = "tls://"
    try:
        # Dask's proxy to pages of other hosts would go round the keeper's own authentication (and load
        # jupyter-server-proxy).
        routes = [one for one in dask.config.get("distributed.scheduler.http.routes") if not one.endswith(".proxy")]
        with dask.config.set({"distributed.scheduler.http.routes": routes}):
            # The TCP port of the pages is closed as soon as it is known: any user of the host could read them.
            scheduler = Scheduler(security=security, dashboard=False, dashboard_address="127.0.0.1:0", **arguments)
            scheduler.http_server.stop()
            scheduler.services.pop("dashboard", None)
            await scheduler
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        where = ", ".join(f"{key} {options[key]}" for key in ("host", "interface", "port") if options.get(key))
        raise StartFailed(
            f"The scheduler cannot start{f' on {where}' if where else ''}: {str(first_cause(error)).rstrip('.')}.",
            hint="Look at the profile's host, interface and port.",
        ) from error
    return scheduler


class Pages:
    """Dask's dashboard, on a socket that only its owner can open, or on a loopback port that a profile asks for.

    The socket listens from the beginning, the pages are made when somebody connects for the first time (the connection
    waits meanwhile): bokeh takes half a second of a core and 35 MB, at the moment when the first workers and the client
    want both, and most clusters are never looked at.
    """

    def __init__(self, scheduler: Scheduler, listen: str, path: str) -> None:
        self._scheduler = scheduler
        self._listen = listen
        self._path = path
        self._sockets: list[socket.socket] = []
        self._making: asyncio.Task[None] | None = None
        self.where: str | None = None
        self.why_not: str | None = None

    def start(self) -> None:
        """Listen; without bokeh, or with a port that is taken, there is only a sentence that says so."""
        if self._listen == "off":
            self.why_not = "the profile switches the dashboard off"
        elif find_spec("bokeh") is None:
            self.why_not = "this cluster's Python has no bokeh; install bokeh for dashboards"
        elif self._listen.startswith("tcp"):
            port = int(self._listen.partition(":")[2] or 0)
            try:
                self._sockets = bind_sockets(port, "127.0.0.1")
            except OSError as error:
                self.why_not = f"port {port} of the dashboard cannot be opened: {error}"
                return
            self.where = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}/status"
        else:
            self._sockets = [bind_unix_socket(self._path, 0o600)]
            self.where = self._path
        for one in self._sockets:
            asyncio.get_running_loop().add_reader(one.fileno(), self._wanted)
        if self.where is not None:
            logger.info("dashboard at %s", self.where)

    def _wanted(self) -> None:
        """Somebody connects for the first time."""
        self._unwatch()
        self._making = asyncio.create_task(self._make())

    def _unwatch(self) -> None:
        for one in self._sockets:
            asyncio.get_running_loop().remove_reader(one.fileno())

    async def _make(self) -> None:
        try:
            # In a thread, so that the scheduler's loop goes on meanwhile.
            await asyncio.to_thread(_import_pages)
        except ImportError as error:
            self.why_not = f"the dashboard cannot be made: {error}"
            logger.warning("%s", self.why_not)
            self.close()
            return
        from distributed.dashboard.scheduler import connect

        scheduler = self._scheduler
        connect(scheduler.http_application, scheduler.http_server, scheduler, prefix="")
        scheduler.http_server.add_sockets(self._sockets)

    def close(self) -> None:
        """Close and remove the socket."""
        if self._making is None:
            self._unwatch()
        for one in self._sockets:
            one.close()
        self._sockets = []
        if self.where == self._path and os.path.exists(self._path):
            os.unlink(self._path)
        self.where = None


def _import_pages() -> None:
    import distributed.dashboard.scheduler  # noqa: F401
