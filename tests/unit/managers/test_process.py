"""Processes found by their mark, and ended: exactly those that were found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from dask_steward.managers import process
from dask_steward.managers.base import Unknown
from dask_steward.managers.process import MARK, Processes, ProcessStatus

pytestmark = pytest.mark.requires("procfs")

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def cluster() -> str:
    return f"t{uuid.uuid4().hex[:9]}"


@pytest.fixture
def start(cluster: str) -> Iterator[Start]:
    """Start a process with the cluster's mark; it is up (exec'ed) when this returns."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, marked: bool = True, **options: object) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **({MARK: cluster} if marked else {})}
        started.append(subprocess.Popen(arguments or ("sleep", "600"), env=environment, **options))  # type: ignore[call-overload]
        return started[-1]

    yield begin
    found = Processes().find_by_tag([cluster])
    assert not isinstance(found, Unknown)
    Processes().kill(found[cluster])
    for child in started:
        child.kill()
        child.wait()


def found(cluster: str, n: int, **how: object) -> tuple[ProcessStatus, ...]:
    """Return the cluster's processes as soon as there are `n`."""
    deadline = time.monotonic() + 10
    while True:
        answer = Processes().find_by_tag([cluster], **how)  # type: ignore[arg-type]
        assert not isinstance(answer, Unknown)
        if len(answer[cluster]) == n or time.monotonic() > deadline:
            return answer[cluster]
        time.sleep(0.02)


def found_commands(cluster: str, wanted: set[str], **how: object) -> set[str]:
    """Return the command lines of the cluster's processes as soon as all that are wanted are among them."""
    deadline = time.monotonic() + 10
    while True:
        answer = Processes().find_by_tag([cluster], **how)  # type: ignore[arg-type]
        assert not isinstance(answer, Unknown)
        commands = {status.command for status in answer[cluster]}
        if wanted <= commands or time.monotonic() > deadline:
            return commands
        time.sleep(0.02)


def test_a_marked_process_is_found_with_who_it_is(cluster: str, start: Start) -> None:
    child = start(start_new_session=True)
    (status,) = found(cluster, 1)
    assert (status.pid, status.session, status.group) == (child.pid, child.pid, child.pid)
    assert status.command == "sleep 600"
    assert status.alive


def test_descendants_are_found_in_whatever_session_they_are(cluster: str, start: Start) -> None:
    start("bash", "-c", "setsid sleep 601 & (sleep 602 &) ; wait; sleep 603")
    wanted = {"sleep 601", "sleep 602"}
    assert wanted <= found_commands(cluster, wanted)


def test_other_clusters_are_not_mixed_up(cluster: str, start: Start) -> None:
    child = start()
    found(cluster, 1)
    other = cluster[:-1]  # a beginning of the id is not the id
    answer = Processes().find_by_tag([cluster, other, cluster + "x"])
    assert not isinstance(answer, Unknown)
    assert {key: [status.pid for status in statuses] for key, statuses in answer.items()} == {
        cluster: [child.pid],
        other: [],
        cluster + "x": [],
    }


def test_a_mark_inside_another_value_is_no_mark(cluster: str, start: Start) -> None:
    start("env", f"NOTE=x {MARK}={cluster}", f"X{MARK}={cluster}", "sleep", "600", marked=False)
    child = start()
    assert [status.pid for status in found(cluster, 1)] == [child.pid]


def test_excluded_pids_are_left_out(cluster: str, start: Start) -> None:
    first, second = start(), start()
    found(cluster, 2)
    assert [status.pid for status in found(cluster, 1, exclude={first.pid})] == [second.pid]


def test_a_zombie_is_gone(cluster: str, start: Start) -> None:
    child = start()
    (status,) = found(cluster, 1)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not reaped
    assert found(cluster, 0) == ()
    assert not status.alive


