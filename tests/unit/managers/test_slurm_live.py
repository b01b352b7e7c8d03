"""The Slurm manager on a real Slurm."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dask_steward import managers
from dask_steward.errors import SubmitRefused, SubmitUncertain, UsageError
from dask_steward.managers.base import JobState, JobStatus, TestAnswer, Unknown
from dask_steward.managers.shared import SharedQueue
from dask_steward.managers.slurm import Slurm
from tests.support.private_slurm import PrivateSlurm

pytestmark = pytest.mark.requires("slurm")


def script(body: str = "exec sleep 600", *directives: str) -> str:
    lines = ["#!/bin/bash", "#SBATCH -o /dev/null", *(f"#SBATCH {each}" for each in directives), body, ""]
    return "\n".join(lines)


@pytest.fixture
def tag() -> str:
    """A cluster's tag that no test before had: Slurm remembers ended jobs for minutes."""
    return f"dask-steward-{uuid.uuid4().hex[:10]}"


@pytest.fixture(autouse=True)
def emptied(slurm: PrivateSlurm) -> Iterator[None]:
    yield
    slurm.ensure_up()
    slurm.clear()


def submit(manager: Slurm, tag: str, key: str = "j1", *directives: str, body: str = "exec sleep 600") -> str:
    return submit_many(manager, tag, key, 1, *directives, body=body)[0]


def submit_many(
    manager: Slurm, tag: str, key: str, count: int, *directives: str, body: str = "exec sleep 600"
) -> tuple[str, ...]:
    return manager.submit(script(body, *directives), job_name=tag, comment=f"{tag}:{key}", count=count, cwd="/tmp")


def asked(manager: Slurm, job: str, wanted: Callable[[JobStatus], bool], timeout: float = 30.0) -> JobStatus:
    """Ask until the job is as wanted; fail with what it is instead."""
    deadline = time.monotonic() + timeout
    while True:
        answer = manager.jobs()
        assert not isinstance(answer, Unknown), answer
        status = next((status for status in answer if status.id == job), None)
        if status is not None and wanted(status):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.05)


