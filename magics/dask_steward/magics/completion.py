"""Completion of ``%dask_cluster`` and ``%%dask_cluster``: commands, profiles, clusters, options, fields of ``--set``.

The parsers know commands and options; nothing is listed twice.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dask_steward as ds
from dask_steward.console.arguments import Parser
from dask_steward.errors import StewardError
from dask_steward.magics.parser import cell_parser, line_parser

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_LINE = re.compile(r"^\s*(?:[\w., ]+=\s*)?%dask_cluster\s(.*)$")
_CELL = re.compile(r"^%%dask_cluster\s(.*)$")
#: Above IPython's own matchers, whose suggestions mean nothing on such a line.
_PRIORITY = 200


class Completer:
    """Registers with a shell, and answers.

    Parameters
    ----------
    shell : InteractiveShell
        Whose completer is extended; before IPython 8.6 there is nothing to extend, and nothing happens.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._matcher: Any = None

    def install(self) -> None:
        """Register with the shell."""
        try:
            from IPython.core.completer import SimpleCompletion, context_matcher
        except ImportError:
            return
        if getattr(self._shell, "Completer", None) is None:
            return

        @context_matcher(identifier="dask_steward", priority=_PRIORITY)  # type: ignore[untyped-decorator, unused-ignore]
        def matcher(context: Any) -> dict[str, Any]:
            words = complete(context.text_until_cursor)
            found = [SimpleCompletion(word, type=kind) for word, kind in words or ()]
            return {"completions": found, "suppress": words is not None, "ordered": True}

        self._matcher = matcher
        self._shell.Completer.custom_matchers.append(matcher)

    def uninstall(self) -> None:
        """Undo `install`."""
        if self._matcher is not None:
            with suppress(ValueError):
                self._shell.Completer.custom_matchers.remove(self._matcher)


def complete(text: str) -> list[tuple[str, str]] | None:
    """Return what may stand at the end of a line, each with its kind, or None where the line is not ours.

    Parameters
    ----------
    text : str
        The line up to the cursor.
    """
    line, cell = _LINE.match(text), _CELL.match(text)
    match = line or cell
    if match is None:
        return None
    words = match[1].split()
    current = "" if not words or match[1][-1:].isspace() else words.pop()
    if current.startswith(("{", "$")):
        return None  # a variable, which IPython knows
    try:
        found = _arguments(cell_parser(), words, current) if cell else _commands(line_parser(), words, current)
        return [(word, kind) for word, kind in found if word.startswith(current)]
    except (StewardError, OSError):
        return []  # an unreadable folder must not make the Tab key fail


def _commands(parser: Parser, words: list[str], current: str) -> Iterator[tuple[str, str]]:
    choices: Mapping[str, Parser] = next(dict(a.choices or {}) for a in parser._actions if a.dest == "command")
    if not words:
        yield from ((name, "command") for name in choices)
    elif words[0] in choices:
        yield from _arguments(choices[words[0]], words[1:], current)


def _arguments(parser: Parser, words: list[str], current: str) -> Iterator[tuple[str, str]]:
    """Yield what may follow `words` on the line of one command."""
    options = {name: action for action in parser._actions for name in action.option_strings if name.startswith("--")}
    positionals = [action for action in parser._actions if not action.option_strings]
    given: list[str] = []
    used: set[str] = set()
    waiting: argparse.Action | None = None
    values = 0
    for word in words:
        if values:
            values -= 1
        elif word in options:
            waiting, used = options[word], used | {word}
            values = _values(options[word])
        else:
            given.append(word)
    if values and waiting is not None:
        yield from _choices(waiting, given)
        return
    if not current.startswith("-") and positionals:
        here = positionals[min(len(given), len(positionals) - 1)]
        if len(given) < len(positionals) or here.nargs == "*":
            yield from _choices(here, given)
    if not current or current.startswith("-"):
        repeated = {"--set"}
        yield from ((name, "option") for name in options if name not in used or name in repeated)


def _values(action: argparse.Action) -> int:
    """Return how many values an option takes."""
    return action.nargs if isinstance(action.nargs, int) else 1


def _choices(action: argparse.Action, given: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the values of an option or argument, by what it holds."""
    if action.choices is not None:
        yield from ((str(choice), "value") for choice in action.choices)
    elif action.dest == "profile":
        yield from ((info.name, "profile") for info in ds.profiles())
        if action.nargs is None:  # of a cell, which may also run on a cluster that is there
            yield from ((cluster.name, "cluster") for cluster in ds.clusters())
    elif action.dest in ("cluster", "clusters"):
        yield from ((cluster.name, "cluster") for cluster in ds.clusters())
    elif action.dest == "group":
        yield from ((name, "group") for name in sorted({name for one in ds.clusters() for name in one.group_names}))
    elif action.dest == "settings":
        yield from ((f"{field}=", "field") for field in _fields(given[0] if given else "local"))


def _fields(profile: str) -> list[str]:
    """Return the fields that ``--set`` takes for a profile, dotted."""
    from dask_steward.profiles import ProfileStore
    from dask_steward.profiles.schema import schema as schema_of

    system = next((info.system for info in ds.profiles() if info.name == profile), None)
    if system is None:
        return []
    schema = schema_of(system)
    groups = getattr(ProfileStore().resolve(profile), "groups", {})
    return list(_dotted(schema, schema.get("$defs", {}), "", {"groups": groups}))


def _dotted(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str, names: Mapping[str, Iterable[str]]
) -> Iterator[str]:
    """Yield the dotted names of a JSON Schema's fields that hold plain values; `names` are those of its mappings."""
    for name, field in schema.get("properties", {}).items():
        inner = next((part for part in _variants(field, definitions) if part.get("properties")), None)
        entry = definitions.get((field.get("additionalProperties") or {}).get("$ref", "").rpartition("/")[2])
        if entry is not None:  # names to mappings, such as groups
            for key in names.get(name, ()):
                yield from _dotted(entry, definitions, f"{prefix}{name}.{key}.", {})
        elif inner is None:
            yield prefix + name
        else:
            yield from _dotted(inner, definitions, f"{prefix}{name}.", {})


def _variants(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what a field may be: itself, what it refers to, each of its alternatives."""
    for part in (field, *field.get("anyOf", ()), *field.get("allOf", ())):
        reference = part.get("$ref", "")
        yield definitions.get(reference.rpartition("/")[2], {}) if reference else part
