"""Start the processes of all workers again; what they run in (jobs, nannies) stays."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import Workforce

logger = logging.getLogger(__name__)

#: Seconds that all workers have to end, and to come back.
RESTART_LIMIT = 30.0
#: Seconds that the counts of workers may take to show it: a nanny knows later than the scheduler that its worker is up.
SETTLE_LIMIT = 5.0


async def restart(agent: Agent, workforce: Workforce) -> dict[str, Any]:
    """Start them again, and wait until they are back.

    Returns
    -------
    dict
        How many are ``back``, names of those that are ``late`` or were left alone (``fixed``).
    """
    found = await agent.restart_workers(RESTART_LIMIT)
    deadline = time.monotonic() + SETTLE_LIMIT
    while workforce.counts().running < found.back and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    logger.info("%d workers were started again; late: %s; left alone: %s", found.back, found.late, found.fixed)
    return found.to_json()
