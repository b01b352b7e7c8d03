"""The commented file that a new profile begins as: every field, what it is for, and an example."""

from __future__ import annotations

import io
import textwrap
from typing import Any

from dask_steward.profiles.schema import schema

_ACTIVE = {"title", "system"}
_NOT_SHOWN = {"extends", "lock"}


def template(name: str, system: str) -> str:
    """Return the text of a new profile. Raises ProfileError if the system is not known."""
    found = schema(system)
    lines = [
        f"# {found['description']}",
        "# Take the # away from what you need; the value behind it is an example, or the default.",
        f"# All about each field: dask-steward profiles schema {system}. Is it right: dask-steward profiles check.",
        "",
        f"title: {_scalar(name)}",
        f"system: {system}",
    ]
    for field, part in found["properties"].items():
        if field in _ACTIVE | _NOT_SHOWN:
            continue
        inner = _inner(found, part)
        lines += ["", *_comment(part["description"], "")]
        if field == "options" and inner and inner["properties"]:
            lines.append("options:")
            for option, details in inner["properties"].items():
                lines += [*_comment(details["description"], "  "), *_example(option, details, "  ")]
        elif field != "options":
            lines += _example(field, part, "")
        else:
            lines += ["# (none)"]
    return "\n".join(lines) + "\n"


def _inner(found: dict[str, Any], part: dict[str, Any]) -> dict[str, Any] | None:
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    inner: dict[str, Any] | None = found["$defs"].get(name)
    return inner


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, 100, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ", break_on_hyphens=False
    )


def _example(name: str, part: dict[str, Any], indent: str) -> list[str]:
    return [f"{indent}# {name}: {_scalar((part.get('examples') or [part['default']])[0])}"]


def _scalar(value: Any) -> str:
    """Write a value on one line, as YAML."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().removesuffix("...\n").strip()
