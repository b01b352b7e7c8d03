"""Profiles as a form gives them: plain JSON that becomes the text of a file, and what a form shows of each profile.

A form knows fields and values, not files. What it leaves alone keeps its comments, its order and the way in which
somebody wrote it; what would be wrong is told field by field, and nothing is written then.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dask_steward.errors import UsageError, WrongState
from dask_steward.profiles import edit, registry
from dask_steward.profiles.models import Profile
from dask_steward.profiles.problems import Problem, error_of, short_path
from dask_steward.profiles.reading import read_text
from dask_steward.profiles.searching import NAME, NAME_WORDS
from dask_steward.profiles.store import ProfileStore

#: A profile has four levels and some hundred values; more would only take the server's time.
DEEPEST = 12
MOST_VALUES = 5_000
#: What a new file says first.
_FIRST = ("title", "description", "extends", "system")


@dataclass(frozen=True)
class Draft:
    """A file as it would be written.

    Attributes
    ----------
    name : str
        The profile's name.
    file : Path
        Its file, in the user's folder.
    before : str or None
        What the file holds; None where there is none.
    text : str
        What it would hold.
    """

    name: str
    file: Path
    before: str | None
    text: str


def problems_of(store: ProfileStore, name: str, data: Mapping[str, Any]) -> list[Problem]:
    """Return all that is wrong with a profile that nobody has written yet, each with the field that it is about.

    Raises
    ------
    WrongState
        If the file of this name cannot be changed by a form.
    """
    if not NAME.fullmatch(name):
        return [_bad_name(name)]
    found = unfit(data)
    if found:
        return found
    draft = draft_of(store, name, data)
    return [_unwritten(one, draft.file) for one in store.check(draft.file, read_text(draft.text, draft.file))]


def resolved_of(store: ProfileStore, name: str, data: Mapping[str, Any]) -> Profile:
    """Return the profile that a form describes, with all that it extends and what is locked.

    Raises
    ------
    ProfileError
        If anything is wrong, with every problem.
    WrongState
        As `problems_of`.
    """
    problems = problems_of(store, name, data)
    if problems:
        raise error_of(name, problems)
    draft = draft_of(store, name, data)
    return store.resolve_text(draft.file, read_text(draft.text, draft.file))


def put(store: ProfileStore, name: str, data: Mapping[str, Any], *, create: bool = False) -> bool:
    """Write what a form says into the user's file of a profile; comments and order of an existing file stay.

    Parameters
    ----------
    store : ProfileStore
        Where profiles are found.
    name : str
        Name of the profile.
    data : mapping
        All that the file shall say; a field that is not in it goes.
    create : bool
        The user must have no profile of this name yet.

    Returns
    -------
    bool
        Whether the file is new.

    Raises
    ------
    WrongState
        If there is one already and `create` was said, or the file cannot be changed by a form.
    ProfileError
        If anything is wrong, with every problem, or the file cannot be written; nothing is written then.
    """
    problems = problems_of(store, name, data)
    if create and NAME.fullmatch(name) and os.path.lexists(edit.own_file(store, name)):
        raise WrongState(f"You have a profile {name} already.", field="name", value=name, hint="Take another name.")
    if problems:
        raise error_of(name, problems)
    draft = draft_of(store, name, data)
    if draft.text != draft.before:
        try:
            edit.write(draft.file, draft.text, replace=draft.before is not None)
        except UsageError as error:  # somebody else was quicker
            raise WrongState(error.message, field="name", value=name) from error
    return draft.before is None


def draft_of(store: ProfileStore, name: str, data: Mapping[str, Any]) -> Draft:
    """Return the file that a form's values make.

    Raises
    ------
    WrongState
        If the existing file cannot be changed without a loss.
    ProfileError
        If it cannot be read.
    """
    file = edit.own_file(store, name)
    kind = registry.find(_system(store, name, data))[0] or Profile
    if not os.path.lexists(file):
        return Draft(name, file, None, _new_text(kind, data, file))
    before = edit.read(file)
    document = read_text(before, file)
    if document.problems:
        raise WrongState(
            f"{short_path(file)} cannot be changed by a form: {document.problems[0]}.",
            hint="Put it right in an editor, or delete the profile.",
        )
    changes: dict[tuple[Any, ...], Any] = {}
    expected = _changed(kind, document.data, _without_nothing(data, document.data), (), changes)
    return Draft(name, file, before, _text(before, kind, changes, expected, file))


def unfit(data: Mapping[str, Any]) -> list[Problem]:
    """Return why values of a form cannot stand in a file at all."""
    found = []
    for count, (path, value) in enumerate(_values(data)):
        if count > MOST_VALUES:
            return [Problem(f"holds more than {MOST_VALUES} values, as no profile does")]
        if len(path) > DEEPEST:
            return [Problem("is nested too deeply", path[:1])]
        if path and isinstance(path[-1], str) and not (path[-1].isprintable() and path[-1]):
            found.append(Problem("is no name of a field", path, of_name=True))
        if isinstance(value, float) and not math.isfinite(value):
            found.append(Problem("must be a finite number", path, str(value), True))
        if isinstance(value, str) and not _is_text(value):
            found.append(Problem("holds a character that must not stand in a text", path))
    return found


def _bad_name(name: str) -> Problem:
    return Problem(f"cannot be the name of a profile: {NAME_WORDS}", ("name",), name, True)


def _unwritten(problem: Problem, file: Path) -> Problem:
    """Take away the place in a file that is not written yet."""
    if problem.file is None or problem.file != file:
        return problem
    return replace(problem, file=None, line=None, column=None)


def _values(data: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value with its path, those that hold others too; no deeper than what is refused for its depth."""
    yield above, data
    if len(above) > DEEPEST:
        return
    parts = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for name, value in parts:
        yield from _values(value, (*above, name))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and a file cannot
        return False
    # YAML reads some of these as the end of a line, whoever wrote them.
    return not any((unicodedata.category(c) == "Cc" and c not in "\n\t") or c in "\u2028\u2029\ufeff" for c in value)


