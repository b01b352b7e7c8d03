"""The process in a job that runs a cluster's scheduler, and ends when the keeper has not spoken to it for too long.

What it is told stands in its arguments; what it has to say before it can be spoken to, its address or why it cannot
start, goes into a file of the entry.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from dask_steward.errors import StartFailed
from dask_steward.ledger import entries, files

logger = logging.getLogger(__name__)

#: The file in the entry.
FILE = "scheduler.json"
#: Exit status of a scheduler whose port is taken (EX_CANTCREAT of sysexits.h): it may be all that anybody hears of it.
PORT_TAKEN = 73
#: Seconds between two looks at whether the keeper still speaks.
_INTERVAL = 1.0


def main(given: str, scratch: str) -> int:
    """Run a scheduler until it is closed or the keeper is silent.

    Parameters
    ----------
    given : str
        JSON with ``folder`` and ``tag`` of the cluster, ``options`` of the scheduler, paths of ``tls``, ``silence``
        (seconds without the keeper), ``pages`` (whether Dask's pages are wanted).
    scratch : str
        The job's own folder on its node.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    return asyncio.run(_run(json.loads(given), scratch))


async def _run(told: Mapping[str, Any], scratch: str) -> int:
    from dask_steward.clusters.base import first_cause
    from dask_steward.clusters.local_agent import LocalAgent
    from dask_steward.clusters.scheduler import Pages, security_of, start_scheduler
    from dask_steward.clusters.service import AgentService
    from dask_steward.clusters.tunnel import serve_pages

    tls = told["tls"]
    scheduler, code = None, 1
    # Where nobody can be told an address, the keeper looks on these ports.
    ports = told.get("ports") or [None]
    for port in ports:
        options = told["options"] if port is None else {**told["options"], "port": port}
        try:
            scheduler = await start_scheduler(options, security_of(tls), tls=bool(tls))
            break
        except StartFailed as error:
            logger.error("%s", error)
            code = PORT_TAKEN if getattr(first_cause(error), "errno", None) == errno.EADDRINUSE else 1
            if port == ports[-1]:
                _say(told, error=str(error))
    if scheduler is None:
        return code
    agent = LocalAgent(scheduler, f"{told['tag']}-summary")
    service = AgentService(agent)
    # Through the folder's descriptor: a socket's path holds 107 bytes, and a scratch folder's name may be long.
    folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    pages = Pages(scheduler, "socket" if told["pages"] else "off", f"/proc/self/fd/{folder}/pages.sock")
    pages.start()
    serve_pages(scheduler, pages)
    _say(told, address=str(scheduler.address), contact=scheduler.contact_address, pages=pages.why_not)
    finished = asyncio.ensure_future(scheduler.finished())
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, lambda: asyncio.ensure_future(scheduler.close(reason="signal")))
    while not finished.done():
        await asyncio.wait([finished], timeout=_INTERVAL)
        if not finished.done() and service.silence > told["silence"]:
            logger.error("the keeper has not spoken to this scheduler for %.0f s; this job leaves", told["silence"])
            break
    pages.close()
    logger.info("the scheduler has ended")
    # The job's end ends what is left of it.
    logging.shutdown()
    os._exit(0)


def _say(told: Mapping[str, Any], **facts: Any) -> None:
    path = os.path.join(told["folder"], FILE)
    host = socket.gethostname()
    files.write_json(path, {"format": entries.FORMAT, "host": host, "pid": os.getpid(), "at": time.time(), **facts})
