"""Dask's own pages of a cluster, HTTP and websockets, behind this server's authentication.

The pages are served by the cluster's keeper on a unix socket that only this user can open, so no port of a dashboard
exists; under any base URL all links of the pages hold, since they are relative.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import os
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.utils import url_path_join
from jupyter_server_proxy.handlers import ProxyHandler
from tornado.httpclient import HTTPClientError
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError

from dask_steward.control.client import Control
from dask_steward.control.looking import look
from dask_steward.errors import ClusterNotFound, KeeperGone, StewardError
from dask_steward.ledger import entries
from dask_steward.server.base import PREFIX, in_thread
from dask_steward.server.failures import answer_to
from dask_steward.server.operations import operation

#: Seconds for which it is believed where the pages of a cluster are: one page is a dozen requests.
BELIEVED = 5.0
#: Seconds to connect to the socket, and for an answer: the first one imports bokeh.
CONNECT_LIMIT, ANSWER_LIMIT = 10.0, 60.0
#: What a browser sends to this server, and nobody behind it must see.
_OURS = ("Authorization", "Cookie", "X-Xsrftoken", "Origin")

_SILENT = "The dashboard does not answer; the cluster may have just ended, or be very busy."
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>No dashboard</title>
<style>body {{ font: 14px/1.5 system-ui, sans-serif; margin: 3em auto; max-width: 40em; padding: 0 1em; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #111; color: #ddd; }} }}</style></head>
<body><h1>No dashboard</h1><p>{message}</p></body></html>
"""


class NoPages(StewardError):
    """A cluster has no pages."""

    code = "no-dashboard"
    http_status = 404


class PagesAway(NoPages):
    """The pages of a cluster do not answer now."""

    http_status = 503


@dataclass(frozen=True)
class Place:
    """Where the pages of a cluster are: on a unix socket, or on a port of the loopback interface."""

    socket: str | None
    port: int = 0


def place_of(id: str) -> Place:
    """Return where the pages of a cluster are; blocking.

    Raises
    ------
    ClusterNotFound
        If the ledger does not know it.
    NoPages
        If there are none, with the reason.
    """
    found = look(id)
    if found is None:
        raise ClusterNotFound(f"No cluster {id} is known.", cluster=id)
    name = found.entry.name
    if found.entry.ended:
        raise NoPages(f"{name} has ended, and its dashboard with it.", cluster=id)
    if found.elsewhere is not None:
        raise NoPages(
            f"The keeper of {name} runs on {found.elsewhere}; its dashboard can be opened there only.", cluster=id
        )
    if found.socket is None:
        raise NoPages(f"{name} is not up yet, or not any more; there is no dashboard.", cluster=id)
    own = found.entry.facts.get("dashboard_socket")
    if isinstance(own, str) and os.path.exists(own):
        return Place(own)
    try:
        with Control(found.socket, id) as control:
            scheduler = control.state()["scheduler"]
    except KeeperGone as error:
        raise PagesAway(f"The dashboard of {name} is not there: {error.message}", cluster=id) from error
    where, why = scheduler.get("dashboard"), scheduler.get("dashboard_reason")
    if isinstance(where, str) and where.startswith("http"):
        return Place(None, urlsplit(where).port or 80)
    raise NoPages(f"{name} has no dashboard{f': {why}' if why else ' yet'}.", cluster=id)