def test_members_of_the_keepers_session_are_found_without_a_mark(cluster: str, start: Start) -> None:
    """``setproctitle`` writes over the environment, and with it the mark."""
    leader = start("bash", "-c", f"env -u {MARK} sleep 604 & wait", start_new_session=True)
    (status,) = found(cluster, 1)
    sessions = {cluster: (leader.pid, status.start_time)}
    assert "sleep 604" in found_commands(cluster, {"sleep 604"}, sessions=sessions)

    leader.kill()
    leader.wait()
    assert [each.command for each in found(cluster, 1, sessions=sessions)] == ["sleep 604"]
    assert Processes().kill(found(cluster, 1, sessions=sessions)) != ()


def test_a_session_whose_number_was_given_to_another_process_is_not_ours(cluster: str, start: Start) -> None:
    stranger = start("sleep", "605", marked=False, start_new_session=True)
    started = Processes().status(stranger.pid)
    assert started is not None
    for start_time in (started.start_time - 1, started.start_time + 1):
        assert found(cluster, 0, sessions={cluster: (stranger.pid, start_time)}) == ()


def test_kill_and_wait(cluster: str, start: Start) -> None:
    children = [start(start_new_session=True) for _ in range(3)]
    statuses = found(cluster, 3)

    assert sorted(Processes().kill(statuses)) == sorted(child.pid for child in children)
    assert Processes().wait_gone(statuses, 10) == ()
    assert Processes().kill(statuses) == ()
    assert found(cluster, 0) == ()


def test_wait_gives_up_in_time_and_says_who_is_left(cluster: str, start: Start) -> None:
    child = start("bash", "-c", "trap '' TERM; echo up; while :; do sleep 600; done", stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.stdout.close()
    statuses = [status for status in found(cluster, 2) if status.pid == child.pid]

    assert Processes().kill(statuses, signal.SIGTERM) == (child.pid,)
    assert Processes().wait_gone(statuses, 0.3) == (child.pid,)
    Processes().kill(statuses)
    assert Processes().wait_gone(statuses, 10) == ()


def test_a_reused_pid_is_not_killed(cluster: str, start: Start) -> None:
    child = start()
    (status,) = found(cluster, 1)
    before = ProcessStatus(**{**vars(status), "start_time": status.start_time - 1})

    assert Processes().kill([before]) == ()
    assert Processes().wait_gone([before], 0) == ()
    assert child.poll() is None
    assert Processes().kill([status]) == (child.pid,)


def test_without_pidfds_it_is_the_same(cluster: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    child = start()
    statuses = found(cluster, 1)
    assert Processes().wait_gone(statuses, 0.1) == (child.pid,)
    assert Processes().kill(statuses) == (child.pid,)
    assert Processes().wait_gone(statuses, 10) == ()


def test_bare_pids_are_taken_too(cluster: str, start: Start) -> None:
    child = start()
    assert Processes().kill([child.pid]) == (child.pid,)
    assert Processes().wait_gone([child.pid], 10) == ()


def test_where_processes_cannot_be_seen_the_answer_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(path: str) -> list[str]:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(os, "listdir", no_proc)
    answer = Processes().find_by_tag(["abc"])
    assert isinstance(answer, Unknown)
    assert "No such file" in answer.reason

    monkeypatch.setattr(os, "listdir", lambda path: ["1", "self"])  # mounted with hidepid, or empty
    assert isinstance(Processes().find_by_tag(["abc"]), Unknown)


@pytest.mark.requires("root")
def test_processes_of_another_user_are_never_ours(cluster: str, start: Start) -> None:
    start("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "sleep", "606")
    child = start()
    assert [status.pid for status in found(cluster, 1)] == [child.pid]


def test_the_imports_stay_small() -> None:
    """The guard may have 15 MB; what it imports from here must not bring the big modules of the standard library."""
    code = "import sys; import dask_steward.managers.slurm, dask_steward.managers.process; print(*sys.modules)"
    magics = os.path.dirname(os.path.dirname(os.path.dirname(process.__file__)))
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {magics!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"asyncio", "logging", "http", "socket", "shutil", "tempfile", "pathlib", "concurrent", "email"} & set(
        out
    )
    assert {name.partition(".")[0] for name in out} <= {*sys.stdlib_module_names, "__main__", "dask_steward"}
