"""What the server does by itself from time to time, in threads."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence

from dask_steward.errors import StewardError
from dask_steward.profiles import ProfileStore
from dask_steward.release.sweep import sweep
from dask_steward.server.threads import in_thread

#: Seconds between two looks at the folders of profiles.
PROFILES_INTERVAL = 2.0


async def sweep_again(interval: float, log: logging.Logger) -> None:
    """Give back what dead clusters left: now, and then after each `interval` (seconds)."""
    while True:
        try:
            report = await in_thread(sweep)
        except (StewardError, OSError) as error:
            log.warning("The sweep could not be made: %s", error)
        else:
            if report.ended or report.left:
                log.info("%s", report)
        await asyncio.sleep(interval)


async def look_at_profiles(tell: Callable[[list[str]], None]) -> None:
    """Tell the names of all profiles whenever a file of one has changed, come or gone."""
    store = ProfileStore()
    before: object = None
    while True:
        try:
            stamps = await in_thread(_stamps, store)
            if before is not None and stamps != before:
                tell(await in_thread(store.names))
            before = stamps
        except (StewardError, OSError):
            pass  # a folder that cannot be read now; the list of profiles says so to whoever asks
        await asyncio.sleep(PROFILES_INTERVAL)


def _stamps(store: ProfileStore) -> Sequence[tuple[str, int, int, int]]:
    """Return name, inode, size and time of each file in the folders of profiles."""
    found = []
    for layer in store.folders:
        try:
            with os.scandir(layer.folder) as files:
                for file in files:
                    try:
                        status = file.stat()
                    except OSError:
                        continue
                    found.append((file.path, status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            continue
    return sorted(found)
