"""The reconcile loop against a queue that does what a real one cannot be made to do at a given moment.

Everything else about queues is tried on a real Slurm (``tests/contract``, ``tests/faults``).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from dask_steward.clusters import groups as groups_module
from dask_steward.clusters import leaving, submitting, watching
from dask_steward.clusters import queue as queue_module
from dask_steward.clusters.agent import Drained, WorkerView
from dask_steward.clusters.base import Site
from dask_steward.clusters.groups import Group
from dask_steward.clusters.jobscript import JobShape
from dask_steward.clusters.line import Event, Line
from dask_steward.clusters.queue import QueueWorkforce
from dask_steward.errors import StartFailed, SubmitRefused, SubmitUncertain, UsageError
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
    most: int = 1
    counts: list[int] = field(default_factory=list)
    told_causes: dict[str, str] = field(default_factory=dict)
    began: float = 0.0
    missing: str | None = None
    gone: str = "it is no longer in the queue"
    system: str = "fake"
    lock: Any = field(default_factory=threading.Lock)

    def most_at_once(self) -> int:
        return self.most

    def submit(
        self, script: str, *, job_name: str, comment: str, count: int = 1, cwd: str | None = None
    ) -> tuple[str, ...]:
        key = comment.rpartition(":")[2]
        with self.lock:
            self.submits.append(key)
            self.counts.append(count)
        self.at_submit(key)
        ids = self.land(key, count=count)
        self.after_submit(key)
        return ids

    def land(self, key: str, state: JobState = JobState.QUEUED, count: int = 1) -> tuple[str, ...]:
        with self.lock:
            number = 100 + len(self.rows)
            ids = [f"{number}"] if count == 1 else [f"{number}_{task}" for task in range(count)]
            for id in ids:
                self.rows[id] = status(id, key, state)
        return tuple(ids)

    def move(self, key: str, state: JobState, **changes: Any) -> None:
        batch, _, task = key.partition(".")
        with self.lock:
            (id,) = [
                one.id
                for one in self.rows.values()
                if one.comment == f"{TAG}:{batch}" and one.id.partition("_")[2] == task
            ]
            self.rows[id] = replace(status(id, batch, state), **changes)

    def jobs(self, max_age: float = 0.0) -> tuple[JobStatus, ...] | Unknown:
        with self.lock:
            self.began = time.time()
            return self.answer or tuple(self.rows.values())

    def causes(self, statuses: Sequence[JobStatus]) -> dict[str, str]:
        return self.told_causes

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


class FakeAgent(SimpleNamespace):
    """Knows workers; empties them when it is let."""

    async def workers(self) -> dict[str, WorkerView]:
        return {address: WorkerView(address, address) for address in self.known}

    async def drain(self, jobs: dict[str, list[str]], **limits: Any) -> dict[str, Drained]:
        self.drains.append((jobs, limits))
        self.draining.set()
        await self.may_drain.wait()
        found = {}
        for key, addresses in jobs.items():
            found[key] = Drained(self.kept.get(key), self.cut if key not in self.kept else {}, self.failed)
            if key not in self.kept:
                self.known -= set(addresses)
        return found


@pytest.fixture
def agent() -> FakeAgent:
    found = FakeAgent(
        address="tls://127.0.0.1:1",
        known=set(),
        draining=asyncio.Event(),
        may_drain=asyncio.Event(),
        drains=[],
        kept={},
        cut={},
        failed={},
    )
    found.may_drain.set()
    return found


@pytest.fixture
def fake() -> FakeQueue:
    return FakeQueue()


@pytest_asyncio.fixture
async def force(
    fake: FakeQueue, agent: FakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[QueueWorkforce]:
    """A workforce with no job yet, and little patience."""
    monkeypatch.setattr(queue_module, "BUSY_INTERVAL", 0.05)
    monkeypatch.setattr(queue_module, "IDLE_INTERVAL", 0.05)
    monkeypatch.setattr(queue_module, "UNKNOWN_INTERVAL", 0.05)
    monkeypatch.setattr(queue_module, "BURST", 0.01)
    monkeypatch.setattr(leaving, "CANCEL_AGAIN", 1.0)
    monkeypatch.setattr(leaving, "RELEASE_LIMIT", 2.0)
    monkeypatch.setattr(leaving, "end_marked", lambda *arguments: None)
    monkeypatch.setattr(groups_module, "RETRY_PAUSES", (1.0, 2.0))
    monkeypatch.setattr(groups_module, "REPLACE_PAUSES", (0.1, 1.0))
    site = Site(
        id="abcdefghij",
        tag=TAG,
        folder=str(tmp_path),
        profile={},
        python=None,
        agent=agent,  # type: ignore[arg-type]
        security=None,
        tls={},
        log=HoldingsLog(str(tmp_path)),
        changed=lambda: None,
    )
    line = Line(TAG, "127.0.0.1", None, lambda event: None)
    line.start()
    shape = JobShape(1, 2, 10**9, "#!/bin/sh", "worker")
    groups = {
        name: Group(name, shape, lambda key, count: f"script of {count} {key}", retry_pause=1.0)
        for name in ("main", "big")
    }
    found = QueueWorkforce(site, fake, fake, groups, line=line, log_of=lambda id: str(tmp_path / f"{id}.log"))  # type: ignore[arg-type]
    found.start()
    yield found
    found.roster.closing = True
    found.roster.wake.set()
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
    force.site.agent.known.add(address)  # type: ignore[attr-defined]
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
    monkeypatch.setattr(watching, "UNCERTAIN_LIMIT", 0.2)

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
    monkeypatch.setattr(watching, "UNCERTAIN_LIMIT", 0.1)
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
    assert len(fake.submits) <= submitting.SUBMITS_AT_ONCE
    assert not [job for job in force.jobs.values() if job.holding]
    assert {one[1] for one in written(tmp_path)} == {"intent", "refused"}

    fake.at_submit = lambda key: None
    await force.scale(2, renew=True)
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
    assert force.roster.groups["main"].retry_pause <= groups_module.RETRY_PAUSES[0]


@pytest.mark.asyncio
async def test_a_ledger_that_cannot_be_written_submits_nothing(
    force: QueueWorkforce, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(force.site.log, "write_all", full)
    await force.scale(3)

    await until(lambda: force.failure)
    assert fake.submits == []
    assert "No space left" in str(force.reason())


@pytest.mark.asyncio
async def test_a_job_whose_id_cannot_be_written_is_still_held(
    force: QueueWorkforce, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up between intent and held: the job is in the queue, and must not be forgotten."""
    real = force.site.log.write_all

    def full(kind: str, ids: dict[str, str | None], step: str, *arguments: Any, **options: Any) -> None:
        if step == holdings.HELD:
            raise OSError(28, "No space left on device")
        real(kind, ids, step, *arguments, **options)

    monkeypatch.setattr(force.site.log, "write_all", full)
    await force.scale(1)

    await until(lambda: force.jobs.get("j1") and force.jobs["j1"].step == "queued")
    assert [one.id for one in force.holdings()] == ["100"]
    assert await force.release(urgent=False) is None
    assert fake.live() == []


