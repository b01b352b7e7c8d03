"""Who a process is: never a bare pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from dask_steward.ledger.identity import ALIVE, DEAD, ELSEWHERE, ProcessIdentity


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for the end of its input."""
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    yield started
    started.kill()
    started.communicate()


def test_this_process_is_alive() -> None:
    me = ProcessIdentity.of()

    assert me.pid == os.getpid()
    assert me.state() == ALIVE
    assert me == ProcessIdentity.of(os.getpid())


def test_json_there_and_back() -> None:
    me = ProcessIdentity.of()

    assert ProcessIdentity.from_json(me.to_json()) == me


@pytest.mark.parametrize(
    "value",
    [None, {}, {"host": "a"}, {"host": "a", "boot_id": "b", "pid": "x", "start_time": 1}, [], 7],
    ids=repr,
)
def test_what_is_no_identity_is_none(value: object) -> None:
    assert ProcessIdentity.from_json(value) is None  # type: ignore[arg-type]


def test_a_reused_pid_is_another_process(process: subprocess.Popen[bytes]) -> None:
    real = ProcessIdentity.of(process.pid)
    earlier = real._replace(start_time=real.start_time - 1)

    assert earlier.state() == DEAD
    assert earlier.open_pidfd() is None
    assert not earlier.kill(signal.SIGKILL)
    assert real.state() == ALIVE  # it was not hit


def test_before_a_reboot_nothing_lives() -> None:
    before = ProcessIdentity.of()._replace(boot_id="00000000-0000-0000-0000-000000000000")

    assert before.state() == DEAD
    assert not before.kill(signal.SIGKILL)


def test_another_hosts_pids_cannot_be_judged() -> None:
    other = ProcessIdentity.of()._replace(host="another-host")

    assert other.state() == ELSEWHERE
    assert not other.kill(signal.SIGKILL)
    assert other.open_pidfd() is None


def test_a_zombie_is_dead(process: subprocess.Popen[bytes]) -> None:
    found = ProcessIdentity.of(process.pid)
    os.kill(process.pid, signal.SIGKILL)

    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet collected

    assert found.state() == DEAD
    with pytest.raises(ProcessLookupError):
        ProcessIdentity.of(process.pid)


def test_a_stopped_process_is_alive(process: subprocess.Popen[bytes]) -> None:
    found = ProcessIdentity.of(process.pid)

    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)

    assert found.state() == ALIVE


def test_kill_hits_exactly_this_process(process: subprocess.Popen[bytes]) -> None:
    found = ProcessIdentity.of(process.pid)

    assert found.kill(signal.SIGKILL)

    assert process.wait(10) == -signal.SIGKILL
    assert not found.kill(signal.SIGKILL)


@pytest.mark.parametrize("pidfds", [True, False], ids=["pidfd", "no pidfd"])
def test_wait_gone(process: subprocess.Popen[bytes], pidfds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not pidfds:
        monkeypatch.delattr(os, "pidfd_open")
    found = ProcessIdentity.of(process.pid)
    assert not found.wait_gone(0.05)
    waiting = threading.Thread(target=lambda: answers.append(found.wait_gone(20)))
    answers: list[bool] = []
    waiting.start()

    process.kill()
    waiting.join(20)

    assert answers == [True]


def test_no_process_has_this_pid() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()

    with pytest.raises(ProcessLookupError):
        ProcessIdentity.of(gone.pid)
    for nonsense in (0, -1):
        with pytest.raises(ProcessLookupError):
            ProcessIdentity.of(nonsense)


def test_a_name_with_parentheses_and_blanks_does_not_confuse(tmp_path: object) -> None:
    """The command stands in parentheses in /proc/<pid>/stat and may hold some itself."""
    code = (
        "import ctypes, sys\n"
        "ctypes.CDLL(None).prctl(15, b') Z 1 (x', 0, 0, 0)\n"  # PR_SET_NAME
        "sys.stdout.write('go'); sys.stdout.flush(); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.read(2)
        before = time.time()
        found = ProcessIdentity.of(process.pid)
        assert found.state() == ALIVE
        ticks = os.sysconf("SC_CLK_TCK")
        with open("/proc/uptime") as file:
            boot = before - float(file.read().split()[0])
        assert abs(boot + found.start_time / ticks - before) < 60
        process.kill()
