"""What a kernel shows of a cluster, and what that leaves behind: one comm for each thing shown, one thread for all."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

import dask_steward as ds
from tests.faces.notebook import LIMIT, Notebook
from tests.support.kernels import AsyncKernelManager

VIEW = "application/vnd.jupyter.widget-view+json"

COUNT = """
import os, threading, comm, ipywidgets
OURS = {"dask-steward-widgets", "dask-steward-progress", "dask-steward-act", "dask-steward-bar"}
def counted():
    return {
        "threads": sorted(one.name for one in threading.enumerate() if one.name in OURS),
        "comms": len(comm.get_comm_manager().comms),
        "widgets": len(ipywidgets.widgets.widget._instances),
        "files": len(os.listdir("/proc/self/fd")),
    }
"""


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    """A kernel of its own, as a page uses it; what it holds is counted."""
    found = Notebook()
    found.client.session.metadata = {"cellId": "a"}
    yield found
    found.close()


def counted(notebook: Notebook) -> dict[str, Any]:
    found: dict[str, Any] = notebook.value("counted()")
    return found


def comes_to(notebook: Notebook, wanted: dict[str, Any]) -> None:
    """Wait until a kernel holds what is wanted again, and no more; of files fewer may be open, such as a ledger's."""
    deadline = time.monotonic() + LIMIT
    while True:
        found = counted(notebook)
        if found["files"] <= wanted["files"] and {**found, "files": 0} == {**wanted, "files": 0}:
            return
        assert time.monotonic() < deadline, (found, wanted)
        time.sleep(0.1)


def bundles(ran: Any) -> list[dict[str, Any]]:
    return [one["data"] for one in ran.outputs if one["output_type"] == "display_data"]


def test_last_expression_is_text_html_and_a_view(notebook: Notebook) -> None:
    notebook.run("import dask_steward as ds\ncluster = ds.start('local', workers=1, name='seen')")
    (bundle,) = bundles(notebook.run("cluster"))

    assert bundle["text/plain"].startswith("<Cluster seen (local), running")
    assert "<script" not in bundle["text/html"]
    assert bundle[VIEW]["model_id"] == notebook.value("cluster.widget().model_id")
    # The magic shows the same one, with more words.
    (status,) = bundles(notebook.run("%load_ext dask_steward\n%dask_cluster status seen"))
    assert status[VIEW] == bundle[VIEW]
    assert "1 worker running" in status["text/plain"]
    notebook.run("cluster.close()")


def test_saved_output_says_how_it_ended(notebook: Notebook) -> None:
    # In a cell of its own: a start that takes long shows how far it is.
    notebook.run("import dask_steward as ds\ncluster = ds.start('local', workers=1, name='over')")
    (bundle,) = bundles(notebook.run("display(cluster)\ncluster.close()"))

    assert "stopped" in bundle["text/plain"]
    assert "stopped" in bundle["text/html"]
    assert VIEW in bundle  # a page that shows it goes on to do so


def test_saved_output_says_how_a_computation_ended(notebook: Notebook) -> None:
    """Of a page, too: its live view is not what GitHub and nbconvert show."""
    notebook.run("""
import threading, time
import dask_steward as ds
def nap(seconds):
    time.sleep(seconds)
cluster = ds.start('local', workers=1, name='ending')
client = cluster.get_client()
""")
    ran = notebook.run("naps = client.map(nap, [0.2] * 5, pure=False)\nds.widgets.Progress(naps)")
    (shown,) = [one for one in ran.outputs if one["output_type"] == "display_data"]
    assert VIEW in shown["data"]
    view = shown["data"][VIEW]
    # Within one cell: to what comes between two of them a page listens, and this kernel's client does not.
    follows = "any(one.name == 'dask-steward-progress' for one in threading.enumerate())"
    notebook.run(f"while {follows}:\n    time.sleep(0.05)")
    assert shown["data"]["text/plain"].startswith("nap 5/5 finished")
    assert "5/5 finished" in shown["data"]["text/html"]
    assert shown["data"][VIEW] == view
    notebook.run("client.close()\ncluster.close()")


