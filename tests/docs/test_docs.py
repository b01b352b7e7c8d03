"""What the pages say is true: they build without a warning, profiles are valid, commands exist, links lead on."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if not {"_build", "generated"} & set(path.parts)
)


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    """Yield (where, text) of each fenced block in one of the languages."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL):
            indent, language, body = found.groups()
            if language in languages:
                line = text[: found.start()].count("\n") + 1
                yield f"{page.relative_to(ROOT)}:{line}", re.sub(f"^{indent}", "", body, flags=re.MULTILINE)


def commands() -> Iterator[tuple[str, str]]:
    """Yield (where, command) of each ``$ dask-steward …`` line."""
    for where, body in blocks("console"):
        for line in body.splitlines():
            if line.startswith("$ dask-steward "):
                yield where, line.removeprefix("$ dask-steward ").partition("  #")[0]


@pytest.mark.timeout(180)
def test_pages_build_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path / "html")]
    done = subprocess.run([*command, "-d", str(tmp_path / "doctrees")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "index.html").exists()


@pytest.mark.parametrize(
    ("where", "body"), [pytest.param(*each, id=each[0]) for each in blocks("yaml") if "system:" in each[1]]
)
def test_profiles_are_valid(where: str, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dask_steward.profiles import ProfileStore

    # A profile that locks is an administrator's; as a user's file it must be valid but for the lock.
    body = re.sub(r"^lock:.*\n", "", body, flags=re.MULTILINE)
    (tmp_path / "example.yaml").write_text(body)
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))
    store = ProfileStore()
    assert not store.problems()
    assert store.resolve("example").system in body


@pytest.mark.parametrize(("where", "command"), [pytest.param(*each, id=f"{each[0]} {each[1]}") for each in commands()])
def test_commands_exist(where: str, command: str) -> None:
    from dask_steward.cli.parser import build_parser

    arguments = shlex.split(command)
    assert build_parser(arguments).parse_args(arguments).run


def magics() -> Iterator[tuple[str, str]]:
    """Yield (where, line) of each line that calls one of our magics."""
    for where, body in blocks("ipython"):
        for line in body.splitlines():
            if line.lstrip("%").startswith("dask_cluster "):
                yield where, line.partition("  #")[0]


@pytest.mark.parametrize(("where", "line"), [pytest.param(*each, id=f"{each[0]} {each[1]}") for each in magics()])
def test_magics_exist(where: str, line: str) -> None:
    from dask_steward.magics.parser import cell_parser, line_parser, parse

    magic, _, arguments = line.partition(" ")
    assert parse(cell_parser() if magic.startswith("%%") else line_parser(), arguments)


@pytest.mark.parametrize(("where", "body"), [pytest.param(*each, id=each[0]) for each in blocks("python")])
def test_python_is_python(where: str, body: str) -> None:
    ast.parse(body, filename=where)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        if "generated/" not in target:  # written at each build, which checks them
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pages_of_examples_show_what_the_notebook_of_today_printed_and_drew(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    recorded = json.loads((ROOT / "docs" / "recorded" / f"{path.stem}.json").read_text(encoding="utf-8"))
    assert set(recorded["outputs"]) <= {cell["id"] for cell in cells}
    assert recorded["sources"] == {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"}
    assert "held: nothing" in recorded["outputs"]["held"]
    # A cell that draws says for those who cannot see it what there is to be seen.
    drawing = {cell["id"] for cell in cells if "figure" in cell["metadata"]}
    assert drawing == set(recorded.get("figures", {}))
    for figure in recorded.get("figures", {}).values():
        assert (ROOT / "docs" / "figures" / figure).read_bytes().startswith(b"\x89PNG")


def test_picture_shows_the_recorded_run() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "picture.py"), "--check"], timeout=60)
    assert done.returncode == 0, "run scripts/picture.py"
