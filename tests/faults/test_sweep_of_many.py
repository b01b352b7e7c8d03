"""A sweep of very many stale entries: quick, and easy on the controller."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

import dask_steward as ds
from dask_steward.ledger import entries, holdings, paths
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.managers.slurm import Slurm
from tests.faults.stage import NOISE, SlurmStage
from tests.support.commands import Faults

pytestmark = pytest.mark.requires("slurm")

ENTRIES = 1000
SECONDS, COMMANDS = 2.0, 5


def stale(number: int, manager: dict[str, str], job: str | None) -> Path:
    """Write the entry of a cluster whose keeper and guard died long ago."""
    id = f"x{number:09d}"
    folder = Path(paths.clusters_dir()) / id
    folder.mkdir(parents=True)
    me = ProcessIdentity.of()
    dead = {"host": me.host, "boot_id": me.boot_id, "pid": 2**22 - 1 - number % 1000, "start_time": 1}
    created = time.time() - 3600
    facts = {
        "format": entries.FORMAT,
        "id": id,
        "tag": entries.tag(id),
        "keeper": dead,
        "manager": manager,
        "state": "running",
        "reason": None,
        "since": created,
    }
    request = {
        "format": entries.FORMAT,
        "id": id,
        "name": id,
        "created": created,
        "profile": {"name": "six", "system": "slurm"},
        "tenure": "kernel",
        "owner": {"kind": "kernel", **dead},
        "ask": {},
        "adapt": None,
    }
    (folder / entries.REQUEST).write_text(json.dumps(request))
    (folder / entries.ENTRY).write_text(json.dumps(facts))
    (folder / entries.GUARD).write_text(json.dumps({"format": entries.FORMAT, **dead, "doing": "watching"}))
    lines = [{"at": created, "kind": "job", "key": "j1", "step": "intent"}]
    if job is not None:
        lines.append({"at": created, "kind": "job", "key": "j1", "step": "held", "id": job})
    (folder / holdings.FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.mark.parametrize("with_jobs", [40, 500])
def test_a_sweep_of_a_thousand_entries_is_quick(slurm_stage: SlurmStage, faults: Faults, with_jobs: int) -> None:
    """Given 1,000 entries whose keepers and guards are dead, when swept, then 2 s and five queue commands do.

    Some hold jobs, others announced a submit that never got an answer; the queue tells which are there.
    """
    slurm = slurm_stage.slurm
    manager = Slurm().remembered()
    folders = []
    for number in range(ENTRIES):
        tag = entries.tag(f"x{number:09d}")
        job = slurm.submit("exec sleep 900", "--hold", "--mem=100", name=tag) if number < with_jobs else None
        # Of those with jobs every other one died before it learnt the id.
        folders.append(stale(number, manager, job if number % 2 else None))
    commands = ("squeue", "scancel", "sbatch", "sacct", "scontrol", "sinfo")
    for command in ("squeue", "scancel", "sbatch", "scontrol", "sinfo"):
        faults.script(command, f'exec {faults.real(command)} "$@"')
    began = time.monotonic()
    report = ds.sweep()
    seconds = time.monotonic() - began
    asked = sum(len(faults.calls(command)) for command in commands)
    slurm_stage.note(f"sweep of {ENTRIES} stale entries, {with_jobs} with a job; {asked} queue commands", seconds)
    assert report.left == []
    assert len(report.ended) == ENTRIES
    assert len(report.released) == with_jobs
    assert asked <= COMMANDS
    assert seconds <= SECONDS + NOISE
    assert [job for job in slurm.queue() if job.id not in slurm.foreign] == []
    assert slurm.touched_foreign() == []
    assert all(os.path.exists(folder / entries.END) for folder in folders)
    # And once more there is nothing to do: not one command.
    before = asked
    assert ds.sweep().ended == []
    assert sum(len(faults.calls(command)) for command in commands) == before