def test_who_runs_a_notebook_without_a_page_saves_no_widget() -> None:
    """nbclient saves the state of widgets: code of ours, and addresses."""
    cells = [
        "import dask_steward as ds\ncluster = ds.start('local', workers=1, name='saved')",
        "cluster",
        "cluster.close()",
    ]
    saved = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(saved, timeout=60, kernel_name="python3", kernel_manager_class=AsyncKernelManager).execute()

    assert "widgets" not in saved.metadata
    (output,) = saved.cells[1].outputs
    assert set(output["data"]) == {"text/plain", "text/html"}
    assert "stopped" in output["data"]["text/plain"]  # its last state, though it was displayed before
    assert "stopped" in output["data"]["text/html"]
    assert len(json.dumps(saved)) < 8_000
    page, _ = HTMLExporter().from_notebook_node(saved)
    assert re.search(r"<strong>saved</strong>.*stopped", page, re.S)


def test_fifty_notebooks_of_displays_leave_nothing(notebook: Notebook) -> None:
    notebook.run(COUNT)
    start = "cluster = ds.start('local', workers=1, name='often')"
    notebook.run(start)
    notebook.run("cluster")  # what is imported and cached on the way is there from now on
    notebook.run("cluster.close()")
    notebook.run(start)
    before = counted(notebook)
    assert before["threads"] == []

    notebook.run("cluster")
    once = counted(notebook)
    for _ in range(50):
        notebook.run("cluster")
        notebook.run("display(cluster)\ncluster.widget()")

    # Two comms are a view and its layout, which ipywidgets gives to each.
    assert (once["threads"], once["comms"] - before["comms"]) == (["dask-steward-widgets"], 2)
    comes_to(notebook, once)
    notebook.run("cluster.close()")
    comes_to(notebook, before)


def test_fifty_computations_that_are_shown_leave_nothing(notebook: Notebook) -> None:
    notebook.run(COUNT)
    notebook.run("cluster = ds.start('local', workers=1, name='many')\nclient = cluster.get_client()")
    before = counted(notebook)
    notebook.run("x = client.submit(sum, [1, 2])\nx.result()\ndisplay(ds.widgets.Progress(x))")
    comes_to(notebook, {**before, "files": 10_000})
    before = counted(notebook)  # the connection to the keeper is open now

    for number in range(50):
        notebook.run(f"x = client.submit(sum, [{number}, 2])\nx.result()\ndisplay(ds.widgets.Progress(x))")

    comes_to(notebook, before)
    notebook.run("client.close()\ncluster.close()")


def test_views_that_are_closed_are_followed_no_more(notebook: Notebook) -> None:
    """As a page says it: its cell is run again, its notebook is closed."""
    notebook.run(COUNT)
    notebook.run("from dask_steward.widgets import shelf\nshelf.GRACE = 0.5")
    notebook.run("cluster = ds.start('local', workers=1, name='gone')")
    before = counted(notebook)
    notebook.run("cluster")
    say = "cluster.widget()._heard(None, {{'kind': 'view', 'view': '{}', 'open': {}}}, [])"
    notebook.run(f"{say.format('a', True)}\n{say.format('b', True)}\n{say.format('a', False)}")
    assert counted(notebook)["threads"] == ["dask-steward-widgets"]

    notebook.run(say.format("b", False))

    comes_to(notebook, before)
    # Shown again it is there again.
    notebook.run("cluster")
    assert counted(notebook)["threads"] == ["dask-steward-widgets"]
    notebook.run("cluster.close()")


def test_without_anywidget_the_text_says_what_to_install(notebook: Notebook) -> None:
    with ds.start("local", workers=1, name="bare"):
        notebook.run("import sys\nkept = sys.modules.pop('anywidget', None)\nsys.modules['anywidget'] = None")
        ran = notebook.run("ds.get('bare')")
        refused = notebook.run("ds.get('bare').widget()")
        notebook.run("sys.modules['anywidget'] = kept")

    (bundle,) = bundles(ran)
    assert VIEW not in bundle
    assert "pip install 'dask-steward[lab]'" in bundle["text/plain"]
    assert "dask-steward[lab]" in bundle["text/html"]
    assert refused.reply["ename"] == "UsageError"
    assert "dask-steward[lab]" in refused.traceback
