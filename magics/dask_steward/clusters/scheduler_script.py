"""What the scheduler's job runs: the same line around it as around workers, and our own package beside its Python."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dask_steward.clusters import jobqueue, jobscript
from dask_steward.clusters.scheduler_job import KEY

#: Stands for the scheduler's name in the command; the command itself has no use for it.
_NAME = "steward-scheduler"
#: Memory of the job, in bytes, and its cores, where the profile says nothing: Dask's scheduler is one thread.
MEMORY, CORES = 4 * 10**9, 1
#: Adds only our own package to the interpreter, behind all that it has itself.
PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from dask_steward.clusters.scheduler_host import main; sys.exit(main(sys.argv[2], sys.argv[3]))"
)


def place_of(profile: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what the profile says of the scheduler's own job; None where the scheduler runs in the keeper."""
    found = profile.get("scheduler")
    return found if isinstance(found, Mapping) and found.get("place") == "job" else None


def job_options(options: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of dask-jobqueue's job for the scheduler: those of the workers' jobs that hold for it too.

    Their GPUs, exclusive nodes and the like do not.
    """
    taken = ("job_cpu", "job_mem", "worker_extra_args", "nanny", "death_timeout", "scheduler_options")
    found = {key: value for key, value in options.items() if key not in taken}
    found.update(
        cores=place.get("cores") or CORES,
        processes=1,
        memory=place.get("memory") or MEMORY,
        # A scheduler that Slurm starts again knows nothing of what the first one knew.
        job_extra_directives=["--no-requeue", *(place.get("job_extra_directives") or [])],
    )
    for ours, theirs in (("partition", "queue"), ("walltime", "walltime")):
        if place.get(ours):
            found[theirs] = place[ours]
    return found


def render(
    options: Mapping[str, Any],
    place: Mapping[str, Any],
    *,
    folder: str,
    tag: str,
    log_file: str,
    scheduler: Mapping[str, Any],
    tls: Mapping[str, str],
    pages: bool,
    line: jobscript.LineEnds,
    local_directory: str | None,
) -> tuple[str, int]:
    """Return the job script of a scheduler and the cores that it holds.

    Parameters
    ----------
    options, place : mapping
        The profile's ``options`` and ``scheduler``.
    folder, tag : str
        The entry's folder, which the nodes see too, and the cluster's tag.
    log_file : str
        Where its output goes.
    scheduler : mapping
        Arguments of ``distributed.Scheduler``.
    tls : mapping
        Paths of the cluster's keys.
    pages : bool
        Whether Dask's pages are wanted.
    line : LineEnds
        The keeper's ends of the line; without a scheduler's port.
    local_directory : str or None
        Where scratch folders are made on the node.

    Raises
    ------
    StartFailed
        If an option is missing, or dask-jobqueue refuses one.
    """
    shape = jobqueue.shape_of_slurm(
        job_options(options, place),
        scheduler="tcp://127.0.0.1:1",  # of the worker's command, which is not used
        name=_NAME,
        python=sys.executable,
        log_file=log_file,
        tls={},
    )
    told = {
        "folder": folder,
        "tag": tag,
        "options": dict(scheduler),
        "tls": dict(tls),
        "silence": line.silence,
        "pages": pages,
    }
    words = [sys.executable, "-c", PROGRAM, os.path.join(folder, "python"), json.dumps(told)]
    command = f'{shlex.join(words)} "$steward_dir" --name {_NAME} '
    script = jobscript.render(
        replace(shape, command=command),
        tag=tag,
        key=KEY,
        name=_NAME,
        line=line,
        # As the keeper's own: Dask's setproctitle would otherwise overwrite the job's mark in the environment.
        environment={"PYTHONUNBUFFERED": "1", "SPT_NOENV": "1"},
        local_directory=local_directory,
    )
    return script, shape.cores
