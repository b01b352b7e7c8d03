"""Scripts of dask-yarn's specifications: the line that starts Dask, and what stands before it.

A script of such a specification activates an environment and calls ``dask-yarn services worker`` (or ``scheduler``),
which no Dask since 2022 can run. The containers run plain Dask commands instead, in the same environment.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

from dask_steward.errors import StartFailed

_DASK_YARN = re.compile(r"dask-yarn|dask_yarn\.cli")
_WORD = r"""(?:\\.|"[^"]*"|'[^']*'|[^\s\\;&|"'])+"""
_CALL = re.compile(
    rf"(?:^|[\s;&|])(?P<call>(?:exec\s+)?(?P<program>{_WORD})(?:\s+-m\s+dask_yarn\.cli)?\s+services\s+(?P<role>\w+)[^;&|\n]*)"
)


@dataclass(frozen=True)
class Script:
    """What a script does, apart from starting Dask.

    Attributes
    ----------
    prologue : tuple of str
        Shell lines before Dask is started.
    python : str
        Interpreter of the environment, as shell words.
    arguments : dict
        What the call gives the worker: ``nthreads``, ``memory_limit``.
    epilogue : tuple of str
        Shell lines after it has ended.
    """

    prologue: tuple[str, ...]
    python: str
    arguments: dict[str, Any]
    epilogue: tuple[str, ...] = ()


def read(script: str, role: str, field: str) -> Script:
    """Return what a script of dask-yarn does.

    Parameters
    ----------
    script : str
        Of a service.
    role : str
        ``worker`` or ``scheduler``.
    field : str
        Path of the script, for errors.

    Raises
    ------
    StartFailed
        If no line of it calls ``dask-yarn services ROLE``, or the call is not known.
    """
    lines = script.replace("\\\n", " ").splitlines()
    for index, line in enumerate(lines):
        found = None if line.lstrip().startswith("#") else _CALL.search(line)
        if found is None or found["role"] != role or not _DASK_YARN.search(found["call"]):
            continue
        before, after = line[: found.start("call")], line[found.end("call") :]
        python, arguments = _call(found["call"], role, field)
        prologue = [*lines[:index], _whole(before)]
        epilogue = [_whole(after), *lines[index + 1 :]]
        return Script(_said(prologue), python, arguments, _said(epilogue))
    raise StartFailed(
        f"{field}: no line of it calls 'dask-yarn services {role}'.",
        field="options.specification",
        hint="Only scripts as in dask-yarn's documentation are understood; other programs are no workers.",
    )


def _said(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line.strip())


def _whole(part: str) -> str:
    """Return a part of a line without what joined it to the call."""
    return part.strip().strip(";&|").strip()


def _call(call: str, role: str, field: str) -> tuple[str, dict[str, Any]]:
    try:
        words = shlex.split(call, comments=True)
    except ValueError as error:
        raise StartFailed(f"{field}: {call!r} is no command line: {error}.", field="options.specification") from error
    if words[0] == "exec":
        words = words[1:]
    start = words.index("services")
    program = words[:start]
    if program[-2:] == ["-m", "dask_yarn.cli"]:
        python = " ".join(shlex.quote(word) for word in program[:-2])
    else:
        folder = program[-1].rpartition("/")[0]
        python = shlex.quote(f"{folder}/python") if folder else "python"
    return python, _arguments(words[start + 2 :], call, field)


def _arguments(words: list[str], call: str, field: str) -> dict[str, Any]:
    """Read the only two arguments that ``dask-yarn services worker`` has."""
    found: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if not equals:
            value = left.pop(0) if left else ""
        if name == "--nthreads" and value.isdigit():
            found["nthreads"] = int(value)
        elif name in ("--memory_limit", "--memory-limit") and value:
            found["memory_limit"] = int(value) if value.isdigit() else value
        else:
            raise StartFailed(
                f"{field}: {call.strip()!r} has an argument that dask-yarn does not have, {word}.",
                field="options.specification",
            )
    return found
