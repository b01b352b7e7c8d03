"""What an administrator decides for all profiles of a machine: ``_site.yaml``.

It is read in the profile folders of the system level only (``/etc/jupyter/dask_profiles/_site.yaml``)::

    forbid: [local, processes]         # systems that nobody starts here
    lock:                              # fields that have one value here, whoever's profile it is
      all:   {security: tls, idle_timeout: 1 h}
      slurm: {options.account: climate}

A profile or a value set at a start that says otherwise is an error, which names this file. A single profile of the
system level can also lock fields to its own values, with the key ``lock: [options.queue, environment]``: whatever
extends it, or is set over it, cannot change these. This keeps accidents away, not people: who may submit jobs can do so
without Steward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dask_steward.profiles import registry
from dask_steward.profiles.checking import build, fields_at, mark_of
from dask_steward.profiles.merging import Lock, Path, field_path, nested
from dask_steward.profiles.models import Profile
from dask_steward.profiles.problems import Mark, Problem, nearest, short_path
from dask_steward.profiles.reading import Document

STEM = "_site"
ALL = "all"


@dataclass
class SiteRules:
    """The rules of all ``_site.yaml`` files together."""

    forbidden: dict[str, Mark | None] = field(default_factory=dict)
    locks: dict[str, dict[Path, Lock]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def locks_of(self, system: str) -> dict[Path, Lock]:
        """Return the locked fields of a system's profiles."""
        return {**self.locks.get(ALL, {}), **self.locks.get(system, {})}

    def refuse(self, system: Any) -> Problem | None:
        """Return the problem of a profile whose system is forbidden."""
        if not isinstance(system, str) or system not in self.forbidden:
            return None
        mark = self.forbidden[system]
        where = f" ({short_path(mark.file)}:{mark.line})" if mark is not None else ""
        return Problem(f"the administrator allows no clusters of this system here{where}", ("system",), system, True)

    def read(self, document: Document) -> None:
        """Add the rules of a file; the rules of files read before it hold on."""
        self.problems.extend(document.problems)
        for name, value in document.data.items():
            if name == "forbid":
                self._forbid(document, value)
            elif name == "lock":
                self._lock(document, value)
            else:
                problem = Problem(
                    "unknown field", (name,), value, True, "forbid, lock", nearest(name, ("forbid", "lock"))
                )
                self.problems.append(problem.at(document.keys.get((name,))))

    def _forbid(self, document: Document, value: Any) -> None:
        listed = [value] if isinstance(value, str) else value
        if value is None:
            return
        if not isinstance(listed, list):
            problem = Problem("must be a list of systems", ("forbid",), value, True, ", ".join(registry.names()))
            self.problems.append(problem.at(mark_of(document.values, ("forbid",))))
            return
        for index, system in enumerate(listed):
            mark = mark_of(document.values, ("forbid", index))
            if not isinstance(system, str) or system not in registry.names():
                near = nearest(system, registry.names()) if isinstance(system, str) else None
                problem = Problem("unknown system", ("forbid", index), system, True, ", ".join(registry.names()), near)
                self.problems.append(problem.at(mark))
            if isinstance(system, str):
                self.forbidden.setdefault(system, mark)

    def _lock(self, document: Document, value: Any) -> None:
        known = [ALL, *registry.names()]
        if value is None:
            return
        if not isinstance(value, dict):
            problem = Problem("must be a mapping such as {all: {security: tls}}", ("lock",), value, True)
            self.problems.append(problem.at(mark_of(document.values, ("lock",))))
            return
        for system, fields in value.items():
            place: Path = ("lock", system)
            if system not in known:
                problem = Problem("unknown system", place, fields, True, ", ".join(known), nearest(system, known))
                self.problems.append(problem.at(document.keys.get(place)))
            elif not isinstance(fields, dict):
                problem = Problem("must be a mapping of fields to values, such as {security: tls}", place, fields, True)
                self.problems.append(problem.at(mark_of(document.values, place)))
            else:
                for lock in self._locks(document, system, fields):
                    self.locks.setdefault(system, {}).setdefault(lock.path, lock)

    def _locks(self, document: Document, system: str, fields: dict[str, Any]) -> Iterator[Lock]:
        kind, problem = (Profile, None) if system == ALL else registry.find(system)
        if kind is None:
            self.problems.extend([problem.at(document.keys.get(("lock", system)))] if problem else [])
            return
        for name, value in _flat(fields):
            place: Path = ("lock", system, *name)
            text = ".".join(name)
            mark = mark_of(document.values, place)
            wrong = lockable(kind, text)
            if wrong is not None:
                self.problems.append(
                    Problem(wrong.message, place, value, True, wrong.allowed, wrong.suggestion).at(mark)
                )
                continue
            path = field_path(kind, text)
            _, problems = build(kind, nested(path, value), together=False)
            if problems:
                first = problems[0]
                self.problems.append(
                    Problem(first.message, place, value, True, first.allowed, first.suggestion).at(mark)
                )
                continue
            yield Lock(path, value, mark)


def _flat(fields: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield ``options: {account: x}`` and ``options.account: x`` alike."""
    for name, value in fields.items():
        if (
            isinstance(value, dict)
            and value
            and (*above, name)[0].split(".")[0] in ("options", "line", "adapt")
            and not above
        ):
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value


def lockable(kind: type[Profile], text: str) -> Problem | None:
    """Return the problem of a path that cannot be locked."""
    try:
        path = field_path(kind, text)
    except ValueError as error:
        return Problem(str(error))
    if path[0] in ("name", "system", "extends", "lock", "title", "description"):
        return Problem("is not a field that can be locked")
    inside: list[str] | None = fields_at(kind, ())
    for depth, part in enumerate(path):
        if inside is not None and part not in inside:
            near = nearest(str(part), inside)
            suggestion = ".".join([*map(str, path[:depth]), near]) if near else None
            return Problem("unknown field", allowed=None if near else ", ".join(inside), suggestion=suggestion)
        inside = fields_at(kind, path[: depth + 1])
    return None
