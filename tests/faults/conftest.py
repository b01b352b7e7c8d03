"""Stages for faults, the seed of their random moments, and the table of what was measured.

Moments of a kill are random; the seed is shown at the end of the run and with each failure, and
``DASK_STEWARD_SEED=<seed>`` repeats them. ``DASK_STEWARD_TIMES=<file>`` adds the measured times to a file, one JSON
object a line.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from dask_steward.ledger import entries
from tests.faults.stage import MEASURED, SlurmStage, Stage, wait_until
from tests.support.private_slurm import PrivateSlurm

SEED = os.environ.get("DASK_STEWARD_SEED") or str(random.SystemRandom().randrange(10**6))

GUARDS_END = 90.0
"""Seconds in which every guard must have ended: one that looks out for a submit in flight does so for a minute."""

_LEFT_TO_GUARDS: list[Path] = []

SIX = """\
title: six jobs on three nodes
system: slurm
options: {{queue: debug, cores: 1, job_cpu: 3, memory: 900 MB, processes: 1, interface: lo, walltime: "00:20:00",
          local_directory: "{scratch}"}}
scale: {{jobs: 6}}
dashboard: "off"
"""


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> random.Random:
    """Random moments of this test; the same ones for the same seed."""
    print(f"DASK_STEWARD_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.nodeid}")


@pytest.fixture
def stage(tmp_path: Path, state_dir: Path, moments: random.Random, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage for clusters of this host."""
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path / "profiles"))
    made = Stage(tmp_path, moments, MEASURED)
    yield made
    _leave_nothing(made)


@pytest.fixture
def slurm_stage(
    tmp_path: Path,
    state_dir: Path,
    slurm: PrivateSlurm,
    guards_end: None,
    moments: random.Random,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[SlurmStage]:
    """A stage on Slurm: others' jobs run on each node, the profile ``six`` asks for more than there is room for."""
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path / "profiles"))
    made = SlurmStage(tmp_path, moments, MEASURED, slurm=slurm)
    made.profile("six", SIX.format(scratch=made.scratch))
    made.others()
    yield made
    _leave_nothing(made)


def _leave_nothing(stage: Stage) -> None:
    left = stage.end()
    for one in stage.started:
        if not one.ended():
            _LEFT_TO_GUARDS.append(one.folder)
    assert not left, f"processes of ours outlived the test (now killed): {left}"


@pytest.fixture(scope="session")
def guards_end(slurm_of_the_run: PrivateSlurm) -> Iterator[None]:
    """Every guard that was still looking out when its test ended ends too, and crosses its entry out."""
    yield
    deadline = time.monotonic() + GUARDS_END
    for folder in _LEFT_TO_GUARDS:
        entry = entries.read_entry(str(folder))
        if not entry.ended and entry.guard_alive():
            wait_until(
                f"the guard of {entry.id} has ended",
                lambda folder=folder: entries.read_entry(str(folder)).ended,
                max(0.0, deadline - time.monotonic()),
                0.2,
            )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What goes on for a minute after its test comes first: nobody has to wait for it at the end."""

    def place(item: pytest.Item) -> int:
        marks = {mark.name for mark in item.iter_markers()}
        return 0 if "comes_first" in marks else 2 if "comes_last" in marks else 1

    ours = [number for number, item in enumerate(items) if item.path.is_relative_to(Path(__file__).parent)]
    for number, item in zip(ours, sorted((items[number] for number in ours), key=place), strict=True):
        items[number] = item


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "comes_first: something of it goes on for a minute after the test.")
    config.addinivalue_line("markers", "comes_last: it looks at what was begun long before.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not MEASURED:
        return
    terminalreporter.section(f"measured releases, DASK_STEWARD_SEED={SEED}")
    for one in MEASURED:
        cost = "" if one.node_seconds is None else f"  {one.node_seconds:5.1f} node-s"
        terminalreporter.line(f"{one.seconds:6.2f} s{cost}  {one.case}")
    path = os.environ.get("DASK_STEWARD_TIMES")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            for one in MEASURED:
                file.write(json.dumps({"seed": SEED, **asdict(one)}) + "\n")