def _system(store: ProfileStore, name: str, data: Mapping[str, Any]) -> object:
    """Return the system of a profile, also where only what it extends says it."""
    if data.get("system") is not None:
        return data["system"]
    extended = data.get("extends")
    if not isinstance(extended, str):
        return None
    return next((info.system for info in store.infos() if info.name == extended), None)


def _new_text(kind: type[Profile], data: Mapping[str, Any], file: Path) -> str:
    wanted = _without_nothing(data, {})
    ordered = {key: wanted[key] for key in (*_FIRST, *wanted) if key in wanted}
    changes: dict[tuple[Any, ...], Any] = {}
    expected = _changed(kind, {}, ordered, (), changes)
    return _text("", kind, changes, expected, file)


def _text(
    before: str, kind: type[Profile], changes: Mapping[tuple[Any, ...], Any], expected: Mapping[str, Any], file: Path
) -> str:
    """Return the new text of a file, which says what was wanted and nothing else."""
    text = edit.changed_text(before, kind, changes) if changes else before
    if not _same(read_text(text, file).data, expected):
        raise WrongState(
            f"{short_path(file)} cannot be written by a form: it repeats values by YAML's anchors, or holds something "
            "else that a form does not understand.",
            hint="Change it in an editor.",
        )
    return text


def _without_nothing(data: Mapping[str, Any], before: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[str, Any]:
    """Leave out what a form has empty: null that would undo nothing, and parts without a field."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        old = before.get(name)
        if value is None and not (name in before and old is None):
            # In a profile that extends another null takes away what it would inherit.
            if above or data.get("extends") is None:
                continue
        elif isinstance(value, Mapping):
            value = _without_nothing(value, old if isinstance(old, Mapping) else {}, (*above, name))
            is_group = above == ("groups",)
            if not value and not is_group and old != {}:
                continue
        found[name] = value
    return found


def _changed(
    kind: type[Profile],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    above: tuple[str, ...],
    changes: dict[tuple[Any, ...], Any],
) -> dict[str, Any]:
    """Note what to change in a file, and return what it then says."""
    expected: dict[str, Any] = {}
    for name in old:
        path: tuple[str, ...] = (*above, name)
        if name not in new:
            changes[path] = edit.GONE
    for name, value in new.items():
        path = (*above, name)
        before = old.get(name)
        if isinstance(value, Mapping) and value:
            expected[name] = _changed(kind, before if isinstance(before, Mapping) else {}, value, path, changes)
            continue
        written = edit.as_written(kind, path, value)
        if name in old and (_same(before, value) or _same(before, written)):
            expected[name] = before
        else:
            expected[name] = changes[path] = written
    return expected


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same in a file; `true` is not 1 there."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def remove(store: ProfileStore, name: str) -> Path:
    """Remove a user's profile, and return the file that is gone.

    Raises
    ------
    ProfileNotFound
        If there is no such profile.
    WrongState
        If it is not the user's own.
    ProfileError
        If the file cannot be removed.
    """
    store.source(name)  # raises ProfileNotFound
    try:
        return edit.remove(store, name)
    except UsageError as error:
        raise WrongState(error.message, field="name", value=name) from error
