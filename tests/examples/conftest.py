"""Where the example notebooks run: a state, profiles and a folder of their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dask_steward as ds
from tests.support.notebooks import Ran, run
from tests.support.private_slurm import PrivateSlurm

#: What every slow machine gets beside the notebook: small workers, since tests run beside each other.
LOCAL = """\
system: local
scale: {workers: 2}
options: {threads_per_worker: 1, memory_limit: 1 GB}
"""
SLURM = """\
system: slurm
scale: {jobs: 2}
options: {queue: debug, cores: 1, processes: 1, memory: 900 MB, walltime: "00:10:00", interface: lo}
"""


@pytest.fixture
def play(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """Run a notebook in a new folder; whatever it started must be gone, and its outputs be fit to be shown."""
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "local.yaml").write_text(LOCAL)
    (profiles / "slurm.yaml").write_text(SLURM)
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(profiles))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def play(name: str, parameters: dict[str, object], ask: dict[str, str], *, limit: int = 200) -> Ran:
        ran = run(name, folder, parameters, ask, limit=limit)
        assert ran.faults() == []
        assert ran.texts()["held"] == "held: nothing"
        return ran

    yield play
    assert ds.held() == []
    shutil.rmtree(folder)


@pytest.fixture
def queue(slurm: PrivateSlurm) -> Iterator[PrivateSlurm]:
    """A Slurm in which no job of ours is left."""
    yield slurm
    left = [job for job in slurm.queue() if job.name.startswith("dask-steward-") and job.state != "COMPLETING"]
    assert left == []