@pytest.mark.asyncio
async def test_a_script_that_cannot_be_rendered_is_a_refusal(force: QueueWorkforce, fake: FakeQueue) -> None:
    def broken(key: str, count: int) -> str:
        raise StartFailed("dask-jobqueue rendered a worker without a name")

    force.roster.groups["main"].script = broken
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
async def test_three_early_deaths_are_the_end_and_are_told_with_the_end_of_the_log(
    force: QueueWorkforce, fake: FakeQueue, tmp_path: Path
) -> None:
    for id in ("100", "101", "102"):
        (tmp_path / f"{id}.log").write_text("first\n\nModuleNotFoundError: No module named 'x'\n")

    fake.after_submit = lambda key: fake.move(key, JobState.ENDED)
    await force.scale(1)

    await until(lambda: force.failure)
    assert force.lost_for_good
    assert fake.submits == ["j1", "j2", "j3"]
    assert str(force.failure).startswith("3 jobs died within a minute of their start; the last: job 102")
    assert "No module named 'x'" in str(force.failure)
    assert [loss["id"] for loss in force.losses()] == ["100", "101", "102"]
    assert force.counts().lost == 1

    fake.after_submit = lambda key: None
    await force.scale(1, renew=True)
    await until(lambda: steps(force).get("j4") == "queued")
    assert not force.lost_for_good


