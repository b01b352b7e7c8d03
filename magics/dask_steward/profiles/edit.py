"""Writing profiles: new files, changes that keep the comments of what they do not touch, and removal.

A file is written whole beside the old one and then takes its place, so that nobody ever reads half a profile. What
would be wrong is refused before anything is written.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dask_steward import units
from dask_steward.errors import ProfileError, UsageError
from dask_steward.profiles import variables
from dask_steward.profiles.checking import field_at
from dask_steward.profiles.fields import Model, kind_of, stays_as_written
from dask_steward.profiles.merging import field_path, value_at
from dask_steward.profiles.models import Profile
from dask_steward.profiles.problems import error_of, short_path, shown
from dask_steward.profiles.reading import read_text
from dask_steward.profiles.searching import NAME, NAME_WORDS, SUFFIXES
from dask_steward.profiles.store import ProfileStore
from dask_steward.profiles.template import template

_KEY = r"^(?P<outer> *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*"
_MAPPING = re.compile(_KEY + r"(?P<inner>(?P=outer) +)[^\s#-]", re.MULTILINE)
_LIST = re.compile(_KEY + r"(?P<inner>(?P=outer) *)- ", re.MULTILINE)
_NOT_SAVED = frozenset({"name", "title", "description", "extends", "lock", "system"})


def new(store: ProfileStore, name: str, system: str) -> Path:
    """Write a commented file to begin a profile from.

    Parameters
    ----------
    store : ProfileStore
        Where profiles are found; the file goes to its user's folder.
    name : str
        Name of the profile.
    system : str
        What its clusters run on.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the name cannot be one, or the user has a profile of this name.
    ProfileError
        If the system is not known, or the file cannot be written.
    """
    file = own_file(store, name)
    if os.path.lexists(file):
        raise UsageError(
            f"There is a profile {name} already: {short_path(file)}.", hint="Change that file, or remove it."
        )
    text = template(name, system)
    refuse_wrong(store, name, file, text)
    write(file, text, replace=False)
    return file


def save(store: ProfileStore, name: str, profile: Profile, environ: Mapping[str, str] | None = None) -> Path:
    """Write the values of a profile under a name, into the user's file of that name if there is one.

    In a file that exists only what differs is changed: comments, order, ``$VAR`` that come to the same value and
    ``extends`` stay.

    Parameters
    ----------
    store : ProfileStore
        Where profiles are found.
    name : str
        Name to save under.
    profile : Profile
        The values that a cluster was started with: expanded, so that a dollar sign is just that.
    environ : mapping, optional
        What ``$VAR`` in the existing file stand for; default: ``os.environ``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the name cannot be one, or the existing profile is for another system.
    ProfileError
        If the existing file is wrong, or a file cannot be written.
    """
    file = own_file(store, name)
    kind = type(profile)
    wanted = dict(_leaves(kind, profile.to_json()))
    defaults = dict(_leaves(kind, kind().to_json()))
    if not os.path.lexists(file):
        changes = {path: _literal(kind, path, value) for path, value in wanted.items() if value != defaults.get(path)}
        text = changed_text(f"system: {profile.system}\n", kind, changes)
        refuse_wrong(store, name, file, text)
        write(file, text, replace=False)
        return file
    existing = store.resolve(name)
    if existing.system != profile.system:
        raise UsageError(
            f"The profile {name} is for {existing.system}, not for {profile.system}.", hint="Save under another name."
        )
    now = _values(existing, os.environ if environ is None else environ)
    written = read(file)
    # What the file says, and should not, goes; what it then still does not say (by extends) is said.
    document = read_text(written, file)
    changes = {}
    for path in {**wanted, **now}:
        if wanted.get(path) != now.get(path):
            absent = path not in wanted or wanted[path] == defaults.get(path)
            said = value_at(document.data, path) is not None
            gone = absent and said and existing.extends is None
            changes[path] = GONE if gone else _literal(kind, path, wanted.get(path))
    text = changed_text(written, kind, changes)
    refuse_wrong(store, name, file, text)
    if text != written:
        write(file, text, replace=True)
    return file


def update(store: ProfileStore, name: str, changes: Mapping[str, Any]) -> Path:
    """Change fields of a user's profile, as a form does; comments and order stay.

    Parameters
    ----------
    store : ProfileStore
        Where profiles are found.
    name : str
        Name of the profile, which must be the user's own.
    changes : mapping
        Paths of fields (``options.cores``) with their values; None takes a field out of the file.

    Raises
    ------
    ProfileNotFound, UsageError
        If there is no such profile, or it is not the user's.
    ProfileError
        If a value is wrong, with every problem; nothing is written then.
    """
    file = _existing(store, name)
    kind = type(store.resolve(name))
    written = read(file)
    text = changed_text(
        written, kind, {field_path(kind, path): GONE if v is None else v for path, v in changes.items()}
    )
    refuse_wrong(store, name, file, text)
    if text != written:
        write(file, text, replace=True)
    return file


def remove(store: ProfileStore, name: str) -> Path:
    """Remove a user's profile, and return the file that is gone.

    Raises
    ------
    ProfileNotFound, UsageError
        If there is no such profile, or it is not the user's.
    ProfileError
        If the file cannot be removed.
    """
    file = _existing(store, name)
    try:
        file.unlink()
    except OSError as error:
        raise ProfileError(f"{short_path(file)} cannot be removed: {error.strerror or error}.") from error
    return file


class _Gone:
    """Stands for a field that is taken out of a file."""


#: Stands for a field that is taken out of a file.
GONE = _Gone()


def own_file(store: ProfileStore, name: str) -> Path:
    """Return the file of a user's profile, whether it exists or not."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{shown(name)} cannot be the name of a profile: {NAME_WORDS}.", field="name", value=name)
    folder = store.user_folder
    for suffix in SUFFIXES:
        if os.path.lexists(folder / f"{name}{suffix}"):
            return folder / f"{name}{suffix}"
    return folder / f"{name}{SUFFIXES[0]}"


