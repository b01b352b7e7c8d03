"""The systems that profiles can be for: one module each in ``systems/``, and other packages by an entry point.

A module ``dask_steward/profiles/systems/<name>.py`` holds the profile model of system ``<name>`` as ``PROFILE``.
Another package adds a system with an entry point of group ``dask_steward.systems``, whose name is the system and whose
object is the model::

    [project.entry-points."dask_steward.systems"]
    mysystem = "mypackage.profiles:MySystemProfile"
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

from dask_steward.profiles import systems
from dask_steward.profiles.problems import Problem, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from dask_steward.profiles.models import Profile

GROUP = "dask_steward.systems"


@cache
def _own() -> tuple[str, ...]:
    return tuple(
        sorted(module.name for module in pkgutil.iter_modules(systems.__path__) if not module.name.startswith("_"))
    )


@cache
def _foreign() -> dict[str, EntryPoint]:
    # Imported only for a system that is not ours: it takes a fifth of the time that profiles take to import.
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in _own()}


def names() -> list[str]:
    """Return the names of all systems, ours first."""
    return [*_own(), *sorted(_foreign())]


def is_known(system: str) -> bool:
    """Tell whether there is a system of this name."""
    return system in _own() or system in _foreign()


def find(system: Any) -> tuple[type[Profile] | None, Problem | None]:
    """Return the profile model of a system, or the problem of a profile that names it."""
    if not isinstance(system, str) or not is_known(system):
        if system is None:
            message = "is missing: what the cluster runs on, or extends with the name of a profile that says so"
            return None, Problem(message, ("system",), allowed=", ".join(names()))
        near = nearest(system, names()) if isinstance(system, str) else None
        return None, Problem("unknown system", ("system",), system, True, ", ".join(names()), near)
    try:
        return _load(str(system)), None
    except Exception as error:  # noqa: BLE001  # code of another package; what it raised is what the user gets to see
        message = f"cannot be loaded from its package: {type(error).__name__}: {error}"
        return None, Problem(message, ("system",), system, True)


@cache
def _load(system: str) -> type[Profile]:
    from dask_steward.profiles.models import Profile

    if system in _own():
        found = importlib.import_module(f"{systems.__name__}.{system}").PROFILE
    else:
        found = _foreign()[system].load()
    if not (isinstance(found, type) and issubclass(found, Profile)):
        raise TypeError(f"entry point {system} of group {GROUP} is not a subclass of {Profile.__module__}.Profile")
    return found
