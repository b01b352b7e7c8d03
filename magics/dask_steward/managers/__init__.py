"""Resource managers: what was submitted, why it waits, what is ours, cancel it.

Only the standard library: the guard, which must stay small, imports this package.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping

from dask_steward.errors import UsageError
from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown

__all__ = ["JobState", "JobStatus", "Manager", "Unknown", "available", "get", "systems"]

_SYSTEMS = {
    "slurm": ("dask_steward.managers.slurm", "Slurm"),
    "ssh": ("dask_steward.managers.ssh", "Ssh"),
    "yarn": ("dask_steward.managers.yarn", "Yarn"),
}


def systems() -> tuple[str, ...]:
    """Return the names of all resource managers that Dask Steward speaks to."""
    return tuple(_SYSTEMS)


def get(system: str, environment: Mapping[str, str] | None = None) -> Manager:
    """Return the manager of a system.

    Parameters
    ----------
    system : str
        Such as ``slurm``.
    environment : mapping, optional
        What the `Manager.remembered` of another process gave.

    Raises
    ------
    UsageError
        If there is no such manager.
    """
    if system not in _SYSTEMS:
        raise UsageError(f"There is no resource manager {system!r}; known are: {', '.join(sorted(_SYSTEMS))}.")
    module, name = _SYSTEMS[system]
    manager: Manager = getattr(importlib.import_module(module), name)(environment)
    return manager


def environment_of(system: str, profile: Mapping[str, object]) -> dict[str, str]:
    """Return the environment for `get` that a profile alone tells: where nothing else of an entry can be read."""
    if system not in _SYSTEMS:
        return {}
    told = getattr(importlib.import_module(_SYSTEMS[system][0]), "environment_of", None)
    return {} if told is None else dict(told(profile))


def available() -> dict[str, bool]:
    """Return for each resource manager whether its commands are on the PATH."""
    from dask_steward.managers import command

    path = os.environ.get("PATH", os.defpath)
    found: dict[str, bool] = {}
    for system, (module, _name) in _SYSTEMS.items():
        names: tuple[str, ...] = importlib.import_module(module).COMMANDS
        found[system] = all(command.find(name, path) for name in names)
    return found