def _existing(store: ProfileStore, name: str) -> Path:
    """Return the file of a profile that the user may change."""
    info = next((info for info in store.infos() if info.name == name), None)
    source = store.source(name)  # raises ProfileNotFound
    if source is None or info is None:
        raise UsageError(f"{name} exists without a file, so it cannot be changed or removed.")
    if info.level != "user":
        raise UsageError(f"{name} is not a profile of yours: {short_path(source)} belongs to the {info.level} level.")
    return source


def _values(profile: Profile, environ: Mapping[str, str]) -> dict[tuple[str, ...], Any]:
    try:
        profile = profile.expanded(environ)
    except ProfileError:  # a variable that is not set here: the text with $VAR differs from any value
        pass
    return dict(_leaves(type(profile), profile.to_json()))


def _leaves(
    kind: type[Model], data: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the fields that a file would say, each with its value; None is as good as nothing."""
    for name, value in data.items():
        path = (*above, name)
        if not above and name in _NOT_SAVED:
            continue
        if isinstance(value, Mapping):
            inner = list(_leaves(kind, value, path))
            yield from inner
            if not inner and len(path) == 2 and path[0] == "groups":
                yield path, {}  # a group that differs in nothing is one all the same
        elif value is not None:
            yield path, value


def changed_text(text: str, kind: type[Profile], changes: Mapping[tuple[Any, ...], Any]) -> str:
    """Return the text of a file with other values; everything else stays as it is written."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 4096
    offset = _indent(text, _LIST, 0)
    yaml.indent(mapping=_indent(text, _MAPPING, 2), sequence=offset + 2, offset=offset)
    data = yaml.load(text)
    if data is None:
        data = yaml.load("system: x\n")
        del data["system"]
    for path, value in changes.items():
        if isinstance(value, _Gone) or ("scale" in path[-2:-1] and value is None):
            _take_out(data, path)
        else:
            _put(data, path, as_written(kind, path, value))
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _indent(text: str, pattern: re.Pattern[str], default: int) -> int:
    """Return by how much a file indents, so that it keeps its looks."""
    match = pattern.search(text)
    return len(match["inner"]) - len(match["outer"]) if match else default


def _literal(kind: type[Profile], path: tuple[Any, ...], value: Any) -> Any:
    """Write a dollar sign that is meant as one so that it stays one."""
    info = field_at(kind, path)
    if info is not None and stays_as_written(info):
        return value
    if isinstance(value, list):
        return [_literal(kind, path, part) for part in value]
    if not isinstance(value, str) or not (variables.has_variable(value) or "$$" in value):
        return value
    return value.replace("$", "$$")


def _take_out(data: Any, path: tuple[Any, ...]) -> None:
    holders = [data]
    for part in path[:-1]:
        following = holders[-1].get(part)
        if not isinstance(following, dict):
            return
        holders.append(following)
    holders[-1].pop(path[-1], None)
    for depth in range(len(path) - 2, -1, -1):
        if not holders[depth + 1]:
            del holders[depth][path[depth]]


def _put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    for part in path[:-1]:
        if not isinstance(data.get(part), dict):
            data[part] = {}
        data = data[part]
    data[path[-1]] = value


def as_written(kind: type[Profile], path: tuple[Any, ...], value: Any) -> Any:
    """Return a value as a person would write it: ``30 min`` for 1800."""
    info = field_at(kind, path) or field_at(kind, path[:1])
    meaning = kind_of(info) if info is not None else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if meaning == "duration" and is_number:
        return units.format_duration(value)
    if meaning == "size" and is_number and value:
        return units.format_size(int(value))
    return value


def refuse_wrong(store: ProfileStore, name: str, file: Path, text: str) -> None:
    """Raise ProfileError, with every problem, for a text that would be no right profile."""
    problems = store.check(file, read_text(text, file))
    if problems:
        raise error_of(name, problems)


def read(file: Path) -> str:
    """Return the text of a profile's file. Raises ProfileError if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(
            f"{short_path(file)} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error


def write(file: Path, text: str, *, replace: bool) -> None:
    """Write a file so that it is there whole or not at all, also after a crash of the machine."""
    # A profile may be a link into a repository of settings: what it leads to is replaced, not the link.
    target = Path(os.path.realpath(file))
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")  # names with a dot are no profiles
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if replace else 0o644
        try:
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if replace:
                os.replace(beside, target)
            else:
                os.link(beside, target)  # unlike a rename it fails if somebody else made the file meanwhile
        finally:
            beside.unlink(missing_ok=True)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise UsageError(f"There is a profile {file.stem} already: {short_path(file)}.") from None
    except OSError as error:
        raise ProfileError(f"{short_path(file)} cannot be written: {error.strerror or error}.") from error


def describe(profile: Profile, *, all_fields: bool = True) -> str:
    """Write a profile as YAML, with its defaults or without, for a person to read.

    Parameters
    ----------
    profile : Profile
        The profile.
    all_fields : bool
        Whether to write fields that have their default too.
    """
    from ruamel.yaml import YAML

    kind = type(profile)
    default = kind().to_json()
    data: dict[str, Any] = {}
    for name, value in profile.to_json().items():
        shown_value = _tree(kind, (name,), value, default.get(name), all_fields)
        if name != "name" and (shown_value is not GONE):
            data[name] = shown_value
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump({"system": data.pop("system", profile.system), **data}, stream)
    return stream.getvalue()


def _tree(kind: type[Profile], path: tuple[str, ...], value: Any, default: Any, all_fields: bool) -> Any:
    if isinstance(value, dict):
        inside = default if isinstance(default, dict) else {}
        parts = {name: _tree(kind, (*path, name), part, inside.get(name), all_fields) for name, part in value.items()}
        kept = {name: part for name, part in parts.items() if part is not GONE}
        return kept if kept or (all_fields and not value) else GONE
    if value is None or value == [] or (value == default and not all_fields and path != ("system",)):
        return GONE
    return as_written(kind, path, value)
