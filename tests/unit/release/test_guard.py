"""The guard as a process of its own, watching processes that stand for keeper and owner."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dask_steward.ledger import entries, files
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.release.guard import ask_stop
from dask_steward.release.launch import start_guard

ID = "aguardtest"
RSS_LIMIT_KIB = 15 * 1024
"""What the issue promises of a guard."""


@pytest.fixture
def sleeper() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Processes that wait until they are killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], env={**os.environ, **environment}
        )
        started.append(process)
        # A zombie of ours would be a child that somebody still waits for.
        threading.Thread(target=process.wait, daemon=True).start()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(10)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a guard over an entry with this keeper and owner, and wait until it watches."""
    folder = tmp_path / ID
    folder.mkdir()
    guards: list[subprocess.Popen[bytes]] = []

    def start(keeper: int, owner: int | None = None, **profile: Any) -> subprocess.Popen[bytes]:
        identity = None if owner is None else {"kind": "process", **ProcessIdentity.of(owner).to_json()}
        request = {"format": 1, "id": ID, "name": "x", "created": time.time(), "owner": identity}
        files.write_json(str(folder / "request.json"), {**request, "profile": {"system": "local", **profile}})
        files.write_json(str(folder / "entry.json"), {"format": 1, "keeper": ProcessIdentity.of(keeper).to_json()})
        guard, ready = start_guard(str(folder), ID)
        guards.append(guard)
        assert select.select([ready], [], [], 20)[0]
        assert os.read(ready, 10) == b"ready\n"
        os.close(ready)
        return guard

    yield start
    for guard in guards:
        guard.kill()
        guard.wait(10)


def end(tmp_path: Path, timeout: float = 30.0) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while not (found := entries.read_entry(str(tmp_path / ID)).end):
        assert time.monotonic() < deadline, (tmp_path / ID / "guard.log").read_text()
        time.sleep(0.05)
    return found


@pytest.mark.requires("procfs")
def test_it_is_small(guarded: Callable[..., subprocess.Popen[bytes]]) -> None:
    guard = guarded(os.getpid(), os.getpid())

    status = Path(f"/proc/{guard.pid}/status").read_text()

    (rss,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    assert int(rss) <= RSS_LIMIT_KIB
    assert int(peak) <= RSS_LIMIT_KIB
    assert "Threads:\t1\n" in status


def test_it_has_a_session_of_its_own_and_nothing_of_ours_open(
    guarded: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with socket.socket() as ours:
        ours.set_inheritable(True)
        guard = guarded(os.getpid())

        opened = [os.readlink(f"/proc/{guard.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{guard.pid}/fd")]
    assert os.getsid(guard.pid) == guard.pid
    assert not [one for one in opened if one.startswith("socket:")]
    assert os.readlink(f"/proc/{guard.pid}/cwd") == "/"
    assert entries.read_entry(str(tmp_path / ID)).guard == ProcessIdentity.of(guard.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_signal_of_a_terminal_or_batch_step_ends_it(
    guarded: Callable[..., subprocess.Popen[bytes]], sleeper: Any, tmp_path: Path, number: signal.Signals
) -> None:
    keeper = sleeper()
    guard = guarded(keeper.pid)

    guard.send_signal(number)
    keeper.kill()

    assert end(tmp_path)["by"] == "guard"
    assert guard.wait(20) == 0


def test_the_keepers_death_releases_what_carries_the_mark(
    guarded: Callable[..., subprocess.Popen[bytes]], sleeper: Any, tmp_path: Path
) -> None:
    keeper, worker, stranger = sleeper(), sleeper(DASK_STEWARD_CLUSTER=ID), sleeper(DASK_STEWARD_CLUSTER="astrangerx")
    guard = guarded(keeper.pid)

    keeper.kill()

    assert end(tmp_path)["state"] == "lost"
    assert worker.wait(10) == -signal.SIGKILL
    assert stranger.poll() is None
    assert guard.wait(20) == 0


def test_the_owners_death_ends_a_keeper_that_does_not_answer(
    guarded: Callable[..., subprocess.Popen[bytes]], sleeper: Any, tmp_path: Path
) -> None:
    keeper, owner = sleeper(), sleeper()
    guarded(keeper.pid, owner.pid)

    owner.kill()

    assert end(tmp_path)["by"] == "guard"
    assert keeper.wait(10) == -signal.SIGKILL


def test_a_stopped_owner_is_alive(
    guarded: Callable[..., subprocess.Popen[bytes]], sleeper: Any, tmp_path: Path
) -> None:
    keeper, owner = sleeper(), sleeper()
    guard = guarded(keeper.pid, owner.pid)

    owner.send_signal(signal.SIGSTOP)
    time.sleep(1.0)

    assert keeper.poll() is None
    assert guard.poll() is None
    owner.send_signal(signal.SIGCONT)


def test_an_orderly_end_leaves_it_nothing_to_do(
    guarded: Callable[..., subprocess.Popen[bytes]], sleeper: Any, tmp_path: Path
) -> None:
    keeper = sleeper()
    guard = guarded(keeper.pid)
    files.create_json(str(tmp_path / ID / "end.json"), {"format": 1, "state": "stopped", "by": "keeper", "at": 1.0})

    keeper.kill()

    assert guard.wait(20) == 0
    assert end(tmp_path)["by"] == "keeper"


def test_without_pidfds_it_looks(tmp_path: Path, sleeper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dask_steward.release.guard import Guard

    monkeypatch.delattr(os, "pidfd_open")
    folder = tmp_path / ID
    folder.mkdir()
    keeper, owner = sleeper(), sleeper()
    request = {"format": 1, "id": ID, "name": "x", "created": time.time(), "profile": {"system": "local"}}
    request["owner"] = {"kind": "process", **ProcessIdentity.of(owner.pid).to_json()}
    files.write_json(str(folder / "request.json"), request)
    files.write_json(str(folder / "entry.json"), {"format": 1, "keeper": ProcessIdentity.of(keeper.pid).to_json()})
    guard = Guard(str(folder))
    threading.Timer(0.3, owner.kill).start()

    cause = guard._wait()

    assert cause is not None
    assert str(owner.pid) in cause


# --- asking a keeper to stop ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "acknowledged"),
    [
        (b"HTTP/1.1 202 Accepted\r\n\r\n{}", True),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", False),
        (b"", False),
        (None, False),
    ],
    ids=["accepted", "error", "hangs up", "silent"],
)
def test_ask_stop(state_dir: Path, answer: bytes | None, acknowledged: bool) -> None:
    path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "x.sock")
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(10000))
                if answer is None:
                    connection.recv(1)
                else:
                    connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        assert ask_stop(path, "its owner ended", 0.5) is acknowledged
        serving.join(10)

    assert heard[0].startswith(b"POST /stop HTTP/1.1\r\n")
    assert b"its owner ended" in heard[0]


def test_ask_stop_where_nobody_listens(state_dir: Path) -> None:
    assert not ask_stop(os.path.join(os.environ["XDG_RUNTIME_DIR"], "none.sock"), "x", 0.5)
