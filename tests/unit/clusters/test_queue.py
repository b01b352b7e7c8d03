"""The reconcile loop against a queue that does what a real one cannot be made to do at a given moment.

Everything else about queues is tried on a real Slurm (``tests/contract``, ``tests/faults``).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from dask_steward.clusters import queue as queue_module
from dask_steward.clusters.base import Site
from dask_steward.clusters.line import Event, Line
from dask_steward.clusters.queue import QueueWorkforce
from dask_steward.errors import StartFailed, SubmitRefused, SubmitUncertain
from dask_steward.ledger import files, holdings
from dask_steward.ledger.holdings import HoldingsLog
from dask_steward.managers.base import JobState, JobStatus, Unknown

TAG = "dask-steward-abcdefghij"


@dataclass
class FakeQueue:
    """A queue in memory, with a hook before each answer."""

    rows: dict[str, JobStatus] = field(default_factory=dict)
    submits: list[str] = field(default_factory=list)
    cancels: list[tuple[str, ...]] = field(default_factory=list)
    at_submit: Callable[[str], None] = lambda key: None
    after_submit: Callable[[str], None] = lambda key: None
    at_cancel: Callable[[Sequence[str]], Unknown | None] = lambda ids: None
    answer: Unknown | None = None
    system: str = "fake"
    lock: Any = field(default_factory=threading.Lock)

    def submit(self, script: str, *, job_name: str, comment: str, count: int = 1) -> tuple[str, ...]:
        key = comment.rpartition(":")[2]
        with self.lock:
            self.submits.append(key)
        self.at_submit(key)
        id = self.land(key)
        self.after_submit(key)
        return (id,)

    def land(self, key: str, state: JobState = JobState.QUEUED) -> str:
        with self.lock:
            id = str(100 + len(self.rows))
            self.rows[id] = status(id, key, state)
        return id

    def move(self, key: str, state: JobState) -> None:
        with self.lock:
            (id,) = [one.id for one in self.rows.values() if one.comment == f"{TAG}:{key}"]
            self.rows[id] = status(id, key, state)

    def jobs(self) -> tuple[JobStatus, ...] | Unknown:
        with self.lock:
            return self.answer or tuple(self.rows.values())

    def find_by_tag(self, tags: Collection[str]) -> dict[str, tuple[JobStatus, ...]] | Unknown:
        found = self.jobs()
        return found if isinstance(found, Unknown) else {TAG: found}

    def cancel(self, ids: Sequence[str]) -> Unknown | None:
        with self.lock:
            self.cancels.append(tuple(ids))
        failed = self.at_cancel(ids)
        if failed is None:
            with self.lock:
                for id in ids:
                    one = self.rows.get(id)
                    if one is not None:
                        self.rows[id] = status(id, str(one.comment).rpartition(":")[2], JobState.ENDED)
        return failed

    def cancel_tag(self, tag: str) -> Unknown | None:
        return self.cancel(list(self.rows))

    def explain(self, one: JobStatus) -> str:
        return f"Fake: {one.state.name}"

    def remembered(self) -> dict[str, str]:
        return {}

    def live(self) -> list[str]:
        return [str(one.comment).rpartition(":")[2] for one in self.rows.values() if one.state is JobState.QUEUED]


def status(id: str, key: str, state: JobState) -> JobStatus:
    return JobStatus(id=id, name=TAG, state=state, native=state.name, comment=f"{TAG}:{key}", user="me", node="n1")


class FakeScheduler(SimpleNamespace):
    """Knows workers; retires when it is let."""

    async def retire_workers(self, workers: list[str], close_workers: bool) -> None:
        self.retiring.set()
        await self.may_retire.wait()
        for address in workers:
            self.workers.pop(address, None)


@pytest.fixture
def fake() -> FakeQueue:
    return FakeQueue()


@pytest_asyncio.fixture
async def force(fake: FakeQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[QueueWorkforce]:
    """A workforce with no job yet, and little patience."""
    monkeypatch.setattr(queue_module, "BUSY_INTERVAL", 0.05)
    monkeypatch.setattr(queue_module, "IDLE_INTERVAL", 0.05)
    monkeypatch.setattr(queue_module, "CANCEL_AGAIN", 0.2)
    monkeypatch.setattr(queue_module, "RETRY_PAUSES", (0.2, 1.0))
    monkeypatch.setattr(queue_module, "RELEASE_LIMIT", 2.0)
    monkeypatch.setattr(queue_module, "end_marked", lambda *arguments: None)
    scheduler = FakeScheduler(workers={}, retiring=asyncio.Event(), may_retire=asyncio.Event())
    scheduler.may_retire.set()
    site = Site(
        id="abcdefghij",
        tag=TAG,
        folder=str(tmp_path),
        profile={},
        python=None,
        scheduler=scheduler,
        security=None,
        tls={},
        log=HoldingsLog(str(tmp_path)),
        changed=lambda: None,
    )
    line = Line(TAG, "127.0.0.1", None, lambda event: None)
    line.start()
    found = QueueWorkforce(
        site,
        fake,
        lambda key: f"script of {key}",
        processes=1,
        cores=2,
        memory=10**9,
        line=line,
        log_of=lambda id: str(tmp_path / f"{id}.log"),
    )
    found._retry_pause = 0.2
    found.start()
    yield found
    found._closing = True
    found._wake.set()
    line.close()
    await asyncio.wait_for(found._reconciling, 5)  # type: ignore[arg-type]


async def until(done: Callable[[], Any], timeout: float = 10.0) -> Any:
    deadline = time.monotonic() + timeout
    while not (found := done()):
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)
    return found


def steps(force: QueueWorkforce) -> dict[str, str]:
    return {key: job.step for key, job in force.jobs.items()}


def written(tmp_path: Path) -> list[tuple[str, str, str | None]]:
    return [(one["key"], one["step"], one.get("id")) for one in files.read_lines(str(tmp_path / holdings.FILE))]


def connect(force: QueueWorkforce, key: str) -> str:
    """Let a job's worker connect."""
    address = f"tls://{key}"
    force.site.scheduler.workers[address] = SimpleNamespace(processing={}, nbytes=0)
    force.heard(Event(key, force.jobs[key].id or "?", "n1", up=True))
    force.joined(address, key)
    return address


