"""The keeper's entry point: everything that must happen before there is an event loop or a second thread."""

from __future__ import annotations

import logging
import os
import signal
import sys

from dask_steward.errors import StewardError
from dask_steward.keeper.facts import Facts
from dask_steward.keeper.guardian import Guardian
from dask_steward.keeper.request import Request
from dask_steward.ledger import entries
from dask_steward.release.releaser import write_end

logger = logging.getLogger(__name__)


def main(folder: str) -> int:
    """Run the keeper of one entry until its cluster has ended.

    The order matters: first the ledger, then the guard (it comes up while Dask is imported), and only then anything
    that costs something.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    # A terminal that closes, or a batch step that ends, is no reason to die before everything is given back.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    entry = entries.read_entry(folder)
    if entry.ended:
        return 1  # its start was cancelled, or swept, before this process came up
    request = Request.of(entry)
    try:
        facts = Facts(folder, request.id)
        guardian = Guardian(folder, request.id)
        # Imported here: the guard starts meanwhile, and the keys are made.
        from dask_steward.clusters.security import KeysAside

        encrypted = request.profile.get("security") != "none" and not entry.foreign
        keys = KeysAside(os.path.join(folder, entries.TLS)) if encrypted else None

        import asyncio

        from dask_steward.clusters import systems
        from dask_steward.keeper.keeper import Keeper

        system = systems.get(request.system, request.profile, folder, entries.tag(request.id))
        system.ask, system.imports = request.size, request.imports
        system.prepare()
        facts.update(**system.facts())
        guardian.confirm()
    except StewardError as error:
        logger.error("%s", error)
        return _failed(folder, str(error))
    except ImportError as error:
        reason = f"This cluster's Python, {sys.executable}, cannot import what it needs: {error}."
        logger.exception("%s", reason)
        return _failed(folder, reason)
    except OSError as error:
        logger.exception("the ledger cannot be written")
        return _failed(folder, f"The state folder {folder} cannot be written ({error.strerror or error}).")

    async def run() -> None:
        keeper = Keeper(request, system, facts, guardian, keys)
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, keeper.stop, f"signal {one.name}")
        await keeper.run()
        logger.info("ended")
        # From here: the end of an event loop waits for its threads, and those of a stopped cluster (a frozen submit
        # command, a worker's watcher) must not hold the process.
        logging.shutdown()
        os._exit(0)

    asyncio.run(run())
    return 1  # not reached: an error has passed through


def _failed(folder: str, reason: str) -> int:
    """Cross out an entry for which nothing was taken."""
    try:
        write_end(entries.read_entry(folder), state="failed", reason=reason, by="keeper")
    except OSError as error:
        logger.error("the entry cannot be crossed out: %s", error)  # the starter, or a sweep, does
    return 1
