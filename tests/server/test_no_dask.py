"""A server in an environment that really has no Dask: clusters run in the environment of a kernel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import httpx
import pytest

import dask_steward as ds
from tests.server.conftest import started, until, until_ready
from tests.server.serving import Server, folder_for

pytestmark = pytest.mark.timeout(600)  # an environment is made

ROOT = Path(__file__).resolve().parents[2]
LIGHT = (
    "cryptography",
    "httpx",
    "jupyter-server",
    "jupyter-server-proxy",
    "platformdirs",
    "psutil",
    "pydantic",
    "ruamel.yaml",
    "traitlets",
)
"""What we need beside Dask, in the versions of this environment."""


def _uv() -> list[str]:
    private = ROOT / ".cache" / "uv-venv" / "bin" / "python"
    return [str(private), "-m", "uv"] if private.exists() else [shutil.which("uv") or "uv"]


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run([*command, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    found = folder_for("bare")
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="module")
def python(place: Path) -> Path:
    """The interpreter of an environment with a Jupyter server and our package, and without Dask."""
    made = place / "env"
    wanted = [f"{name}=={metadata.version(name)}" for name in LIGHT]
    uv = _uv()
    # The tests have a home of their own; packages are found where they were put for this environment.
    environment = {**os.environ, "HOME": os.path.expanduser(f"~{os.environ.get('USER', 'root')}")}
    if _runs(uv):
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(made)], check=True, env=environment)
        install = [*uv, "pip", "install", "--quiet", "--python", str(made / "bin" / "python")]
    else:
        subprocess.run([sys.executable, "-m", "venv", str(made)], check=True, env=environment)
        install = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--constraint", str(ROOT / "constraints.txt"), *wanted], check=True, env=environment)
    found = made / "bin" / "python"
    (packages,) = made.glob("lib/python3.*/site-packages")
    (packages / "dask_steward").symlink_to(ROOT / "magics" / "dask_steward")
    # Installed from the work tree without a build: what tells the version is enough.
    told = packages / f"dask_steward-{ds.__version__}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.4\nName: dask-steward\nVersion: {ds.__version__}\n")
    return found


@pytest.fixture(scope="module")
def server(place: Path, python: Path) -> Iterator[Server]:
    spec = place / "jupyter" / "kernels" / "withdask"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "With Dask", "language": "python"}))
    with Server(place, python=str(python), environment={"JUPYTER_PATH": str(place / "jupyter")}) as found:
        yield found


@pytest.mark.usefixtures("clean")
def test_a_cluster_of_a_kernel_s_environment_starts_works_and_stops(api: httpx.Client, python: Path) -> None:
    program = (
        "import dask_steward.server.app, importlib.util as u; print(u.find_spec('dask'), u.find_spec('distributed'))"
    )
    done = subprocess.run([str(python), "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("None None", "")

    specs = {one["name"]: one for one in api.get("kernelspecs").json()["kernelspecs"]}
    assert specs["withdask"]["why_not"] is None
    preview = api.post("profiles/preview", json={"name": "local", "environment": "withdask"})
    assert preview.status_code == 200, preview.text

    id = started(api, environment="withdask")["id"]
    ready = until_ready(api, id)
    assert (ready["state"], ready["workers"]["running"]) == ("running", 1)
    assert ds.get(id)._entry().profile["python"] == sys.executable
    assert api.get(f"clusters/{id}/dashboard/individual-plots.json").status_code == 200
    assert api.delete(f"clusters/{id}").status_code == 202
    ended = until(api, id, lambda card: card["state"] == "stopped")
    assert ended["jobs"]["running"] == 0
    assert ds.held() == []