# --- up ---------------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_intent_is_on_disk_before_the_submit(force: QueueWorkforce, fake: FakeQueue, tmp_path: Path) -> None:
    seen: dict[str, list[tuple[str, str, str | None]]] = {}
    fake.at_submit = lambda key: seen.__setitem__(key, written(tmp_path))

    await force.scale(3)
    await until(lambda: steps(force) == {"j1": "queued", "j2": "queued", "j3": "queued"})

    for key, before in seen.items():
        assert (key, "intent", None) in before
    assert sorted(one for one in written(tmp_path) if one[1] == "held") == [
        (key, "held", job.id) for key, job in sorted(force.jobs.items())
    ]
    assert vars(force.counts()) == {"asked": 3, "queued": 3, "running": 0, "lost": 0}
    assert force.reason() == "3 of 3 jobs wait: Fake: QUEUED"


@pytest.mark.asyncio
async def test_a_job_goes_through_its_steps(force: QueueWorkforce, fake: FakeQueue) -> None:
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    fake.move("j1", JobState.RUNNING)
    await until(lambda: steps(force) == {"j1": "running"})

    connect(force, "j1")

    assert steps(force) == {"j1": "connected"}
    assert vars(force.counts()) == {"asked": 1, "queued": 0, "running": 1, "lost": 0}
    assert force.reason() is None
    assert force.core_seconds() > 0


@pytest.mark.asyncio
async def test_a_submit_without_an_answer_is_found_by_its_comment_and_not_made_again(
    force: QueueWorkforce, fake: FakeQueue, tmp_path: Path
) -> None:
    def hang(key: str) -> None:
        raise SubmitUncertain("sbatch did not answer within 15 s", retryable=True)

    fake.after_submit = hang  # it lands all the same
    await force.scale(1)

    await until(lambda: steps(force) == {"j1": "queued"})

    assert fake.submits == ["j1"]
    assert ("j1", "held", "100") in written(tmp_path)


