"""The tutorial, from the quickstart notebook and the outputs that a real run of it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"
RECORDED = ROOT / "docs" / "recorded" / "quickstart.json"

NOTE = """:::{note}
This page is the notebook `examples/quickstart.ipynb`. `make demo` runs it for you; open it in Jupyter to try it
yourself. The outputs are those of a real run on two cores.
:::
"""


def page() -> str:
    """Return the page."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    outputs: dict[str, str] = json.loads(RECORDED.read_text(encoding="utf-8"))["outputs"]
    parts = [_as_markdown(cell, outputs) for cell in cells]
    return "\n".join([parts[0], NOTE, *parts[1:]])


def _as_markdown(cell: dict[str, Any], outputs: dict[str, str]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source + "\n"
    # The lexer is told by the first line: a magic is not Python.
    text = f"```{'ipython' if source.startswith('%') else 'python'}\n{source}\n```\n"
    if cell["id"] in outputs:
        text += f"\n```text\n{outputs[cell['id']]}\n```\n"
    return text
