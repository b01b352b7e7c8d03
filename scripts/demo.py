"""Run an example notebook without a browser, show what it did, and ask the ledger that nothing is held.

Nothing of the person who runs it is touched: state, sockets, Jupyter's folders and the notebook's working folder are
temporary. ``--profile`` writes another profile's name in place of ``local`` in the notebook's ``%%dask_cluster`` lines,
which is all that it takes to run it elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

QUICKSTART = Path(__file__).resolve().parent.parent / "examples" / "quickstart.ipynb"

CELL_LIMIT = 600
"""Seconds that one cell may take: a cluster on a busy queue system may wait a while for its first job."""

GRACE = 5.0
"""Seconds after the last cell in which processes that already released everything may still be leaving."""


def main(arguments: list[str] | None = None) -> int:
    """Run the notebook; return 0 when it ran to its end and nothing is held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", nargs="?", type=Path, default=QUICKSTART)
    parser.add_argument("--profile", default="local", help="profile to run on (default: local)")
    parser.add_argument("--size", type=int, help="MB of data, instead of the notebook's own SIZE")
    parser.add_argument("--folder", type=Path, help="working folder, one that the workers can read")
    parser.add_argument("--record", type=Path, help="write sources and outputs of the cells to this JSON file")
    options = parser.parse_args(arguments)

    with tempfile.TemporaryDirectory(prefix="dsk-demo-") as scratch:
        isolate(Path(scratch))
        folder = options.folder or Path(scratch, "work")
        folder.mkdir(parents=True, exist_ok=True)
        notebook = load(options.notebook, profile=options.profile, size=options.size)
        print(f"{options.notebook.name} on the profile '{options.profile}', {folder}\n", flush=True)
        failure = execute(notebook, folder)
        if options.record and not failure:
            options.record.parent.mkdir(parents=True, exist_ok=True)
            options.record.write_text(json.dumps(recording(notebook), indent=1, ensure_ascii=False) + "\n")
        if failure:
            print(f"\nThe notebook failed: {failure}", file=sys.stderr)
        released = nothing_is_held(Path(scratch))
        return 0 if released and not failure else 1


def isolate(scratch: Path) -> None:
    """Point state, sockets and Jupyter's folders into `scratch`, for this process and all that it starts."""
    folders = {
        "DASK_STEWARD_STATE_DIR": "state",
        "XDG_RUNTIME_DIR": "run",
        "JUPYTER_CONFIG_DIR": "jupyter",
        "JUPYTER_DATA_DIR": "jupyter-data",
        "JUPYTER_RUNTIME_DIR": "jupyter-run",
        "IPYTHONDIR": "ipython",
    }
    for name, folder in folders.items():
        (scratch / folder).mkdir(mode=0o700)
        os.environ[name] = str(scratch / folder)
    os.environ.pop("JUPYTER_PATH", None)  # a kernel of the user's named "python3" may be of another environment
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # ipykernel's debugger warns of frozen modules otherwise


def load(path: Path, *, profile: str, size: int | None) -> NotebookNode:
    """Read a notebook, with the profile's name in its cluster cells and ``SIZE`` in its ``parameters`` cell."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.source = re.sub(r"^%%dask_cluster local\b", f"%%dask_cluster {profile}", cell.source)
        if size is not None and cell.id == "parameters":
            cell.source = re.sub(r"^SIZE = \d+", f"SIZE = {size}", cell.source, flags=re.MULTILINE)
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> str | None:
    """Run all cells in a kernel of this very interpreter and print each with its output; return what failed, if so."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = NotebookClient(notebook, timeout=CELL_LIMIT, resources={"metadata": {"path": str(folder)}})
    # ipykernel warns at each start that its ports on loopback are not encrypted.
    client.extra_arguments = ["--log-level=ERROR"]
    shown = ""
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown":
                heading = re.match(r"#+ (.*)", cell.source)
                if heading:
                    print(f"── {heading[1]} ".ljust(100, "─") + "\n", flush=True)
                continue
            began = time.monotonic()
            try:
                client.execute_cell(cell, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                shown = str(error)
            print(f"In: {first_lines(cell.source)}")
            for line in text_of(cell).splitlines():
                print(f"    {line}")
            print(f"    ({time.monotonic() - began:.1f} s)\n", flush=True)
            if shown:
                return plain(shown).strip().splitlines()[-1]
    return None


def first_lines(source: str) -> str:
    """Return the line by which a reader knows a cell again."""
    lines = [line for line in source.splitlines() if line.strip()]
    return lines[0] + (" …" if len(lines) > 1 else "")


def text_of(cell: NotebookNode) -> str:
    """Return what a cell has printed and displayed, as plain text, in order."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append("\n".join(output.traceback))
        elif "text/plain" in output.data:
            parts.append(output.data["text/plain"] + "\n")
    # A line that was drawn over (a progress line) counts as it stood last.
    return "\n".join(line.rsplit("\r", 1)[-1] for line in plain("".join(parts)).replace("\r\n", "\n").split("\n"))


def plain(text: str) -> str:
    """Return `text` without colours; tracebacks of a kernel have them wherever they are shown."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def recording(notebook: NotebookNode) -> dict[str, dict[str, str]]:
    """Return the code cells' sources and what they printed, each by the cell's id (the tutorial shows both)."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {
        "sources": {cell.id: cell.source for cell in code},
        "outputs": {cell.id: text for cell in code if (text := text_of(cell).strip())},
    }


def nothing_is_held(scratch: Path) -> bool:
    """Ask the ledger, and the process table, what is still there; say so."""
    import dask_steward as ds

    held = ds.held()
    for thing in held:
        print(f"still held: {thing}", file=sys.stderr)
    deadline = time.monotonic() + GRACE
    while (left := processes_of(scratch)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid, command in left.items():
        print(f"still running: {pid} {command}", file=sys.stderr)
    if not held and not left:
        print("The ledger holds nothing, and no process of the demo is left.")
    return not held and not left


def processes_of(scratch: Path) -> dict[int, str]:
    """Return the other processes that were started with this demo's state folder (none where there is no /proc)."""
    mark = f"DASK_STEWARD_STATE_DIR={scratch / 'state'}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode(errors="replace")
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return {pid: command for pid, command in found.items() if command}


if __name__ == "__main__":
    sys.exit(main())