@pytest.mark.asyncio
async def test_a_submit_that_never_landed_is_given_up_and_made_again(
    force: QueueWorkforce, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "UNCERTAIN_LIMIT", 0.2)

    def hang(key: str) -> None:
        if key == "j1":
            raise SubmitUncertain("no answer")

    fake.at_submit = hang
    await force.scale(1)

    await until(lambda: steps(force).get("j2") == "queued")
    assert fake.live() == ["j2"]


@pytest.mark.asyncio
async def test_submits_that_wait_for_their_turn_are_not_taken_for_lost(
    force: QueueWorkforce, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by reading: a slow sbatch and many jobs; those that had not been submitted yet were given up as unanswered,
    submitted all the same, and replaced: more jobs than were asked for."""
    monkeypatch.setattr(queue_module, "UNCERTAIN_LIMIT", 0.1)
    fake.at_submit = lambda key: time.sleep(0.15)

    await force.scale(12)
    await until(lambda: set(steps(force).values()) == {"queued"} and len(force.jobs) == 12)
    await asyncio.sleep(0.2)

    assert len(fake.submits) == 12


@pytest.mark.asyncio
async def test_a_refusal_stops_all_submits_and_is_the_reason(
    force: QueueWorkforce, fake: FakeQueue, tmp_path: Path
) -> None:
    def refuse(key: str) -> None:
        raise SubmitRefused("sbatch: invalid partition specified: debgu")

    fake.at_submit = refuse
    await force.scale(100)

    await until(lambda: force.failure)
    assert force.failure == force.reason() == "sbatch: invalid partition specified: debgu"
    assert len(fake.submits) <= queue_module.SUBMITS_AT_ONCE
    assert not [job for job in force.jobs.values() if job.holding]
    assert {one[1] for one in written(tmp_path)} == {"intent", "refused"}

    fake.at_submit = lambda key: None
    await force.scale(2)
    await until(lambda: len(fake.live()) == 2)
    assert force.failure is None


@pytest.mark.asyncio
async def test_a_passing_refusal_is_shown_and_tried_again(force: QueueWorkforce, fake: FakeQueue) -> None:
    def refuse(key: str) -> None:
        if len(fake.submits) <= 4:
            raise SubmitRefused("sbatch: Unable to contact slurm controller", retryable=True)

    fake.at_submit = refuse
    await force.scale(4)

    await until(lambda: force.reason() and "Unable to contact" in force.reason())
    assert force.failure is None
    await until(lambda: len(fake.live()) == 4)
    assert "Unable" not in str(force.reason())
    # Four refusals of one moment are one pause, not four doublings.
    assert force._retry_pause <= 0.2


@pytest.mark.asyncio
async def test_a_ledger_that_cannot_be_written_submits_nothing(
    force: QueueWorkforce, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(force.site.log, "write", full)
    await force.scale(3)

    await until(lambda: force.failure)
    assert fake.submits == []
    assert "No space left" in str(force.reason())


@pytest.mark.asyncio
async def test_a_job_whose_id_cannot_be_written_is_still_held(
    force: QueueWorkforce, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up between intent and held: the job is in the queue, and must not be forgotten."""
    real = force.site.log.write

    def full(kind: str, key: str, step: str, *arguments: Any, **options: Any) -> None:
        if step == holdings.HELD:
            raise OSError(28, "No space left on device")
        real(kind, key, step, *arguments, **options)

    monkeypatch.setattr(force.site.log, "write", full)
    await force.scale(1)

    await until(lambda: force.jobs.get("j1") and force.jobs["j1"].step == "queued")
    assert [one.id for one in force.holdings()] == ["100"]
    assert await force.release(urgent=False) is None
    assert fake.live() == []


@pytest.mark.asyncio
async def test_a_script_that_cannot_be_rendered_is_a_refusal(force: QueueWorkforce, fake: FakeQueue) -> None:
    def broken(key: str) -> str:
        raise StartFailed("dask-jobqueue rendered a worker without a name")

    force._script_for = broken
    await force.scale(2)

    await until(lambda: force.failure)
    assert "without a name" in str(force.failure)
    assert fake.submits == []


# --- unknown and lost -------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_an_answer_that_does_not_come_is_unknown_and_nothing_is_lost(
    force: QueueWorkforce, fake: FakeQueue
) -> None:
    await force.scale(2)
    await until(lambda: list(steps(force).values()) == ["queued", "queued"])

    fake.answer = Unknown("squeue did not answer within 15 s")
    await until(lambda: str(force.reason()).startswith("unknown: squeue"))
    await asyncio.sleep(0.3)

    assert list(steps(force).values()) == ["queued", "queued"]
    fake.answer = None
    await until(lambda: not str(force.reason()).startswith("unknown"))


