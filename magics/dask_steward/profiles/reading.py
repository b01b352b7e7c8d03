"""A YAML file as plain data that knows where each value stands.

YAML 1.2 is read node by node, not by a constructor: so each value keeps its line and column, every duplicate key and
foreign tag is found in one look, a number keeps the text it was written as (``account: 00123``), and no file can make
this process build anything but plain values.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dask_steward.profiles.problems import Mark, Problem, shown

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

LARGEST = 256 * 1024  # bytes; a profile is some hundred
MOST_VALUES = 10_000  # aliases of aliases can stand for billions
MOST_BRACKETS = 1_000  # thousands of open brackets take ruamel.yaml 0.19 seconds
_TAG = "tag:yaml.org,2002:"
_OCTAL = re.compile(r"([-+]?)0o([0-7_]+)")

# What ruamel.yaml 0.19 raises for some texts that are not YAML, beside its own YAMLError (found by fuzzing).
_READER_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class WrittenInt(int):
    """A whole number that keeps the text it was written as."""

    text: str = ""


class WrittenFloat(float):
    """A number that keeps the text it was written as."""

    text: str = ""


@dataclass
class Document:
    """What a file holds.

    Parameters
    ----------
    file : Path
        Where it was read.
    data : dict
        The values, without those that cannot be read.
    values, keys : dict
        Where each value, and the name before it, stands.
    problems : list of Problem
        What cannot be read.
    """

    file: Path
    data: dict[str, Any] = field(default_factory=dict)
    values: dict[tuple[str | int, ...], Mark] = field(default_factory=dict)
    keys: dict[tuple[str | int, ...], Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, message: str, mark: Any = None, path: tuple[str | int, ...] = (), **details: Any) -> None:
        """Note a problem at a mark of the YAML reader."""
        place = {"line": mark.line + 1, "column": mark.column + 1} if mark is not None else {}
        self.problems.append(Problem(message, path, file=self.file, **place, **details))


def read_file(file: Path) -> Document:
    """Read a file; whatever is wrong with it is a problem of the document, never an exception."""
    document = Document(file)
    try:
        with open(os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as stream:  # a FIFO must not block
            if not os.path.isfile(file):
                document.add("is not a file, and so no profile")
                return document
            raw = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        is_folder = os.path.isdir(file)
        document.add(
            "is a folder, and so no profile"
            if is_folder
            else f"cannot be read: {getattr(error, 'strerror', None) or error}"
        )
        return document
    if len(raw) > LARGEST:
        document.add(f"is larger than {LARGEST // 1024} KiB, and so no profile")
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        document.problems.append(Problem("is not UTF-8 text", file=file, line=line, column=column))
        return document
    return read_text(text, file, document)


def read_text(text: str, file: Path, document: Document | None = None) -> Document:
    """Read a text as if it stood in a file."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    document = document or Document(file)
    document.values[()] = Mark(file, 1, 1)
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        document.add(f"holds more than {MOST_BRACKETS} lists and mappings in brackets, as no profile does")
        return document
    try:
        yaml = YAML(typ="rt", pure=True)
        yaml.composer.warn_double_anchors = False  # YAML allows them, and a warning is no way to talk to a user
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.add(f"is not YAML: {_sentence(error)}", mark)
    except YAMLError as error:
        position = getattr(error, "position", None)
        if isinstance(position, int):
            before = text[:position]
            line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
            message = (
                f"is not YAML: the character U+{ord(text[position]):04X} must not stand in it"
                if position < len(text)
                else "is not YAML"
            )
            document.problems.append(Problem(message, file=file, line=line, column=column))
        else:
            document.add(f"is not YAML: {' '.join(str(error).split())[:120]}")
    except RecursionError:
        document.add("is nested too deeply")
    except _READER_FAULTS as error:
        document.add(f"is not YAML: {' '.join(str(error).split())[:120] or type(error).__name__}")
    else:
        if node is not None:
            _Builder(document).top(node)
    return document


def _sentence(error: Any) -> str:
    parts = [str(part) for part in (error.context, error.problem) if part]
    return " ".join(", ".join(parts).split())[:160] or "it cannot be read"


