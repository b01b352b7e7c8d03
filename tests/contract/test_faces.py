"""The same clusters through the shell and the notebook: one life each; the faces' own tests go into their breadth."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import dask_steward as ds
from tests.contract.site import PATIENCE, Site, until


def shell(*arguments: str, code: int = 0) -> str:
    """Run the command; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "dask_steward.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout


def answer(*arguments: str) -> Any:
    return json.loads(shell(*arguments, "--json"))


@pytest.mark.also_on("ssh")
def test_a_life_in_the_shell(site: Site) -> None:
    import os

    started = answer("start", site.system, "--name", "by hand", "--owner-pid", str(os.getpid()), "--tenure", "process")
    try:
        assert (started["name"], started["state"]) == ("by hand", "running")
        assert started["scheduler"]["address"].startswith("tls://")
        id = started["id"]
        assert [one["id"] for one in answer("list")] == [id]
        status = answer("status", "by hand")
        assert status["keeper"]["pid"] == started["keeper"]["pid"]
        assert status["guard"]["pid"]
        assert status["owner"]["pid"] == os.getpid()

        answer("scale", id, "1")
        until(lambda: answer("status", id)["workers"]["running"] == 1)
        assert {one["cluster"] for one in answer("held")} == {id}
        assert "Scheduler at" in shell("logs", id, "--keeper")
        assert answer("connect", id)["address"] == started["scheduler"]["address"]
    finally:
        shell("stop", "by hand")

    assert answer("held") == []
    assert answer("list") == []
    site.assert_nothing_left()


def test_what_python_started_the_shell_sees_and_ends(site: Site) -> None:
    cluster = site.start()

    assert answer("status", cluster.id)["id"] == cluster.id
    shell("stop", cluster.id)

    assert cluster.state["state"] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("start", "locall"), 2),
        (("status", "nobody"), 3),
        (("stop", "nobody"), 3),
        (("scale", "nobody", "-1"), 2),
    ],
    ids=str,
)
@pytest.mark.only_on("local")
def test_exit_codes(site: Site, arguments: tuple[str, ...], code: int) -> None:
    shell(*arguments, code=code)


@pytest.fixture
def notebook() -> Iterator[InteractiveShell]:
    """An IPython of its own with the magics loaded."""
    InteractiveShell.clear_instance()
    quiet = Config({"HistoryManager": {"enabled": False}})
    found = InteractiveShell.instance(config=quiet)
    found.run_cell("%load_ext dask_steward")
    yield found
    found.run_cell("%unload_ext dask_steward")
    InteractiveShell.clear_instance()


def run(notebook: InteractiveShell, cell: str) -> Any:
    return notebook.run_cell(cell, store_history=False)


@pytest.mark.also_on("ssh")
def test_a_cell_runs_on_a_cluster_and_gives_it_back(site: Site, notebook: InteractiveShell) -> None:
    result = run(notebook, f"%%dask_cluster {site.system}\nfound = client.submit(sum, [1, 2, 3]).result(timeout=30)\n")

    result.raise_error()
    assert notebook.user_ns["found"] == 6
    site.assert_nothing_left()


def test_a_cell_that_fails_gives_it_back(site: Site, notebook: InteractiveShell) -> None:
    result = run(notebook, f"%%dask_cluster {site.system} --jobs 1\n1 / 0\n")

    assert isinstance(result.error_in_exec, ZeroDivisionError)
    site.assert_nothing_left()


def test_line_magics_see_the_same_clusters(
    site: Site, notebook: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    with site.start(workers=1, name="seen") as cluster:
        capsys.readouterr()
        run(notebook, "%dask_cluster list").raise_error()
        assert "seen" in capsys.readouterr().out

        run(notebook, "%dask_cluster stop seen").raise_error()

        until(lambda: cluster.state["state"] == "stopped", PATIENCE)
    assert ds.held() == []
