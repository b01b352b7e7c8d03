"""A job that Slurm is about to start again when its cluster is given back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dask_steward.ledger import entries, files
from dask_steward.ledger.entries import Entry
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.managers.base import JobState, JobStatus, Unknown
from dask_steward.managers.slurm import Slurm
from dask_steward.release.releaser import Releaser
from dask_steward.release.sweep import sweep
from tests.support import leaks
from tests.support.private_slurm import PrivateSlurm

PATIENCE = 60.0

STUBBORN = "#!/bin/bash\n#SBATCH -o /dev/null\ntrap '' TERM\ntouch {ready}\nwhile :; do sleep 0.2; done\n"
"""It does not heed SIGTERM, so that Slurm waits for it (KillWait) before it starts it again."""


@pytest.fixture
def stale(tmp_path: Path) -> Entry:
    """The entry of a cluster on Slurm whose keeper and guard died."""
    id = f"x{uuid.uuid4().hex[:9]}"
    folder = tmp_path / "clusters" / id
    folder.mkdir(parents=True)
    dead = ProcessIdentity.of()._replace(boot_id="before").to_json()
    request = {"format": 1, "id": id, "name": id, "created": time.time() - 3600, "profile": {"system": "slurm"}}
    facts = {"format": 1, "id": id, "tag": entries.tag(id), "keeper": dead, "manager": Slurm().remembered()}
    files.write_json(str(folder / entries.REQUEST), request)
    files.write_json(str(folder / entries.ENTRY), facts)
    return entries.read_entry(str(folder))


def one(entry: Entry, wanted: Callable[[JobStatus], bool]) -> JobStatus:
    """Return the entry's only job as soon as it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = Slurm().find_by_tag([entry.tag])
        assert not isinstance(answer, Unknown), answer
        (status,) = answer[entry.tag]
        if wanted(status):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.05)


@pytest.fixture
def requeued(slurm: PrivateSlurm, stale: Entry, tmp_path: Path) -> Iterator[Entry]:
    """Let a job of that cluster be on its way back into the queue: it looks like one that ends."""
    tmp_path.chmod(0o755)
    ready = tmp_path / "ready"
    (job,) = Slurm().submit(STUBBORN.format(ready=ready), job_name=stale.tag, comment=f"{stale.tag}:j1", cwd="/tmp")
    deadline = time.monotonic() + PATIENCE
    while not ready.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    slurm.run("scontrol", "requeue", job)
    one(stale, lambda status: status.state is JobState.ENDING)
    yield stale
    leaks.kill(slurm.processes_on_nodes())


def how_it_ended(slurm: PrivateSlurm, entry: Entry) -> str:
    """Let the job's last process go; return the state in which Slurm then leaves the job."""
    leaks.kill(slurm.processes_on_nodes())
    return one(entry, lambda status: status.state is not JobState.ENDING).native


@pytest.mark.requires("slurm")
def test_it_comes_back_where_nobody_cancels_it(slurm: PrivateSlurm, requeued: Entry) -> None:
    """What the other tests here stand on."""
    assert how_it_ended(slurm, requeued) == "PENDING"
    Slurm().cancel_tag(requeued.tag)


@pytest.mark.requires("slurm")
def test_the_guard_keeps_it_from_coming_back(slurm: PrivateSlurm, requeued: Entry) -> None:
    Releaser(requeued).run()
    # It was not waited for: its last process has been ended by nobody yet.
    assert slurm.processes_on_nodes() != []
    assert how_it_ended(slurm, requeued) == "CANCELLED"


@pytest.mark.requires("slurm")
def test_the_sweep_keeps_it_from_coming_back(slurm: PrivateSlurm, requeued: Entry) -> None:
    report = sweep(str(Path(requeued.folder).parent))
    assert (report.ended, report.left) == ([requeued.id], [])
    assert slurm.processes_on_nodes() != []
    assert how_it_ended(slurm, requeued) == "CANCELLED"


class Counting(Slurm):
    """Cancels go nowhere, and are counted."""

    def __init__(self, statuses: list[list[JobStatus]], fails: int = 0) -> None:
        super().__init__()
        self.statuses, self.fails, self.cancelled = statuses, fails, list[list[str]]()

    def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...]:
        return tuple(self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])

    def cancel(self, ids: object, *, timeout: float | None = None, commands: int = 0) -> Unknown | None:
        self.cancelled.append(list(ids))  # type: ignore[call-overload]
        self.fails -= 1
        return Unknown("down") if self.fails >= 0 else None

    def cancel_tag(self, tag: str, *, timeout: float | None = None) -> Unknown | None:
        return Unknown("down") if self.fails >= 0 else None


def counted(entry: Entry, manager: Slurm, monkeypatch: pytest.MonkeyPatch) -> Releaser:
    monkeypatch.setattr("dask_steward.release.releaser.manager_for", lambda entry: manager)
    return Releaser(entry)


def test_an_ending_job_is_cancelled_once(stale: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = JobStatus("7", stale.tag, JobState.ENDING, "COMPLETING")
    running = JobStatus("8", stale.tag, JobState.RUNNING, "RUNNING")
    ended = JobStatus("8", stale.tag, JobState.ENDING, "COMPLETING")
    manager = Counting([[ending, running], [ending, ended]])
    releaser = counted(stale, manager, monkeypatch)

    assert not releaser.look().empty
    assert releaser.look().empty
    assert manager.cancelled == [["8", "7"]]
    assert releaser.released == {"8"}


def test_an_ending_job_whose_cancel_failed_is_cancelled_again(stale: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = JobStatus("7", stale.tag, JobState.ENDING, "COMPLETING")
    manager = Counting([[ending]], fails=2)
    releaser = counted(stale, manager, monkeypatch)

    assert releaser.look().unknown == "down"
    assert not releaser.look().empty
    assert releaser.look().empty
    assert manager.cancelled == [["7"]] * 3
