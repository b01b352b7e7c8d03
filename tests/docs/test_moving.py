"""Whoever moves finds everything that was there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dask_steward.profiles.systems.yarn import YarnOptions
from tests.support import dask_yarn_builder

PAGE = Path(__file__).parents[2] / "docs" / "moving-from-dask-yarn.md"


def table(title: str) -> dict[str, str]:
    """Return the rows of a section's table: what stands in its first column, and the rest."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section.partition("\n## ")[0], re.MULTILINE)
    assert rows, title
    return dict(rows)


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[str]]:
    found: dict[str, list[str]] = dask_yarn_builder.surface()
    return found


def test_the_page_has_every_argument_of_dask_yarn(theirs: dict[str, list[str]]) -> None:
    rows = table("Arguments of YarnCluster")
    assert list(rows) == theirs["arguments"]
    for name, row in rows.items():
        here = row.split("|")[0]
        assert (f"`{name}`" in here) == (name in YarnOptions.model_fields or name == "asynchronous"), name


def test_the_page_has_every_method_of_dask_yarn(theirs: dict[str, list[str]]) -> None:
    rows = table("Methods and attributes")
    # What is there once an object is made, the class does not show.
    assert set(rows) == {"YarnCluster(…)", "application_client", *theirs["names"]}


def test_the_page_has_every_command_of_dask_yarn(theirs: dict[str, list[str]]) -> None:
    rows = table("Commands")
    named = {name.removeprefix("dask-yarn ").removesuffix(" script.py") for name in rows}
    assert named == set(theirs["commands"]) - {"services"}
    text = PAGE.read_text(encoding="utf-8")
    for flag in theirs["flags"]:
        option = flag.removeprefix("--").replace("-", "_")
        general = flag in ("-h", "--help", "--temporary-security-credentials")
        assert general or option in YarnOptions.model_fields or flag in text, flag


def test_what_it_says_of_names_here_is_true() -> None:
    from dask_steward import YarnCluster

    for row in table("Methods and attributes").values():
        for name in re.findall(r"`(?:cluster|YarnCluster)\.(\w+)", row.split("|")[0]):
            assert hasattr(YarnCluster, name), name
