"""Name, owner and workers' processes in the shell and in a notebook; and what a notebook's page is told."""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from tests.faces import notebook as module
from tests.faces.conftest import Shell
from tests.faces.notebook import Notebook, Ran

pytestmark = pytest.mark.usefixtures("clean")

KERNEL = str(uuid.uuid4())


class Served(Notebook):
    """A kernel as a Jupyter server starts it: its connection file has its id, its environment its notebook."""

    def _start(self, environment: dict[str, str]) -> None:
        file = Path(os.environ["JUPYTER_RUNTIME_DIR"]) / f"kernel-{KERNEL}.json"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "KernelManager", functools.partial(module.KernelManager, connection_file=str(file)))
            super()._start(environment)


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    found = Served(JPY_SESSION_NAME="/home/me/work <1>.ipynb")
    found.client.session.metadata = {"cellId": "a"}  # a page says so
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _nothing_in_use(notebook: Notebook) -> None:
    notebook.run("%reload_ext dask_steward\nfor _name in ('client', 'cluster'):\n    globals().pop(_name, None)")


def told(ran: Ran) -> list[tuple[str, str]]:
    """Return what the page was told, as (action, name)."""
    opened = [one["content"] for one in ran.messages if one["msg_type"] == "comm_open"]
    closed = {one["content"]["comm_id"] for one in ran.messages if one["msg_type"] == "comm_close"}
    ours = [one for one in opened if one["target_name"] == "dask-steward"]
    assert all(one["comm_id"] in closed for one in ours)
    assert all(set(one["data"]) == {"action", "id", "name"} for one in ours)
    return [(one["data"]["action"], one["data"]["name"]) for one in ours]


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_is_told_which_cluster_a_notebook_uses(notebook: Notebook) -> None:
    assert told(notebook.run("%dask_cluster start local --workers 1 --name mine")) == [("attached", "mine")]
    assert told(notebook.run("%dask_cluster scale 1")) == []
    with ds.start("local", workers=0, name="theirs"):
        assert told(notebook.run("%dask_cluster attach theirs")) == [("attached", "theirs")]
    assert told(notebook.run("%dask_cluster stop mine")) == [("detached", "mine")]


def test_the_page_is_told_for_how_long_a_cell_uses_a_cluster(notebook: Notebook) -> None:
    ran = notebook.run("%%dask_cluster local --workers 1 --name cell\nclient.submit(sum, [1, 2]).result()")

    assert ran.result == "3"
    assert told(ran) == [("attached", "cell"), ("detached", "cell")]


def test_a_scheduler_of_this_process_is_told_to_nobody(notebook: Notebook) -> None:
    ran = notebook.run("%%dask_cluster threads\n1 + 1")

    assert (ran.status, told(ran)) == ("ok", [])


def test_a_page_that_cannot_be_told_changes_nothing(notebook: Notebook) -> None:
    notebook.run("import comm; _create, comm.create_comm = comm.create_comm, None")
    try:
        ran = notebook.run("%dask_cluster start local --workers 1")
    finally:
        notebook.run("comm.create_comm = _create")

    assert (ran.status, ran.stderr, told(ran)) == ("ok", "", [])


# --- the owner --------------------------------------------------------------------------------------------------------


def test_an_owner_that_is_a_servers_kernel_says_which(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start local --workers 0")

    (cluster,) = ds.clusters()
    owner = cluster.state["owner"]

    assert (owner["kind"], owner["pid"]) == ("kernel", notebook.pid)
    assert (owner["kernel_id"], owner["session"]) == (KERNEL, "/home/me/work <1>.ipynb")


def test_a_kernel_takes_a_cluster_over_and_lets_it_go(notebook: Notebook) -> None:
    with ds.start("local", workers=0, name="theirs") as cluster:
        ran = notebook.run("%dask_cluster tenure kernel --cluster theirs")
        assert ran.stdout == f"theirs belongs to kernel {notebook.pid} on {cluster.state['owner']['host']} now.\n"
        assert cluster.state["owner"]["kernel_id"] == KERNEL

        refused = notebook.run("%dask_cluster tenure detached --cluster theirs")
        assert "needs idle_timeout or time_to_live" in refused.traceback
        ran = notebook.run("%dask_cluster tenure detached --idle-timeout 20min --cluster theirs")
        assert ran.stdout.startswith("theirs belongs to nobody now; without work it ends at ")
        assert cluster.state["owner"] is None


# --- the words of the magic and of the command ------------------------------------------------------------------------


def test_the_magic_renames_and_starts_workers_again(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start local --workers 1 --name before")
    pid = notebook.value("list(client.run(__import__('os').getpid).values())[0]")

    assert notebook.run("%dask_cluster rename after").stdout == "before is called after now.\n"
    assert notebook.value("cluster.name") == "after"
    assert notebook.run("%dask_cluster restart-workers").stdout.startswith("after: 1 worker")
    assert notebook.value("list(client.run(__import__('os').getpid).values())[0]") != pid
    assert "rename" in notebook.complete("%dask_cluster re")
    assert "restart-workers" in notebook.complete("%dask_cluster re")


def test_the_command_renames_gives_and_starts_workers_again(shell: Shell, answer: Callable[..., Any]) -> None:
    with ds.start("local", workers=1, name="before") as cluster:
        assert shell("rename", "before", "after", check=0).stdout == "before is called after now.\n"
        assert answer("rename", "after", "last")["name"] == "last"
        assert "is there already" not in shell("rename", "last", "last", check=0).stderr
        assert shell("rename", "last", "a/b", check=2).stderr.startswith("dask-steward: name: 'a/b' is not")

        assert "--owner-pid" in shell("tenure", "last", "process", check=2).stderr
        given = answer("tenure", "last", "process", "--owner-pid", str(os.getppid()))
        assert (given["tenure"], given["owner"]["pid"]) == ("process", os.getppid())
        assert "belongs to nobody" in shell("tenure", "last", "detached", "--idle-timeout", "1h", check=0).stdout

        again = answer("restart-workers", "last")
        assert (again["note"], again["workers"]["running"]) == (None, 1)
        assert cluster.state["ends_by"] == "idle_timeout"
