"""The kernels of a server, and whether a cluster can run in the environment of each."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dask_steward.server.kernelspecs import interpreter_in
from tests.server.serving import Server, folder_for

pytestmark = pytest.mark.timeout(300)  # a server and a cluster come up meanwhile

BARE = Path(sys.base_prefix) / "bin" / "python3"
"""The interpreter that the environment of these tests was made from: it has no Dask."""


def spec(place: Path, name: str, *argv: str, **more: Any) -> None:
    folder = place / "jupyter" / "kernels" / name
    folder.mkdir(parents=True)
    kernel = {"argv": [*argv, "-f", "{connection_file}"], "display_name": name.title(), "language": "python", **more}
    (folder / "kernel.json").write_text(json.dumps(kernel))


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    found = folder_for("spec")
    env = found / "env" / "bin"
    env.mkdir(parents=True)
    wrapper = f'#!/bin/sh\necho looked >> {found}/looks\nexec {sys.executable} "$@"\n'
    for name in ("python", "python3.99"):
        (env / name).write_text(wrapper)
        (env / name).chmod(0o755)
    kernel = ("-m", "ipykernel_launcher")
    spec(found, "fine", str(env / "python3.99"), *kernel)
    spec(found, "runner", sys.executable, "-m", "some_runner", str(found / "env"), "python", *kernel)
    spec(found, "bare", str(BARE), *kernel)
    spec(found, "gone", "/nowhere/bin/python", *kernel)
    spec(found, "shell", "bash", "-c", "python -m ipykernel_launcher")
    spec(found, "xeus", "/usr/bin/R", language="R")
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    with Server(place, environment={"JUPYTER_PATH": str(place / "jupyter")}) as found:
        yield found


def found(api: httpx.Client) -> dict[str, dict[str, Any]]:
    answer = api.get("kernelspecs")
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["kernelspecs"]}


def test_each_says_why_no_cluster_can_run_there(api: httpx.Client, place: Path) -> None:
    specs = found(api)
    assert specs["fine"] == {
        "name": "fine",
        "display_name": "Fine",
        "python": str(place / "env" / "bin" / "python3.99"),
        "dask": specs["python3"]["dask"],
        "why_not": None,
    }
    assert specs["runner"]["python"] == str(place / "env" / "bin" / "python")
    assert specs["runner"]["why_not"] is None
    assert "has no Dask" in specs["bare"]["why_not"]
    assert "cannot be run" in specs["gone"]["why_not"]
    assert "does not say which Python" in specs["shell"]["why_not"]
    assert specs["xeus"]["why_not"] == "it runs R"


def test_an_interpreter_is_looked_at_once_until_it_changes(api: httpx.Client, place: Path) -> None:
    found(api)
    before = (place / "looks").read_text().count("looked")
    found(api)
    assert (place / "looks").read_text().count("looked") == before
    later = time.time() + 10
    os.utime(place / "env" / "bin" / "python3.99", (later, later))
    found(api)
    assert (place / "looks").read_text().count("looked") == before + 1


@pytest.mark.parametrize(
    ("environment", "words"), [("nope", "no kernelspec"), ("bare", "has no Dask"), ("xeus", "it runs R")]
)
def test_a_start_there_is_refused_at_the_field(api: httpx.Client, environment: str, words: str) -> None:
    for path, body in (
        ("clusters", {"profile": "local", "environment": environment}),
        ("profiles/preview", {"name": "local", "environment": environment}),
    ):
        answer = api.post(path, json=body)
        assert (answer.status_code, answer.json()["field"]) == (400, "environment")
        assert words in answer.json()["message"]


def test_the_command_of_jupyter_s_own_kernel() -> None:
    assert interpreter_in(["python", "-m", "ipykernel_launcher"], {}) == sys.executable
    assert interpreter_in([], {}) is None
    own = os.path.dirname(sys.executable)
    name = next(name for name in os.listdir(own) if name.startswith("python3."))
    assert interpreter_in([name], {"PATH": f"{own}:${{PATH}}"}) in (os.path.join(own, name), sys.executable)
