"""The entry of a living cluster disappears: a state folder on a file system that went away, or somebody tidied up."""

from __future__ import annotations

import os
import signal
import time

import pytest

import dask_steward as ds
from dask_steward.ledger.identity import ProcessIdentity
from tests.faults.stage import NOISE, SlurmStage, wait_until

pytestmark = pytest.mark.requires("slurm")


def test_the_guard_releases_from_memory_when_its_entry_is_gone(slurm_stage: SlurmStage) -> None:
    """Given six jobs whose entry is gone, when their keeper is killed, then the guard still cancels them all."""
    started = slurm_stage.full()
    guard, keeper = ProcessIdentity.of(started.guard), started.keeper
    aside = started.folder.with_name("aside")
    os.rename(started.folder, aside)
    try:
        now, clock = time.monotonic(), time.time()
        os.kill(keeper, signal.SIGKILL)
        slurm_stage.gone(started, now, 2.0 + NOISE)
        wait_until("the guard has ended", lambda: guard.state() == "dead")
    finally:
        os.rename(aside, started.folder)
    assert not started.ended()  # it could not be crossed out …
    assert started.entry.id in ds.sweep().ended  # … so the next sweep does, and finds nothing
    slurm_stage.cost(started, clock)
    slurm_stage.nothing_left(started)
