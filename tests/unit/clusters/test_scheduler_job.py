"""The scheduler's job where the queue is slow, silent or of another mind; on a real Slurm: tests/contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dask_steward.clusters import scheduler_job
from dask_steward.clusters.jobscript import LineEnds
from dask_steward.clusters.line import Event
from dask_steward.clusters.scheduler_host import FILE
from dask_steward.clusters.scheduler_job import KEY, SchedulerJob
from dask_steward.clusters.scheduler_script import job_options, place_of, render
from dask_steward.errors import StartFailed, SubmitRefused, SubmitUncertain
from dask_steward.ledger import files, holdings
from dask_steward.ledger.holdings import HoldingsLog
from dask_steward.managers.base import JobState, JobStatus, Unknown

TAG = "dask-steward-abcdefghij"
PATIENCE = 40.0


def status(state: JobState, id: str = "7", **more: Any) -> JobStatus:
    return JobStatus(id, TAG, state, state.name, comment=f"{TAG}:{KEY}", **more)


class FakeSlurm:
    """A manager and its queue, whose answers a test sets."""

    def __init__(self) -> None:
        self.submits: list[Exception | str] = ["7"]
        self.answer: tuple[JobStatus, ...] | Unknown = (status(JobState.QUEUED),)
        self.cancelled: list[str] = []
        self.asked: list[float] = []
        self.began = 0.0

    def submit(self, script: str, *, job_name: str, comment: str) -> tuple[str, ...]:
        assert (job_name, comment) == (TAG, f"{TAG}:{KEY}")
        found = self.submits.pop(0)
        if isinstance(found, Exception):
            raise found
        return (found,)

    def jobs(self, max_age: float = 0.0) -> tuple[JobStatus, ...] | Unknown:
        self.asked.append(max_age)
        self.began = time.time()
        return self.answer

    def explain(self, status: JobStatus) -> str:
        return f"Slurm: {status.native}"

    def causes(self, statuses: list[JobStatus]) -> dict[str, str]:
        return {one.id: f"Slurm: {one.native} by somebody" for one in statuses}

    def find_by_tag(self, tags: list[str]) -> dict[str, tuple[JobStatus, ...]] | Unknown:
        return self.answer if isinstance(self.answer, Unknown) else {TAG: self.answer}

    def cancel(self, ids: list[str]) -> None:
        self.cancelled += ids
        self.answer = (status(JobState.ENDED, ids[0]),)


class Stage:
    """One scheduler's job on a fake Slurm, with a ledger on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.slurm = folder, FakeSlurm()
        self.waits: list[str] = []
        self.lost: list[str] = []
        self.log = HoldingsLog(str(folder))
        manager: Any = self.slurm
        self.job = SchedulerJob(
            manager,
            manager,
            self.log,
            tag=TAG,
            folder=str(folder),
            script="#!/bin/sh",
            cores=2,
            log_of=lambda id: str(folder / f"{id}.log"),
            waiting=self.waits.append,
            lost=self.lost.append,
        )

    @property
    def step(self) -> str:
        return HoldingsLog(str(self.folder)).known[KEY].step

    def tell(self, **facts: Any) -> None:
        files.write_json(str(self.folder / FILE), {"format": 1, "pid": 1, **facts})

    def run(self, **more: Any) -> None:
        self.slurm.answer = (status(JobState.RUNNING, node="n1", started=time.time() - 5, **more),)

    async def until(self, done: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, "not in time"
            await asyncio.sleep(0.01)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(scheduler_job, "BUSY_INTERVAL", 0.02)
    monkeypatch.setattr(scheduler_job, "RETRY_PAUSES", (0.01, 0.02))
    return Stage(tmp_path)


async def up(stage: Stage) -> dict[str, Any]:
    stage.run()
    stage.tell(address="tls://n1:1")
    return await asyncio.wait_for(stage.job.start(), PATIENCE)


@pytest.mark.asyncio
async def test_from_intent_to_released(stage: Stage) -> None:
    starting = asyncio.create_task(stage.job.start())
    await stage.until(lambda: stage.waits[-1:] == ["the scheduler's job 7: Slurm: QUEUED"])
    assert stage.step == holdings.HELD
    view = stage.job.holdings()[0]
    assert (view.kind, view.id, view.state, view.reason) == ("job", "7", "queued", "Slurm: QUEUED")
    # An address that stands there before the job runs would be another job's.
    stage.tell(address="tls://n1:1", pages=None)
    await asyncio.sleep(0.1)
    assert not starting.done()

    stage.run()
    assert (await asyncio.wait_for(starting, PATIENCE))["address"] == "tls://n1:1"
    assert stage.job.holdings()[0].node == "n1"
    assert 10 <= stage.job.core_seconds() < 10 + 2 * PATIENCE

    assert await stage.job.release() is None
    assert stage.slurm.cancelled == ["7"]
    assert stage.step == holdings.RELEASED
    assert stage.job.holdings() == []
    assert stage.lost == []


@pytest.mark.asyncio
async def test_the_line_is_quicker_than_the_queue(stage: Stage) -> None:
    starting = asyncio.create_task(stage.job.start())
    await stage.until(lambda: stage.waits)
    stage.slurm.answer = Unknown("squeue did not answer")
    stage.job.heard(Event(KEY, "7", "n2", up=True))
    stage.tell(address="tls://n2:1")

    assert (await asyncio.wait_for(starting, PATIENCE))["address"] == "tls://n2:1"
    stage.slurm.answer = ()
    assert await stage.job.release() is None


@pytest.mark.asyncio
async def test_a_submit_that_may_pass_later_is_made_again(stage: Stage) -> None:
    stage.slurm.submits = [SubmitRefused("the controller is down", retryable=True), "8"]
    stage.slurm.answer = (status(JobState.RUNNING, "8", node="n1"),)
    stage.tell(address="tls://n1:1")

    await asyncio.wait_for(stage.job.start(), PATIENCE)

    assert "the controller is down (tried again in" in stage.waits[0]
    assert stage.job.id == "8"
    await stage.job.release()


@pytest.mark.asyncio
async def test_a_submit_that_is_refused_for_good(stage: Stage) -> None:
    stage.slurm.submits = [SubmitRefused("invalid partition")]

    with pytest.raises(StartFailed, match=r"The scheduler's job was refused: invalid partition"):
        await stage.job.start()

    assert stage.step == holdings.REFUSED
    assert await stage.job.release() is None


@pytest.mark.asyncio
async def test_a_submit_without_an_answer_is_found_by_its_comment(stage: Stage) -> None:
    stage.slurm.submits = [SubmitUncertain("sbatch did not answer")]
    stage.slurm.answer = ()
    starting = asyncio.create_task(stage.job.start())
    await stage.until(lambda: stage.slurm.asked)
    assert stage.step == holdings.INTENT

    stage.slurm.answer = (status(JobState.RUNNING, "9", node="n1"),)
    stage.tell(address="tls://n1:1")
    await asyncio.wait_for(starting, PATIENCE)

    assert stage.step == holdings.HELD
    assert stage.job.id == "9"
    await stage.job.release()


@pytest.mark.asyncio
async def test_a_submit_that_never_landed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_job, "UNCERTAIN_LIMIT", 0.1)
    stage.slurm.submits = [SubmitUncertain("sbatch did not answer")]
    stage.slurm.answer = ()

    with pytest.raises(StartFailed, match="its submit never got an answer"):
        await asyncio.wait_for(stage.job.start(), PATIENCE)

    assert stage.step == holdings.REFUSED


