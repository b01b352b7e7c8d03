"""Dask's pages of a scheduler that runs elsewhere, carried over the cluster's own comm to the keeper's private socket.

The pages listen on a unix socket beside the scheduler; each connection to the keeper's socket becomes one comm, whose
messages are the bytes of either side. So they need no port of their own, and TLS protects them.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from distributed import Scheduler
from distributed.comm.core import Comm, connect
from distributed.core import Status
from distributed.security import Security
from tornado.netutil import bind_unix_socket

from dask_steward.clusters.scheduler import Pages

logger = logging.getLogger(__name__)

#: The comm handler's name.
OP = "steward-pages"
#: Bytes of one message.
CHUNK = 65536
#: Seconds for a new connection.
CONNECT_LIMIT = 10.0


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, comm: Comm) -> None:
    """Carry bytes both ways until one side ends."""

    async def up() -> None:
        while data := await reader.read(CHUNK):
            await comm.write({"data": data})
        await comm.write({"data": b""})

    async def down() -> None:
        while True:
            message = await comm.read()
            data = bytes(message["data"])
            if not data:
                return
            writer.write(data)
            await writer.drain()

    ways = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        ended = await asyncio.gather(*ways, return_exceptions=True)
        writer.close()
        for one in ended:
            if isinstance(one, Exception) and not isinstance(one, OSError):
                logger.warning("a page was cut off: %r", one)


def serve_pages(scheduler: Scheduler, pages: Pages) -> None:
    """Let a keeper elsewhere reach the pages beside a scheduler."""

    async def serve(comm: Any) -> Any:
        if pages.where is None:
            return {"error": pages.why_not or "there are no pages"}
        reader, writer = await asyncio.open_unix_connection(pages.where)
        await comm.write({"answer": "OK"})
        await _carry(reader, writer, comm)
        comm.abort()
        return Status.dont_reply

    scheduler.handlers[OP] = serve


class RemotePages:
    """The keeper's end: a private socket that leads to the pages of a scheduler elsewhere.

    Parameters
    ----------
    address : str
        The scheduler's address.
    security : Security
        The cluster's own.
    listen : str
        ``socket``, or ``tcp`` or ``tcp:PORT`` for a port of 127.0.0.1.
    path : str
        Path of the socket, in a private folder.
    why_not : str or None
        Why there are no pages, where that is known.
    """

    def __init__(self, address: str, security: Security, listen: str, path: str, why_not: str | None) -> None:
        self.where: str | None = None
        self.why_not = why_not
        self._listen = listen
        self._address = address
        self._arguments = security.get_connection_args("scheduler")
        self._path = path
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, unless there are no pages."""
        if self.why_not is not None:
            return
        if self._listen.startswith("tcp"):
            port = int(self._listen.partition(":")[2] or 0)
            try:
                self._server = await asyncio.start_server(self._called, "127.0.0.1", port)
            except OSError as error:
                self.why_not = f"port {port} of the dashboard cannot be opened: {error}"
                return
            self.where = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/status"
            return
        self._server = await asyncio.start_unix_server(self._called, sock=bind_unix_socket(self._path, 0o600))
        self.where = self._path

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)
        try:
            comm = await connect(self._address, timeout=CONNECT_LIMIT, **self._arguments)
        except OSError as error:
            logger.warning("the scheduler's pages cannot be reached: %s", error)
            writer.close()
            return
        try:
            await comm.write({"op": OP, "reply": True})
            answer = await comm.read()
            if "answer" in answer:
                await _carry(reader, writer, comm)
            else:
                logger.warning("the scheduler has no pages: %s", answer)
        except OSError as error:
            logger.info("a page was cut off: %s", error)
        finally:
            comm.abort()
            writer.close()

    def close(self) -> None:
        """Close and remove the socket."""
        if self._server is not None:
            self._server.close()
        for task in self._carrying:
            task.cancel()
        if self.where == self._path and os.path.exists(self._path):
            os.unlink(self._path)
        self.where = None
