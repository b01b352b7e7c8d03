"""Logs of containers, brought from their nodes into the cluster's folder, where every face looks for them.

A node keeps them until the application is over; they are brought when somebody asks, when a container is lost, from
time to time, and before the end.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from dask_steward.managers import yarn_logs
from dask_steward.managers.base import Unknown

logger = logging.getLogger(__name__)

#: Seconds between two rounds, and logs that are brought in each: those first that were brought longest ago.
INTERVAL, EACH_TIME = 5.0, 8
#: Nodes that are asked at the same time, and seconds for one answer.
AT_ONCE, LIMIT = 8, 3.0
#: Seconds for which a log that was brought is new enough.
FRESH = 1.0
#: Seconds that all of them may take before the end.
END_LIMIT = 3.0


class ContainerLogs:
    """The logs of one cluster's containers.

    Parameters
    ----------
    path_of : callable
        Returns the path of a container's log for its id.
    node_of : callable
        Returns the web address of its node for its id; None while it is not known.
    living : callable
        Returns the ids of all containers that run.
    user : str
        Who asks.
    scheme : str
        ``http`` or ``https``.
    master : callable
        Returns the container of the application's master; None while it is not known.
    """

    def __init__(
        self,
        path_of: Callable[[str], str],
        node_of: Callable[[str], str | None],
        living: Callable[[], Collection[str]],
        *,
        user: str,
        scheme: str = "http",
        master: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._path_of, self._node_of, self._living = path_of, node_of, living
        self._user, self._scheme, self._master = user, scheme, master
        self._brought: dict[str, float] = {}
        self._missed: set[str] = set()
        self._writing = threading.Lock()

    def bring(self, id: str) -> str:
        """Bring one, if it can be had, and return its path; in a thread, since it waits for a node."""
        path, node = self._path_of(id), self._node_of(id)
        if node is None or time.monotonic() - self._brought.get(id, -FRESH) < FRESH:
            return path
        container = self._master() if id.startswith("application_") else id
        if container is None:
            return path
        text = yarn_logs.running(node, container, self._user, scheme=self._scheme, timeout=LIMIT)
        if isinstance(text, Unknown):
            self._missed.add(id)
            logger.info("the log of %s was not brought: %s", id, text.reason)
            return path
        self._brought[id] = time.monotonic()
        self._missed.discard(id)
        with self._writing:
            _renew(path, text)
        return path

    async def bring_all(self, ids: Collection[str] | None = None, limit: float = END_LIMIT) -> None:
        """Bring many, as far as they come within so many seconds."""
        todo = [id for id in (self._living() if ids is None else ids) if self._node_of(id) is not None]
        if not todo:
            return
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="dask-steward-logs")
        loop = asyncio.get_running_loop()
        tasks = [loop.run_in_executor(pool, self.bring, id) for id in todo]
        await asyncio.wait(tasks, timeout=limit)
        pool.shutdown(wait=False, cancel_futures=True)

    async def bring_last(self) -> bool:
        """Bring those of all containers that run, before the end; tell whether none is missing, nor was before."""
        began = time.monotonic()
        ids = [id for id in self._living() if self._node_of(id) is not None]
        await self.bring_all(ids)
        return not self._missed and all(self._brought.get(id, 0.0) > began - FRESH for id in ids)

    async def keep(self) -> None:
        """Bring them from time to time: who follows a log sees it grow."""
        while True:
            await asyncio.sleep(INTERVAL)
            oldest = sorted(self._living(), key=lambda id: self._brought.get(id, 0.0))
            await self.bring_all(oldest[:EACH_TIME], INTERVAL)


def _renew(path: str, text: str) -> None:
    """Write a log as it is now; what is there already is only added to, so that whoever reads on is not thrown off."""
    data = text.encode()
    try:
        size = os.path.getsize(path)
    except OSError:
        size = 0
    try:
        with open(path, "r+b" if size else "wb") as file:
            if size and (size > len(data) or data[:64] != file.read(64)[: len(data)]):
                file.seek(0)
                file.truncate()
                size = 0
            file.seek(size)
            file.write(data[size:])
    except OSError as error:
        logger.warning("the log %s cannot be written: %s", path, error)
