"""The JSON Schema draws forms: it must be valid, complete, and agree with what is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dask_steward.errors import ProfileError
from dask_steward.profiles import registry
from dask_steward.profiles.checking import build
from dask_steward.profiles.schema import DIALECT, schema
from dask_steward.profiles.template import template

SYSTEMS = registry.names()


def fields(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in {"": found, **found["$defs"]}.items():
        for field, details in part["properties"].items():
            yield f"{name}.{field}", details


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_schema_is_valid(system: str) -> None:
    found = schema(system)
    assert found["$schema"] == DIALECT
    Draft202012Validator.check_schema(found)


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_field_says_all_about_itself(system: str) -> None:
    for name, field in fields(schema(system)):
        assert {"title", "description", "default", "examples"} <= field.keys() or "$ref" in field, name
        assert {"description", "default", "examples"} <= field.keys(), name
        assert field["description"].endswith("."), name
        assert field["examples"], name


@pytest.mark.parametrize("system", SYSTEMS)
def test_defaults_and_examples_are_values_that_the_field_takes(system: str) -> None:
    found = schema(system)
    for name, field in fields(found):
        validator = Draft202012Validator({"$schema": DIALECT, "$defs": found["$defs"], **field})
        for value in [*field["examples"], *([] if field["default"] in (None, "") else [field["default"]])]:
            assert list(validator.iter_errors(value)) == [], (name, value)


@pytest.mark.parametrize("system", SYSTEMS)
def test_examples_are_read(system: str) -> None:
    kind, _ = registry.find(system)
    for name, field in schema(system)["properties"].items():
        for value in field["examples"]:
            _, problems = build(kind, {"system": system, name: value}, together=False)
            assert problems == [], (name, value)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ({"system": "slurm", "options": {"cores": 4, "memory": "4 GB", "walltime": "01:00:00"}}, True),
        ({"system": "slurm", "options": {"cores": "$CORES"}}, True),
        ({"extends": "base", "scale": {"jobs": 3}}, True),
        ({"system": "slurm", "options": {"cors": 4}}, False),
        ({"system": "slurm", "options": {"cores": "four"}}, False),
        ({"system": "slurm", "tenure": "kernl"}, False),
        ({"system": "slurm", "scale": {"jobs": 3, "workers": 4}}, False),
        ({"system": "slurm", "name": "x"}, False),
        ({"scale": {"jobs": 3}}, False),
    ],
)
def test_a_schema_accepts_what_a_file_may_say(text: dict[str, Any], valid: bool) -> None:
    assert Draft202012Validator(schema("slurm")).is_valid(text) is valid


def test_a_schema_offers_only_units_that_the_system_scales_in() -> None:
    assert set(schema("local")["$defs"]["Scale"]["properties"]) == {"workers", "cores", "memory"}
    assert "scale" not in schema("threads")["properties"]


def test_a_system_that_is_not_known() -> None:
    with pytest.raises(ProfileError, match="did you mean slurm"):
        schema("slrum")


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_template_is_a_profile_also_with_every_example_taken(site, system: str) -> None:
    text = template("mine", system)
    site.write("mine", text)
    assert site.problems("mine") == []
    lines = [
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") and _is_example(line, system) else line
        for line in text.splitlines()
    ]
    site.write("mine", "\n".join(lines))
    # Examples are right one by one; some cannot hold together (no cluster to time out).
    assert all("unknown" not in problem and "must" not in problem for problem in site.problems("mine"))


def _is_example(line: str, system: str) -> bool:
    names = {name.rpartition(".")[2] for name, _ in fields(schema(system))}
    return line.lstrip(" #").split(":")[0] in names and line.count(": ") >= 1 and not line.rstrip().endswith(".")
