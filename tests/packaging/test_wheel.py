"""The wheel in a fresh environment on a machine without Node.js: complete, and seen by JupyterLab and its server."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.installed import ROOT, Installed, installed, path_without_node, wheel

pytestmark = pytest.mark.timeout(180, func_only=True)  # without fixtures: the first test may have to build the wheel

DATA = r"dask_steward-[^/]+\.data/data/"
EXTENSION = DATA + "share/jupyter/labextensions/dask-steward/"
MOST = 2_000_000
"""Bytes that the built front end may have: what a person waits for when a page is opened."""
WIDGET = 100_000
"""Bytes that the notebook's widget may have, packed: each kernel that shows one sends it to the page."""


@pytest.fixture(scope="module")
def built() -> Path:
    """The wheel."""
    return wheel()


@pytest.fixture(scope="module")
def environment(built: Path) -> Installed:
    """The environment that it is installed in."""
    return installed()


def names(path: Path) -> list[str]:
    """Return the names of a wheel's files."""
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if not name.endswith("/")]


def of_extension(path: Path) -> dict[str, bytes]:
    """Return the files of the front end in a wheel, by their path in it."""
    with zipfile.ZipFile(path) as archive:
        found = [(re.match(EXTENSION, name), name) for name in archive.namelist() if not name.endswith("/")]
        return {name[match.end() :]: archive.read(name) for match, name in found if match}


def test_no_node_where_it_is_installed(environment: Installed) -> None:
    assert [name for name in ("node", "npm", "npx") if shutil.which(name, path=environment.path)] == []


def test_front_end_is_complete(built: Path) -> None:
    files = of_extension(built)
    about = json.loads(files["package.json"])
    assert about["version"] == json.loads((ROOT / "package.json").read_text())["version"]
    assert about["jupyterlab"]["_build"]["load"] in files
    assert about["jupyterlab"]["_build"]["style"] == "./style"
    assert "static/style.js" in files
    assert json.loads(files["install.json"])["packageName"] == "dask-steward"
    in_tree = {f"schemas/dask-steward/{path.name}" for path in (ROOT / "labextension" / "schema").glob("*.json")}
    assert in_tree
    assert in_tree <= set(files)


def test_front_end_is_small_and_says_nothing_of_where_it_was_built(built: Path) -> None:
    files = of_extension(built)
    assert sum(len(body) for name, body in files.items() if name.endswith(".js")) < MOST
    machine = [str(ROOT), str(Path.home()), str(Path(sys.prefix))]
    assert [name for name, body in files.items() if any(place.encode() in body for place in machine)] == []


def test_react_and_jupyterlab_are_the_hosts_own(built: Path) -> None:
    """A second React in the page breaks hooks; a second copy of a token finds no plugin."""
    code = b"".join(body for name, body in of_extension(built).items() if name.endswith(".js"))
    assert b"Minified React error" not in code
    assert b"react.production.min" not in code


def test_widget_is_there_whole_and_small(built: Path) -> None:
    """One file of the Python package: views, styles and React, and nothing of JupyterLab's runtime."""
    with zipfile.ZipFile(built) as archive:
        code = archive.read("dask_steward/widgets/static/widget.js")
        entries = next(name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert b"dask_steward.widgets:Displays" in archive.read(entries)
    assert len(gzip.compress(code)) < WIDGET
    assert re.search(rb"export\s*\{[^}]*\bdefault\b", code)
    assert b"dsk-Card" in code
    assert b"--jp-layout-color1" in code  # its styles
    assert b"@lumino" not in code
    assert [place for place in (str(ROOT), str(Path.home()), str(Path(sys.prefix))) if place.encode() in code] == []


def test_widget_is_found_where_it_is_installed(environment: Installed) -> None:
    code = "from dask_steward.widgets.bundle import missing; import sys; sys.exit(missing())"
    done = environment.run("python", "-c", code)
    assert done.returncode == 0, done.stderr


def test_server_part_is_complete(built: Path) -> None:
    found = set(names(built))
    sources = {
        str(path.relative_to(ROOT / "magics"))
        for pattern in ("*.py", "*.yaml", "*.yml")
        for path in (ROOT / "magics" / "dask_steward" / "server").rglob(pattern)
        if "__pycache__" not in path.parts
    }
    assert any(name.endswith(".py") for name in sources)
    assert sources <= found
    (config,) = (name for name in found if re.search(DATA + r"etc/jupyter/jupyter_server_config\.d/", name))
    with zipfile.ZipFile(built) as archive:
        enabled = json.loads(archive.read(config))["ServerApp"]["jpserver_extensions"]
    assert enabled == {"dask_steward": True}


def test_wheel_from_the_sdist_needs_no_node(built: Path, tmp_path: Path) -> None:
    """What pip does where there is no wheel."""
    path = {"PATH": path_without_node(), "HOME": str(tmp_path)}

    def build(kind: str, tree: Path) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path / kind)]
        done = subprocess.run(command, cwd=tree, env=path, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        (found,) = (tmp_path / kind).iterdir()
        return found

    # What docs and tests bring in is of no matter here, so the tree that the wheel was built from will do.
    sdist = build("sdist", built.parent / "tree")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    again = build("wheel", unpacked)

    assert set(names(again)) == set(names(built))
    assert of_extension(again) == of_extension(built)


def test_jupyterlab_has_the_extension(environment: Installed) -> None:
    done = environment.run("jupyter", "labextension", "list")
    said = done.stdout + done.stderr
    (line,) = (line for line in said.splitlines() if "dask-steward" in line)
    assert "enabled" in line
    assert "OK" in line
    assert "(python, dask-steward)" in line  # it can be found by who uninstalls
    assert not [line for line in said.splitlines() if re.search(r"warn|error|deprecat|stale| X ", line, re.I)], said


def test_server_has_the_extension(environment: Installed) -> None:
    done = environment.run("jupyter", "server", "extension", "list")
    said = done.stdout + done.stderr
    lines = said.splitlines()
    at = next(index for index, line in enumerate(lines) if re.search(r"\bdask_steward\b.*enabled", line))
    assert re.search(r"\bdask_steward\b.*OK", "\n".join(lines[at : at + 3])), said
    assert not re.search(r"dask.?steward.*(warn|error|deprecat|fail)", said, re.I), said


def test_environment_is_consistent(environment: Installed) -> None:
    """Nothing that is installed asks for another version of something that is."""
    code = """
import sys
from importlib import metadata
from packaging.requirements import Requirement

missing = []
for text in metadata.requires("dask-steward") or []:
    wanted = Requirement(text)
    if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
        if not wanted.specifier.contains(metadata.version(wanted.name), prereleases=True):
            missing.append(text)
sys.exit(", ".join(missing) or 0)
"""
    done = environment.run("python", "-c", code)
    assert done.returncode == 0, done.stderr


def test_server_extension_alone_brings_no_dask_in(environment: Installed) -> None:
    """The server works where its own environment has no Dask."""
    code = (
        "import sys, json, dask_steward.server\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = environment.run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    loaded: Any = set(json.loads(done.stdout))
    assert loaded & {"dask", "distributed", "bokeh", "dask_jobqueue", "IPython"} == set()
