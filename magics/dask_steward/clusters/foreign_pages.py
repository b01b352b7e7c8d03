"""Dask's pages of a scheduler that somebody else owns, carried from where they are to the keeper's private socket."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from tornado.netutil import bind_unix_socket

logger = logging.getLogger(__name__)

#: Bytes carried at once, and seconds for a new connection.
CHUNK, CONNECT_LIMIT = 65536, 4.0


class ForeignPages:
    """A private socket that leads to a web server elsewhere.

    Parameters
    ----------
    host : str
        Where the scheduler is.
    port : int or None
        Of its pages; None where it has none.
    listen : str
        ``off``, ``socket``, ``tcp`` or ``tcp:PORT``.
    path : str
        Path of the private socket.

    Attributes
    ----------
    link : str or None
        The pages' own address, for who can reach it.
    """

    def __init__(self, host: str, port: int | None, listen: str, path: str) -> None:
        self.where: str | None = None
        self.why_not: str | None = None
        self.link = None if port is None else f"http://{f'[{host}]' if ':' in host else host}:{port}/status"
        self._host, self._port, self._listen, self._path = host, port, listen, path
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen, unless there is nothing to lead to."""
        if self._listen == "off":
            self.why_not = "the profile switches the dashboard off"
        elif self._port is None:
            self.why_not = "this scheduler serves no pages"
        else:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(self._host, self._port), CONNECT_LIMIT)
            except (OSError, asyncio.TimeoutError) as error:
                words = str(getattr(error, "strerror", None) or error) or "no answer"
                self.why_not = f"the scheduler's pages at {self.link} cannot be reached from here: {words}"
            else:
                writer.close()
                await self._open()

    async def _open(self) -> None:
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
            far, out = await asyncio.wait_for(asyncio.open_connection(self._host, self._port), CONNECT_LIMIT)
        except (OSError, asyncio.TimeoutError) as error:
            logger.warning("the scheduler's pages cannot be reached: %s", error)
            writer.close()
            return
        ways = [asyncio.ensure_future(_carry(reader, out)), asyncio.ensure_future(_carry(far, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            out.close()
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


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
