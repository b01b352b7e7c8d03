"""From plain data to a model and every problem of it at once.

Pydantic's errors become sentences with the nearest right spelling.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from dask_steward.profiles import variables
from dask_steward.profiles.fields import Model, OneOrEach, stays_as_written
from dask_steward.profiles.problems import Mark, Problem, field_name, nearest

if TYPE_CHECKING:
    from dask_steward.profiles.models import Profile

Path = tuple[str | int, ...]
Known = TypeVar("Known", bound="Profile")
_MAPPINGS = (dict, Mapping)


def build(
    kind: type[Known], data: Mapping[str, Any], *, expanded: bool = False, together: bool = True
) -> tuple[Known | None, list[Problem]]:
    """Make a profile of plain data.

    Values that are wrong are left out and the rest is checked on, so that one look shows every problem.

    Parameters
    ----------
    kind : type
        The model of the profile's system.
    data : mapping
        The fields; null means that a field is not given.
    expanded : bool
        Whether ``$VAR`` has been replaced, so that no value may wait for it.
    together : bool
        Whether to look for values that are wrong together too.

    Returns
    -------
    profile : Profile or None
        The profile without what is wrong; None if nothing could be made of the data.
    problems : list of Problem
        Empty for a profile that is right.
    """
    left = _without_null(data)
    problems: list[Problem] = []
    profile = None
    for attempt in range(3):
        try:
            profile = kind.model_validate(left, context={"expanded": expanded})
            break
        except ValidationError as errors:
            for error in errors.errors(include_url=False):
                path = _path(kind, error["loc"], unknown=error["type"] == "extra_forbidden")
                if not attempt:  # later attempts only find what the first one broke
                    problems.append(_problem(kind, error, path))
                _leave_out(left, list(path[: None if not attempt else 1]))
    if profile is not None and together:
        profile._left_out.update(problem.path for problem in problems)
        problems.extend(profile.wrong_together())
    return profile, problems


def _without_null(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _without_null(value) for key, value in data.items() if value is not None}
    return [_without_null(value) for value in data] if isinstance(data, (list, tuple)) else copy.copy(data)


def _leave_out(data: Any, path: list[Any]) -> None:
    """Take the value at a path out of the data; in a list a word without meaning takes its place: indices must hold."""
    holder = data
    for part in path[:-1]:
        try:
            following = holder[part]
        except (KeyError, IndexError, TypeError):
            following = None
        if not isinstance(following, (dict, list)):
            break
        holder, path = following, path[1:]
    if isinstance(holder, dict):
        holder.pop(path[0], None)
    elif isinstance(holder, list):
        holder[path[0]] = "…"


def _path(kind: type[Model], place: Path, *, unknown: bool = False) -> Path:
    """Return the path of a field; pydantic adds ``[key]`` where the name of an entry of a plain mapping is wrong.

    The last part of an unknown field is its name, whatever that looks like.
    """
    named = place[-1:] if unknown else ()
    place = (*(part for part in place[: len(place) - len(named)] if part not in OneOrEach.TAGS), *named)
    is_name = len(place) > 1 and place[-1] == "[key]" and field_at(kind, place[:-1]) is None
    return place[:-1] if is_name else place


def _problem(kind: type[Model], error: Any, path: Path) -> Problem:
    context = error.get("ctx") or {}
    if error["type"] == "wrong":
        return Problem(context["reason"], path, error["input"], True, context["allowed"], context["suggestion"])
    if error["type"] == "extra_forbidden":
        return unknown_field(kind, path, error["input"])
    message = {
        "missing": "is missing",
        "model_type": f"must be a mapping with the fields {', '.join(fields_at(kind, path) or ()) or 'of its system'}",
        "dict_type": "must be a mapping of names to values",
        "tuple_type": "must be a list",
    }.get(error["type"], error["msg"])
    return Problem(message, path, error["input"], error["type"] != "missing")


def unknown_field(kind: type[Model], path: Path, value: Any) -> Problem:
    """Say what is wrong with a field that does not exist: who owns it, where it belongs, or how it is spelled."""
    top = kind.model_fields.get(str(path[0])) if len(path) > 2 else None
    entry = entry_at(top) if top is not None else None
    if entry is not None:
        # Within a group the paths of a group count, not those of the profile.
        found = unknown_field(entry, path[2:], value)
        near = found.suggestion and field_name((*path[:2], *found.suggestion.split(".")))
        return replace(found, path=path, suggestion=near)
    holder = model_at(kind, path[:-1]) or kind
    name = str(path[-1])
    if name in holder.not_taken:
        return Problem(holder.not_taken[name], path, value, True, of_name=True)
    places = {".".join(place): place for place in _places(kind)}
    known = ".".join(part for part in path[:-1] if isinstance(part, str))
    own = {place[-1]: full for full, place in places.items() if ".".join(place[:-1]) == known}
    near = own.get(nearest(name, own) or "")
    if near is None or name in {place[-1] for place in places.values()}:
        same = [full for full, place in places.items() if place[-1] == name.replace("-", "_")]
        near = min(same, key=lambda full: not full.startswith("options."), default=near)
    if near is None:
        # A field of another part, misspelled: "cors" beside "options" rather than in it.
        elsewhere = {place[-1]: full for full, place in places.items()}
        near = elsewhere.get(nearest(name, elsewhere) or "")
    return Problem("unknown field", path, value, True, None if near else ", ".join(own), near, of_name=True)


def field_at(kind: type[Model], path: Path) -> FieldInfo | None:
    """Return the description of a field; None for what is no field, such as a variable in ``environment``."""
    holder = model_at(kind, path[:-1])
    return holder.model_fields.get(str(path[-1])) if holder is not None and path else None


def _places(kind: type[Model], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, info in kind.model_fields.items():
        if name == "name" and not above:
            continue
        yield (*above, name)
        inner = _model_of(info.annotation)
        if inner is not None:
            yield from _places(inner, (*above, name))


def model_at(kind: type[Model], path: Path) -> type[Model] | None:
    """Return the model that describes a part of a profile, such as that of ``options`` or ``groups.NAME.options``."""
    found: type[Model] | None = kind
    parts = list(path)
    while parts and found is not None:
        part = parts.pop(0)
        if isinstance(part, int):
            continue  # one of a list of the same
        info = found.model_fields.get(part)
        if info is None:
            return None
        entry = entry_at(info)
        if entry is None:
            found = _model_of(info.annotation)
        elif parts:
            parts.pop(0)  # the name of the entry
            found = entry
        else:
            return None  # names to models: it has no fields of its own
    return found


def entry_at(info: FieldInfo) -> type[Model] | None:
    """Return the model of each entry where a field maps names to models, as ``groups`` does."""
    if get_origin(info.annotation) not in _MAPPINGS:
        return None
    return _model_of(get_args(info.annotation)[1])


def fields_at(kind: type[Model], path: Path) -> list[str] | None:
    """Return the names of the fields of a part of a profile; None for a part that holds no fields."""
    found = model_at(kind, path)
    return None if found is None else [name for name in found.model_fields if path or name != "name"]


def _model_of(annotation: Any) -> type[Model] | None:
    inner = () if get_origin(annotation) in _MAPPINGS else get_args(annotation)
    for candidate in (annotation, *inner):
        if isinstance(candidate, type) and issubclass(candidate, Model):
            return candidate
    return None


def expand_values(
    kind: type[Model], data: dict[str, Any], environ: Mapping[str, str], problems: list[Problem]
) -> dict[str, Any]:
    """Replace ``$VAR`` and a leading ``~/`` in all values but those that stay as written."""
    return {
        name: value if stays_as_written(kind.model_fields[name]) else _expanded(kind, (name,), value, environ, problems)
        for name, value in data.items()
    }


def _expanded(kind: type[Model], path: Path, value: Any, environ: Mapping[str, str], problems: list[Problem]) -> Any:
    if isinstance(value, dict):
        inner = model_at(kind, path)
        return {
            name: part
            if inner is not None and stays_as_written(inner.model_fields[name])
            else _expanded(kind, (*path, name), part, environ, problems)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_expanded(kind, (*path, index), part, environ, problems) for index, part in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        found = variables.expand(value, environ)
    except ValueError as error:
        problems.append(Problem(str(error), path, value, True))
        return None
    if value == "~" or value.startswith("~/"):
        found = environ.get("HOME", os.path.expanduser("~")) + found[1:]
    return found


def mark_of(marks: Mapping[Path, Mark], path: Path) -> Mark | None:
    """Return the place of a field, or of the nearest part around it that has one."""
    for end in range(len(path), -1, -1):
        if path[:end] in marks:
            return marks[path[:end]]
    return None
