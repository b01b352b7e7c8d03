"""The application that a YARN profile stands for, as its cluster submits it: the specification, in skein's own form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from dask_steward.clusters import yarn_environment, yarn_scheduler, yarn_script, yarn_spec
from dask_steward.clusters.base import MAIN, units_of
from dask_steward.clusters.line_preview import line_before
from dask_steward.clusters.security import paths_of
from dask_steward.clusters.yarn import ATTEMPTS
from dask_steward.clusters.yarn_containers import MOST_AT_ONCE
from dask_steward.clusters.yarn_driver import load_skein
from dask_steward.clusters.yarn_settings import scheduler_arguments
from dask_steward.ledger import entries, paths

if TYPE_CHECKING:
    import skein

    from dask_steward.clusters.yarn_spec import Plan

MASTER, SCHEDULER = "master", "scheduler"
"""The application's own container: with the scheduler in it, where ``deploy_mode`` is remote."""
_MIB = 2**20
_HEAD = "# As it is submitted; later containers of dask.worker are added one by one, each with a key of its own.\n"


def preview(profile: Mapping[str, Any], ask: Mapping[str, Any], cluster: str) -> dict[str, Any]:
    """Return the containers of a profile with their sizes, and the specification.

    Parameters
    ----------
    profile : mapping
        The resolved profile.
    ask : mapping
        Size in one unit, instead of the profile's own.
    cluster : str
        What stands for the cluster's id.

    Raises
    ------
    StartFailed
        If a start would fail before it asks YARN.
    """
    tag = entries.tag(cluster)
    folder = os.path.join(paths.clusters_dir(), cluster)
    load_skein(folder)
    plan = yarn_spec.plan(profile.get("options") or {})
    tls = {} if profile.get("security") == "none" else paths_of(os.path.join(folder, entries.TLS))
    vcores = int(plan.worker.resources.vcores)
    unit = {"workers": 1, "cores": vcores, "memory": plan.memory}
    containers = _count(plan, profile, ask, unit)
    if plan.scheduler is None:
        spec = _with_workers_only(plan, profile, tag, tls, containers)
        master = spec.master.resources
    else:
        spec = _with_scheduler(plan, profile, tag, tls, folder)
        master = plan.scheduler.resources
    workers = {
        "name": MAIN,
        "jobs": containers,
        "processes": 1,
        "threads": plan.threads,
        "cores": vcores,
        "memory": plan.memory,
        "gpus": int(plan.worker.resources.gpus),
        "script": _HEAD + _said_elsewhere(plan) + yaml_of(spec),
        "key": "j",
    }
    own = {
        "name": MASTER if plan.scheduler is None else SCHEDULER,
        "jobs": 1,
        "processes": 0,
        "threads": 0,
        "cores": int(master.vcores),
        "memory": int(master.memory) * _MIB,
        "gpus": int(master.gpus),
        "script": "",
        "key": yarn_script.KEY,
    }
    common = {"partition": spec.queue, "walltime": None, "job_name": tag, "asks_memory": True}
    return {"groups": [{**workers, **common}, {**own, **common}], "warnings": _trouble(plan)}


def _with_workers_only(
    plan: Plan, profile: Mapping[str, Any], tag: str, tls: Mapping[str, str], containers: int
) -> skein.ApplicationSpec:
    line = line_before(profile, scheduler=True)
    shape = yarn_script.worker_shape(plan, "SCHEDULER", tls)
    first = min(containers, MOST_AT_ONCE)
    script = yarn_script.worker_script(shape, tag=tag, line=line, environment=_environment(profile), first=first)
    return yarn_script.completed(
        plan.spec,
        tag=tag,
        script=script,
        master=yarn_script.master_script(tag=tag, line=line),
        tls=tls,
        max_attempts=ATTEMPTS,
        first=first,
    )


def _with_scheduler(
    plan: Plan, profile: Mapping[str, Any], tag: str, tls: Mapping[str, str], folder: str
) -> skein.ApplicationSpec:
    import skein

    options = scheduler_arguments(profile.get("options") or {})
    line = line_before(profile, scheduler=False)
    shape = yarn_script.worker_shape(plan, f'"${yarn_scheduler.ADDRESS}"', tls)
    ends = yarn_scheduler.worker_ends(line)
    script = yarn_script.worker_script(shape, tag=tag, line=ends, environment=_environment(profile))
    master = yarn_scheduler.master_script(
        plan,
        tag=tag,
        line=line,
        ports=[options.get("port") or cast("int", "PORT")],
        options={key: value for key, value in options.items() if key not in ("host", "contact_address")},
        tls=tls,
        pages=str(profile.get("dashboard") or "socket") != "off",
    )
    spec = yarn_script.completed(plan.spec, tag=tag, script=script, master=master, tls=tls, max_attempts=1)
    # The package itself is packed at the start.
    package = skein.File(
        source=os.path.join(folder, f"{yarn_scheduler.PACKAGE}.zip"), type="archive", visibility="application"
    )
    spec.master.files = {**spec.master.files, yarn_scheduler.PACKAGE: package, **yarn_script.tls_files(tls)}
    return spec


def _environment(profile: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in (profile.get("environment") or {}).items()}


def yaml_of(spec: skein.ApplicationSpec) -> str:
    """Return a specification as skein reads it, with scripts as they will be run: a line for each line."""
    import yaml  # type: ignore[import-untyped, unused-ignore]

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, unused-ignore]
        """With texts of several lines as blocks."""

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    made: str = yaml.dump(spec.to_dict(), Dumper=Dumper, sort_keys=False, default_flow_style=False, width=4096)
    return made


def _count(plan: Plan, profile: Mapping[str, Any], ask: Mapping[str, Any], unit: Mapping[str, float]) -> int:
    size = {key: value for key, value in (ask or profile.get("scale") or {}).items() if value is not None}
    if size:
        return units_of(unit, size)
    least = (profile.get("adapt") or {}).get("minimum")
    # Without a size it is one worker, as at a start.
    return int(least or 0) if least is not None else 1 if plan.workers is None else plan.workers


def _said_elsewhere(plan: Plan) -> str:
    """Return which options come from Dask's configuration, and by which key."""
    told = [f"{name} ({key})" for name, key in sorted(plan.sources.items()) if key not in ("profile", "default")]
    return f"# Dask's configuration says {', '.join(told)}.\n" if told else ""


def _trouble(plan: Plan) -> list[str]:
    """Return what is odd about the environment, as far as a glance tells; nothing is packed and nothing uploaded."""
    warning = yarn_environment.glance(plan.environment) if plan.environment is not None else None
    return [warning] if warning else []
