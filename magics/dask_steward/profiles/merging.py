"""Laying one set of values over another, and knowing afterwards where each came from."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dask_steward.profiles.checking import build, entry_at, mark_of, model_at
from dask_steward.profiles.models import Profile
from dask_steward.profiles.problems import Mark, Problem, field_name, short_path, shown
from dask_steward.profiles.reading import Document, read_text

Path = tuple[str | int, ...]

NO_FILE = pathlib.Path("--set")  # values of a command line stand in no file
WHOLE = frozenset({"scale", "lock"})  # one unit replaces another: these are never merged part by part
OWN = frozenset({"title", "description", "lock", "extends"})  # what a profile says of itself, not handed on by extends


@dataclass(frozen=True)
class Lock:
    """A field that keeps the value that an administrator gave it."""

    path: Path
    value: Any
    mark: Mark | None

    def refuse(self, given: Any) -> Problem:
        """Make the problem of another value."""
        value = "its default" if self.value is None else shown(self.value)
        where = f" ({short_path(self.mark.file)}:{self.mark.line})" if self.mark is not None else ""
        return Problem(f"is locked to {value} by the administrator{where}", self.path, given, True)


@dataclass
class Layered:
    """The values of a profile with all that it extends."""

    data: dict[str, Any] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    locks: dict[Path, Lock] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, problem: Problem) -> Problem:
        """Return a problem with the file, line and column that it stands in."""
        if problem.of_name and problem.path in self.keys:
            return problem.at(self.keys[problem.path])
        return problem.at(mark_of(self.values, problem.path))

    def lay(self, over: Document) -> None:
        """Lay the values of a file over these; what a file does not say stays."""
        _lay(self.data, over.data)
        for mine, other in ((self.values, over.values), (self.keys, over.keys)):
            for path in [path for path in mine if any(path[: len(top)] == top for top in _replaced(over.data))]:
                del mine[path]
            mine.update({path: mark for path, mark in other.items() if path})
        if () in over.values:
            self.values[()] = over.values[()]


def _is_whole(path: Path) -> bool:
    """Tell whether a value replaces another as a whole: a size, of the profile or of one of its groups."""
    return path[-1] in WHOLE and (len(path) == 1 or (len(path) == 3 and path[0] == "groups"))


def _lay(under: dict[str, Any], over: Mapping[str, Any], above: Path = ()) -> None:
    for name, value in over.items():
        old = under.get(name)
        if isinstance(value, Mapping) and isinstance(old, dict) and not _is_whole((*above, name)):
            old = dict(old)
            _lay(old, value, (*above, name))
            under[name] = old
        else:
            under[name] = value


def _replaced(data: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    """Yield the paths whose values a layer replaces, rather than merges."""
    for name, value in data.items():
        if isinstance(value, Mapping) and not _is_whole((*above, name)):
            yield from _replaced(value, (*above, name))
        else:
            yield (*above, name)


def value_at(data: Any, path: Path) -> Any:
    """Return the value at a path, None where there is nothing."""
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        else:
            return None
    return data


def put(data: dict[str, Any], path: Path, value: Any) -> None:
    """Set the value at a path, making the mappings on the way."""
    for part in path[:-1]:
        following = data.get(str(part))
        data[str(part)] = following = dict(following) if isinstance(following, Mapping) else {}
        data = following
    data[str(path[-1])] = value


def nested(path: Path, value: Any) -> dict[str, Any]:
    """Return a mapping that holds one value at a path."""
    found: dict[str, Any] = {}
    put(found, path, value)
    return found


def keep_locked(layered: Layered, locks: Mapping[Path, Lock], kind: type[Profile] | None) -> list[Problem]:
    """Put the values of locked fields back, and return a problem for each that had another one."""
    problems = []
    for path, lock in _of_groups(layered.data, locks).items():
        given = value_at(layered.data, path)
        if given is not None and not _same(kind, path, given, lock.value):
            problems.append(layered.place(lock.refuse(given)))
        if given is not None or lock.value is not None:
            put(layered.data, path, lock.value)
    return problems


def _of_groups(data: Mapping[str, Any], locks: Mapping[Path, Lock]) -> dict[Path, Lock]:
    """Return the locks with those of the options held for each group too: it must not say what the profile may not."""
    found = dict(locks)
    groups = data.get("groups")
    for name in groups if isinstance(groups, Mapping) else ():
        for path, lock in locks.items():
            of_group = ("groups", name, *path)
            given = value_at(data, of_group)
            if path[0] == "options" and of_group not in found and given is not None:
                found[of_group] = Lock(of_group, lock.value, lock.mark)
    return found


def lock_groups(layered: Layered, path: Path, mark: Mark | None) -> None:
    """Lock an option for the groups that there are already, to what they have: the administrator gave it to them."""
    groups = layered.data.get("groups")
    for name in groups if path[0] == "options" and isinstance(groups, Mapping) else ():
        of_group = ("groups", name, *path)
        layered.locks.setdefault(of_group, Lock(of_group, value_at(layered.data, of_group), mark))


def _same(kind: type[Profile] | None, path: Path, one: Any, other: Any) -> bool:
    if one == other:
        return True
    if kind is None or other is None:
        return False
    # "1 h" and 3600 are the same value.
    read = []
    for value in (one, other):
        found, problems = build(kind, nested(path, value), together=False)
        if found is None or problems:
            return False
        read.append(value_at(found.to_json(), path))
    return bool(read[0] == read[1])


def field_path(kind: type[Profile], text: str) -> Path:
    """Split ``options.cores`` into its parts; a name inside a plain mapping may hold dots itself.

    Raises
    ------
    ValueError
        If a part is empty.
    """
    parts = text.split(".")
    if not all(part.strip() for part in parts):
        raise ValueError("is no path of a field, such as options.cores")
    for depth in range(1, len(parts)):
        inside = model_at(kind, tuple(parts[:depth]))
        if inside is None:
            known = model_at(kind, tuple(parts[: depth - 1]))
            if known is not None and parts[depth - 1] in known.model_fields:
                if entry_at(known.model_fields[parts[depth - 1]]) is not None:
                    continue  # the next part is a name, and behind it there are fields again
                return (*parts[:depth], ".".join(parts[depth:]))
            break
    return tuple(parts)


def lay_overrides(layered: Layered, overrides: Mapping[str, Any], kind: type[Profile]) -> list[Problem]:
    """Lay values that were set at a start over a profile."""
    problems = []
    tree: dict[str, Any] = {}
    for name, value in overrides.items():
        try:
            path = field_path(kind, str(name))
        except ValueError as error:
            problems.append(Problem(str(error), (str(name),), value, True))
            continue
        if path[0] in ("name", "system", "extends", "lock"):
            problems.append(Problem("cannot be set at a start; choose or save another profile", path, value, True))
            continue
        if any(
            isinstance(part := value_at(tree, path[:end]), Mapping) is False and part is not None
            for end in range(1, len(path))
        ):
            problems.append(Problem(f"is set together with {field_name(path[:-1])}", path, value, True))
            continue
        put(tree, path, _typed(value))
    layered.lay(Document(NO_FILE, tree))
    return problems


def _typed(value: Any) -> Any:
    """Read what a command line can only say as a text: null, [lists] and {mappings}."""
    if isinstance(value, str):
        if value == "null":
            return None
        if value[:1] in "[{" and value:
            document = read_text(f"value: {value}", NO_FILE)
            return value if document.problems else document.data.get("value")
    if isinstance(value, Mapping):
        return {str(name): _typed(part) if isinstance(part, Mapping) else part for name, part in value.items()}
    return list(value) if isinstance(value, tuple) else value
