"""The end of the server: what belongs to it begins to be released while it still runs.

The guard of each cluster would do the same once the server's process is gone; asking before spares the seconds in which
Jupyter's server shuts its kernels down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dask_steward.control.looking import Look, look_at
from dask_steward.release.guard import ask_stop
from dask_steward.server.threads import in_thread

#: Seconds that all of it may take: an exit is never held.
ASK_LIMIT = 0.5
REASON = "the Jupyter server that it belongs to ended"


async def release_own(ids: Sequence[str]) -> None:
    """Ask the keepers of these clusters to stop, all at once; whatever does not answer is left to its guard."""
    if ids:
        work = asyncio.ensure_future(in_thread(_ask, list(ids)))
        await asyncio.wait([work], timeout=ASK_LIMIT)
        work.cancel()


def _ask(ids: list[str]) -> None:
    import threading

    threads = [threading.Thread(target=_ask_one, args=(one,), daemon=True) for one in look_at(ids)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ASK_LIMIT)


def _ask_one(found: Look) -> None:
    if found.socket is not None:
        ask_stop(found.socket, REASON, ASK_LIMIT)
