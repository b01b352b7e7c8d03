"""Every example of the how-to pages, run as a reader would run it, from the top of a page to its end, on a real Slurm.

A profile is saved under the name in its first line. What only the reader's site has (its network, its account, nodes of
24 cores) is replaced by what the Slurm of the tests has; everything else runs as it stands.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import dask_steward as ds
from tests.faces.notebook import Notebook
from tests.support.private_slurm import PrivateSlurm

pytestmark = [pytest.mark.long, pytest.mark.requires("slurm"), pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "howto" / f"{name}.md" for name in ("slurm", "adaptive", "walltime", "discover", "batch")]
LIMIT = 120
"""Seconds that one example may take."""

HERE: dict[str, Any] = {
    "queue": "normal",
    "account": None,
    "cores": 2,
    "processes": 1,
    "memory": "500 MB",
    "interface": "lo",
    "local_directory": None,
}
"""Options of the reader's site, and what stands in their place."""

NAMED = re.compile(r"# dask_profiles/(\w+)\.yaml\n")


def examples(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (where, language, text) of each fenced block that can be run, or saved as a profile."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        where = f"{page.name}:{text[: found.start()].count(chr(10)) + 1}"
        if found[1] in ("console", "ipython", "python", "yaml"):
            yield where, found[1], found[2]


def adapted(text: str) -> str:
    """Return a profile for this Slurm."""
    yaml = YAML()
    profile = yaml.load(text)
    groups = [group.get("options", {}) for group in profile.get("groups", {}).values()]
    for options in [profile.get("options", {}), *groups]:
        for name in [name for name in options if name in HERE]:
            if HERE[name] is None:
                del options[name]
            else:
                options[name] = HERE[name]
    written = io.StringIO()
    yaml.dump(profile, written)
    return written.getvalue()


def in_shell(where: str, command: str) -> None:
    """Run a command line as it stands."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, f"{where}: {command}\n{done.stdout}{done.stderr}"


@pytest.fixture
def site(state_dir: Path, tmp_path: Path, slurm: PrivateSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site with the profile ``normal`` that the first page has its reader write; return the folder of profiles."""
    folder = tmp_path / "dask_profiles"
    folder.mkdir()
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(folder))
    for _, language, text in examples(PAGES[0]):
        named = NAMED.match(text) if language == "yaml" else None
        if named is not None:
            (folder / f"{named[1]}.yaml").write_text(adapted(text))
    yield folder
    for cluster in ds.clusters():
        cluster.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path, site: Path, slurm: PrivateSlurm, tmp_path: Path) -> None:
    found = list(examples(page))
    ran = []
    notebook = Notebook() if any(language == "ipython" for _, language, _ in found) else None
    try:
        for where, language, text in found:
            named = NAMED.match(text) if language == "yaml" else None
            if named is not None:
                (site / f"{named[1]}.yaml").write_text(adapted(text))
            elif language == "console":
                for line in text.splitlines():
                    if line.startswith("$ "):
                        in_shell(where, line.removeprefix("$ "))
            elif language == "python":
                script = Path(tempfile.mkdtemp(dir=tmp_path)) / "example.py"
                script.write_text(text)
                done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=LIMIT)
                assert done.returncode == 0, f"{where}\n{done.stdout}{done.stderr}"
            elif language == "ipython":
                assert notebook is not None
                # A cell magic is a cell; lines of line magics are one, too.
                cell = notebook.run(text)
                assert cell.status == "ok", f"{where}\n{cell.outputs}"
            else:
                continue
            ran.append((where, language))
    finally:
        if notebook is not None:
            notebook.close()
    assert {language for _, language in ran} >= {"console", "python"}
    # What the examples start they also give back.
    assert ds.held() == []
    assert [job for job in slurm.queue() if job.name.startswith("dask-steward-") and job.state != "COMPLETING"] == []


def test_every_page_is_here() -> None:
    """A new how-to page is one whose examples run, too; those of other systems are named, and have tests elsewhere."""
    others = {"index", "attach", "ssh", "yarn"}
    assert {path.stem for path in (ROOT / "docs" / "howto").glob("*.md")} - others == {page.stem for page in PAGES}
