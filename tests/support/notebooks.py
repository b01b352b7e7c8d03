"""Example notebooks, run headless as a person runs them, with other parameters."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.support.kernels import AsyncKernelManager

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: Where clusters are reached, in what a notebook saves for everybody: nobody's business.
PRIVATE = re.compile(r"\b(?:tcp|tls|ws|http)s?://(?!localhost)[\w.\[:]|\b(?:127|10|192\.168|172\.16)(?:\.\d+){2,3}\b")


@dataclass
class Ran:
    """A notebook that has run.

    Attributes
    ----------
    notebook : NotebookNode
        With its outputs.
    values : dict
        What was asked of its kernel at the end.
    """

    notebook: Any
    values: dict[str, Any]

    def texts(self) -> dict[str, str]:
        """Return what each code cell printed and displayed, as plain text; cells that said nothing are left out."""
        return {cell.id: text for cell in self._code() if (text := _text(cell))}

    def figures(self) -> dict[str, bytes]:
        """Return the pictures of the cells that drew one, as PNG."""
        return {
            cell.id: base64.b64decode(output.data["image/png"])
            for cell in self._code()
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        }

    def faults(self) -> list[str]:
        """Return what no output of an example may have: errors, complaints, private addresses."""
        found = []
        for cell in self._code():
            for output in cell.outputs:
                if output.output_type == "error" or output.get("name") == "stderr":
                    found.append(f"{cell.id}: {output.get('text') or output.get('evalue')}")
                data = {"text/plain": output.get("text", ""), **output.get("data", {})}
                for kind, text in data.items():
                    if kind.startswith("text/"):
                        found += [f"{cell.id}: {hit[0]} in {kind}" for hit in PRIVATE.finditer(text)]
        return found

    def _code(self) -> list[Any]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]


def run(
    name: str,
    folder: Path,
    parameters: Mapping[str, Any] | None = None,
    ask: Mapping[str, str] | None = None,
    *,
    limit: int = 200,
) -> Ran:
    """Run a notebook of `EXAMPLES` in a kernel of this very interpreter.

    Parameters
    ----------
    name : str
        Without ``.ipynb``.
    folder : Path
        Its working folder.
    parameters : mapping, optional
        Values that take the place of those in its cell tagged ``parameters``, as papermill does it.
    ask : mapping, optional
        Expressions, by name, that are evaluated in the kernel at the end; their values must be JSON.
    limit : int
        Seconds that one cell may take.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    given = nbformat.v4.new_code_cell("\n".join(f"{key} = {value!r}" for key, value in (parameters or {}).items()))
    (place,) = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    asked = nbformat.v4.new_code_cell(
        "import json\nprint(json.dumps({" + ", ".join(f"{key!r}: {value}" for key, value in (ask or {}).items()) + "}))"
    )
    cells = list(notebook.cells)
    notebook.cells = [*cells[: place + 1], given, *cells[place + 1 :], asked]
    client = NotebookClient(
        notebook, timeout=limit, resources={"metadata": {"path": str(folder)}}, kernel_manager_class=AsyncKernelManager
    )
    # ipykernel warns at each start that its ports on loopback are not encrypted.
    client.extra_arguments = ["--log-level=ERROR"]
    # A terminal of whoever runs this is not that of the notebook.
    hidden = {name: os.environ.pop(name) for name in ("MPLBACKEND",) if name in os.environ}
    try:
        asyncio.run(client.async_execute())
    finally:
        os.environ.update(hidden)
    values = json.loads(_text(asked))
    notebook.cells = cells
    return Ran(notebook, values)


def _text(cell: Any) -> str:
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append("\n".join(output.traceback))
        elif "text/plain" in output.data and "image/png" not in output.data:
            parts.append(output.data["text/plain"] + "\n")
    # A line that was drawn over (a progress line) counts as it stood last.
    lines = _COLOURS.sub("", "".join(parts)).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rsplit("\r", 1)[-1].rstrip() for line in lines).strip("\n")
