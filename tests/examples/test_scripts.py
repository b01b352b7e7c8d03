"""``examples/scripts``: plain Python, and jobs that a site can take without us."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dask_steward as ds
from tests.contract.site import until
from tests.support.notebooks import EXAMPLES, PRIVATE
from tests.support.private_slurm import PrivateSlurm

SCRIPTS = EXAMPLES / "scripts"
JOBS = ("one-node", "several-nodes")
#: Small enough for a busy machine.
SMALL = ["--years", "2", "--nlat", "12"]


@pytest.fixture
def folder(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the scripts, as a person has it, who is in it."""
    found = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, found, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(found))
    monkeypatch.chdir(found)
    return found


def python(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_climatology(said: str, years: int) -> None:
    assert f"climatology of {years} years: {{'month': 12" in said
    (mean,) = re.findall(rf"mean of {12 * years} months' anomalies: ([\d.]+) degC", said)
    assert float(mean) < 1e-3
    found = Path("climatology")
    assert len(list(found.glob("tas_*.nc"))) == years
    assert (found / "tas.zarr" / "tas").is_dir()
    assert (found / "climatology.nc").stat().st_size > 1000


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_is_committed_is_what_would_be_printed_now(folder: Path, name: str) -> None:
    script = ds.batch(name, "climatology.py", submit=False).script
    script = script.replace(sys.executable, "python").replace(f"{folder}/", "")
    assert (SCRIPTS / f"{name}.sbatch").read_text() == script, (
        f"in examples/scripts: dask-steward batch --print {name} climatology.py > {name}.sbatch, "
        "with `python` for the interpreter and no folder before the script"
    )


@pytest.mark.requires("slurm")
@pytest.mark.timeout(300)
def test_a_committed_job_runs_as_it_is(
    folder: Path, make_slurm: Callable[..., PrivateSlurm], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a site without us: `sbatch`, and an environment with Dask whose `python` comes first on the PATH."""
    slurm = make_slurm(nodes=2, cpus=16, mem=64_000)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run(["sbatch", "--parsable", "several-nodes.sbatch"], capture_output=True, text=True, check=True)
    log = folder / f"slurm-{done.stdout.strip()}.out"
    until(lambda: not slurm.queue(), 200)
    said = log.read_text()
    assert "climatology.py ended with exit code 0" in said, said
    assert "3 workers with 31 threads" in said
    assert_climatology(said, years=4)
    assert "Traceback" not in said


@pytest.mark.timeout(300)
def test_plain_python_on_a_profile(folder: Path) -> None:
    (folder / "small.yaml").write_text("system: local\nscale: {workers: 2}\noptions: {threads_per_worker: 1}\n")
    said = python("client_map.py", "small")
    assert said == "the sum of the first 10000 squares is 333283335000\n"
    said = python("climatology.py", "--profile", "small", *SMALL)
    assert "2 workers with 2 threads" in said
    assert_climatology(said, years=2)
    assert not PRIVATE.search(said)
    assert ds.held() == []
