"""One question to the manager for many keepers: real processes, and a squeue that counts who asks."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dask_steward import managers
from dask_steward.managers import slurm_parse
from dask_steward.managers.base import JobState, JobStatus, Unknown
from dask_steward.managers.shared import SharedQueue
from dask_steward.managers.slurm import Slurm
from tests.unit.managers.test_slurm_parse import MARK as RECORDED_MARK
from tests.unit.managers.test_slurm_parse import RECORDED

PATIENCE = 60.0

SQUEUE = """\
#!{python} -ISs
import os, sys, time
folder = {folder!r}
began = time.monotonic()
open(os.path.join(folder, "hold"), "a").close()
mark = sys.argv[-1].partition(":0|")[2].partition("|")[0]
with open(os.path.join(folder, "recorded"), encoding="utf-8", newline="") as file:
    text = file.read().replace({mark!r}, mark)
time.sleep(float(os.environ.get("SQUEUE_SECONDS", "0.1")))
broken = os.path.exists(os.path.join(folder, "broken"))
if not broken:
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(text)
    sys.stdout.flush()
line = f"{{began}} {{time.monotonic()}}\\n"
log = os.open(os.path.join(folder, "asked"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(log, line.encode())
if broken:
    sys.exit("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
"""

KEEPER = """\
import sys, time
sys.path.insert(0, sys.argv[1])
from dask_steward.managers.shared import SharedQueue
from dask_steward.managers.slurm import Slurm
queue = SharedQueue(Slurm(timeout=float(sys.argv[5])), sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
seen = set()
end = time.monotonic() + float(sys.argv[4])
while time.monotonic() < end:
    answer = queue.jobs(float(sys.argv[3]))
    seen.add(len(answer) if isinstance(answer, tuple) else answer.reason)
    time.sleep(float(sys.argv[3]))
print(sorted(map(str, seen)))
"""


@dataclass
class Site:
    """A folder for answers, and a squeue that notes when it was asked."""

    folder: Path
    runtime: Path
    keepers: list[subprocess.Popen[str]] = field(default_factory=list)

    def asked(self) -> list[tuple[float, float]]:
        """Return when each question began and ended, in seconds of the monotonic clock."""
        path = self.folder / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        return sorted((float(begin), float(end)) for begin, end in map(str.split, lines))

    def keeper(self, interval: float, seconds: float, timeout: float = 15.0) -> subprocess.Popen[str]:
        magics = str(Path(managers.__file__).parents[2])
        arguments = [magics, str(self.runtime), str(interval), str(seconds), str(timeout)]
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", KEEPER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.keepers.append(keeper)
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "ready\n"
        return keeper


def said(keeper: subprocess.Popen[str]) -> str:
    out, _ = keeper.communicate(timeout=PATIENCE)
    assert keeper.returncode == 0
    return out.strip()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    commands, runtime = tmp_path / "bin", tmp_path / "run"
    commands.mkdir()
    runtime.mkdir(mode=0o700)
    squeue = commands / "squeue"
    squeue.write_text(SQUEUE.format(python=sys.executable, folder=str(tmp_path), mark=RECORDED_MARK))
    squeue.chmod(0o755)
    (tmp_path / "recorded").write_bytes(RECORDED.encode())
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    found = Site(tmp_path, runtime)
    yield found
    for keeper in found.keepers:
        keeper.kill()
        keeper.communicate()


def test_many_keepers_are_one_question_a_second_and_never_two_at_once(site: Site) -> None:
    seconds = 5.0
    keepers = [site.keeper(1.0, seconds) for _ in range(12)]
    began = time.monotonic()
    for keeper in keepers:
        assert keeper.stdin is not None
        keeper.stdin.write("go\n")
        keeper.stdin.flush()

    jobs = str(len(slurm_parse.parse_squeue(RECORDED, RECORDED_MARK)))
    assert [said(keeper) for keeper in keepers] == [f"['{jobs}']"] * len(keepers)

    asked = site.asked()
    # Alone, twelve keepers would have asked sixty times. A second lies between the beginnings of two questions.
    assert 2 <= len(asked) <= time.monotonic() - began + 2
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(asked))


def test_the_answer_is_the_managers_own(site: Site) -> None:
    shared, direct = SharedQueue(Slurm(), str(site.runtime)).jobs(0), Slurm().jobs()
    assert shared == direct
    other = SharedQueue(Slurm(), str(site.runtime)).jobs(60)
    assert other == direct
    assert len(site.asked()) == 2


def test_an_answer_is_as_young_as_was_asked_for(site: Site) -> None:
    queue = SharedQueue(Slurm(), str(site.runtime))
    queue.jobs(60)
    queue.jobs(60)
    assert len(site.asked()) == 1
    for _ in range(2):
        called = time.monotonic()
        queue.jobs(0)
        assert site.asked()[-1][0] > called
    assert len(site.asked()) == 3


def test_an_answer_that_is_taken_twice_has_one_date(site: Site) -> None:
    """Whoever misses a job in two answers takes it for gone: the same answer must not count twice."""
    queue = SharedQueue(Slurm(), str(site.runtime))
    before = time.time()
    queue.jobs(0)
    first = queue.began
    assert before - 0.1 <= first <= time.time()
    assert {(queue.jobs(60) and queue.began) for _ in range(20)} == {first}
    queue.jobs(0)
    assert queue.began > first


def test_all_who_wait_take_the_next_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUEUE_SECONDS", "1")
    first = threading.Thread(target=SharedQueue(Slurm(), str(site.runtime)).jobs, args=(0,))
    first.start()
    wait_for(site.folder / "hold")
    # These ask while the first question is under way, which began too early for them.
    others = [threading.Thread(target=SharedQueue(Slurm(), str(site.runtime)).jobs, args=(0,)) for _ in range(8)]
    for one in others:
        one.start()
    for one in [first, *others]:
        one.join(PATIENCE)
    asked = site.asked()
    assert len(asked) == 2
    assert asked[0][1] <= asked[1][0]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_failure_is_shared_with_those_who_waited_for_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.folder / "broken").touch()
    monkeypatch.setenv("SQUEUE_SECONDS", "1")
    answers: list[object] = []

    def ask() -> None:
        answers.append(SharedQueue(Slurm(), str(site.runtime)).jobs(0))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    assert (
        answers == [Unknown("squeue: slurm_load_jobs error: Unable to contact slurm controller (connect failure)")] * 6
    )
    # One after the other they would wait for six failures: one that came after the call is an answer.
    assert len(site.asked()) <= 2
    # But it is not kept: the next question is put.
    (site.folder / "broken").unlink()
    assert isinstance(SharedQueue(Slurm(), str(site.runtime)).jobs(0), tuple)


def test_a_keeper_that_is_killed_while_it_asks_hangs_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUEUE_SECONDS", "600")
    victim = site.keeper(1.0, 600.0)
    assert victim.stdin is not None
    victim.stdin.write("go\n")
    victim.stdin.flush()
    wait_for(site.folder / "hold")
    victim.kill()
    victim.wait()

    monkeypatch.setenv("SQUEUE_SECONDS", "0")
    queue = SharedQueue(Slurm(), str(site.runtime))
    answer = in_time(queue, 20.0)
    assert isinstance(answer, tuple)


def in_time(queue: SharedQueue, limit: float) -> object:
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(queue.jobs(0)), daemon=True)
    thread.start()
    thread.join(limit)
    assert answers, f"no answer within {limit:g} s"
    return answers[0]


def test_a_keeper_that_is_stopped_while_it_asks_loses_its_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dask_steward.managers.shared.AFTER_TIMEOUT", 0.5)
    monkeypatch.setenv("SQUEUE_SECONDS", "600")
    frozen = site.keeper(1.0, 600.0, timeout=600.0)
    assert frozen.stdin is not None
    frozen.stdin.write("go\n")
    frozen.stdin.flush()
    wait_for(site.folder / "hold")
    frozen.send_signal(signal.SIGSTOP)

    monkeypatch.setenv("SQUEUE_SECONDS", "0")
    queue = SharedQueue(Slurm(timeout=1.0), str(site.runtime))
    assert isinstance(in_time(queue, PATIENCE), tuple)
    # From now on nobody waits for it, not even once.
    assert isinstance(in_time(SharedQueue(Slurm(timeout=600.0), str(site.runtime)), PATIENCE), tuple)


def test_one_that_lost_its_turn_does_not_overwrite_what_is_newer(site: Site) -> None:
    queue = SharedQueue(Slurm(), str(site.runtime))
    old, new = JobStatus("1", "old", JobState.RUNNING, "RUNNING"), JobStatus("1", "new", JobState.RUNNING, "RUNNING")

    class Slow(Slurm):
        def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...]:
            # While it asked, it was taken for dead.
            for lock in site.runtime.glob("*.lock"):
                lock.unlink()
            assert newer.jobs(0) == (new,)
            return (old,)

    class Quick(Slurm):
        def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...]:
            return (new,)

    newer = SharedQueue(Quick(), str(site.runtime))
    assert SharedQueue(Slow(), str(site.runtime)).jobs(0) == (old,)
    assert queue.jobs(60) == (new,)


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format": 1}',
        b'{"format": 2, "boot": "x", "began": 1, "ended": 2, "answer": [], "failed": false}',
    ],
)
def test_a_file_that_is_torn_or_strange_is_no_answer(site: Site, torn: bytes) -> None:
    queue = SharedQueue(Slurm(), str(site.runtime))
    whole = queue.jobs(60)
    (path,) = site.runtime.glob("*.json")
    path.write_bytes(torn)
    assert SharedQueue(Slurm(), str(site.runtime)).jobs(60) == whole
    assert len(site.asked()) == 2


@pytest.mark.parametrize(
    "change",
    [{"boot": "another"}, {"began": 1e12, "ended": 1e12}, {"began": 2.0, "ended": 1.0}, {"answer": [["1"]]}],
    ids=["before-the-boot", "from-the-future", "backwards", "other-fields"],
)
def test_an_answer_that_cannot_be_is_none(site: Site, change: dict[str, object]) -> None:
    whole = SharedQueue(Slurm(), str(site.runtime)).jobs(60)
    (path,) = site.runtime.glob("*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert SharedQueue(Slurm(), str(site.runtime)).jobs(60) == whole
    assert len(site.asked()) == 2


def test_a_strangers_link_is_not_followed(site: Site, tmp_path: Path) -> None:
    queue = SharedQueue(Slurm(), str(site.runtime))
    queue.jobs(0)
    (path,) = site.runtime.glob("*.json")
    elsewhere = tmp_path / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    SharedQueue(Slurm(), str(site.runtime)).jobs(60)
    assert len(site.asked()) == 2


def test_files_are_private_and_none_is_left_over(site: Site) -> None:
    SharedQueue(Slurm(), str(site.runtime)).jobs(0)
    files = sorted(site.runtime.iterdir())
    assert [path.suffix for path in files] == [".json", ".lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}

    for path in files:
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    SharedQueue(Slurm(), str(site.runtime))
    assert list(site.runtime.iterdir()) == []


def test_without_a_folder_everybody_asks_for_himself(site: Site) -> None:
    queue = SharedQueue(Slurm(), str(site.folder / "nowhere"))
    assert isinstance(queue.jobs(60), tuple)
    assert isinstance(queue.jobs(60), tuple)
    assert len(site.asked()) == 2


def test_another_controller_is_another_question(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    SharedQueue(Slurm(), str(site.runtime)).jobs(60)
    monkeypatch.setenv("SLURM_CONF", "/elsewhere/slurm.conf")
    SharedQueue(Slurm(), str(site.runtime)).jobs(60)
    assert len(site.asked()) == 2
    # But the same one found by another PATH is not.
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/somewhere")
    SharedQueue(Slurm(), str(site.runtime)).jobs(60)
    assert len(site.asked()) == 2


class Waiting(Slurm):
    """A manager whose facts are counted."""

    def __init__(self, answer: object = None) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.answer = answer

    def facts(self, question: str, *, timeout: float | None = None) -> object:
        self.asked.append(question)
        return self.answer


def waits(reason: str, priority: int = 5, **more: str) -> JobStatus:
    return JobStatus(
        "1", "t", JobState.QUEUED, "PENDING", reason=reason, partition="debug", priority=priority, user="root", **more
    )  # type: ignore[arg-type]


def test_numbers_are_asked_for_rarely_and_only_where_they_help(site: Site) -> None:
    manager = Waiting({"debug": [[9, 36, None], [7, 1, None]]})
    queue, other = (SharedQueue(manager, str(site.runtime)) for _ in range(2))

    assert queue.explain(waits("Resources")) == "Slurm: Resources — waits for free nodes"
    assert queue.explain(JobStatus("1", "t", JobState.RUNNING, "RUNNING", node="n1")) == "Slurm: RUNNING on n1"
    assert manager.asked == []

    phrases = {one.explain(waits("Priority", n)) for one in (queue, other) for n in (5, 6)}
    assert phrases == {"Slurm: Priority — 37 jobs are before yours in debug"}
    assert manager.asked == ["pending"]

    queue.explain(waits("QOSMaxJobsPerUserLimit", qos="normal"))
    other.explain(waits("QOSMaxJobsPerUserLimit", qos="normal"))
    assert manager.asked == ["pending", "qos normal root"]


def test_numbers_that_cannot_be_had_are_not_asked_for_again_and_again(site: Site) -> None:
    manager = Waiting(Unknown("squeue did not answer within 15 s"))
    queue = SharedQueue(manager, str(site.runtime))
    for _ in range(5):
        assert queue.explain(waits("Priority")) == "Slurm: Priority — jobs of higher priority are first"
    assert manager.asked == ["pending"]


@pytest.mark.parametrize("answer", [None, [], {}, {"debug": "x"}, {"debug": [["a"]]}, 7])
def test_strange_numbers_leave_plain_words(site: Site, answer: object) -> None:
    queue = SharedQueue(Waiting(answer), str(site.runtime))
    assert queue.explain(waits("Priority")) == "Slurm: Priority — jobs of higher priority are first"
