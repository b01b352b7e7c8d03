"""The line between a job and its keeper, spoken by hand over real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from dask_steward.clusters import line as line_module
from dask_steward.clusters.line import Event, Line
from dask_steward.errors import StartFailed

TAG = "dask-steward-abcdefghij"


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def line(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line that beats quickly and has little patience."""
    monkeypatch.setattr(line_module, "BEAT_INTERVAL", 0.3)
    monkeypatch.setattr(line_module, "HELLO_LIMIT", 0.5)
    found = Line(TAG, "127.0.0.1", None, events.append)
    found.start()
    yield found
    found.close()


def call(line: Line, words: str | bytes | None = None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", line.port), timeout=10)
    if words is not None:
        connection.sendall(words if isinstance(words, bytes) else words.encode())
    return connection


def hello(line: Line, key: str = "j1", job: str = "42", node: str = "n1", **wrong: str) -> str:
    return f"hello {wrong.get('tag', TAG)} {key} {job} {wrong.get('token', line.job_secret)} {node}\n"


def heard(connection: socket.socket) -> bytes:
    """Return what comes until the other side ends it."""
    found = b""
    try:
        while data := connection.recv(1000):
            found += data
    except ConnectionResetError:
        pass
    return found


def wait_for(events: list[Event], count: int) -> None:
    deadline = time.monotonic() + 10
    while len(events) < count:
        assert time.monotonic() < deadline, events
        time.sleep(0.02)


def test_a_job_is_greeted_with_the_keepers_secret_and_told(line: Line, events: list[Event]) -> None:
    with call(line, hello(line)) as job:
        assert job.recv(100) == line.keeper_secret.encode() + b"\n"
        wait_for(events, 1)

    assert events[0] == Event("j1", "42", "n1", up=True)
    wait_for(events, 2)
    assert events[1] == Event("j1", "42", "n1", up=False)


def test_it_beats(line: Line) -> None:
    with call(line, hello(line)) as job:
        found = b""
        while found.count(b".\n") < 3:
            found += job.recv(100)

    assert found == line.keeper_secret.encode() + b"\n" + b".\n" * found.count(b".\n")


def test_a_greeting_in_pieces(line: Line, events: list[Event]) -> None:
    with call(line) as job:
        for byte in hello(line).encode():
            job.sendall(bytes([byte]))
        assert job.recv(100).startswith(line.keeper_secret.encode())
        wait_for(events, 1)


@pytest.mark.parametrize(
    "words",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"hello\n",
        f"hello {TAG} j1 42\n".encode(),
        f"hello {TAG} j1 42 {'0' * 32} n1\n".encode(),
        f"hello {TAG} j1 42 \xff\xfe n1\n".encode("latin-1"),
        f"hello {TAG} j1 42 é n1\n".encode(),
        b"\x16\x03\x01\x02\x00\n",
        b"x" * 5000,
        b"x" * 5000 + b"\n",
    ],
    ids=lambda words: repr(words[:30]),
)
def test_a_stranger_learns_nothing(line: Line, events: list[Event], words: bytes) -> None:
    with call(line, words) as stranger:
        assert heard(stranger) == b""

    assert events == []


def test_a_job_of_another_cluster_is_a_stranger(line: Line, events: list[Event]) -> None:
    with call(line, hello(line, tag="dask-steward-zzzzzzzzzz")) as other:
        assert heard(other) == b""

    assert events == []


def test_strangers_who_say_nothing_are_hung_up_and_disturb_nobody(line: Line, events: list[Event]) -> None:
    silent = [call(line) for _ in range(50)]
    with call(line, hello(line)) as job:
        assert job.recv(100).startswith(line.keeper_secret.encode())
        for one in silent:
            assert heard(one) == b""
            one.close()
        wait_for(events, 1)

    assert all(event.key == "j1" for event in events)


def test_an_unwanted_job_is_sent_away(line: Line, events: list[Event]) -> None:
    line.unwanted("j1")

    with call(line, hello(line)) as job:
        assert heard(job) == b"leave\n"

    assert events == []


def test_a_job_that_runs_and_is_not_wanted_any_more_is_cut_off(line: Line, events: list[Event]) -> None:
    with call(line, hello(line)) as job, call(line, hello(line, key="j2")) as other:
        wait_for(events, 2)
        line.unwanted("j1")
        assert heard(job).startswith(line.keeper_secret.encode())

        assert other.recv(100).startswith(line.keeper_secret.encode())
        wait_for(events, 3)
    assert events[2].key == "j1"
    assert not events[2].up


def test_the_end_cuts_all_lines(line: Line, events: list[Event]) -> None:
    jobs = [call(line, hello(line, key=f"j{number}")) for number in range(5)]
    wait_for(events, 5)

    line.close()

    for job in jobs:
        assert heard(job).startswith(line.keeper_secret.encode())
        job.close()
    assert all(event.up for event in events)  # an end of our own is no loss
    with pytest.raises(OSError, match="refused"):
        call(line)


def test_a_frozen_job_is_not_taken_for_gone(line: Line, events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its side takes no more data: its buffer is full. It must not be cut off."""
    with call(line, hello(line)) as frozen:
        wait_for(events, 1)
        (held,) = line._calls.values()
        held.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        try:
            while True:
                held.connection.send(b"x" * 100000)
        except BlockingIOError:
            pass
        time.sleep(1.0)

        assert len(events) == 1
        assert len(line._calls) == 1
        frozen.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_secrets_differ_between_clusters() -> None:
    one, other = (Line(TAG, "127.0.0.1", None, lambda event: None) for _ in range(2))
    one.start()
    other.start()
    one.close()
    other.close()

    assert len({one.keeper_secret, one.job_secret, other.keeper_secret, other.job_secret}) == 4
    assert len(one.keeper_secret) >= 32


def test_a_range_of_ports() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        taken = probe.getsockname()[1]
        with pytest.raises(StartFailed, match=rf"ports {taken}-{taken} is free") as caught:
            Line(TAG, "127.0.0.1", (taken, taken), lambda event: None)
        assert caught.value.field == "line.ports"

        found = Line(TAG, "127.0.0.1", (taken, taken + 20), lambda event: None)
        found.start()
        found.close()
    assert taken < found.port <= taken + 20
