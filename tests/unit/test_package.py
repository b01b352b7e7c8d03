"""The wheel: complete, typed, and built on a machine without Node.js."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built with an empty PATH: no node, no npm, no git."""
    out = tmp_path_factory.mktemp("wheel")
    # What Node.js builds is looked at by tests/packaging.
    environment = {**os.environ, "PATH": str(out), "SKIP_JUPYTER_BUILDER": "1"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    in_tree = {
        str(path.relative_to(ROOT / "magics"))
        for path in (ROOT / "magics" / "dask_steward").rglob("*.py")
        if "__pycache__" not in path.parts
    }
    in_wheel = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert in_tree <= in_wheel
    assert "dask_steward/py.typed" in in_wheel
    assert {name.partition("/")[0] for name in in_wheel} == {"dask_steward"}


def test_wheel_takes_its_version_from_package_json(wheel: zipfile.ZipFile) -> None:
    version = json.loads((ROOT / "package.json").read_text())["version"]
    assert any(name.startswith(f"dask_steward-{version}.dist-info/") for name in wheel.namelist())


def test_server_finds_the_extension(wheel: zipfile.ZipFile) -> None:
    (config,) = (
        name for name in wheel.namelist() if name.endswith("etc/jupyter/jupyter_server_config.d/dask_steward.json")
    )
    assert json.loads(wheel.read(config)) == {"ServerApp": {"jpserver_extensions": {"dask_steward": True}}}


def test_core_requires_neither_ipython_nor_jupyterlab() -> None:
    required = [line for line in metadata.requires("dask-steward") or [] if "extra ==" not in line]
    assert not [line for line in required if line.lower().startswith(("ipython", "jupyterlab", "bokeh"))]


@pytest.mark.parametrize(
    ("group", "name"), [("console_scripts", "dask-steward"), ("dask_cli", "steward")], ids=["shell", "dask plugin"]
)
def test_entry_points_load(group: str, name: str) -> None:
    (entry,) = metadata.entry_points(group=group, name=name)
    assert callable(entry.load())