def wait_for(true: Callable[[], bool], timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_from_submit_to_its_end(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    before = time.time() - 1

    job = submit(manager, tag, "j1", "-c 4")
    running = asked(manager, job, lambda status: status.state is JobState.RUNNING)
    assert manager.cancel([job]) is None
    over = asked(manager, job, lambda status: status.state is JobState.ENDED)

    assert (running.name, running.comment, running.cores) == (tag, f"{tag}:j1", 4)
    assert running.node in {"n1", "n2", "n3"}
    assert running.submitted is not None
    assert running.started is not None
    assert before < running.submitted <= running.started <= time.time()
    assert manager.explain(running).startswith(f"Slurm: RUNNING on {running.node} since ")
    assert (over.native, over.ended is not None) == ("CANCELLED", True)


def test_the_script_is_what_runs_in_the_folder_that_was_given(slurm: PrivateSlurm, tag: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    out = tmp_path / "out with blank"
    (job,) = Slurm().submit(
        script(f"pwd > '{out}'; echo \"$SLURM_JOB_NAME ü $-\" >> '{out}'"),
        job_name=tag,
        comment=f"{tag}:j1",
        cwd=str(tmp_path),
    )
    asked(Slurm(), job, lambda status: status.state is JobState.ENDED)
    folder, words = out.read_text().splitlines()
    assert folder == str(tmp_path)
    assert words.startswith(f"{tag} ü ")


def test_jobs_are_told_apart_by_their_exact_tag(slurm: PrivateSlurm, tag: str) -> None:
    manager, other_tag = Slurm(), f"{tag[:-1]}-"
    mine = [submit(manager, tag, f"j{n}") for n in range(3)]
    other = submit(manager, other_tag)
    slurm.submit(name=tag + "x")
    slurm.submit(name="x" + tag)
    answer = manager.find_by_tag([tag, other_tag, "dask-steward-nobody"])
    assert not isinstance(answer, Unknown)
    assert {tag: sorted(status.id for status in found) for tag, found in answer.items()} == {
        tag: sorted(mine),
        other_tag: [other],
        "dask-steward-nobody": [],
    }
    assert manager.cancel_tag(tag) is None
    assert manager.cancel_tag(tag) is None  # none left is fine
    names = {job.name for job in slurm.queue() if job.state in ("PENDING", "RUNNING")}
    assert names == {other_tag, tag + "x", "x" + tag}


@pytest.mark.requires("root")
def test_a_strangers_job_of_our_name_is_neither_seen_nor_touched(slurm: PrivateSlurm, tag: str) -> None:
    ids = slurm.submit_foreign(2, name=tag)  # the second one belongs to another user
    answer = Slurm().find_by_tag([tag])
    assert not isinstance(answer, Unknown)
    assert [status.id for status in answer[tag]] == [ids[0]]
    # As root everything may be cancelled, so only --me keeps the stranger's job.
    assert Slurm().cancel_tag(tag) is None
    deadline = time.monotonic() + 10
    while slurm.touched_foreign() != [ids[0]] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert slurm.touched_foreign() == [ids[0]]


def test_hundreds_of_jobs_are_cancelled_whether_they_are_there_or_not(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    array = submit(manager, tag, "j1", "--array=0-239", "-c 4")
    answer = manager.find_by_tag([tag])
    assert not isinstance(answer, Unknown)
    ids = [status.id for status in answer[tag]]
    assert sorted(ids, key=lambda job: int(job.partition("_")[2])) == [f"{array}_{task}" for task in range(240)]

    # Twice each, some that never were, some over already.
    assert manager.cancel([*ids, *ids, "99999999", "99999999_1"]) is None
    assert manager.cancel(ids[:5]) is None
    slurm.wait_idle()
    assert manager.cancel(ids) is None
    assert manager.cancel([]) is None


def test_an_array_expression_can_be_cancelled_as_it_is(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    array = submit(manager, tag, "j1", "--array=1-9", "--hold")
    assert manager.cancel([f"{array}_[1-8]"]) is None
    assert [job.id for job in slurm.jobs_with_tag(tag)] == [f"{array}_9"]
    assert manager.cancel([array]) is None
    slurm.wait_idle()


@pytest.mark.parametrize("wrong", ["--user=root", "", "1 2", "-1", "*"])
def test_only_ids_and_tags_reach_scancel(slurm: PrivateSlurm, wrong: str) -> None:
    slurm.submit_foreign(2)
    with pytest.raises(ValueError, match="not a"):
        Slurm().cancel(["1", wrong])
    with pytest.raises(ValueError, match="not a"):
        Slurm().cancel_tag(wrong)
    assert slurm.touched_foreign() == []


REASONS = {
    "Resources": ("-c 4",),
    "Priority": ("-c 4",),
    "JobHeldUser": ("--hold",),
    "BeginTime": ("--begin=now+1hour",),
    "PartitionTimeLimit": ("--time=2:00:00",),
    "PartitionNodeLimit": ("-N 9",),
    "PartitionDown": ("-p closed",),
    "Dependency": ("-d after:{first}",),
}


def test_why_a_job_waits_is_told_for_real_reasons(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    held = submit(manager, tag, "j0", "--hold")
    running = [submit(manager, tag, f"r{n}", "-c 4") for n in range(3)]
    for job in running:
        asked(manager, job, lambda status: status.state is JobState.RUNNING)
    jobs = {
        reason: submit(manager, tag, reason, *(each.format(first=held) for each in directives))
        for reason, directives in REASONS.items()
    }
    try:
        for reason, job in jobs.items():
            status = asked(manager, job, lambda status, reason=reason: status.reason == reason)  # type: ignore[misc]
            assert manager.explain(status).startswith(f"Slurm: {reason} — "), status
            assert status.state is JobState.QUEUED
        # Backfill tells when; the running ones have ten minutes.
        asked(
            manager,
            jobs["Resources"],
            lambda status: status.expected_start is not None and 0 < status.expected_start - time.time() < 900,
        )
        later = asked(manager, jobs["BeginTime"], lambda status: status.expected_start is not None)
        assert manager.explain(later).startswith("Slurm: BeginTime — may not start before its begin time, expected ")
    finally:
        manager.cancel_tag(tag)


def test_a_drained_node_is_told(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    slurm.run("scontrol", "update", "nodename=n3", "state=drain", "reason=test")
    try:
        job = submit(manager, tag, "j1", "-w n3")
        status = asked(manager, job, lambda status: (status.reason or "").startswith("ReqNodeNotAvail"))
        assert "down, drained or reserved" in manager.explain(status)
        manager.cancel([job])
    finally:
        slurm.mend_node("n3")


@pytest.mark.parametrize(
    ("body", "native", "words"),
    [
        ("exit 3", "FAILED", "ended with exit code 3"),
        ("kill -KILL $$", "FAILED", "ended by signal 9"),
        ("true", "COMPLETED", "ended by itself"),
    ],
)
def test_how_a_job_ended_is_told(slurm: PrivateSlurm, tag: str, body: str, native: str, words: str) -> None:
    manager = Slurm()
    job = submit(manager, tag, body=body)
    status = asked(manager, job, lambda status: status.state is JobState.ENDED)
    assert (status.native, manager.explain(status)) == (native, f"Slurm: {native} — {words}")


def test_a_job_that_slurm_starts_again_is_the_same_job(slurm: PrivateSlurm, tag: str, tmp_path: Path) -> None:
    """Its id stays, it counts as queued until it runs again, and what it wrote before is kept."""
    manager, out = Slurm(), tmp_path / "out"
    tmp_path.chmod(0o755)
    job = submit(manager, tag, "j1", "-w n2", f"-o {out}", body="echo life; sleep 600")
    asked(manager, job, lambda status: status.state is JobState.RUNNING)
    wait_for(lambda: out.exists() and out.read_text() == "life\n")
    slurm.fail_node("n2")
    try:
        status = asked(manager, job, lambda status: status.reason == "BeginTime")
        assert (status.state, status.restarts) == (JobState.QUEUED, 1)
    finally:
        slurm.mend_node("n2")
    # Slurm waits until what was signed for the first life is no longer valid: two minutes, here ten seconds.
    second = asked(manager, job, lambda status: status.state is JobState.RUNNING)
    assert (second.restarts, second.name) == (1, tag)
    wait_for(lambda: out.read_text().splitlines().count("life") == 2)
    manager.cancel([job])


def test_a_node_that_fails_ends_a_job_that_must_not_be_started_again(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    job = submit(manager, tag, "j1", "--no-requeue", "-w n2")
    asked(manager, job, lambda status: status.state is JobState.RUNNING)
    slurm.fail_node("n2")
    try:
        status = asked(manager, job, lambda status: status.state is JobState.ENDED)
        assert manager.explain(status) == "Slurm: NODE_FAIL — its node failed"
    finally:
        slurm.mend_node("n2")


def test_many_jobs_are_one_command_and_have_an_id_each(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()

    ids = submit_many(manager, tag, "j7", 5, "-c 4")

    array = ids[0].partition("_")[0]
    assert ids == tuple(f"{array}_{task}" for task in range(5))
    answer = manager.find_by_tag([tag])
    assert not isinstance(answer, Unknown)
    assert sorted((status.id, status.comment) for status in answer[tag]) == [(job, f"{tag}:j7") for job in ids]
    assert manager.cancel(ids) is None
    slurm.wait_idle()


def test_where_and_how_long_a_job_may_run_is_told(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    job = submit(manager, tag, "j1", "-p normal", "--time=2:00:00")
    endless = submit(manager, tag, "j2", "-p normal", "--time=UNLIMITED")
    status = asked(manager, job, lambda status: status.state is JobState.RUNNING)
    assert (status.partition, status.limit, status.restarts) == ("normal", 7200.0, 0)
    assert status.started is not None
    assert status.ends == status.started + 7200
    never = asked(manager, endless, lambda status: status.reason == "PartitionTimeLimit")
    assert (never.limit, never.ends) == (None, None)
    manager.cancel([job, endless])


def test_the_longest_array_is_what_the_site_says(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    most = manager.most_at_once()
    assert most == 1001  # Slurm's default
    assert len(submit_many(manager, tag, "j1", most, "--hold")) == most
    with pytest.raises(SubmitRefused, match="Invalid job array specification") as refused:
        submit_many(manager, tag, "j2", most + 1, "--hold")
    assert (refused.value.too_many, refused.value.arrays) == (True, True)
    assert manager.cancel_tag(tag) is None
    slurm.wait_idle()


def test_a_site_without_arrays_says_so(slurm: PrivateSlurm, tag: str, make_slurm: Callable[..., PrivateSlurm]) -> None:
    small = make_slurm(nodes=1, extra="MaxArraySize=0\nMaxJobCount=3")
    manager = Slurm()
    assert manager.most_at_once() == 1
    with pytest.raises(SubmitRefused) as refused:
        submit_many(manager, tag, "j1", 2)
    assert (refused.value.arrays, refused.value.retryable) == (True, False)

    jobs = [submit(manager, tag, f"j{n}", "--hold") for n in range(2)]
    # sbatch itself waits and tries again, for minutes: it is ended at our time limit, and may have landed.
    with pytest.raises(SubmitUncertain, match="temporarily unable to accept job") as full:
        manager.submit(script(), job_name=tag, comment=f"{tag}:j9", timeout=6)
    assert (full.value.too_many, full.value.arrays, full.value.retryable) == (True, False, True)
    assert manager.cancel(jobs) is None
    small.wait_idle()


@pytest.mark.parametrize(
    ("directive", "words"),
    [
        ("-p debgu", "invalid partition specified: debgu"),
        ("--mem=99999999", "Requested node configuration is not available"),
        ("--time=oops", "Invalid --time specification"),
        ("-M elsewhere", "chooses another Slurm cluster"),
        ("--cpus-per-task=2 --clusters=elsewhere", "chooses another Slurm cluster"),
    ],
)
def test_a_refusal_is_told_in_slurms_own_words(slurm: PrivateSlurm, tag: str, directive: str, words: str) -> None:
    with pytest.raises(SubmitRefused, match=words) as refused:
        submit(Slurm(), tag, "j1", directive)
    assert not refused.value.retryable
    assert "\n" not in str(refused.value)
    assert slurm.queue() == []


def test_a_folder_that_is_not_there_is_told(slurm: PrivateSlurm, tag: str, tmp_path: Path) -> None:
    with pytest.raises(SubmitRefused, match="does not exist"):
        Slurm().submit(script(), job_name=tag, comment=tag, cwd=str(tmp_path / "no"))


def test_the_users_settings_for_slurms_commands_hide_nothing(
    slurm: PrivateSlurm, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "SQUEUE_PARTITION": "normal",
        "SQUEUE_STATES": "RUNNING",
        "SQUEUE_FORMAT": "%i",
        "SQUEUE_NAMES": "x",
        "SCANCEL_STATE": "RUNNING",
        "SCANCEL_PARTITION": "normal",
        "SCANCEL_INTERACTIVE": "1",
        "SBATCH_WAIT": "1",
        "SBATCH_ARRAY_INX": "1-9",
        "SBATCH_JOB_NAME": "mine",
        "SBATCH_OPEN_MODE": "t",
        "SLURM_TIME_FORMAT": "relative",
        "SLURM_MEM_PER_NODE": "1",
        "SLURM_MEM_PER_CPU": "1",
    }.items():
        monkeypatch.setenv(name, value)
    manager = Slurm()

    job = submit(manager, tag, "j1", "--hold")
    status = asked(manager, job, lambda status: status.reason == "JobHeldUser")

    assert (status.id, status.name) == (job, tag)
    assert manager.cancel([job]) is None
    slurm.wait_idle(10)


def test_another_process_asks_the_same_slurm_by_what_was_remembered(
    slurm: PrivateSlurm, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep from cron has an almost empty environment."""
    job = submit(Slurm(), tag, "j1", "--hold")
    remembered = Slurm().remembered()
    assert set(remembered) <= {"SLURM_CONF", "PATH", "LD_LIBRARY_PATH"}

    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("SLURM_CONF")
    lost = Slurm().jobs()
    assert isinstance(lost, Unknown)
    assert lost.reason == "squeue cannot be started: squeue is not on the PATH"
    with pytest.raises(SubmitRefused, match="sbatch is not on the PATH"):
        submit(Slurm(), tag)

    again = managers.get("slurm", remembered)
    answer = again.find_by_tag([tag])
    assert not isinstance(answer, Unknown)
    assert [status.id for status in answer[tag]] == [job]
    assert again.cancel([job]) is None
    assert again.remembered()["SLURM_CONF"] == remembered["SLURM_CONF"]


def test_a_remembered_slurm_wins_over_this_process_own(
    slurm: PrivateSlurm, tag: str, make_slurm: Callable[..., PrivateSlurm]
) -> None:
    job = submit(Slurm(), tag, "j1", "--hold")
    remembered = Slurm().remembered()
    make_slurm(nodes=1)  # SLURM_CONF now names another cluster
    assert Slurm().jobs() == ()
    answer = Slurm(remembered).jobs()
    assert not isinstance(answer, Unknown)
    assert job in {status.id for status in answer}
    Slurm(remembered).cancel([job])


def test_several_clusters_at_once_are_refused(slurm: PrivateSlurm, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CLUSTERS", "one,two")
    with pytest.raises(SubmitRefused, match="several clusters") as refused:
        submit(Slurm(), tag)
    assert not refused.value.retryable


def test_a_controller_that_is_down_is_unknown_and_a_refusal_to_be_tried_again(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    job = submit(manager, tag, "j1", "--hold")
    slurm.controller_down()

    # Slurm's commands themselves give up after nine seconds.
    answers = [manager.jobs(timeout=1), manager.cancel([job], timeout=1), manager.cancel_tag(tag, timeout=1)]
    for answer, program in zip(answers, ("squeue", "scancel", "scancel"), strict=True):
        assert isinstance(answer, Unknown)
        assert answer.reason.startswith(f"{program} did not answer within 1 s (Slurmctld(primary) at ")
        assert answer.reason.endswith(" is DOWN)")
    with ThreadPoolExecutor() as threads:
        patient = threads.submit(manager.jobs, timeout=30)
        refused = threads.submit(manager.submit, script(), job_name=tag, comment=tag, timeout=30)
        gave_up, refusal = patient.result(), refused.exception()
    assert isinstance(gave_up, Unknown)
    assert "Unable to contact slurm controller" in gave_up.reason
    assert isinstance(refusal, SubmitRefused)
    assert "Unable to contact slurm controller" in str(refusal)
    assert refusal.retryable
    assert not isinstance(refusal, SubmitUncertain)  # certain: it did not land

    slurm.controller_up()
    found = manager.find_by_tag([tag])
    assert not isinstance(found, Unknown)
    assert [status.id for status in found[tag]] == [job]
    assert manager.cancel([job]) is None


def test_the_registry() -> None:
    assert managers.systems() == ("slurm", "ssh", "yarn")
    assert managers.available()["slurm"]
    with pytest.raises(UsageError, match="known are: slurm, ssh"):
        managers.get("slumr")


def test_a_thousand_jobs_are_one_quick_command(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    array = submit(manager, tag, "j1", "--array=0-999", "--hold")
    start = time.process_time()
    answer = manager.jobs()
    assert not isinstance(answer, Unknown)
    assert sum(status.id.startswith(f"{array}_") for status in answer) == 1000
    assert time.process_time() - start < 2  # our own share; the guard must not burn a core
    assert manager.cancel([array]) is None
    slurm.wait_idle()


def test_it_works_without_the_tests_environment(slurm: PrivateSlurm, tag: str) -> None:
    """As the guard does: isolated interpreter, standard library only."""
    job = submit(Slurm(), tag, "j1", "--hold")
    magics = str(Path(managers.__file__).parents[2])
    code = (
        f"import sys; sys.path.insert(0, {magics!r})\n"
        "from dask_steward import managers\n"
        f"manager = managers.get('slurm'); found = manager.find_by_tag([{tag!r}])[{tag!r}]\n"
        "print([status.id for status in found], manager.cancel([status.id for status in found]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env={"SLURM_CONF": os.environ["SLURM_CONF"], "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"['{job}'] None\n", done.stderr


@pytest.mark.requires("root")
def test_how_many_jobs_are_before_ours_is_told(slurm: PrivateSlurm, tag: str, tmp_path: Path) -> None:
    manager = Slurm()
    running = submit_many(manager, "dask-steward-running", "j1", 3, "-c 4")
    for job in running:
        asked(manager, job, lambda status: status.state is JobState.RUNNING)
    # In the way: five jobs of this user and others, two of an array, one of another cluster of ours. Not in the way:
    # a held job, one in another partition, and our own ones.
    slurm.submit_foreign(5, cpus=4)
    slurm.submit("exec sleep 600", "--array=0-1", "-c4", name="sweep")
    submit(manager, f"{tag[:-1]}-", "j1", "-c 4")
    slurm.submit("exec sleep 600", "--hold", "-c4", name="held")
    slurm.submit("exec sleep 600", "-c4", "-p", "normal", name="elsewhere")
    first, second = (submit(manager, tag, f"j{n}", "-c 4") for n in range(2))
    slurm.submit("exec sleep 600", "-c4", name="later")

    status = asked(manager, second, lambda status: status.reason == "Priority")
    phrase = SharedQueue(manager, str(tmp_path)).explain(status)
    assert phrase.partition(", expected ")[0] == "Slurm: Priority — 8 jobs are before yours in debug"
    other = asked(manager, first, lambda status: status.reason == "Priority")
    assert SharedQueue(manager, str(tmp_path)).explain(other).startswith("Slurm: Priority — 8 jobs are before yours")
    manager.cancel_tag(tag)
    manager.cancel_tag(f"{tag[:-1]}-")
    manager.cancel(running)


def test_when_and_where_a_job_would_start_is_told(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    now = manager.test_only(script("true", "-c 2", "-p normal"))
    assert isinstance(now, TestAnswer)
    assert (now.partition, now.cores, now.refusal) == ("normal", 2, None)
    assert now.nodes in {"n1", "n2", "n3"}
    assert now.start is not None
    assert abs(now.start - time.time()) < 60

    running = submit_many(manager, tag, "j1", 3, "-c 4", "--time=20")
    for job in running:
        asked(manager, job, lambda status: status.state is JobState.RUNNING)
    later = manager.test_only(script("true", "-c 2"))
    assert isinstance(later, TestAnswer)
    assert later.start is not None
    assert 600 < later.start - time.time() < 1300
    assert slurm.jobs_with_tag(tag, ended=True) != []
    assert len(slurm.queue()) == 3  # nothing was submitted
    manager.cancel(running)


@pytest.mark.parametrize(
    ("directive", "words"),
    [
        ("-p debgu", "invalid partition specified: debgu; Invalid partition name specified"),
        ("-c 99", "Requested node configuration is not available"),
        ("-M elsewhere", "the job script chooses another Slurm cluster (#SBATCH --clusters)."),
    ],
)
def test_what_would_be_refused_is_told_without_a_submit(slurm: PrivateSlurm, directive: str, words: str) -> None:
    answer = Slurm().test_only(script("true", directive))
    assert isinstance(answer, TestAnswer)
    assert (answer.refusal or "").startswith(words)
    assert answer.start is None
    assert slurm.queue() == []


def test_a_controller_that_is_down_refuses_nothing(slurm: PrivateSlurm) -> None:
    slurm.controller_down()
    assert isinstance(Slurm().test_only(script(), timeout=1), Unknown)
    slow = Slurm().test_only(script(), timeout=30)
    assert isinstance(slow, Unknown)
    assert "Unable to contact slurm controller" in slow.reason


def test_causes_without_an_archive_are_what_the_queue_tells(slurm: PrivateSlurm, tag: str) -> None:
    manager = Slurm()
    failed, cancelled = submit(manager, tag, "j1", body="exit 3"), submit(manager, tag, "j2", body="exec sleep 600")
    asked(manager, cancelled, lambda status: status.state is JobState.RUNNING)
    manager.cancel([cancelled])
    over = [asked(manager, job, lambda status: status.state is JobState.ENDED) for job in (failed, cancelled)]
    causes = manager.causes(over)
    assert causes == {
        failed: f"Slurm: FAILED — ended with exit code 3 on {over[0].node}",
        cancelled: f"Slurm: CANCELLED — was cancelled on {over[1].node}",
    }


def test_a_job_that_made_room_for_another_is_told_so(make_slurm: Callable[..., PrivateSlurm], tag: str) -> None:
    urgent = "PartitionName=urgent Nodes=ALL PriorityTier=10 MaxTime=30:00 State=UP DefMemPerCPU=100"
    small = make_slurm(nodes=1, extra=f"PreemptType=preempt/partition_prio\nPreemptMode=CANCEL\n{urgent}")
    manager = Slurm()
    job = submit(manager, tag, "j1", "-c 4", body="exec sleep 600")
    asked(manager, job, lambda status: status.state is JobState.RUNNING)
    small.submit("exec sleep 600", "-c4", "-p", "urgent")
    over = asked(manager, job, lambda status: status.state is JobState.ENDED)
    assert manager.causes([over]) == {job: "Slurm: PREEMPTED — was stopped for a job of higher priority on n1"}
