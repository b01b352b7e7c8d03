"""What a container says of the ways to this machine: the real script against real ports, without a YARN around it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dask_steward.cli.doctor_probe import judge
from dask_steward.clusters import yarn_probe
from dask_steward.errors import StartFailed


@contextmanager
def knocking(profile: dict[str, Any]) -> Iterator[tuple[yarn_probe.Ends, subprocess.Popen[str]]]:
    """Run the script of a profile's probe on this machine."""
    ends = yarn_probe.Ends(profile)
    script = subprocess.Popen(
        ["bash", "-c", ends.script()], env={**os.environ, "NM_HOST": "n1"}, stdout=subprocess.PIPE, text=True
    )
    try:
        yield ends, script
    finally:
        script.kill()
        script.communicate()
        ends.close()


def until_whole(report: yarn_probe.Report) -> None:
    deadline = time.monotonic() + 20
    while not report.whole:
        assert time.monotonic() < deadline, report
        time.sleep(0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_both_ends_are_those_of_the_profile_and_are_reached() -> None:
    port, line = free_port(), free_port()
    profile = {"options": {"host": "127.0.0.1", "port": port}, "line": {"ports": line, "host": "localhost"}}

    with knocking(profile) as (ends, script):
        until_whole(ends.report)
        assert script.poll() is None  # it stays, for whoever wants to reach its master

    assert ends.report.ends == {"line": f"localhost:{line}", "scheduler": f"127.0.0.1:{port}"}
    assert ends.report.seen == {"line": "reached", "scheduler": "reached"}
    assert ends.report.node == "n1"


def test_what_is_not_reached_is_told_by_the_end_that_is() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        knocking(
            {
                "options": {"scheduler_options": {"contact_address": f"127.0.0.1:{other.getsockname()[1]}"}},
                "line": {"host": "no-such-host.invalid"},
            }
        ) as (ends, script),
    ):
        other.accept()[0].close()  # the first one only looks whether there is somebody
        with other.accept()[0] as caller:
            caller.sendall(b"who are you?\n")
        assert script.stdout is not None
        ends.report.read("".join(script.stdout.readline() for _ in range(3)))

    assert ends.report.seen["scheduler"] == "something else answers there"
    assert "known" in ends.report.seen["line"] or "resolution" in ends.report.seen["line"]
    assert ends.report.whole


def test_a_caller_that_does_not_know_the_secret_tells_nothing() -> None:
    ends = yarn_probe.Ends({"options": {"host": "127.0.0.1"}})
    host, _, port = ends.report.ends["scheduler"].rpartition(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(b"whatever scheduler reached\n")
        assert caller.recv(100) == b""
    ends.close()
    assert ends.report.seen == {}


def test_a_port_that_is_taken_or_an_address_of_another_machine_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartFailed, match=f"cannot listen on host 127.0.0.1, port {port}: Address already in use"):
            yarn_probe.Ends({"options": {"host": "127.0.0.1", "port": port}})
    with pytest.raises(StartFailed, match=r"cannot listen on host 192\.0\.2\.77: Cannot assign requested address"):
        yarn_probe.Ends({"options": {"host": "192.0.2.77"}})


def test_a_way_that_is_closed_is_told_from_one_that_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert yarn_probe.reaches(f"127.0.0.1:{other.getsockname()[1]}", 2.0) is None
    assert yarn_probe.reaches(f"127.0.0.1:{free_port()}", 2.0) == "Connection refused"


ENDS = {"line": "login1:40000", "scheduler": "login1:40001"}
OPEN, SHUT = {"address": "n7:1234", "why": None}, {"address": "n7:1234", "why": "No route to host"}
REACHED = {"line": "reached", "scheduler": "reached"}
NO_SCHEDULER = {"line": "reached", "scheduler": "Connection refused"}


@pytest.mark.parametrize(
    ("mode", "back", "seen", "result", "words"),
    [
        ("local", OPEN, REACHED, "ok", "local works from here: a container on n7 reaches login1:40000 (line) and"),
        ("remote", OPEN, REACHED, "ok", "; mine says remote, which works, too"),
        (
            "local",
            OPEN,
            NO_SCHEDULER,
            "fail",
            "does not reach login1:40001 (scheduler, Connection refused); this",
        ),
        ("local", OPEN, {}, "fail", "does not reach login1:40000 (line, no call came) nor login1:40001 (scheduler"),
        ("remote", OPEN, {}, "ok", "deploy_mode: remote is needed from here, and mine has it"),
        ("local", SHUT, REACHED, "fail", "does not reach the application's master at n7:1234 (No route to host)"),
        ("local", None, {}, "warn", "not known: YARN: ACCEPTED"),
    ],
)
def test_what_it_means_for_a_profile(mode: str, back: Any, seen: dict[str, str], result: str, words: str) -> None:
    found = {
        "ends": ENDS,
        "seen": seen,
        "node": "n7",
        "back": back,
        "reason": "YARN: ACCEPTED" if back is None else None,
    }

    check = judge("mine", {"options": {"deploy_mode": mode}}, found)

    assert check.result == result
    assert words in check.found
    assert bool(check.advice) == (result != "ok")
