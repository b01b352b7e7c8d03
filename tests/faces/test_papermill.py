"""What papermill, which runs notebooks as batch work does, saves of clusters and computations."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

import dask_steward as ds

pytestmark = pytest.mark.usefixtures("clean")

SETUP = """%load_ext dask_steward
import time
import dask_steward as ds
def nap(seconds):
    time.sleep(seconds)
    return seconds"""


def run(folder: Path, *cells: str, **parameters: object) -> tuple[nbformat.NotebookNode, str]:
    """Run a notebook; return what was saved, and the error that stopped the run."""
    first = new_code_cell("seconds = 0", metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[new_code_cell(SETUP), first, *map(new_code_cell, cells)])
    notebook.metadata.kernelspec = {"name": "python3", "language": "python", "display_name": "Python"}
    given, saved = folder / "given.ipynb", folder / "saved.ipynb"
    nbformat.write(notebook, given)
    said = ""
    try:
        papermill.execute_notebook(given, saved, parameters, progress_bar=False, execution_timeout=60)
    except PapermillExecutionError as error:
        said = str(error)
    return nbformat.read(saved, as_version=4), said


def texts(cell: nbformat.NotebookNode) -> list[str]:
    """Return the text of each output."""
    return [one["text"] if one.output_type == "stream" else one["data"]["text/plain"] for one in cell.outputs]


SHOWN = (
    "cluster = ds.start('local', workers=2, name='papers')\nclient = cluster.get_client()",
    "cluster",
    "first = client.map(nap, [seconds] * 20, pure=False)\nds.widgets.Progress(first)",
    "len(client.gather(first))",
    "second = client.map(nap, [5 * seconds] * 20, pure=False)\nds.widgets.Progress(second)",
    "print(len(client.gather(second)))\ncluster.close()",
    "%%dask_cluster local --workers 2 --progress bar\nlen(client.gather(client.map(nap, [seconds] * 20, pure=False)))",
)


def test_what_is_saved_says_how_it_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notebook, error = run(tmp_path, *SHOWN, seconds=0.04)

    assert error == ""
    _, _, _, _, cluster, first, count, second, printed, cell = notebook.cells
    assert "widgets" not in notebook.metadata
    (shown,) = cluster.outputs
    assert set(shown["data"]) == {"text/plain", "text/html"}
    assert shown["data"]["text/plain"].startswith("<Cluster papers (local), stopped: stopped by a person")
    assert "stopped — stopped by a person" in shown["data"]["text/html"]
    # They ran still when their cells ended; the second one's cluster was stopped by the very cell that waited for it.
    for progress in (first, second):
        (shown,) = progress.outputs
        assert set(shown["data"]) == {"text/plain", "text/html"}
        assert shown["data"]["text/plain"].startswith("nap 20/20 finished")
        assert "20/20 finished" in shown["data"]["text/html"]
        assert "not up to date" not in shown["data"]["text/html"]
    assert (texts(count), texts(printed)) == (["20"], ["20\n"])
    start, *rest = texts(cell)
    assert start.startswith("local: 2 workers running (")
    assert sorted(rest)[0] == "20"
    assert all(one.startswith("nap 20/20 finished") for one in sorted(rest)[1:])
    # Programs say so of every comm that they do not know.
    assert "comm target" not in caplog.text

    saved = (tmp_path / "saved.ipynb").read_text()
    for private in (f"{socket.gethostname()}:", "127.0.0.1", "tcp://", "tls://", str(Path.home()) + "/", sys.prefix):
        assert private not in json.dumps([one.get("outputs") for one in notebook.cells]), private
    assert "<script" not in saved

    # It took five times as long, and as much is saved of it.
    sizes = [len(json.dumps(one.outputs)) for one in (first, second)]
    assert abs(sizes[0] - sizes[1]) < 60, sizes

    page, _ = HTMLExporter(sanitize_html=True).from_notebook_node(notebook)
    assert re.search(r"<strong>papers</strong>.*stopped by a person", page, re.S)
    assert page.count("20/20 finished") >= 2


def test_an_error_stops_the_run_with_one_sentence(tmp_path: Path) -> None:
    notebook, error = run(tmp_path, "%dask_cluster start nope", "print('never')")

    assert "ProfileNotFound: no profile is called nope. There are: " in error
    *_, wrong, never = notebook.cells
    assert [one.output_type for one in wrong.outputs] == ["error"]
    assert never.outputs == []
    assert ds.held() == []