class _Builder:
    """Builds plain data of nodes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0
        self.open: list[int] = []  # ids of the collections around the current node

    def top(self, node: Node) -> None:
        from ruamel.yaml.nodes import MappingNode, ScalarNode

        if isinstance(node, ScalarNode) and node.tag == f"{_TAG}null":
            return
        place = Mark(self.document.file, node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.values[()] = place
        if not isinstance(node, MappingNode):
            self.document.add("must be a mapping of fields to values, such as system: local", node.start_mark)
            return
        try:
            self.document.data = self._mapping(node, ())
        except RecursionError:
            self.document.data = {}
            self.document.add("is nested too deeply")
        except _TooMuch:
            self.document.data = {}
            self.document.add(f"holds more than {MOST_VALUES} values, counting each alias")

    def _value(self, node: Node, path: tuple[str | int, ...]) -> Any:
        from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

        self.count += 1
        if self.count > MOST_VALUES:
            raise _TooMuch
        self.document.values[path] = Mark(self.document.file, node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self.open:
            self.document.add("holds itself, by an alias", node.start_mark, path)
            return None
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self.document.add(f"has the tag {shown(node.tag)}; profiles have no tags", node.start_mark, path)
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            self.open.append(id(node))
            found = [self._value(part, (*path, index)) for index, part in enumerate(node.value)]
            self.open.pop()
            return found
        self.document.add("cannot be read", node.start_mark, path)
        return None

    def _mapping(self, node: MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        from ruamel.yaml.nodes import ScalarNode

        self.open.append(id(node))
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[dict[str, Any]] = []
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.tag == f"{_TAG}merge":
                merged.extend(self._merged(value, path))
                continue
            if not isinstance(key, ScalarNode) or not key.value:
                self.document.add("has a name that is not a text", key.start_mark, path)
                continue
            name = str(key.value)
            place = (*path, name)
            if name in lines:
                self.document.add(f"is given twice; the first is in line {lines[name]}", key.start_mark, place)
                continue
            lines[name] = key.start_mark.line + 1
            self.document.keys[place] = Mark(self.document.file, key.start_mark.line + 1, key.start_mark.column + 1)
            found[name] = self._value(value, place)
        self.open.pop()
        for other in merged:
            found = {**other, **found}
        return found

    def _merged(self, node: Node, path: tuple[str | int, ...]) -> list[dict[str, Any]]:
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        parts = node.value if isinstance(node, SequenceNode) else [node]
        found = []
        for part in parts:
            if not isinstance(part, MappingNode) or id(part) in self.open:
                self.document.add("<<: takes a mapping, or a list of mappings", part.start_mark, path)
            else:
                self.count += 1
                if self.count > MOST_VALUES:
                    raise _TooMuch
                own = dict(self.document.values), dict(self.document.keys)
                found.append(self._mapping(part, path))
                # What the mapping says itself wins, also where it stands.
                self.document.values |= own[0]
                self.document.keys |= own[1]
        return found

    def _scalar(self, node: ScalarNode, path: tuple[str | int, ...]) -> Any:
        text = str(node.value)
        kind = str(node.tag).removeprefix(_TAG)
        if kind in ("str", "timestamp", "value"):
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("true", "yes", "on", "y")
        if kind in ("int", "float"):
            return self._number(text, kind, node, path)
        self.document.add(f"has the tag {shown(node.tag)}; profiles have no tags", node.start_mark, path)
        return None

    def _number(self, text: str, kind: str, node: ScalarNode, path: tuple[str | int, ...]) -> Any:
        plain = text.replace("_", "")
        found: WrittenInt | WrittenFloat
        try:
            if kind == "int" and plain.lstrip("+-").startswith("0x"):
                found = WrittenInt(int(plain, 16))
            elif kind == "int" and (octal := _OCTAL.fullmatch(plain)):
                found = WrittenInt(int(octal[1] + octal[2], 8))
            elif kind == "int":
                found = WrittenInt(int(plain))
            else:
                found = WrittenFloat(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            if kind == "int" and plain.lstrip("+-").isdigit():
                self.document.add("is a number of too many digits", node.start_mark, path)
                return None
            return text  # 1:30:00 in a file of YAML 1.1, which that version counts in sixties
        if isinstance(found, WrittenFloat) and not math.isfinite(found):
            self.document.add("must be a finite number", node.start_mark, path, value=text, has_value=True)
            return None
        found.text = text
        return found


class _TooMuch(Exception):
    """More values than any profile has."""