@pytest.mark.asyncio
async def test_a_lost_job_is_replaced_after_a_pause(force: QueueWorkforce, fake: FakeQueue) -> None:
    await force.scale(2)
    await until(lambda: list(steps(force).values()) == ["queued", "queued"])
    connect(force, "j1")
    connect(force, "j2")
    fake.told_causes = {"100": "CANCELLED by somebody"}

    fake.move("j1", JobState.ENDED)

    await until(lambda: steps(force)["j1"] == "lost")
    assert [(loss["id"], loss["reason"]) for loss in force.losses()] == [("100", "job 100: CANCELLED by somebody")]
    assert "replaced in" in str(force.reason())
    await until(lambda: steps(force).get("j3") == "queued")
    assert len(fake.submits) == 3
    assert force.failure is None
    assert force.counts().lost == 0


@pytest.mark.asyncio
async def test_jobs_that_go_together_are_one_write_and_the_scheduler_goes_on_meanwhile(
    force: QueueWorkforce, fake: FakeQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a partition that is drained, when all jobs end at once, then logs and ledger hold nobody up."""
    await force.scale(6)
    await until(lambda: list(steps(force).values()) == ["queued"] * 6)
    loop_thread, writes = threading.get_ident(), []
    real = force.site.log.write_all

    def write_all(kind: str, ids: dict[str, str | None], step: str, reason: str | None = None) -> None:
        writes.append((step, reason, len(ids), threading.get_ident() == loop_thread))
        real(kind, ids, step, reason)

    monkeypatch.setattr(force.site.log, "write_all", write_all)
    monkeypatch.setattr(force.roster, "last_words", lambda job: f"{job.id} {threading.get_ident() == loop_thread}")
    with fake.lock:
        ended = {key: str(job.id) for key, job in force.jobs.items()}
        fake.told_causes = dict.fromkeys(list(ended.values())[:2], "it ran out of memory")
        fake.rows.update({id: status(id, key, JobState.ENDED) for key, id in ended.items()})

    await until(lambda: [force.jobs[key].step for key in ended] == ["lost"] * 6)

    released = {(reason, count, on_loop) for step, reason, count, on_loop in writes if step == "released"}
    assert released == {("it ran out of memory", 2, False), ("Fake: ENDED", 4, False)}
    assert {loss["log"] for loss in force.losses()} == {f"{id} False" for id in ended.values()}


@pytest.mark.asyncio
async def test_a_job_that_lived_long_is_replaced_at_once(force: QueueWorkforce, fake: FakeQueue) -> None:
    await force.scale(1)
    await until(lambda: list(steps(force).values()) == ["queued"])
    connect(force, "j1")
    force.jobs["j1"].started = time.time() - 2 * groups_module.EARLY

    fake.move("j1", JobState.ENDED)

    await until(lambda: steps(force).get("j2") == "queued")
    assert force.roster.groups["main"].deaths == 0


@pytest.mark.asyncio
async def test_a_requeued_job_is_the_same_job(force: QueueWorkforce, fake: FakeQueue, tmp_path: Path) -> None:
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    connect(force, "j1")
    fake.move("j1", JobState.RUNNING)
    await until(lambda: force.jobs["j1"].node == "n1")

    fake.move("j1", JobState.QUEUED, restarts=1)
    force.left("tls://j1")
    await until(lambda: steps(force) == {"j1": "queued"})
    assert "started again" in str(force.jobs["j1"].reason)

    force.heard(Event("j1", "100", "n2", up=True))
    assert steps(force) == {"j1": "running"}
    assert force.jobs["j1"].node == "n2"
    assert len(fake.submits) == 1
    assert [one for one in written(tmp_path) if one[1] == "released"] == []


@pytest.mark.asyncio
async def test_a_mistake_of_ours_does_not_end_the_watch(
    force: QueueWorkforce, fake: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    real = fake.explain

    def broken(one: JobStatus) -> str:
        fake.explain = real  # type: ignore[method-assign]
        raise KeyError("a word that nobody knows")

    fake.explain = broken  # type: ignore[method-assign]

    await until(lambda: any("a word that nobody knows" in one for one in force.warnings))
    fake.move("j1", JobState.RUNNING)
    await until(lambda: steps(force) == {"j1": "running"})


# --- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_many_jobs_are_one_array(force: QueueWorkforce, fake: FakeQueue, tmp_path: Path) -> None:
    fake.most = 1000

    await force.scale(200)
    await until(lambda: len(force.jobs) == 200 and set(steps(force).values()) == {"queued"})

    assert fake.counts == [200]
    assert force.jobs["j1.199"].id == "100_199"
    assert ("j1.7", "held", "100_7") in written(tmp_path)

    await force.scale(0)
    assert len(set(fake.cancels)) == 1


@pytest.mark.asyncio
async def test_arrays_are_split_by_the_largest_that_the_site_takes(force: QueueWorkforce, fake: FakeQueue) -> None:
    fake.most = 80

    await force.scale(200)
    await until(lambda: len(force.jobs) == 200 and set(steps(force).values()) == {"queued"})

    assert sorted(fake.counts) == [40, 80, 80]


@pytest.mark.asyncio
async def test_a_limit_on_jobs_is_found_by_halves_and_the_rest_waits(force: QueueWorkforce, fake: FakeQueue) -> None:
    fake.most = 1000

    def limited(key: str) -> None:
        if len(fake.rows) + fake.counts[-1] > 60:
            raise SubmitRefused("sbatch: QOSMaxSubmitJobPerUserLimit", retryable=True, too_many=True)

    fake.at_submit = limited
    await force.scale(100)

    await until(lambda: len(fake.rows) == 60)
    await until(lambda: "QOSMaxSubmit" in str(force.reason()))
    assert force.failure is None
    assert force.counts().queued == 100
    assert len(fake.submits) < 25


@pytest.mark.asyncio
async def test_where_arrays_are_refused_single_jobs_go_in(force: QueueWorkforce, fake: FakeQueue) -> None:
    fake.most = 1000

    def no_arrays(key: str) -> None:
        if fake.counts[-1] > 1:
            raise SubmitRefused("sbatch: error: no array jobs on this cluster")

    fake.at_submit = no_arrays
    await force.scale(5)

    await until(lambda: len(fake.rows) == 5)
    assert fake.counts[:2] == [5, 1]
    assert set(fake.counts[1:]) == {1}
    assert force.failure is None


@pytest.mark.asyncio
async def test_a_refusal_of_an_array_is_proved_by_one_job_alone(force: QueueWorkforce, fake: FakeQueue) -> None:
    fake.most = 1000

    def refuse(key: str) -> None:
        raise SubmitRefused("sbatch: invalid partition specified: debgu")

    fake.at_submit = refuse
    await force.scale(50)

    await until(lambda: force.failure)
    assert fake.counts == [50, 1]
    assert force.failure == "sbatch: invalid partition specified: debgu"


@pytest.mark.asyncio
async def test_an_array_without_an_answer_is_found_by_its_comment(force: QueueWorkforce, fake: FakeQueue) -> None:
    fake.most = 1000

    def hang(key: str) -> None:
        raise SubmitUncertain("sbatch did not answer within 15 s", retryable=True)

    fake.after_submit = hang
    await force.scale(3)

    await until(lambda: set(steps(force).values()) == {"queued"})
    assert {job.id for job in force.jobs.values()} == {"100_0", "100_1", "100_2"}
    assert fake.counts == [3]


# --- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_groups_are_sized_apart_and_counted_together(force: QueueWorkforce, fake: FakeQueue) -> None:
    await force.scale(2)
    await force.scale(1, "big")
    await until(lambda: len(fake.rows) == 3)

    assert vars(force.counts()) == {"asked": 3, "queued": 3, "running": 0, "lost": 0}
    assert {name: view["asked"] for name, view in force.group_views().items()} == {"main": 2, "big": 1}

    await force.scale(0, "main")
    await until(lambda: {job.group for job in force.jobs.values() if job.holding} == {"big"})
    with pytest.raises(UsageError, match="'gpu' is not known"):
        await force.scale(1, "gpu")


@pytest.mark.asyncio
async def test_a_refusal_of_one_group_leaves_the_others_alone(force: QueueWorkforce, fake: FakeQueue) -> None:
    def refuse(key: str) -> None:
        if force.jobs[key].group == "big":
            raise SubmitRefused("sbatch: Requested node configuration is not available")

    fake.at_submit = refuse
    await force.scale(1, "big")
    await force.scale(1)

    await until(lambda: "not available" in str(force.reason()))
    await until(lambda: len(fake.live()) == 1)
    await until(lambda: force.failure is None)


# --- walltime ---------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_job_near_its_end_is_replaced_then_emptied_then_cancelled(
    force: QueueWorkforce, fake: FakeQueue, agent: FakeAgent
) -> None:
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    connect(force, "j1")
    started = time.time() - 90
    force.jobs["j1"].started = started
    force.roster.groups["main"].startups.append(5.0)

    fake.move("j1", JobState.RUNNING, started=started, ends=started + 120, limit=120.0)
    await until(lambda: steps(force).get("j2") == "queued")
    assert force.jobs["j1"].expiring
    assert not agent.drains
    assert force.counts().asked == 1

    connect(force, "j2")
    agent.cut = {"long": 42.0}
    fake.move("j1", JobState.RUNNING, started=started, ends=time.time() + 15, limit=120.0)
    await until(lambda: agent.drains)

    assert agent.drains[0][0] == {"j1": ["tls://j1"]}
    assert agent.drains[0][1]["lose"]
    await until(lambda: set(fake.cancels) == {("100",)})
    assert any("task long had run 42 s" in one for one in force.warnings)


@pytest.mark.asyncio
async def test_a_task_that_no_walltime_holds_fails_and_is_told(
    force: QueueWorkforce, fake: FakeQueue, agent: FakeAgent
) -> None:
    await force.scale(1)
    await until(lambda: steps(force) == {"j1": "queued"})
    connect(force, "j1")
    started = time.time() - 110
    force.jobs["j1"].started = started
    agent.cut, agent.failed = {"endless": 100.0}, {"endless": "task endless cannot end"}

    fake.move("j1", JobState.RUNNING, started=started, ends=started + 120, limit=120.0)

    await until(lambda: "task endless cannot end" in force.warnings)
    rule = agent.drains[0][1]["cut_rule"]
    assert 60 < rule.seconds < 100
    assert "2 min" in rule.sentence
    assert "options.walltime" in rule.sentence
    assert not any("starts again" in one for one in force.warnings)


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
    force: QueueWorkforce, fake: FakeQueue, agent: FakeAgent
) -> None:
    await force.scale(3)
    await until(lambda: len(fake.live()) == 3)
    addresses = {key: connect(force, key) for key in ("j1", "j2")}

    await force.scale(2)
    assert set(fake.cancels) == {(force.jobs["j3"].id,)}

    agent.may_drain.clear()
    scaling = asyncio.create_task(force.scale(1))
    await asyncio.wait_for(agent.draining.wait(), 5)
    assert set(fake.cancels) == {(force.jobs["j3"].id,)}  # not before its data have moved
    agent.may_drain.set()
    await scaling
    assert set(fake.cancels) == {(force.jobs["j3"].id,), (force.jobs["j1"].id,)}
    assert len(agent.known) == 1
    assert set(addresses.values()) > set(agent.known)


@pytest.mark.asyncio
async def test_a_cancel_that_fails_is_done_again(force: QueueWorkforce, fake: FakeQueue) -> None:
    """Found by reading: a job given back whose cancel failed was never cancelled again while the cluster lived."""
    await force.scale(2)
    await until(lambda: len(fake.live()) == 2)
    fake.at_cancel = lambda ids: Unknown("scancel: Socket timed out") if len(fake.cancels) <= 2 else None

    await force.scale(1)

    await until(lambda: len(fake.live()) == 1)
    assert len(fake.cancels) >= 3
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
async def test_a_scale_down_that_is_cut_off_keeps_the_jobs(
    force: QueueWorkforce, fake: FakeQueue, agent: FakeAgent
) -> None:
    """Found by reading: jobs that were being retired counted for nothing any more, and were never cancelled."""
    await force.scale(2)
    await until(lambda: len(fake.live()) == 2)
    connect(force, "j1")
    connect(force, "j2")
    agent.may_drain.clear()
    scaling = asyncio.create_task(force.scale(1))
    await asyncio.wait_for(agent.draining.wait(), 5)

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
