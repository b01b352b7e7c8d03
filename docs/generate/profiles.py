"""The reference of profiles, from the JSON Schema of each system."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dask_steward.units import format_duration

INTRODUCTION = """# Profiles

A profile is a YAML file in a `dask_profiles` folder; its name is that of the file. `dask-steward profiles path` prints
the folders that are searched, the one that wins first: those of `DASK_STEWARD_PROFILES` (separated like `PATH`), then
`dask_profiles` in each folder of Jupyter's configuration: the user's, the environment's, the system's.

Durations
: `30 s`, `10 min`, `2 h`, `1 d`, `1 h 30 min`, `01:30:00`, or a number of seconds. `m` is a minute.

Sizes
: `4 GB` (powers of 1000), `4 GiB` (powers of 1024), or a number of bytes.

Walltimes
: `01:30:00`, `2-12:00:00` (two days and a half), `90 min`, or what the queue system takes.

Variables
: `$VAR`, `${VAR}`, `${VAR:-default}` and a leading `~/` are replaced when a cluster starts, from the environment of
  whoever starts it; `$$` is a dollar sign. A variable that is not set and has no default is an error. Fields marked
  *on the node* stay as written: the shell of the job replaces them.

`null`
: means that a field is not given, also where the profile that is extended gives it.

## Building on another profile

`extends: NAME` takes all values of another profile; what the file says itself wins. Mappings (`options`, `environment`,
`groups`, …) are merged, lists and each `scale` are replaced, `title`, `description` and `lock` are not handed on. A
profile that extends its own name means the one of the next level: a user's `normal.yaml` with `extends: normal`
changes a few values of the administrator's.

## Jobs of several shapes

Under `groups` the profile of a queue system describes further jobs of the same cluster. A group has the profile's own
options but for those that it names, Dask resources for its workers, and a size of its own:

```yaml
# mixed.yaml
system: slurm
scale: {jobs: 10}
options: {queue: normal, cores: 24, memory: 120 GB}
groups:
  bigmem:
    scale: {jobs: 2}
    resources: {bigmem: 1}
    options: {queue: large, memory: 1 TB}
  gpu:
    adapt: {minimum: 0, maximum: 4}
    resources: {GPU: 1}
    options: {queue: gpu, job_extra_directives: ["--gres=gpu:1"]}
```

`client.submit(f, x, resources={"bigmem": 1})` runs where that resource is. `cluster.scale(jobs=3, group="bigmem")`,
`%dask_cluster scale 3 --unit jobs --group bigmem` and `dask-steward scale mixed 3 --unit jobs --group bigmem` size one
group; without a group, the jobs of the profile's own options. A lock of an option holds for every group that does not
come from the administrator, too.

## For administrators

In the folders of the system level, a profile can lock fields to the values that it has, against whatever extends it and
against values set at a start:

```yaml
# /etc/jupyter/dask_profiles/normal.yaml
system: slurm
lock: [options.account, security]
options: {account: climate, queue: normal}
```

`_site.yaml` in the same folder holds for every profile of the machine, whoever wrote it:

```yaml
# /etc/jupyter/dask_profiles/_site.yaml
forbid: [local, processes]          # systems that nobody starts here
lock:
  all:   {security: tls}            # fields that have one value here
  slurm: {options.account: climate}
```

## When something is wrong

`dask-steward profiles check` names every mistake at once, with file, line and column, what is allowed and the nearest
right spelling. The other profiles stay usable.

## Systems

| System | |
|---|---|
"""


def main(out: Path) -> None:
    """Write ``index.md`` and one page for each system into the folder `out`."""
    from dask_steward.profiles import registry
    from dask_steward.profiles.schema import schema

    out.mkdir(parents=True, exist_ok=True)
    rows, pages = [], []
    for system in registry.names():
        found = schema(system)
        rows.append(f"| [`{system}`]({system}.md) | {found['description']} |")
        pages.append(system)
        _write(out / f"{system}.md", page(system, found))
    toctree = ["", "```{toctree}", ":hidden:", "", *pages, "```", ""]
    _write(out / "index.md", INTRODUCTION + "\n".join([*rows, *toctree]))


def page(system: str, schema: dict[str, Any]) -> str:
    """Return the page of a system."""
    lines = [f"# `system: {system}`", "", schema["description"], ""]
    lines += _fields(schema, schema["properties"], "")
    return "\n".join(lines)


def _fields(schema: dict[str, Any], properties: dict[str, Any], above: str) -> list[str]:
    lines: list[str] = []
    parts: list[str] = []
    for name, field in properties.items():
        lines += [f"`{above}{name}`", f": {_prose(field['description'])}", "", f"  {_facts(schema, field)}", ""]
        inner = _inner(schema, field)
        if inner and inner["properties"]:
            entries = "additionalProperties" in field  # names to mappings, such as groups
            path = f"{above}{name}.NAME." if entries else f"{above}{name}."
            depth = "#" * (2 + path.count(".") - 1)
            parts += [f"{depth} `{path[:-1]}`", "", _prose(inner["description"]), ""]
            parts += _fields(schema, inner["properties"], path)
    return lines + parts


def _inner(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any] | None:
    of_entries = field.get("additionalProperties")
    for branch in (field, *field.get("anyOf", ()), *([of_entries] if isinstance(of_entries, dict) else ())):
        if "$ref" in branch:
            found: dict[str, Any] = schema["$defs"][branch["$ref"].removeprefix("#/$defs/")]
            return found
    return None


def _prose(text: str) -> str:
    # Docstrings are reStructuredText, pages are Markdown; $ would begin mathematics.
    return re.sub(r"``([^`]+)``", r"`\1`", text).replace("$VAR", "`$VAR`")


def _facts(schema: dict[str, Any], field: dict[str, Any]) -> str:
    facts = [f"*{_kind(schema, field)}*"]
    if field["default"] not in (None, {}, []):
        is_duration = _kind(schema, field) == "duration" and field["default"] != 0
        facts.append(f"default `{format_duration(field['default']) if is_duration else _yaml(field['default'])}`")
    if field.get("examples") and field["examples"] not in ([{}], [field["default"]]):
        facts.append("such as " + ", ".join(f"`{_yaml(example)}`" for example in field["examples"]))
    if field.get("x-expanded") == "on the node":
        facts.append("variables are replaced *on the node*")
    return " · ".join(facts)


def _kind(schema: dict[str, Any], field: dict[str, Any]) -> str:
    """Say in a word or two what a field takes."""
    if _inner(schema, field):
        return "mapping"
    branches = [part for branch in field.get("anyOf", [field]) for part in branch.get("anyOf", [branch])]
    kinds = [branch.get("x-kind") for branch in (field, *field.get("anyOf", ()), *branches)]
    for kind in kinds:
        if kind in ("duration", "size", "walltime", "path"):
            return str(kind)
    words = {
        "integer": "whole number",
        "string": "text",
        "boolean": "true or false",
        "array": "list",
        "object": "mapping",
    }
    for branch in branches:
        if "enum" in branch:
            return " or ".join(branch["enum"])
        if "const" in branch:
            return str(branch["const"])
        if branch.get("type") in (*words, "number"):
            return words.get(branch["type"], branch["type"])
    return "value"


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    """Write a page unless it is right already: Sphinx builds what has a new time of change."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
