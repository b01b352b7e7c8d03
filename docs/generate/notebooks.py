"""Pages of the example notebooks, with the outputs that a real run of each left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
RECORDED = ROOT / "docs" / "recorded"

#: In the order in which one reads them.
NAMES = ("local", "client-map", "xarray", "slurm", "pangeo-workflow")

TUTORIAL_NOTE = """:::{note}
This page is the notebook `examples/quickstart.ipynb`. `make demo` runs it for you; open it in Jupyter to try it
yourself. The outputs are those of a real run on two cores.
:::
"""
NOTE = """:::{{note}}
This page is the notebook `examples/{name}.ipynb`; open it in Jupyter to try it yourself. The outputs and figures are
those of a real run on two cores{where}.
:::
"""
INDEX = """# Examples

Each page is a notebook that the tests run on real clusters. All of them write the data that they need, and leave
nothing running.

```{toctree}
:maxdepth: 1

"""
SCRIPTS = """
`examples/scripts` has the same as plain Python, and jobs for one node and for several nodes of a Slurm site: see
[scripts with a cluster of their own](../../howto/batch.md).
"""


def write_all(out: Path, write: Any) -> None:
    """Write the index of the examples and one page for each into the folder `out`."""
    out.mkdir(exist_ok=True)
    for name in NAMES:
        write(out / f"{name}.md", page(name))
    write(out / "index.md", INDEX + "\n".join(NAMES) + "\n```\n" + SCRIPTS)


def tutorial() -> str:
    """Return the page of the quickstart."""
    return _page("quickstart", TUTORIAL_NOTE)


def page(name: str) -> str:
    """Return the page of a notebook."""
    given = _recorded(name)["parameters"]
    values = ", ".join(f"`{key} = {json.dumps(value)}`" for key, value in given.items())
    return _page(name, NOTE.format(name=name, where=f", with {values}" if given else ""))


def _recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _page(name: str, note: str) -> str:
    cells = json.loads((EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    recorded = _recorded(name)
    parts = [_as_markdown(cell, recorded) for cell in cells]
    return "\n".join([parts[0], note, *parts[1:]])


def _as_markdown(cell: dict[str, Any], recorded: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source + "\n"
    # A magic is not Python.
    magic = any(line.startswith("%") for line in source.splitlines())
    text = f"```{'ipython' if magic else 'python'}\n{source}\n```\n"
    if cell["id"] in recorded["outputs"]:
        text += f"\n```text\n{recorded['outputs'][cell['id']]}\n```\n"
    figure = recorded.get("figures", {}).get(cell["id"])
    if figure:
        text += f"\n![{cell['metadata']['figure']}](../../figures/{figure})\n"
    return text
