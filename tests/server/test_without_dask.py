"""A server whose environment has no Dask, with kernels whose environment has it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import dask_steward as ds
from tests.server.a_spy import HIDDEN
from tests.server.conftest import started, until, until_ready
from tests.server.listening import Ear
from tests.server.serving import Server, folder_for

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that cannot import Dask, and a kernelspec of an interpreter that can."""
    folder = folder_for("nodask")
    python = folder / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    spec = folder / "jupyter" / "kernels" / "withdask"
    spec.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": argv, "display_name": "With Dask", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(kernel))
    shutil.copy(Path(__file__).with_name("a_spy.py"), folder)
    environment = {"PYTHONPATH": str(folder), "SPY_HIDES_DASK": "1", "JUPYTER_PATH": str(folder / "jupyter")}
    with Server(folder, extensions=["a_spy"], environment=environment) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


def imported(server: Server, api: httpx.Client) -> set[str]:
    """Return the roots of all that the server's process has imported."""
    answer = api.get(f"{server.url}spy/modules")
    assert answer.status_code == 200, answer.text
    return {name.partition(".")[0] for name in answer.json()["modules"]}


def test_clusters_run_in_a_kernel_s_environment(server: Server, api: httpx.Client) -> None:
    specs = {one["name"]: one for one in api.get("kernelspecs").json()["kernelspecs"]}
    assert specs["withdask"]["why_not"] is None
    named = started(api, environment="withdask", name="named")
    assert ds.get("named")._entry().profile["python"] == specs["withdask"]["python"]
    chosen = started(api, name="chosen")  # nobody chose: the server finds one that can
    assert ds.get("chosen")._entry().profile["python"] == specs["withdask"]["python"]
    until_ready(api, named["id"])
    until_ready(api, chosen["id"])


def test_a_server_that_has_done_everything_has_imported_nothing_of_dask(server: Server, api: httpx.Client) -> None:
    watch = {"kind": "workers", "watcher": "somebody-looks", "seconds": 60}

    def called(method: str, path: str, **given: Any) -> None:
        deadline = time.monotonic() + 60
        while True:
            answer = api.request(method, path, **given)
            if answer.is_success:
                return
            # The pages of a dashboard come up a moment after its cluster; bokeh is large.
            assert answer.status_code == 503, (method, path, answer.status_code, answer.text)
            assert time.monotonic() < deadline, (path, answer.text)
            time.sleep(0.2)

    with Ear(server) as ear:
        id = started(api)["id"]
        until_ready(api, id)
        until(api, id, lambda card: card["scheduler"]["dashboard"])
        for path in ("", "/connect", "/workers", "/jobs", "/logs", "/dashboard/individual-plots.json"):
            called("GET", f"clusters/{id}{path}")
        called("POST", f"clusters/{id}/watch", json=watch)
        called("POST", f"clusters/{id}/scale", json={"workers": 2})
        called("POST", f"clusters/{id}/adapt", json={"minimum": 1, "maximum": 2})
        called("POST", f"clusters/{id}/profile", json={"name": "kept"})
        called("PUT", "profiles/mine", json={"profile": {"system": "slurm", "options": {"cores": 2, "memory": "4 GB"}}})
        called("POST", "profiles/validate", json={"name": "mine", "profile": {"system": "slurm"}})
        called("POST", "profiles/preview", json={"name": "kept"})
        for path in ("clusters?all=1", "profiles", "profiles/schema/slurm", "status", "held", "openapi.json"):
            called("GET", path)
        called("POST", "sweep", json={})
        called("DELETE", f"clusters/{id}")
        until(api, id, lambda card: card["state"] == "stopped")
        ear.wait_state(id, "stopped")
        called("POST", f"clusters/{id}/retry", json={})
    assert imported(server, api) & {*HIDDEN, "numpy"} == set()


def test_the_spy_sees_what_is_imported(server: Server, api: httpx.Client) -> None:
    assert {"dask_steward", "jupyter_server", "httpx"} <= imported(server, api)
