"""The jobs that a Slurm profile stands for, rendered as its cluster would render them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

from dask_steward.clusters import jobqueue, jobscript
from dask_steward.clusters.base import units_of
from dask_steward.ledger import entries, paths

_NAME = "steward-worker"


def preview(profile: Mapping[str, Any], ask: Mapping[str, Any], cluster: str) -> dict[str, Any]:
    """Return the groups of a profile, each with its script and the sbatch commands that submit it.

    Parameters
    ----------
    profile : mapping
        The resolved profile.
    ask : mapping
        Size in one unit, instead of the profile's own.
    cluster : str
        What stands for the cluster's id.
    """
    jobqueue.load_jobqueue()
    groups = []
    for name, group in {"main": {}, **(profile.get("groups") or {})}.items():
        options = {**(profile.get("options") or {}), **(group.get("options") or {})}
        size = (ask or profile.get("scale") or {"jobs": 1}) if name == "main" else group.get("scale") or {"jobs": 0}
        groups.append({"name": name, **_group(profile, options, group.get("resources") or {}, size, cluster)})
    return {"groups": groups}


def _group(
    profile: Mapping[str, Any],
    options: Mapping[str, Any],
    resources: Mapping[str, float],
    size: Mapping[str, Any],
    cluster: str,
) -> dict[str, Any]:
    tag = entries.tag(cluster)
    folder = os.path.join(paths.clusters_dir(), cluster)
    tls = {} if profile.get("security") == "none" else dict.fromkeys(("ca", "cert"), f"{folder}/tls/cert.pem")
    if tls:
        tls["key"] = f"{folder}/tls/key.pem"
    shape = jobqueue.shape_of_slurm(
        options,
        scheduler="<scheduler>",
        name=_NAME,
        python=profile.get("python"),
        log_file=os.path.join(folder, entries.LOGS, "%j.log"),
        tls=tls,
    )
    line = profile.get("line") or {}
    ends = jobscript.LineEnds(
        host="<host>",
        port=cast("int", "<port>"),
        scheduler_host="<host>",
        scheduler_port=cast("int", "<port>"),
        silence=float(line.get("silence") or 120.0),
        keeper_secret="<secret>",
        job_secret="<secret>",
    )
    environment = {str(key): str(value) for key, value in (profile.get("environment") or {}).items()}
    script = jobscript.render(
        shape,
        tag=tag,
        key="j1",
        name=_NAME,
        line=ends,
        environment={"DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]", **environment},
        local_directory=options.get("local_directory"),
    )
    unit = {"workers": shape.processes, "cores": shape.cores, "memory": shape.memory}
    return {
        "jobs": units_of(unit, {key: value for key, value in size.items() if value is not None}),
        "processes": shape.processes,
        "threads": max(1, shape.cores // shape.processes),
        "cores": int(options.get("job_cpu") or shape.cores),
        "memory": shape.memory,
        "asks_memory": not options.get("job_mem"),
        "partition": options.get("queue"),
        "walltime": options.get("walltime"),
        "script": script,
        "job_name": tag,
    }
