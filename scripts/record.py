"""Run the notebooks of ``examples/`` and keep what they printed and drew, for the documentation.

``docs/recorded/NAME.json`` has the sources of the cells, what they printed, and the parameters of the run;
``docs/figures/NAME-CELL.png`` the pictures. The quickstart has a recording of its own (``scripts/demo.py --record``).
Those that need Slurm run on a private one of three nodes on this machine, with short times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from demo import isolate, nothing_is_held  # noqa: E402

RECORDED = ROOT / "docs" / "recorded"
FIGURES = ROOT / "docs" / "figures"

#: What is not the notebook's own: a site of three small nodes, and no patience.
PARAMETERS: dict[str, dict[str, Any]] = {
    "local": {},
    "client-map": {"PROFILES": ["local", "slurm"]},
    "xarray": {},
    "slurm": {
        "QUEUE": "normal",
        "CORES": 4,
        "MEMORY": "1 GB",
        "INTERFACE": "lo",
        "THINK": 12,
        "HOLD": "5 s",
        "WALLTIME": "00:01:00",
        "LONG": 100,
    },
    "pangeo-workflow": {"PROFILE": "slurm", "MOST": 3, "HOLD": "5 s", "YEARS": 20, "SIZE": 200},
}
PROFILE = """\
system: slurm
scale: {jobs: 2}
options: {queue: normal, cores: 1, processes: 1, memory: 1 GB, walltime: "00:30:00", interface: lo}
"""


def main() -> int:
    """Record the notebooks that were asked for; return 0 when nothing is held afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ({', '.join(PARAMETERS)}; default all)")
    names = parser.parse_args().names or list(PARAMETERS)
    unknown = set(names) - set(PARAMETERS)
    if unknown:
        parser.error(f"no such notebook: {', '.join(sorted(unknown))}")

    from tests.support.private_slurm import PrivateSlurm

    with tempfile.TemporaryDirectory(prefix="dsk-record-") as scratch:
        isolate(Path(scratch))
        profiles = Path(scratch, "profiles")
        profiles.mkdir()
        (profiles / "slurm.yaml").write_text(PROFILE)
        os.environ["DASK_STEWARD_PROFILES"] = str(profiles)
        with PrivateSlurm() as slurm:
            os.environ.update(slurm.env)
            for name in names:
                record(name, Path(scratch, name))
        return 0 if nothing_is_held(Path(scratch)) else 1


def record(name: str, folder: Path) -> None:
    """Run one notebook in a folder and write what it said."""
    from tests.support.notebooks import run

    folder.mkdir()
    ran = run(name, folder, PARAMETERS[name], limit=900)
    faults = ran.faults()
    if faults:
        raise SystemExit(f"{name}: its outputs are not fit to be shown: {faults}")
    RECORDED.mkdir(exist_ok=True)
    FIGURES.mkdir(exist_ok=True)
    figures = {}
    for cell, png in ran.figures().items():
        figures[cell] = f"{name}-{cell}.png"
        (FIGURES / figures[cell]).write_bytes(png)
    code = [cell for cell in ran.notebook.cells if cell.cell_type == "code" and cell.id in sources(name)]
    recorded = {
        "parameters": PARAMETERS[name],
        "sources": {cell.id: cell.source for cell in code},
        "outputs": {cell: text.replace(f"{folder}/", "") for cell, text in ran.texts().items()},
        "figures": figures,
    }
    (RECORDED / f"{name}.json").write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
    print(f"{name}: {len(recorded['outputs'])} outputs, {len(figures)} figures", flush=True)


def sources(name: str) -> set[str]:
    """Return the ids of the notebook's own cells."""
    notebook = json.loads((ROOT / "examples" / f"{name}.ipynb").read_text(encoding="utf-8"))
    return {cell["id"] for cell in notebook["cells"]}


if __name__ == "__main__":
    sys.exit(main())
