"""What holds for a cluster on YARN: the profile's options, else ``yarn.*`` of Dask's configuration, else a default.

The keys and the defaults are dask-yarn's, which is not asked for them: its import fails with any Dask since 2022, and
would write a file into the user's configuration. Two defaults are ours: the scheduler is local, and where no
environment is named it is the one that runs the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask

from dask_steward.errors import StartFailed
from dask_steward.profiles.checking import build
from dask_steward.profiles.systems.yarn import SAID_BY_SPECIFICATION, YarnProfile

#: What packs the environment of the process that owns the cluster.
KERNEL = "kernel"

#: For each option the key of ``yarn.*`` that says the same, and what holds where neither is given.
_KEYS: dict[str, tuple[str, Any]] = {
    "specification": ("specification", None),
    "environment": ("environment", KERNEL),
    "n_workers": ("worker.count", None),
    "worker_vcores": ("worker.vcores", 1),
    "worker_memory": ("worker.memory", 2 * 2**30),
    "worker_restarts": ("worker.restarts", None),
    "worker_env": ("worker.env", {}),
    "worker_class": ("worker.worker_class", "dask.distributed.Nanny"),
    "worker_options": ("worker.worker_options", {}),
    "worker_gpus": ("worker.gpus", 0),
    "scheduler_vcores": ("scheduler.vcores", 1),
    "scheduler_gpus": ("scheduler.gpus", 0),
    "scheduler_memory": ("scheduler.memory", 2 * 2**30),
    "deploy_mode": ("deploy-mode", "local"),
    "name": ("name", "dask"),
    "queue": ("queue", "default"),
    "tags": ("tags", ()),
    "user": ("user", ""),
    "host": ("host", None),
    "port": ("port", None),
}


@dataclass(frozen=True)
class Setting:
    """The value of one option, and who said it.

    Attributes
    ----------
    value : object
        Plain; sizes are bytes.
    source : str
        ``profile``, ``default``, or the key of Dask's configuration, such as ``yarn.worker.memory``.
    """

    value: Any
    source: str


def settings(options: Mapping[str, Any]) -> dict[str, Setting]:
    """Return what holds for each option.

    Parameters
    ----------
    options : mapping
        The profile's, plain; null, an empty list and an empty mapping say nothing.

    Raises
    ------
    StartFailed
        If Dask's configuration holds a value that an option does not take; it names the key.
    """
    configured = _configured()
    found = {}
    # As dask-yarn: a specification in the configuration holds where nothing is said over it.
    said = any(_given(options.get(name)) for name in SAID_BY_SPECIFICATION)
    for name, (key, default) in _KEYS.items():
        if _given(options.get(name)):
            found[name] = Setting(options[name], "profile")
        elif name in configured and not (name == "specification" and said):
            found[name] = Setting(configured[name], f"yarn.{key}")
        else:
            found[name] = Setting(default, "default")
    return found


def _given(value: Any) -> bool:
    return value not in (None, "", [], (), {})


def _configured() -> dict[str, Any]:
    """Return what ``yarn.*`` of Dask's configuration says, read as the same options of a profile are."""
    given = {}
    for name, (key, _) in _KEYS.items():
        value = dask.config.get(f"yarn.{key}", None)
        if _given(value):
            given[name] = sorted(value) if isinstance(value, (set, frozenset)) else value
    if not given:
        return {}
    profile, problems = build(YarnProfile, {"options": given}, together=False, expanded=True)
    for problem in problems:
        name = str(problem.path[1]) if len(problem.path) > 1 else "specification"
        key = f"yarn.{_KEYS[name][0]}" if name in _KEYS else "yarn"
        raise StartFailed(
            f"{key} = {problem.value!r} in Dask's configuration: {problem.message}.",
            field=f"options.{name}",
            value=problem.value,
            hint="Correct it there, or set the option in the profile.",
        )
    if profile is None:
        return {}
    plain: dict[str, Any] = profile.to_json()["options"]
    return {name: plain[name] for name in given}


def scheduler_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a scheduler in this process: ``host``, ``port`` and ``scheduler_options``."""
    own = options.get("scheduler_options") or {}
    # A profile names all arguments; a port of 0 is what Dask takes anyhow.
    given = {key: value for key, value in own.items() if value not in (None, [], (), 0)}
    held = settings(options)
    for name in ("host", "port"):
        if held[name].value:
            given.setdefault(name, held[name].value)
    if "interface" in given and held["host"].source != "profile":
        given.pop("host", None)  # what the profile says, not what a site says for everybody
    return given
