"""The jobs that a Slurm profile stands for, rendered as its cluster renders them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dask_steward import units
from dask_steward.clusters import jobqueue, scheduler_script, systems
from dask_steward.clusters.base import MAIN, units_of
from dask_steward.clusters.groups import Group
from dask_steward.clusters.line_preview import line_before
from dask_steward.clusters.scheduler_job import KEY
from dask_steward.clusters.security import paths_of
from dask_steward.clusters.shapes import ONE_LOG, groups_of, of_config, options_of
from dask_steward.ledger import entries, paths

SCHEDULER = "scheduler"
"""Name of the job that holds the scheduler, where the profile gives it one."""


def preview(profile: Mapping[str, Any], ask: Mapping[str, Any], cluster: str, most: int) -> dict[str, Any]:
    """Return the groups of a profile, each with its size and its job script.

    Parameters
    ----------
    profile : mapping
        The resolved profile.
    ask : mapping
        Size of the main group in one unit, instead of the profile's own.
    cluster : str
        What stands for the cluster's id.
    most : int
        Jobs that one submit may be.
    """
    jobqueue.load_jobqueue()
    tag = entries.tag(cluster)
    folder = os.path.join(paths.clusters_dir(), cluster)
    tls = {} if profile.get("security") == "none" else paths_of(os.path.join(folder, entries.TLS))
    groups = groups_of(
        profile,
        tag=tag,
        scheduler="SCHEDULER",
        python=profile.get("python"),
        tls=tls,
        line=line_before(profile, scheduler=True),
        logs=os.path.join(folder, entries.LOGS),
    )
    found = [_group(profile, group, ask, tag, most) for group in groups.values()]
    place = scheduler_script.place_of(profile)
    if place is not None:
        found.append(_scheduler(profile, place, folder, tag, tls))
    return {"groups": found}


def _group(profile: Mapping[str, Any], group: Group, ask: Mapping[str, Any], tag: str, most: int) -> dict[str, Any]:
    options = options_of(profile, group.name)
    if group.name == MAIN:
        # Without a size it is one job, as at a start.
        size = ask or profile.get("scale") or {"jobs": _least(profile.get("adapt"), 1)}
    else:
        own = profile["groups"][group.name]
        size = own.get("scale") or {"jobs": _least(own.get("adapt"), 0)}
    jobs = units_of(group.unit, {key: value for key, value in size.items() if value is not None})
    return {
        "name": group.name,
        "jobs": jobs,
        "processes": group.shape.processes,
        "threads": max(1, group.shape.cores // group.shape.processes),
        "cores": int(options.get("job_cpu") or group.shape.cores),
        "memory": group.shape.memory,
        "asks_memory": not (options.get("job_mem") or of_config(options, "job-mem")),
        "partition": options.get("queue") or of_config(options, "queue"),
        "walltime": None if group.walltime is None else units.format_walltime(group.walltime),
        "script": group.script("j1", max(1, min(jobs, most))),
        "job_name": tag,
        "key": "j",
    }


def _least(adapt: Mapping[str, Any] | None, default: int) -> int:
    return max(default, int((adapt or {}).get("minimum") or 0))


def _scheduler(
    profile: Mapping[str, Any], place: Mapping[str, Any], folder: str, tag: str, tls: Mapping[str, str]
) -> dict[str, Any]:
    options = profile.get("options") or {}
    system = systems.get("slurm", profile, folder, tag)
    script, cores = scheduler_script.render(
        options,
        place,
        folder=folder,
        tag=tag,
        log_file=os.path.join(folder, entries.LOGS, ONE_LOG),
        scheduler=system.scheduler_arguments(),
        tls=tls,
        pages=str(profile.get("dashboard") or "socket") != "off",
        line=line_before(profile, scheduler=False),
        local_directory=options.get("local_directory") or of_config(options, "local-directory"),
    )
    asked = scheduler_script.job_options(options, place)
    limit = units.parse_walltime(asked.get("walltime") or of_config(options, "walltime") or "UNLIMITED")
    return {
        "name": SCHEDULER,
        "jobs": 1,
        "processes": 0,
        "threads": 0,
        "cores": cores,
        "memory": int(asked["memory"]),
        "asks_memory": True,
        "partition": asked.get("queue") or of_config(options, "queue"),
        "walltime": None if limit is None else units.format_walltime(limit),
        "script": script,
        "job_name": tag,
        "key": KEY,
    }
