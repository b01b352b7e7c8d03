"""A scheduler of somebody else in a notebook and in a shell: attached, used, let go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import dask_steward as ds
from tests.faces.conftest import Shell
from tests.faces.notebook import Notebook
from tests.support.foreign import ForeignScheduler, foreign_scheduler

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignScheduler]:
    """Somebody's scheduler with a worker."""
    folder: Path = tmp_path_factory.mktemp("foreign")
    with foreign_scheduler(folder, 1) as made:
        yield made


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    found = Notebook()
    found.run("%load_ext dask_steward")
    yield found
    found.close()


def test_a_notebook_attaches_uses_and_detaches(notebook: Notebook, foreign: ForeignScheduler) -> None:
    assert notebook.run(f"%dask_cluster attach {foreign.address} --name theirs").stdout.startswith("theirs: ")
    assert "6" in notebook.run("print(client.submit(sum, [1, 2, 3]).result())").stdout
    assert "address (foreign)" in notebook.run("%dask_cluster list").stdout
    scaled = notebook.run("%dask_cluster scale 3")
    assert scaled.status == "error"
    assert "theirs belongs to somebody else" in str(scaled.errors)
    assert notebook.run("%%dask_cluster theirs\nprint(client.submit(sum, [2, 3]).result())").stdout.strip() == "5"
    assert notebook.run("%dask_cluster detach").stdout == "theirs: detached\n"
    assert "False False" in notebook.run("print('client' in globals(), 'cluster' in globals())").stdout
    assert foreign.alive


def test_stop_is_detach(notebook: Notebook, foreign: ForeignScheduler) -> None:
    notebook.run(f"%dask_cluster attach --scheduler-file {foreign.file}")
    assert notebook.run("%dask_cluster stop").stdout == f"{foreign.file.name}: detached\n"
    assert foreign.alive


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("attach", "Missing: CLUSTER, an address, or --scheduler-file FILE"),
        ("attach localhost:8786 --tls-ca x", "Write its address, such as tcp://localhost:8786"),
        ("attach nobodys", "No cluster 'nobodys' is known"),
        ("attach tcp://h:1 --scheduler-file f", "give its address or its scheduler file"),
        ("attach mine --scheduler-file f", "not two of them"),
        ("attach tcp://127.0.0.1:1", "an address at which nobody listens"),
    ],
)
def test_what_is_wrong_is_one_line(notebook: Notebook, line: str, words: str) -> None:
    ran = notebook.run(f"%dask_cluster {line}")
    assert ran.status == "error"
    assert words in str(ran.errors)
    assert ds.clusters() == []


def test_a_cluster_of_ours_is_not_detached(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start local --workers 1 --name ours")
    ran = notebook.run("%dask_cluster detach")
    assert ran.status == "error"
    assert "was started here" in str(ran.errors)
    assert notebook.run("%dask_cluster stop").stdout == "ours: stopped\n"


def test_a_shell_attaches_and_detaches(shell: Shell, foreign: ForeignScheduler) -> None:
    done = shell("attach", foreign.address, "--name", "theirs", "--json", check=0)
    found = json.loads(done.stdout)
    assert (found["foreign"], found["tenure"], found["scheduler"]["address"]) == (True, "detached", foreign.address)
    assert "belongs to somebody else" in shell("scale", "theirs", "3", check=1).stderr
    assert f"{foreign.address} (of somebody else)" in shell("status", "theirs", check=0).stdout
    assert shell("detach", "theirs", check=0).stdout.endswith("theirs: detached\n")
    assert foreign.alive
