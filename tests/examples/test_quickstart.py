"""The quickstart as a person runs it: headless, on this machine and on a real Slurm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.private_slurm import Job, PrivateSlurm

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "examples" / "quickstart.ipynb"


def demo(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), *map(str, arguments)]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280, start_new_session=True
    )


def assert_right_and_released(done: subprocess.CompletedProcess[str], workers: int | None = None) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    # 0.25 degrees a year were put into the data; the weather's noise, averaged over all, is far below a hundredth.
    (warming,) = re.findall(r"warming: ([-\d.]+) degC a year", done.stdout)
    assert float(warming) == pytest.approx(0.25, abs=0.01)
    (used,) = re.findall(r"workers used: (\d+)", done.stdout)
    assert int(used) >= 1 if workers is None else int(used) == workers
    assert re.search(r"^ *held: nothing$", done.stdout, re.MULTILINE)
    assert "The ledger holds nothing, and no process of the demo is left." in done.stdout


def ours(slurm: PrivateSlurm, *, ended: bool = False) -> list[Job]:
    return [job for job in slurm.queue(ended=ended) if job.name.startswith("dask-steward-")]


@pytest.mark.timeout(300)
def test_runs_on_this_machine() -> None:
    assert_right_and_released(demo("--size", "8"))


@pytest.mark.timeout(300)
def test_runs_on_slurm_with_one_word_changed(slurm: PrivateSlurm, tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "cluster.yaml").write_text(
        textwrap.dedent("""\
            system: slurm
            scale: {jobs: 2}
            options: {queue: debug, cores: 1, processes: 1, memory: 1 GB, walltime: "00:10:00", interface: lo}
            """)
    )
    before = {job.id for job in ours(slurm, ended=True)}
    done = demo(
        "--size", "8", "--profile", "cluster", "--folder", tmp_path / "work", DASK_STEWARD_PROFILES=str(profiles)
    )
    assert_right_and_released(done, workers=2)
    assert ours(slurm) == []
    # Two cells with a cluster, two jobs each: the work was done by jobs, not beside them.
    assert len({job.id for job in ours(slurm, ended=True)} - before) == 4


@pytest.mark.timeout(120)
def test_a_failing_cell_fails_the_demo_and_still_leaves_nothing(tmp_path: Path) -> None:
    notebook = json.loads(QUICKSTART.read_text(encoding="utf-8"))
    keep = {"load", "climatology"}
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] in keep]
    notebook["cells"][-1]["source"] = "%%dask_cluster local --workers 1\nassert client.nthreads()\n1 / 0"
    (tmp_path / "failing.ipynb").write_text(json.dumps(notebook))
    done = demo(tmp_path / "failing.ipynb")
    assert done.returncode == 1
    assert "The notebook failed: ZeroDivisionError: division by zero" in done.stderr
    assert "The ledger holds nothing, and no process of the demo is left." in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_committed_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
