"""What runs in the containers of an application: the line around each worker, and in the application's master."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dask_steward.clusters import jobscript, yarn_spec
from dask_steward.clusters.jobscript import JobShape, LineEnds
from dask_steward.clusters.yarn_spec import Plan

if TYPE_CHECKING:
    import skein

#: The key of the application's master on the line.
KEY = "application"
#: Variable of a container: our key of it.
KEY_VARIABLE = "DASK_STEWARD_KEY"
#: The first batch of a roster: that of the containers which the specification itself asks for.
FIRST_BATCH = "j1"
#: What a worker is told on its node: its name is its container's key, by which it is known everywhere.
ON_NODE = {"name": "$steward_key", "host": "$NM_HOST", "local_directory": "$steward_dir"}


def worker_shape(plan: Plan, address: str, tls: Mapping[str, str]) -> JobShape:
    """Return what one container of a worker brings and runs; the scheduler's address is a word of the shell."""
    role = plan.worker
    command = yarn_spec.worker_command(plan, address, ON_NODE)
    return JobShape(
        processes=1,
        cores=plan.threads,
        memory=plan.memory,
        header="#!/usr/bin/env bash",
        command="\n".join((command, *role.epilogue)),
        prologue=(*HOME, *tls_lines(tls), *role.prologue),
    )


def first_key(number: int | str, count: int) -> str:
    """Return the key of one of the containers that the specification itself asks for, as a roster names it."""
    return FIRST_BATCH if count == 1 else f"{FIRST_BATCH}.{number}"


def worker_script(shape: JobShape, *, tag: str, line: LineEnds, environment: Mapping[str, str], first: int = 0) -> str:
    """Return the script of the containers of workers: one for all, since YARN has it before it has any container."""
    return jobscript.render(
        shape,
        tag=tag,
        key=f"${{{KEY_VARIABLE}:-{first_key('${SKEIN_CONTAINER_ID##*_}', first)}}}",
        name=None,
        line=line,
        # Dask's setproctitle would otherwise overwrite the mark in the environment.
        environment={"PYTHONUNBUFFERED": "1", "SPT_NOENV": "1", **environment},
        local_directory="$PWD",
        job_id="CONTAINER_ID",
        array_id="CONTAINER_ID",
        task="DASK_STEWARD_TASK",
        node="NM_HOST",
    )


#: YARN gives a home that nobody can write to.
HOME = ('if ! [ -w "$HOME" ]; then export HOME="$PWD"; fi',)


def tls_names(tls: Mapping[str, str]) -> dict[str, str]:
    """Return the names of the cluster's keys in a container; one file that is two of them stays one, as YARN wants."""
    return {part: f"dask-steward-{os.path.basename(path)}" for part, path in tls.items()}


def tls_lines(tls: Mapping[str, str]) -> list[str]:
    """Return shell lines that tell Dask where the cluster's keys are in a container."""
    if not tls:
        return []
    names, prefix = tls_names(tls), "DASK_DISTRIBUTED__COMM__TLS"
    words = [f'{prefix}__CA_FILE="$PWD/{names["ca"]}"', "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True"]
    for role in ("WORKER", "SCHEDULER", "CLIENT"):
        words += [f'{prefix}__{role}__{part.upper()}="$PWD/{names[part]}"' for part in ("cert", "key")]
    return [f"export {word}" for word in words]


def tls_files(tls: Mapping[str, str]) -> dict[str, skein.File]:
    """Return the cluster's keys as files of a container.

    Visible to this application only: YARN keeps the others on a node, after the application's end too.
    """
    import skein

    return {
        name: skein.File(source=os.path.abspath(tls[part]), type="file", visibility="application")
        for part, name in tls_names(tls).items()
    }


def master_script(*, tag: str, line: LineEnds) -> str:
    """Return the script of the application's master where the scheduler is elsewhere: the line, and nothing else."""
    return jobscript.shell("master.sh").substitute(
        tag=tag,
        key=KEY,
        host=shlex.quote(line.host),
        port=line.port,
        silence=math.ceil(line.silence),
        keeper_secret=line.keeper_secret,
        job_secret=line.job_secret,
        unreachable=jobscript.UNREACHABLE,
    )


def completed(
    spec: skein.ApplicationSpec,
    *,
    tag: str,
    script: str,
    master: str,
    tls: Mapping[str, str],
    max_attempts: int,
    first: int = 0,
) -> skein.ApplicationSpec:
    """Return a specification as Steward submits it.

    Its containers, but the `first` ones, are added one by one, each with a key of its own, and all are replaced by the
    keeper, which knows why one has gone: YARN restarts none by itself.
    """
    made = type(spec).from_dict(spec.to_dict())
    service = made.services[yarn_spec.WORKER]
    service.instances, service.max_restarts, service.allow_failures = first, 0, True
    service.files = {**service.files, **tls_files(tls)}
    service.script = script
    made.master.script = master
    made.tags = {*made.tags, tag}
    made.max_attempts = max_attempts
    return made