@pytest.mark.asyncio
async def test_a_release_while_a_submit_is_open_claims_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An intent without an answer is never called gone: the guard looks on."""
    monkeypatch.setattr(scheduler_job, "RELEASE_LIMIT", 0.2)
    stage.slurm.submits = [SubmitUncertain("sbatch did not answer")]
    stage.slurm.answer = ()
    starting = asyncio.create_task(stage.job.start())
    await stage.until(lambda: stage.slurm.asked)

    assert await stage.job.release() == "its submit may still be in flight"

    assert stage.step == holdings.INTENT
    starting.cancel()


@pytest.mark.asyncio
async def test_a_manager_that_does_not_answer_is_no_loss(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_job, "RELEASE_LIMIT", 0.2)
    await up(stage)
    stage.slurm.answer = Unknown("squeue did not answer")
    asked = len(stage.slurm.asked)
    stage.job.doubt()
    # An answer from before the doubt would be of no use.
    await stage.until(lambda: 0.0 in stage.slurm.asked[asked:])

    assert stage.lost == []
    assert "it is not known whether the scheduler's job is gone" in (await stage.job.release() or "")
    assert stage.step == holdings.HELD


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((status(JobState.ENDED),), "Slurm: ENDED by somebody"),
        ((status(JobState.QUEUED),), "put back into the queue"),
        ((), "no longer in the queue"),
    ],
    ids=["ended", "requeued", "forgotten"],
)
async def test_a_scheduler_that_is_gone_is_lost_with_its_cause(stage: Stage, answer: Any, why: str) -> None:
    await up(stage)

    stage.slurm.answer = answer
    stage.job.doubt()

    await stage.until(lambda: stage.lost)
    assert stage.lost[0].startswith("The scheduler's job 7 has ended: ")
    assert why in stage.lost[0]
    assert len(stage.lost) == 1


@pytest.mark.asyncio
async def test_a_job_that_ends_before_its_scheduler_is_up_quotes_its_log(stage: Stage) -> None:
    (stage.folder / "7.log").write_text("module: command not found\n")
    stage.slurm.answer = (status(JobState.ENDED),)

    with pytest.raises(StartFailed, match=r"has ended: Slurm: ENDED by somebody\. The end of its log:\n +module:"):
        await asyncio.wait_for(stage.job.start(), PATIENCE)

    assert stage.step == holdings.RELEASED


@pytest.mark.asyncio
async def test_a_scheduler_that_says_why_it_cannot_start(stage: Stage) -> None:
    stage.run()
    stage.tell(error="port 1 is taken.")

    with pytest.raises(StartFailed, match="In its job 7: port 1 is taken"):
        await asyncio.wait_for(stage.job.start(), PATIENCE)

    await stage.job.release()
    assert stage.slurm.cancelled == ["7"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("lived", "left", "told"),
    [(10, 3600, False), (3600, 500, True), (10, 50, False), (31, 29, True), (9 * 3600, 3500, True), (3600, 700, False)],
)
async def test_the_end_of_its_walltime_is_told_in_time(stage: Stage, lived: float, left: float, told: bool) -> None:
    now = time.time()
    stage.slurm.answer = (status(JobState.RUNNING, node="n1", started=now - lived, ends=now + left),)
    stage.tell(address="tls://n1:1")
    await asyncio.wait_for(stage.job.start(), PATIENCE)

    assert (stage.job.warning is not None) is told
    await stage.job.release()


def test_a_profile_that_says_nothing_has_no_job() -> None:
    assert place_of({}) is None
    assert place_of({"scheduler": {"place": "here"}}) is None
    assert place_of({"scheduler": {"place": "job", "cores": 2}}) == {"place": "job", "cores": 2}


def test_what_the_schedulers_job_asks_for_is_not_what_workers_do() -> None:
    options = {
        "queue": "gpu",
        "account": "climate",
        "cores": 24,
        "memory": 10**11,
        "walltime": "01:00:00",
        "job_mem": "200G",
        "job_extra_directives": ["--gres=gpu:4"],
        "job_script_prologue": ["module load python"],
    }
    place = {"place": "job", "partition": "services", "walltime": None, "job_extra_directives": ["--qos=long"]}

    found = job_options(options, place)

    assert (found["queue"], found["account"], found["walltime"]) == ("services", "climate", "01:00:00")
    assert (found["cores"], found["memory"]) == (1, 4 * 10**9)
    assert found["job_extra_directives"] == ["--no-requeue", "--qos=long"]
    assert found["job_script_prologue"] == ["module load python"]
    assert "job_mem" not in found


def test_its_script_holds_the_line_and_names_no_workers_command(tmp_path: Path) -> None:
    line = LineEnds("login1", 4000, "", None, 60.0, "k", "j")

    script, cores = render(
        {"queue": "debug", "cores": 8, "memory": 10**9},
        {"place": "job", "cores": 2},
        folder=str(tmp_path / "a b"),
        tag=TAG,
        log_file="/logs/%j.log",
        scheduler={"interface": "ib'0"},
        tls={"ca": "/c", "cert": "/c", "key": "/k"},
        pages=True,
        line=line,
        local_directory=None,
    )

    assert cores == 2
    assert "#SBATCH --no-requeue" in script
    assert "dask_worker" not in script
    assert "dask_steward.clusters.scheduler_host" in script
    assert f"hello {TAG} " in script
    assert "steward_scheduler_port=\n" in script
