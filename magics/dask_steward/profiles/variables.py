"""``$VAR``, ``${VAR}``, ``${VAR-default}`` and ``${VAR:-default}`` in the values of a profile.

They mean what they mean in a shell, and are replaced when a cluster starts, never when a file is read. ``$$`` is a
dollar sign; a dollar sign before anything else stands for itself. A variable that is not set and has no default is an
error: a job in the wrong queue is worse than no job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEPTH = 10  # defaults inside defaults


def has_variable(text: str) -> bool:
    """Tell whether a text holds something that `expand` would replace (or refuse)."""
    at = text.find("$")
    while at != -1:
        following = text[at + 1 : at + 2]
        if following == "{" or _NAME.match(following):
            return True
        at = text.find("$", at + (2 if following == "$" else 1))
    return False


def check(text: str) -> None:
    """Raise ValueError if the references in a text are not well formed."""
    _walk(text, None, 0)


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace the references in a text.

    Raises
    ------
    ValueError
        If a variable is not set and has no default, or a reference is not well formed.

    Examples
    --------
    >>> expand("/scratch/$USER/${RUN:-first}", {"USER": "ada"})
    '/scratch/ada/first'
    >>> expand("5$$", {})
    '5$'
    """
    return _walk(text, environ, 0)


def _walk(text: str, environ: Mapping[str, str] | None, depth: int) -> str:
    if depth > _DEPTH:
        raise ValueError(f"has more than {_DEPTH} defaults inside each other")
    pieces = []
    at = 0
    while (dollar := text.find("$", at)) != -1:
        pieces.append(text[at:dollar])
        name = _NAME.match(text, dollar + 1)
        if text.startswith("$$", dollar):
            pieces.append("$")
            at = dollar + 2
        elif name:
            pieces.append(_value(name[0], None, environ))
            at = name.end()
        elif text.startswith("${", dollar):
            end = _closing(text, dollar + 2)
            pieces.append(_braces(text[dollar + 2 : end], environ, depth))
            at = end + 1
        else:
            pieces.append("$")
            at = dollar + 1
    pieces.append(text[at:])
    return "".join(pieces)


def _closing(text: str, start: int) -> int:
    open_braces = 1
    for at in range(start, len(text)):
        if text[at] == "}":
            open_braces -= 1
            if not open_braces:
                return at
        elif text.startswith("${", at):
            open_braces += 1
    raise ValueError("has a ${ without its }; write ${NAME} or ${NAME:-default}, and $$ for a dollar sign")


def _braces(inside: str, environ: Mapping[str, str] | None, depth: int) -> str:
    name = _NAME.match(inside)
    rest = inside[name.end() :] if name else ""
    if name is None or (rest and not rest.startswith(("-", ":-"))):
        raise ValueError(
            f"has ${{{inside[:30]}}}, which is not ${{NAME}} or ${{NAME:-default}}; write $$ for a dollar sign"
        )
    if not rest:
        return _value(name[0], None, environ)
    default = _walk(rest.removeprefix(":").removeprefix("-"), environ, depth + 1)
    if rest.startswith(":") and environ is not None and not environ.get(name[0]):
        return default
    return _value(name[0], default, environ)


def _value(name: str, default: str | None, environ: Mapping[str, str] | None) -> str:
    if environ is None:
        return ""
    found = environ.get(name, default)
    if found is None:
        raise ValueError(f"the variable {name} is not set; set it, or write ${{{name}:-default}}")
    return found
