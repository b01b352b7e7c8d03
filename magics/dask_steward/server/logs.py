"""Logs of a cluster: which there are, ranges of them, and one that is followed as it grows."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Annotated

from pydantic import Field, RootModel
from tornado.iostream import StreamClosedError

from dask_steward.control.log_parts import LogPart, Logs, added, logs_of, part_of, seen, within, worker_log
from dask_steward.errors import StewardError, UsageError
from dask_steward.server.base import Handler, in_thread
from dask_steward.server.models import Given
from dask_steward.server.operations import operation

#: Seconds between two looks at a log that is followed: a file, and a worker that must be asked.
FILE_INTERVAL, WORKER_INTERVAL = 0.4, 1.0
#: Seconds after which a stream without news sends a comment, so that proxies keep it and a gone reader is noticed.
BEAT = 15.0
#: Bytes of one event of a stream.
STREAMED = 65_536


class LogQuery(Given):
    """Which part of which log; nothing for a list of all."""

    name: Annotated[str, Field(max_length=1000)] | None = Field(default=None, description="Name of a log.")
    offset: Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        default=None, description="Where the part begins, in bytes; without it the end of the log is sent."
    )
    limit: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=65_536, description="The most bytes of a part.")
    follow: bool = Field(
        default=False, description="Send parts as server-sent events as they come, until the cluster has ended."
    )


class LogAnswer(RootModel[Logs | LogPart]):
    """All logs, or a part of the one that was named."""


class ClusterLogs(Handler):
    """The logs of one cluster."""

    _gone: asyncio.Event | None = None

    @operation(
        "read",
        "The logs of a cluster, or a part of one; with `follow` server-sent events, each with a part as its data, and "
        "an event `end` when the cluster has ended. Also of clusters that have ended.",
        query=LogQuery,
        answers={200: LogAnswer},
        media={200: "text/event-stream"},
        errors=(503,),
    )
    async def get(self, id: str) -> None:
        """List, read or follow."""
        id = self.cluster_id(id)
        query = self.query(LogQuery)
        if query.name is None:
            if query.follow or query.offset is not None:
                raise UsageError("name: say which log.", field="name")
            self.reply(await in_thread(logs_of, id))
            return
        first = await in_thread(part_of, id, query.name, query.offset, min(query.limit, STREAMED))
        if not query.follow:
            if query.limit > STREAMED:
                first = await in_thread(part_of, id, query.name, query.offset, query.limit)
            self.reply(first)
            return
        await self._stream(id, first)

    def on_connection_close(self) -> None:
        """Wake up what follows: nobody reads any more."""
        if self._gone is not None:
            self._gone.set()
        super().on_connection_close()

    async def _stream(self, id: str, first: LogPart) -> None:
        self._gone = asyncio.Event()
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")  # nginx would else keep it until it has some kilobytes
        follow = _follow_worker if first.name.startswith("worker ") else _follow_file
        try:
            await self._event(first if first.text else None)
            sent = time.monotonic()
            async for part in follow(id, first, self._gone):
                if part is not None and part.text:
                    await self._event(part)
                elif time.monotonic() - sent > BEAT:
                    await self._event(None)
                else:
                    continue
                sent = time.monotonic()
            if not self._gone.is_set():
                self.write("event: end\ndata: {}\n\n")
                await self.flush()
        except StreamClosedError:
            return
        except StewardError as error:
            # The answer has begun, so this cannot become a status any more.
            self.log.info("The log %s is followed no more: %s", first.name, error)

    async def _event(self, part: LogPart | None) -> None:
        self.write(": beat\n\n" if part is None else f"data: {part.model_dump_json()}\n\n")
        await self.flush()


async def _follow_file(id: str, last: LogPart, gone: asyncio.Event) -> AsyncIterator[LogPart | None]:
    """Yield what comes after a part, None where nothing came, until the cluster has ended or nobody listens."""
    offset = last.next
    while not gone.is_set():
        # Whether it has ended first: what was written before that is then read for certain.
        ended = (await in_thread(seen, id)).entry.ended
        part = await in_thread(part_of, id, last.name, offset, STREAMED)
        if part.size < offset:
            offset = 0  # somebody has cut it off
            continue
        if not part.text:
            if ended:
                return
            yield None
            await _pause(gone, FILE_INTERVAL)
            continue
        offset = part.next
        yield part


async def _follow_worker(id: str, last: LogPart, gone: asyncio.Event) -> AsyncIterator[LogPart | None]:
    """The same for a living worker, of whose log only the end can be had: the lines that have come are sent."""
    worker = last.name.removeprefix("worker ")
    before: list[str] | None = None
    offset = last.next
    while not gone.is_set():
        lines, living = await in_thread(_lines, id, worker)
        if not living:
            return
        text = "".join(f"{line}\n" for line in (lines if before is None else added(before, lines)))
        # The first time, what came since the part before this one was read.
        new = text.encode()[last.next :] if before is None else text.encode()
        before = lines
        if new:
            part = within(last.name, new, 0, len(new))
            yield part.model_copy(update={"offset": offset, "next": offset + part.next, "size": offset + part.size})
            offset += part.next
        else:
            yield None
        await _pause(gone, WORKER_INTERVAL)


def _lines(id: str, worker: str) -> tuple[list[str], bool]:
    try:
        return worker_log(seen(id), worker).splitlines(), True
    except StewardError:
        return [], False


async def _pause(gone: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(gone.wait(), seconds)


ROUTES: list[tuple[str, type[Handler]]] = [(r"clusters/([^/]+)/logs", ClusterLogs)]
