"""The control socket: HTTP with JSON, readable by the cluster's owner only."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler

from dask_steward.errors import StewardError, UsageError
from dask_steward.keeper.rows import USUAL

if TYPE_CHECKING:
    from dask_steward.keeper.keeper import Keeper

logger = logging.getLogger(__name__)

#: Seconds after which a stream without news sends a comment, so that a dead reader is noticed.
STREAM_BEAT = 15.0
#: Shortest time (seconds) between two states on a stream.
STREAM_INTERVAL = 0.1


class _Handler(RequestHandler):
    keeper: Keeper

    def initialize(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def reply(self, value: Any, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(value))

    def body(self) -> dict[str, Any]:
        try:
            value = json.loads(self.request.body or b"{}")
        except ValueError as error:
            raise UsageError(f"The body is no JSON: {error}.") from error
        if not isinstance(value, dict):
            raise UsageError("The body must be a JSON object.")
        return value

    def write_error(self, status_code: int, **details: Any) -> None:
        error = (details.get("exc_info") or (None, None, None))[1]
        if isinstance(error, StewardError):
            self.reply(error.to_dict(), error.http_status)
        else:
            self.reply({"error": "failed", "message": str(error or self._reason)}, status_code)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, StewardError):
            super().log_exception(typ, value, tb)


class _State(_Handler):
    def get(self) -> None:
        self.reply(self.keeper.state())


class _Stream(_Handler):
    async def get(self) -> None:
        """Send the state whenever it changes, as server-sent events, until it is final."""
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        seen = -1
        try:
            while True:
                if seen != self.keeper.version:
                    seen = self.keeper.version
                    state = self.keeper.state()
                    self.write(f"event: state\ndata: {json.dumps(state)}\n\n")
                    await self.flush()
                    if state["state"] in ("stopped", "failed", "lost"):
                        return
                    await asyncio.sleep(STREAM_INTERVAL)
                elif not await self.keeper.wait_change(seen, STREAM_BEAT):
                    self.write(": beat\n\n")
                    await self.flush()
        except StreamClosedError:
            return


class _Page(_Handler):
    async def get(self) -> None:
        """Send part of a table."""
        table = self.keeper.tables[self.request.path.strip("/")]
        offset, limit = self._number("offset", 0), self._number("limit", USUAL)
        self.reply(await table.page(offset, limit, self.get_query_argument("sort", None)))

    def _number(self, name: str, default: int) -> int:
        given = self.get_query_argument(name, None)
        if given is None:
            return default
        if not (given.isascii() and given.isdecimal()):
            raise UsageError(f"{name} must be 0 or more; got {given!r}.", field=name, value=given)
        return int(given)


class _Rows(_Handler):
    async def get(self) -> None:
        """Send all rows of a table, then what changes, as server-sent events, until the cluster has ended."""
        kind = self.get_query_argument("kind", "workers")
        table = self.keeper.tables.get(kind)
        if table is None:
            raise UsageError(f"kind: {kind!r} is none of {', '.join(self.keeper.tables)}.", field="kind", value=kind)
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        try:
            async for news in table.follow(STREAM_BEAT):
                self.write(": beat\n\n" if news is None else f"event: {news[0]}\ndata: {json.dumps(news[1])}\n\n")
                await self.flush()
                if self.keeper.ended:
                    return
        except StreamClosedError:
            return


class _Restart(_Handler):
    async def post(self) -> None:
        self.reply(await self.keeper.restart_workers())


class _Rename(_Handler):
    async def post(self) -> None:
        await self.keeper.rename(self.body().get("name"))
        self.reply(self.keeper.state())


class _Owner(_Handler):
    async def post(self) -> None:
        await self.keeper.give(self.body())
        self.reply(self.keeper.state())


class _Scale(_Handler):
    async def post(self) -> None:
        note = await self.keeper.scale(self.body())
        self.reply({**self.keeper.state(), "note": note})


class _Adapt(_Handler):
    async def post(self) -> None:
        self.keeper.adapt(self.body())
        self.reply(self.keeper.state())


class _Progress(_Handler):
    async def post(self) -> None:
        self.reply(await self.keeper.progress(self.body()))


class _Stop(_Handler):
    def post(self) -> None:
        body = self.body()
        reason = str(body.get("reason") or "stopped by a request")
        self.keeper.stop(reason, urgent=body.get("urgent") is True)
        self.reply({"state": "stopping", "reason": reason}, 202)


class _Logs(_Handler):
    async def get(self) -> None:
        arguments = {name: self.get_query_argument(name, None) for name in ("job", "worker", "keeper", "tail")}
        tail = arguments["tail"] or "200"
        if not tail.isdecimal():
            raise UsageError(f"tail must be a number of lines; got {tail!r}.", field="tail", value=tail)
        found = await self.keeper.logs(
            job=arguments["job"], worker=arguments["worker"], keeper=bool(arguments["keeper"]), tail=int(tail)
        )
        self.reply(found)


class _Identity(_Handler):
    async def get(self) -> None:
        self.reply(_plain(await self.keeper.identity()))


def _plain(value: Any) -> Any:
    """Return what JSON can say of a value: workers' metrics have tuples as keys, and plug-ins add what they like."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


class ControlSocket:
    """Serve one keeper.

    Parameters
    ----------
    keeper : Keeper
        Who answers.
    path : str
        The socket's path, in a private folder.
    """

    def __init__(self, keeper: Keeper, path: str) -> None:
        self._path = path
        given = {"keeper": keeper}
        self._server = HTTPServer(
            Application(
                [
                    (r"/state", _State, given),
                    (r"/stream", _Stream, given),
                    (r"/scale", _Scale, given),
                    (r"/adapt", _Adapt, given),
                    (r"/progress", _Progress, given),
                    (r"/stop", _Stop, given),
                    (r"/logs", _Logs, given),
                    (r"/workers", _Page, given),
                    (r"/jobs", _Page, given),
                    (r"/rows", _Rows, given),
                    (r"/restart", _Restart, given),
                    (r"/rename", _Rename, given),
                    (r"/owner", _Owner, given),
                    (r"/identity", _Identity, given),
                ],
                log_function=lambda handler: None,
            ),
            max_body_size=1_000_000,
        )

    def start(self) -> None:
        """Open the socket; it appears under its name only when it is ready."""
        aside = f"{self._path}.new"
        self._server.add_socket(bind_unix_socket(aside, 0o600))
        os.rename(aside, self._path)

    async def close(self) -> None:
        """Remove the socket, and let open streams send their last state."""
        self._server.stop()
        if os.path.exists(self._path):
            os.unlink(self._path)
        try:
            await asyncio.wait_for(self._server.close_all_connections(), 0.5)
        except asyncio.TimeoutError:
            logger.debug("connections to the control socket were cut")