class Dashboard(ProxyHandler):  # type: ignore[misc]  # it has no types
    """A page of Dask, a file that it needs, or the websocket by which it lives."""

    auth_resource = "dask-steward"

    # Dask's pages are looked at, nothing more: what would change something there is no method here.
    head = post = put = patch = delete = options = RequestHandler._unimplemented_method

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A page that stays open is nobody's activity: it must not keep a server alive for ever.
        super().__init__(*args, **kwargs, update_last_activity=False)
        self._port = 0

    async def prepare(self) -> None:
        """Find out who asks; `get` is guarded as every other method is.

        jupyter-server-proxy (4.6) would send a second redirect after that of a server which lets nobody in unasked.
        """
        prepared = super(ProxyHandler, self).prepare()
        if prepared is not None:
            await prepared

    @operation(
        "read",
        "A page of Dask's dashboard, also as a websocket. Without a dashboard: why there is none.",
        answers={200: None, 302: None},
        media=dict.fromkeys((200, 400, 404), "*/*"),  # what Dask has there, or says to what it has not
        errors=(503,),
    )
    async def get(self, id: str, path: str | None = None) -> None:
        """Pass it on."""
        if not entries.is_id(id):
            raise ClusterNotFound(f"No cluster {id[:64]!r} is known.")
        if not path:
            await in_thread(place_of, id)
            query = f"?{self.request.query}" if self.request.query else ""
            self.redirect(f"{url_path_join(self.base_url, PREFIX, 'clusters', id, 'dashboard', 'status')}{query}")
            return
        place = await self._place(id)
        self.proxy_base = f"{PREFIX}/clusters/{id}/dashboard"
        self.unix_socket, self._port = place.socket, place.port
        await super().get(id, path)

    @property
    def _host(self) -> str:
        return "localhost" if self.unix_socket else "127.0.0.1"

    async def http_get(self, id: str, path: str) -> None:
        """Pass a request on."""
        try:
            await self.proxy(self._host, self._port, path)
        except OSError as error:  # the socket has just gone
            raise PagesAway(_SILENT, cluster=id) from error

    async def open(self, id: str, path: str) -> None:
        """Pass a websocket on."""
        try:
            await self.proxy_open(self._host, self._port, path)
        except (OSError, HTTPClientError) as error:  # a page tries again by itself
            self.log.info("The dashboard of %s does not answer: %s", id, error)
            self.close(1013, "the dashboard does not answer")

    def write_message(self, message: Any, binary: bool = False) -> Awaitable[None]:
        """Send what Dask says; a page that has just gone misses nothing."""
        try:
            sent: Awaitable[None] = super().write_message(message, binary=binary)
        except WebSocketClosedError:
            nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        return sent

    def ping(self, data: str | bytes = b"") -> None:
        """Pass a ping on."""
        with contextlib.suppress(WebSocketClosedError):
            super().ping(data)

    def proxy_request_headers(self) -> HTTPHeaders:
        """Return the headers of a request without what lets somebody into this server."""
        headers: HTTPHeaders = super().proxy_request_headers()
        for name in _OURS:
            headers.pop(name, None)
        return headers

    def proxy_request_options(self) -> dict[str, Any]:
        """Return how long to wait."""
        return {"follow_redirects": False, "connect_timeout": CONNECT_LIMIT, "request_timeout": ANSWER_LIMIT}

    def write_error(self, status_code: int, **details: Any) -> None:
        """Say why: as a page to a person, else as JSON."""
        error = (details.get("exc_info") or (None, None, None))[1]
        if isinstance(error, HTTPError) and status_code >= 500:
            # The proxy's own words for a socket that nobody answers on.
            error = PagesAway(_SILENT)
        status, body = answer_to(error, status_code)
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        if "text/html" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(_PAGE.format(message=html.escape(str(body["message"]))))
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(body))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Keep tracebacks for what nobody expected."""
        if not isinstance(value, StewardError):
            super().log_exception(typ, value, tb)

    async def _place(self, id: str) -> Place:
        known: dict[str, tuple[float, Place]] = self.settings.setdefault("dask_steward_places", {})
        now = time.monotonic()
        for other in [other for other, (at, _) in known.items() if now - at > BELIEVED]:
            del known[other]
        if id not in known:
            known[id] = (now, await in_thread(place_of, id))
        return known[id][1]


ROUTES: list[tuple[str, type[RequestHandler]]] = [(r"clusters/([^/]+)/dashboard(?:/(.*))?", Dashboard)]