@pytest.mark.asyncio
async def test_missing_once_is_not_gone(force: QueueWorkforce, fake: FakeQueue) -> None:
    """A controller that comes back up answers before it has read its jobs."""
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    rows = dict(fake.rows)
    fake.rows.clear()
    await until(lambda: force.jobs["j1"].missed == 1)
    fake.rows.update(rows)

    await until(lambda: force.jobs["j1"].missed == 0)
    assert steps(force) == {"j1": "queued"}


@pytest.mark.asyncio
async def test_an_early_death_is_told_with_the_end_of_its_log(
    force: QueueWorkforce, fake: FakeQueue, tmp_path: Path
) -> None:
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    (tmp_path / "100.log").write_text("first\n\nModuleNotFoundError: No module named 'x'\n")
    fake.move("j1", JobState.ENDED)

    await until(lambda: force.failure)

    assert "job 100" in str(force.failure)
    assert "No module named 'x'" in str(force.failure)
    assert force.counts().lost == 1


@pytest.mark.asyncio
async def test_a_lost_job_keeps_its_place_until_somebody_scales(force: QueueWorkforce, fake: FakeQueue) -> None:
    await force.scale(2)
    await until(lambda: list(steps(force).values()) == ["queued", "queued"])
    connect(force, "j1")
    connect(force, "j2")
    fake.move("j1", JobState.ENDED)
    await until(lambda: steps(force)["j1"] == "lost")
    await asyncio.sleep(0.3)
    assert len(fake.submits) == 2
    assert "1 of 2 jobs lost: job 100" in str(force.reason())

    await force.scale(2)

    await until(lambda: steps(force).get("j3") == "queued")
    assert len(fake.submits) == 3
    assert force.counts().lost == 0


@pytest.mark.asyncio
async def test_a_worker_that_connects_while_the_queue_is_asked_is_not_queued_again(
    force: QueueWorkforce, fake: FakeQueue
) -> None:
    """Found by this file: the older answer took the job back to queued, and it was never shown as connected again."""
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    connect(force, "j1")
    await asyncio.sleep(0.3)  # the queue says "queued" all the while

    assert steps(force) == {"j1": "connected"}
    fake.move("j1", JobState.RUNNING)
    await asyncio.sleep(0.2)
    assert steps(force) == {"j1": "connected"}


# --- down -------------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_queued_jobs_go_first_and_running_ones_are_retired_before_they_are_cancelled(
    force: QueueWorkforce, fake: FakeQueue
) -> None:
    await force.scale(3)
    await until(lambda: len(fake.live()) == 3)
    addresses = {key: connect(force, key) for key in ("j1", "j2")}

    await force.scale(2)
    assert fake.cancels == [(force.jobs["j3"].id,)]

    force.site.scheduler.may_retire.clear()
    scaling = asyncio.create_task(force.scale(1))
    await asyncio.wait_for(force.site.scheduler.retiring.wait(), 5)
    assert len(fake.cancels) == 1  # not before its data have moved
    force.site.scheduler.may_retire.set()
    await scaling
    assert len(fake.cancels) == 2
    assert len(force.site.scheduler.workers) == 1
    assert set(addresses.values()) > set(force.site.scheduler.workers)


@pytest.mark.asyncio
async def test_a_cancel_that_fails_is_done_again(force: QueueWorkforce, fake: FakeQueue) -> None:
    """Found by reading: a job given back whose cancel failed was never cancelled again while the cluster lived."""
    await force.scale(2)
    await until(lambda: len(fake.live()) == 2)
    fake.at_cancel = lambda ids: Unknown("scancel: Socket timed out") if len(fake.cancels) <= 2 else None

    await force.scale(1)

    await until(lambda: len(fake.live()) == 1)
    assert len(fake.cancels) == 3
    assert len(set(fake.cancels)) == 1


