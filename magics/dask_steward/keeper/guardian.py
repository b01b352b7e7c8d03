"""The keeper's side of the guard: it is up before anything is taken, and is started again when it dies."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import subprocess
import time

from dask_steward.errors import StartFailed
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.release.launch import start_guard

logger = logging.getLogger(__name__)

#: Seconds in which a guard must confirm that it watches.
CONFIRM_LIMIT = 10.0
#: Seconds between two looks at the guard where the system has no pidfds.
LOOK_INTERVAL = 0.5


class Guardian:
    """Keep one guard up.

    Parameters
    ----------
    folder, id : str
        The cluster's folder in the ledger and its id.
    """

    def __init__(self, folder: str, id: str) -> None:
        self._folder, self._id = folder, id
        self.identity: ProcessIdentity | None = None
        self._changing = asyncio.Lock()
        self._process, self._ready = start_guard(folder, id)

    def confirm(self) -> None:
        """Wait until the guard watches.

        Raises
        ------
        StartFailed
            If it does not come up: nothing may be taken then.
        """
        self.identity = self._confirmed(self._process, self._ready)

    def _confirmed(self, process: subprocess.Popen[bytes], ready: int) -> ProcessIdentity:
        deadline = time.monotonic() + CONFIRM_LIMIT
        try:
            readable, _, _ = select.select([ready], [], [], max(0.0, deadline - time.monotonic()))
            said = os.read(ready, 64) if readable else b""
        finally:
            os.close(ready)
        if not said:
            raise StartFailed(
                "The guard did not come up, so nothing was started.",
                hint=f"See {self._folder}/guard.log for its words.",
            )
        return ProcessIdentity.of(process.pid)

    async def watch(self) -> None:
        """Start the guard again whenever it dies."""
        while True:
            watched = self._process
            await _ended(watched)
            async with self._changing:
                if self._process is not watched:
                    continue  # another one has taken its place
                logger.warning("the guard died with %s; starting another one", watched.returncode)
                try:
                    self._process, self.identity = await self._start()
                    continue
                except (OSError, StartFailed, ProcessLookupError) as error:
                    # Without processes or memory for a guard: the line in the jobs and the sweep are still there.
                    logger.error("the guard cannot be started: %s", error)
            await asyncio.sleep(5.0)

    async def renew(self) -> None:
        """Have another guard read the entry anew; the one before ends once that one has confirmed that it watches.

        Raises
        ------
        StartFailed, OSError, ProcessLookupError
            If none comes up; the one before goes on.
        """
        async with self._changing:
            before = self._process
            self._process, self.identity = await self._start()
            before.kill()  # it listens to no other signal
            await asyncio.to_thread(before.wait)

    async def _start(self) -> tuple[subprocess.Popen[bytes], ProcessIdentity]:
        process, ready = await asyncio.to_thread(start_guard, self._folder, self._id)
        try:
            return process, await asyncio.to_thread(self._confirmed, process, ready)
        except BaseException:
            # One that came up late would watch what is no longer true.
            process.kill()
            await asyncio.to_thread(process.wait)
            raise


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Return once a child has ended, and reap it."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        while process.poll() is None:
            await asyncio.sleep(LOOK_INTERVAL)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    process.wait()
