"""A page's ear: the events of a server, as a browser hears them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.server.serving import Server

LIMIT = 60.0


class Heard(NamedTuple):
    """One event, and when it came (seconds of the monotonic clock)."""

    at: float
    schema: str
    data: dict[str, Any]


class Ear:
    """Listen to all events of a server while the ``with`` block lasts."""

    def __init__(self, server: Server) -> None:
        self._url = server.url.replace("http", "ws", 1) + "api/events/subscribe"
        self._headers = {"Authorization": f"token {server.token}"}
        self._open = threading.Event()
        self._close: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), name="ear", daemon=True)
        self.heard: list[Heard] = []

    async def _listen(self) -> None:
        connection = await websocket_connect(HTTPRequest(self._url, headers=self._headers))
        loop = asyncio.get_running_loop()
        self._close = lambda: loop.call_soon_threadsafe(connection.close)
        self._open.set()
        while (text := await connection.read_message()) is not None:
            data = json.loads(text)
            self.heard.append(Heard(time.monotonic(), data.pop("schema_id"), data))

    def of(self, what: str) -> list[Heard]:
        """Return what was heard of one kind: ``cluster``, ``rows``, ``profiles`` or ``server``."""
        return [one for one in list(self.heard) if one.schema == f"urn:dask-steward:{what}:v1"]

    def cards(self, id: str) -> list[dict[str, Any]]:
        """Return the cards of one cluster."""
        return [one.data["cluster"] for one in self.of("cluster") if one.data["id"] == id and one.data["cluster"]]

    def wait(self, what: str, right: Callable[[dict[str, Any]], bool], limit: float = LIMIT) -> Heard:
        """Wait for an event of a kind, also one that came already, and return it."""
        deadline = time.monotonic() + limit
        while True:
            for one in self.of(what):
                if right(one.data):
                    return one
            assert time.monotonic() < deadline, (what, [one.data for one in self.of(what)][-3:])
            time.sleep(0.02)

    def wait_state(self, id: str, *states: str) -> Heard:
        """Wait until a cluster is heard in one of these states."""
        return self.wait(
            "cluster", lambda data: data["id"] == id and bool(data["cluster"]) and data["cluster"]["state"] in states
        )

    def __enter__(self) -> Ear:
        self._thread.start()
        assert self._open.wait(LIMIT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._thread.join(LIMIT)
