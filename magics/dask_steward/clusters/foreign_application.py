"""The scheduler of an application of YARN that somebody else started, as dask-yarn finds it again.

dask-yarn writes the scheduler's address into the key-value store of skein's application master. The ResourceManager
tells where that one listens, so no Java is started; it lets in who has the certificate with which the application was
submitted, which is skein's own, in the user's home.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from distributed.comm.addressing import normalize_address

from dask_steward.clusters.foreign_reach import Place
from dask_steward.clusters.yarn_driver import aside
from dask_steward.errors import StartFailed
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn import Yarn

FIELD = "options.application"
#: Keys under which dask-yarn, and programs like it, keep the scheduler's address.
KEY = "dask.scheduler"
WORKERS = "dask.worker"
"""Service of dask-yarn's workers: an application that has it will have a scheduler soon."""

#: Seconds for the application master's answer, and those for which a scheduler may not have come up yet.
ANSWER_LIMIT, PATIENCE = 5.0, 8.0


async def place_of(application: str) -> Place:
    """Return where an application's scheduler is.

    Raises
    ------
    StartFailed
        If it cannot be found, with the cause in one sentence.
    """
    master = await asyncio.to_thread(_master_of, application)
    address = await _ask(application, master)
    return Place(normalize_address(address), FIELD, f"{address} (of {application})")


def wrong(application: str, what: str, hint: str | None = None) -> StartFailed:
    """Return the error for an application."""
    return StartFailed(f"{FIELD}: {application} {what}.", field=FIELD, value=application, hint=hint)


def _master_of(application: str) -> str:
    """Return host and port of the application master."""
    found = Yarn(dict(os.environ)).application(application)
    if isinstance(found, Unknown):
        raise wrong(application, f"cannot be looked up: {found.reason}", "HADOOP_CONF_DIR names YARN's configuration.")
    if found is None:
        raise wrong(application, "is not known to the ResourceManager", "`yarn application -list` shows what runs.")
    if found.over:
        said = f", {found.diagnostics}" if found.diagnostics else ""
        raise wrong(application, f"has ended ({found.final_status or found.state}{said})", "Attach to one that runs.")
    if found.state != "RUNNING" or not found.am_rpc:
        said = f": {found.diagnostics}" if found.diagnostics else ""
        raise wrong(application, f"does not run yet ({found.state}{said})", "Attach once it runs.")
    return found.am_rpc


async def _ask(application: str, master: str) -> str:
    try:
        return await aside(_scheduler_of, application, master, limit=ANSWER_LIMIT + PATIENCE)
    except asyncio.TimeoutError as error:
        raise wrong(
            application,
            f"has an application master ({master}) that does not answer within {ANSWER_LIMIT + PATIENCE:g} s",
            "Look whether a firewall is between, and whether it is an application of skein's at all.",
        ) from error


def _scheduler_of(application: str, master: str) -> str:
    """Return what the application master has under dask-yarn's key; may wait for ever."""
    try:
        import skein
    except ImportError as error:
        raise wrong(
            application,
            f"can be asked by skein only, which this cluster's Python cannot import: {error}",
            "Install it there: pip install 'dask-steward[yarn]'.",
        ) from error
    try:
        with skein.ApplicationClient(master, application, security=_credentials(application, skein)) as client:
            found = client.kv.get(KEY)
            deadline = time.monotonic() + (PATIENCE if WORKERS in client.get_specification().services else 0.0)
            while found is None and time.monotonic() < deadline:
                time.sleep(0.2)
                found = client.kv.get(KEY)
    except skein.exceptions.SkeinError as error:
        raise wrong(
            application,
            f"does not let us in: {str(error).rstrip('.')} ({master})",
            "SKEIN_CONFIG names the folder of the certificate with which it was submitted; it expires after a year.",
        ) from error
    if found is None:
        raise wrong(
            application,
            f"runs no scheduler of Dask that can be found: its store has no key {KEY}",
            "Attach by the scheduler's own address.",
        )
    return str(found.decode())


def _credentials(application: str, skein: Any) -> Any:
    folder = os.path.expanduser(os.environ.get("SKEIN_CONFIG") or "~/.skein")
    try:
        return skein.Security.from_directory(folder)
    except skein.exceptions.FileNotFoundError as error:
        raise wrong(
            application,
            f"can be asked only with the certificate of whoever started it, and there is none in {folder}",
            "Set SKEIN_CONFIG to the folder of skein's certificate with which it was submitted.",
        ) from error
