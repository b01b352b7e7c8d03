"""The scheduler in the application's master, for sites whose containers cannot reach the machine that starts them.

The container has an environment with Dask and none of our files, so our own package is brought along. Nobody may be
able to tell the keeper an address from there: the keeper chooses some ports beforehand, and looks on which of them its
own scheduler answers, which it knows by the certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import secrets
import shlex
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed.security import Security

from dask_steward.clusters import jobscript, yarn_script, yarn_words
from dask_steward.clusters.jobscript import JobShape, LineEnds
from dask_steward.clusters.remote import RemoteAgent
from dask_steward.clusters.scheduler_script import PROGRAM
from dask_steward.clusters.yarn_application import YarnApplication
from dask_steward.clusters.yarn_spec import Plan
from dask_steward.errors import StartFailed

if TYPE_CHECKING:
    import skein

#: Ports to choose from: below those that systems hand out themselves.
PORTS, CHOSEN = range(20000, 32000), 6
#: Name of the folder with our own package in the container.
PACKAGE = "dask-steward-python"
#: Seconds in which a scheduler must answer once its application's master runs.
ARRIVE_LIMIT = 60.0
#: Seconds for one knock at a port.
KNOCK_LIMIT = 2.0
#: Variables by which containers of workers are told of it: its address, and both parts of that.
ADDRESS, HOST, PORT = "DASK_SCHEDULER_ADDRESS", "DASK_STEWARD_SCHEDULER_HOST", "DASK_STEWARD_SCHEDULER_PORT"
#: Parts of the package that no scheduler needs, and that are large.
_LEFT_OUT = ("labextension", "static", "__pycache__")


def ports_of(options: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the ports on which the scheduler may listen: the profile's, or some by chance."""
    given = options.get("port")
    return (int(given),) if given else tuple(random.SystemRandom().sample(PORTS, CHOSEN))


def pack(folder: str) -> str:
    """Pack our own package into a file in the cluster's folder, and return its path."""
    path = os.path.join(folder, f"{PACKAGE}.zip")
    root = Path(__file__).resolve().parents[1]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for one in sorted(root.rglob("*")):
            inner = one.relative_to(root.parent)
            if one.is_file() and not set(_LEFT_OUT) & set(inner.parts):
                packed.write(one, str(inner))
    os.chmod(path, 0o600)
    return path


def files_of(folder: str, tls: Mapping[str, str]) -> dict[str, skein.File]:
    """Return what the master's container needs besides its environment."""
    import skein

    package = skein.File(source=pack(folder), type="archive", visibility="application")
    return {PACKAGE: package, **yarn_script.tls_files(tls)}


def master_script(
    plan: Plan,
    *,
    tag: str,
    line: LineEnds,
    ports: Sequence[int],
    options: Mapping[str, Any],
    tls: Mapping[str, str],
    pages: bool,
) -> str:
    """Return the script of the application's master: the scheduler, with the line around it as around a worker."""
    role = plan.scheduler
    if role is None:
        raise RuntimeError("the scheduler is not in the application's master")
    # No word of a person's can be this, and JSON leaves it as it is.
    host = f"<steward {secrets.token_hex(8)}>"
    told = {
        "folder": ".",
        "tag": tag,
        "options": {"host": host, **{key: value for key, value in options.items() if key != "port"}},
        "ports": list(ports),
        "tls": yarn_script.tls_names(tls),
        "silence": line.silence,
        "pages": pages,
    }
    given = shlex.quote(json.dumps(told)).replace(host, "'\"$NM_HOST\"'")
    command = f'{role.python} -c {shlex.quote(PROGRAM)} {PACKAGE} {given} "$steward_dir"'
    shape = JobShape(
        processes=1,
        cores=role.resources.vcores,
        memory=role.resources.memory * 2**20,
        header="#!/usr/bin/env bash",
        command=command,
        prologue=(*yarn_script.HOME, *role.prologue),
    )
    return jobscript.render(
        shape,
        tag=tag,
        key=yarn_script.KEY,
        name=None,
        line=line,
        environment={"PYTHONUNBUFFERED": "1", "SPT_NOENV": "1"},
        local_directory="$PWD",
        job_id="CONTAINER_ID",
        array_id="CONTAINER_ID",
        task="DASK_STEWARD_TASK",
        node="NM_HOST",
    )


def worker_ends(line: LineEnds) -> LineEnds:
    """Return what a worker's container must know, which is told of the scheduler only when it is asked for."""
    return LineEnds(
        line.host,
        line.port,
        jobscript.ShellWord(f'"${HOST}"'),
        jobscript.ShellWord(f'"${PORT}"'),
        line.silence,
        line.keeper_secret,
        line.job_secret,
    )


def variables(address: str) -> dict[str, str]:
    """Return the variables of a worker's container that lead to the scheduler."""
    host, _, port = address.partition("://")[2].rpartition(":")
    return {ADDRESS: address, HOST: host, PORT: port}


async def arrive(application: YarnApplication, ports: Sequence[int], security: Security) -> RemoteAgent:
    """Wait for the application's master, look on which port its scheduler answers, and return who speaks to it.

    Raises
    ------
    StartFailed
        If the application is over, or nobody answers.
    """
    protocol = "tls" if security.require_encryption else "tcp"
    up_since: float | None = None
    while True:
        report = application.report
        if application.over is not None and report is not None and yarn_words.port_taken(report):
            tried = " or ".join(map(str, ports))
            where = report.node or application.node or "its node"
            raise StartFailed(
                f"The scheduler in application {application.id} cannot listen on port {tried} of {where}: something "
                "else does.",
                field="options.port",
                hint="Choose another one; without options.port one that is free is found.",
            )
        if application.over is not None:
            raise StartFailed(
                f"Application {application.id} is over before its scheduler was there: {application.over}.",
                field="options.deploy_mode",
                hint=f"Its log: yarn logs -applicationId {application.id}",
            )
        if application.client is not None:
            up_since = up_since or time.monotonic()
            host = str(application.client.address).rpartition(":")[0]
            for port in ports:
                if await _knock(host, port):
                    agent = RemoteAgent(f"{protocol}://{host}:{port}", security, application.doubt)
                    with contextlib.suppress(StartFailed):  # what answers there is another's: the next port
                        await agent.arrive(str(application.id), host, within=KNOCK_LIMIT)
                        return agent
            if time.monotonic() - up_since > ARRIVE_LIMIT:
                raise StartFailed(
                    f"The scheduler runs in application {application.id} on {host}, but cannot be reached from here on "
                    f"port {' or '.join(map(str, ports))}.",
                    field="options.port",
                    hint="Set options.port to a port of the nodes that this machine reaches, or use deploy_mode: local "
                    "where containers reach this machine.",
                )
        await asyncio.sleep(0.2)


async def _knock(host: str, port: int) -> bool:
    """Tell whether something listens there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), KNOCK_LIMIT)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return True