@pytest.mark.asyncio
async def test_a_job_given_back_before_it_landed_is_cancelled_when_it_lands(
    force: QueueWorkforce, fake: FakeQueue
) -> None:
    def hang(key: str) -> None:
        raise SubmitUncertain("no answer")

    fake.at_submit = hang
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "intended"} and force.jobs["j1"].uncertain_since)
    await force.scale(0)

    fake.land("j1")

    await until(lambda: fake.cancels and not fake.live())


@pytest.mark.asyncio
async def test_a_job_given_back_while_its_submit_is_under_way(force: QueueWorkforce, fake: FakeQueue) -> None:
    go = threading.Event()
    fake.at_submit = lambda key: go.wait(10) and None
    await force.scale(1)
    await until(lambda: fake.submits)

    await force.scale(0)
    go.set()

    await until(lambda: fake.cancels)
    assert fake.live() == []


@pytest.mark.asyncio
async def test_a_scale_down_that_is_cut_off_keeps_the_jobs(force: QueueWorkforce, fake: FakeQueue) -> None:
    """Found by reading: jobs that were being retired counted for nothing any more, and were never cancelled."""
    await force.scale(2)
    await until(lambda: len(fake.live()) == 2)
    connect(force, "j1")
    connect(force, "j2")
    force.site.scheduler.may_retire.clear()
    scaling = asyncio.create_task(force.scale(1))
    await asyncio.wait_for(force.site.scheduler.retiring.wait(), 5)

    scaling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scaling

    assert not [job for job in force.jobs.values() if job.leaving]
    assert fake.cancels == []


# --- release ----------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_release_cancels_and_verifies(force: QueueWorkforce, fake: FakeQueue, tmp_path: Path) -> None:
    await force.scale(3)
    await until(lambda: len(fake.live()) == 3)

    assert await force.release(urgent=True) is None

    assert fake.live() == []
    assert {(key, step) for key, step, _ in written(tmp_path)} >= {(f"j{n}", "released") for n in (1, 2, 3)}
    assert force.holdings() == []


@pytest.mark.asyncio
async def test_released_is_not_written_before_the_queue_says_so(
    force: QueueWorkforce, fake: FakeQueue, tmp_path: Path
) -> None:
    await force.scale(1)
    await until(lambda: len(fake.live()) == 1)
    fake.answer = Unknown("squeue did not answer")

    left = await force.release(urgent=True)

    assert left is not None
    assert "squeue did not answer" in left
    assert not [one for one in written(tmp_path) if one[1] == "released"]


@pytest.mark.asyncio
async def test_a_submit_under_way_at_the_release_is_cancelled_and_not_crossed_out_too_early(
    force: QueueWorkforce, fake: FakeQueue
) -> None:
    """Found by reading: a job that landed while the queue was being asked did not stand in the answer, and was written
    down as released."""
    go = threading.Event()
    fake.at_submit = lambda key: go.wait(10) and None
    await force.scale(1)
    await until(lambda: fake.submits)
    real = fake.find_by_tag
    answered = threading.Event()

    def slow(tags: Collection[str]) -> Any:
        found = real(tags)
        if not answered.is_set():
            go.set()  # lands after the answer was made, before it is taken in
            time.sleep(0.3)
            answered.set()
        return found

    fake.find_by_tag = slow  # type: ignore[method-assign]

    assert await force.release(urgent=False) is None

    assert fake.live() == []
    assert fake.cancels


@pytest.mark.asyncio
async def test_an_uncertain_submit_is_left_to_the_guard(force: QueueWorkforce, fake: FakeQueue) -> None:
    def hang(key: str) -> None:
        raise SubmitUncertain("no answer")

    fake.at_submit = hang
    await force.scale(1)
    await until(lambda: force.jobs.get("j1") and force.jobs["j1"].uncertain_since)

    left = await force.release(urgent=False)

    assert left == "a submit may still be in flight"
