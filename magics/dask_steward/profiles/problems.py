"""One fault of a profile: where it is, what is there, what is allowed, and the nearest right spelling."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dask_steward.errors import ProfileError

_PART = 4  # characters of a part of a name that make it the name
_SHOWN = 60  # characters of a value: enough to recognise it, short enough for one line


@dataclass(frozen=True)
class Mark:
    """A place in a file; line and column count from 1, as editors do."""

    file: Path
    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One fault; ``str()`` is ``slurm.yaml:7:12: options.cors = 4: unknown field; did you mean options.cores?``.

    Parameters
    ----------
    message : str
        What is wrong.
    path : tuple of str or int, optional
        Where in the profile: ``("options", "preload", 0)``; `field` is the same as a text.
    value : object, optional
        What the field holds; ``has_value`` tells None from nothing.
    allowed : str, optional
        What the field takes, where the message does not say it already.
    suggestion : str, optional
        The nearest right spelling of the field or value.
    file, line, column : optional
        Where it stands; counted from 1. A value that was set over a profile has no file.
    profile : str, optional
        Name of the profile concerned.
    of_name : bool
        Whether the name of the field is wrong, rather than its value.
    """

    message: str
    path: tuple[str | int, ...] = ()
    value: Any = None
    has_value: bool = False
    allowed: str | None = None
    suggestion: str | None = None
    file: Path | None = None
    line: int | None = None
    column: int | None = None
    profile: str | None = None
    of_name: bool = False

    @property
    def field(self) -> str | None:
        """Path of the field as it is written on a command line, such as ``options.cores``."""
        return field_name(self.path) if self.path else None

    def __str__(self) -> str:
        subject = self.field or ""
        if self.has_value:
            subject = f"{subject} = {shown(self.value)}" if subject else shown(self.value)
        text = ": ".join(part for part in (self._place(), subject, self.message) if part)
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        if self.suggestion:
            text += f"; did you mean {self.suggestion}?"
        return text

    def _place(self) -> str:
        if self.file is None:
            return ""
        numbers = (number for number in (self.line, self.column) if number is not None)
        return ":".join([short_path(self.file), *map(str, numbers)])

    def at(self, mark: Mark | None) -> Problem:
        """Return the same problem at a place, unless it has one."""
        if mark is None or self.file is not None:
            return self
        return replace(self, file=mark.file, line=mark.line, column=mark.column)

    def of(self, profile: str | None) -> Problem:
        """Return the same problem with the name of its profile."""
        return replace(self, profile=profile)

    def to_dict(self) -> dict[str, Any]:
        """Return the problem as JSON, with the whole sentence in ``text``."""
        found: dict[str, Any] = {"text": str(self), "message": self.message}
        for name in ("field", "allowed", "suggestion", "line", "column", "profile"):
            if getattr(self, name) is not None:
                found[name] = getattr(self, name)
        if self.file is not None:
            found["file"] = str(self.file)
        if self.has_value:
            found["value"] = shown(self.value)
        return found


def field_name(path: Iterable[str | int]) -> str:
    """Write a path as a text.

    Examples
    --------
    >>> field_name(("options", "preload", 0))
    'options.preload[0]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{shown(part)}"
    return text.removeprefix(".")


def shown(value: object) -> str:
    """Write a value on one line, as it could stand in a YAML file, shortened."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        plain = value.isprintable() and value.strip() == value and value not in ("", "null")
        text = value if plain else repr(value)
    else:
        try:
            text = repr(value) if isinstance(value, (int, float, list, tuple, dict)) else str(value)
        except ValueError:  # an int of more than sys.get_int_max_str_digits() digits
            text = "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def short_path(path: Path) -> str:
    """Write a path as a person would: relative below the current folder, with ``~`` below the home."""
    text = os.fspath(path)
    if not path.is_absolute():
        return text
    for base, prefix in ((os.getcwd, ""), (lambda: os.path.expanduser("~"), f"~{os.sep}")):
        try:
            folder = base()
        except OSError:  # the current folder was removed
            continue
        if folder != os.sep and text.startswith(folder.rstrip(os.sep) + os.sep):
            return prefix + text[len(folder.rstrip(os.sep)) + 1 :]
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is spelled most like `word`, if one is near enough.

    Examples
    --------
    >>> nearest("cors", ["cores", "memory"])
    'cores'
    >>> nearest("Kernel", ["kernel", "server"])
    'kernel'
    >>> nearest("threads", ["threads_per_worker", "memory"])
    'threads_per_worker'
    """
    plain = {name.lower().replace("-", "_"): name for name in known}
    word = word[:100].lower().replace("-", "_")
    found = difflib.get_close_matches(word, plain, n=1, cutoff=0.6)
    if not found and len(word) >= _PART:
        # Half of a name: "threads" for threads_per_worker.
        found = sorted((name for name in plain if word in name), key=len)
    return plain[found[0]] if found else None


def error_of(name: str, problems: Iterable[Problem]) -> ProfileError:
    """Make the exception that carries all problems of a profile; one problem is one line."""
    found = tuple(problems)
    if len(found) == 1:
        message = f"profile {shown(name)}: {found[0]}"
    else:
        lines = "".join(f"\n  {problem}" for problem in found)
        message = f"profile {shown(name)} has {len(found)} errors:{lines}"
    first = found[0] if found else None
    return ProfileError(
        message, problems=found, field=first.field if first else None, value=first.value if first else None
    )
