"""``dask-steward dashboard``: a port of 127.0.0.1 that leads to a cluster's dashboard, for its owner's browser only.

The dashboard itself listens on a unix socket that nobody else can open. A port of 127.0.0.1 is open to every user of
the host, so the first request of each connection must carry a secret: as ``?token=…`` once, then as the cookie that
this sets. What follows on a connection is passed on byte by byte, so websockets work without being understood.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import signal
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from dask_steward.cli import output
from dask_steward.errors import UsageError, WrongState

if TYPE_CHECKING:
    from dask_steward import Cluster

_COOKIE = "dask-steward-dashboard"
#: Names under which a browser may ask for us; another name that leads here is somebody's trick (DNS rebinding).
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: Bytes of a request's head, and seconds that it may take to arrive.
_HEAD_LIMIT = 65536
_HEAD_SECONDS = 10.0
#: Seconds that the pages of a new cluster may still need, and between two looks whether they are gone.
_PAGES_SECONDS = 20.0
_LOOK_SECONDS = 1.0


class Forward:
    """The forwarding server.

    Parameters
    ----------
    path : str
        The dashboard's unix socket.
    token : str, optional
        The secret; default: a new one.
    """

    def __init__(self, path: str, token: str | None = None) -> None:
        self.path = path
        self.token = token or secrets.token_urlsafe(24)
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where a browser begins."""
        return f"http://127.0.0.1:{self.port}/status?token={self.token}"

    async def start(self, port: int = 0) -> None:
        """Listen on a port of 127.0.0.1.

        Raises
        ------
        UsageError
            If the port is taken or not allowed.
        """
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=_HEAD_LIMIT)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"Port {port} cannot be opened: {error}.",
                field="port",
                hint="Take another one, or none for any that is free.",
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            refusal = self._check(head)
            if refusal is None:
                await self._pass_on(head, reader, writer)
            else:
                writer.write(refusal)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            pass  # a browser that went away, or something that does not speak HTTP
        finally:
            writer.close()

    def _check(self, head: bytes) -> bytes | None:
        """Return the answer that ends the connection, or None when the request may go on."""
        target, headers = _parse(head)
        if target is None:
            return _answer(HTTPStatus.BAD_REQUEST, "This is not HTTP.")
        host = headers.get("host", "")
        if (host.rpartition(":")[0] or host) not in _HOSTS and host not in _HOSTS:
            return _answer(HTTPStatus.FORBIDDEN, "This name is not one of this host's own.")
        if "origin" in headers and urlsplit(headers["origin"]).netloc != host:
            return _answer(HTTPStatus.FORBIDDEN, "This page belongs to another site.")
        path, _, asked = target.partition("?")
        query = parse_qsl(asked, keep_blank_values=True)
        if any(key == "token" and self._is_token(value) for key, value in query):
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            # One leading slash: "//elsewhere" would lead the browser to another host.
            where = "/" + path.lstrip("/") + (f"?{rest}" if rest else "")
            cookie = f"{_COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Lax"
            return _answer(HTTPStatus.FOUND, "", f"Location: {where}\r\nSet-Cookie: {cookie}\r\n")
        if any(self._is_token(value) for value in _cookies(headers)):
            return None
        return _answer(HTTPStatus.FORBIDDEN, "Open the address that dask-steward dashboard printed, with its token.")

    def _is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode("utf-8", "surrogateescape"), self.token.encode())

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            above, below = await asyncio.open_unix_connection(self.path)
        except OSError:
            writer.write(_answer(HTTPStatus.BAD_GATEWAY, "The cluster has ended."))
            await writer.drain()
            return
        try:
            below.write(head)
            await asyncio.gather(_copy(reader, below), _copy(above, writer))
        finally:
            below.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until one side ends, and tell the other side."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        if writer.can_write_eof() and not writer.is_closing():
            try:
                writer.write_eof()
            except OSError:
                pass  # it has gone already


def _parse(head: bytes) -> tuple[str | None, Mapping[str, str]]:
    """Return the target and the headers (lower-case names) of a request's head."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        return None, {}
    pairs = (line.partition(":") for line in lines if line)
    return words[1], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _cookies(headers: Mapping[str, str]) -> list[str]:
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return [value for name, _, value in pairs if name == _COOKIE]


def _answer(status: HTTPStatus, text: str, headers: str = "") -> bytes:
    body = f"{text}\n".encode() if text else b""
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{headers}Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    ).encode() + body


def run(cluster: Cluster, *, port: int, as_json: bool) -> int:
    """Forward until Ctrl-C or the cluster's end; return the exit code."""
    where = _where(cluster)
    if where.startswith(("http://", "https://")):
        # The profile asked for a TCP port: there is nothing to forward.
        _tell(cluster, where, as_json)
        return 0
    try:
        asyncio.run(_forward(cluster, where, port, as_json))
    except KeyboardInterrupt:
        pass  # the way to end it
    return 0


def _where(cluster: Cluster) -> str:
    """Return the dashboard's socket or address; wait a little for a cluster that has just started."""
    limit = time.monotonic() + _PAGES_SECONDS
    while True:
        state = cluster.state
        scheduler = state.get("scheduler") or {}
        where, why_not = scheduler.get("dashboard"), scheduler.get("dashboard_reason")
        if where:
            break
        if why_not or state.get("state") in ("stopped", "stopping", "failed", "lost") or time.monotonic() > limit:
            raise WrongState(
                f"{cluster.id} has no dashboard: {why_not or 'it is ' + str(state.get('state'))}.", cluster=cluster.id
            )
        time.sleep(0.2)
    if where.startswith("/") and not os.path.exists(where):
        host = (state.get("keeper") or {}).get("host")
        raise WrongState(
            f"The dashboard of {cluster.id} is on {host}.", cluster=cluster.id, hint="Run this command there."
        )
    return str(where)


async def _forward(cluster: Cluster, path: str, port: int, as_json: bool) -> None:
    forward = Forward(path)
    await forward.start(port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _tell(cluster, forward.url, as_json)
    output.note("Ctrl-C ends the forwarding; the cluster goes on.")
    while not stop.is_set() and os.path.exists(path):
        try:
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        except asyncio.TimeoutError:
            continue
    await forward.close()


def _tell(cluster: Cluster, url: str, as_json: bool) -> None:
    if as_json:
        output.print_json({"id": cluster.id, "url": url})
    else:
        print(url, flush=True)
