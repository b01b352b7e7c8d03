"""What nbclient (and with it papermill and nbconvert) makes of the magics."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

import dask_steward as ds
from tests.support.kernels import AsyncKernelManager

pytestmark = pytest.mark.usefixtures("clean")


def execute(*cells: str) -> tuple[nbformat.NotebookNode, CellExecutionError | None]:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in ("%load_ext dask_steward", *cells)])
    try:
        NotebookClient(notebook, timeout=60, kernel_name="python3", kernel_manager_class=AsyncKernelManager).execute()
    except CellExecutionError as error:
        return notebook, error
    return notebook, None


def test_a_saved_start_is_one_line() -> None:
    notebook, error = execute(
        "%%dask_cluster local --workers 1\nclient.submit(sum, [1, 2]).result()", "%dask_cluster held"
    )

    assert error is None
    start, result = notebook.cells[1].outputs
    assert start["data"]["text/plain"].startswith("local: 1 worker running (")
    assert "\n" not in start["data"]["text/plain"]
    assert result["data"]["text/plain"] == "3"
    assert notebook.cells[2].outputs[0]["text"] == "held: nothing\n"


def test_an_error_of_a_magic_stops_the_run() -> None:
    notebook, error = execute("%dask_cluster start nope", "print('never')")

    assert error is not None
    (output,) = notebook.cells[1].outputs
    assert (output["output_type"], output["ename"]) == ("error", "ProfileNotFound")
    assert notebook.cells[2].outputs == []


def test_an_error_in_a_cell_stops_the_run_and_releases() -> None:
    notebook, error = execute("%%dask_cluster local --workers 1\n1 / 0", "print('never')")

    assert error is not None
    assert [one["output_type"] for one in notebook.cells[1].outputs] == ["display_data", "error"]
    assert notebook.cells[1].outputs[1]["ename"] == "ZeroDivisionError"
    assert notebook.cells[2].outputs == []
    assert ds.held() == []


def test_an_awaiting_cell() -> None:
    notebook, error = execute("%%dask_cluster local --workers 1\nimport asyncio\nawait asyncio.sleep(0.01, 'slept')")

    assert error is None
    assert notebook.cells[1].outputs[1]["data"]["text/plain"] == "'slept'"
    assert ds.held() == []
