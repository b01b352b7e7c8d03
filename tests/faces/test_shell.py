"""``dask-steward`` by its processes, on local clusters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from tests.faces.conftest import Shell, wait_for_end
from tests.faces.notebook import LIMIT

pytestmark = pytest.mark.usefixtures("clean")

Answer = Callable[..., Any]


def test_a_whole_life(shell: Shell, answer: Answer) -> None:
    started = answer("start", "local", "--workers", "1", "--name", "life")
    assert {"id", "name", "state", "scheduler", "keeper", "guard", "owner"} <= set(started)
    assert (started["name"], started["state"]) == ("life", "running")
    assert started["scheduler"]["address"].startswith("tls://127.0.0.1:")
    id = started["id"]

    (listed,) = answer("list")
    assert (listed["id"], listed["workers"]["running"]) == (id, 1)
    assert shell("list", check=0).stdout.splitlines()[1].split()[:4] == [id, "life", "local", "running"]
    assert answer("status", "life")["keeper"]["pid"] == started["keeper"]["pid"]
    assert "1 worker running" in shell("status", id, check=0).stdout
    assert all({"cluster", "kind", "id", "state"} <= set(one) for one in answer("held"))

    assert answer("scale", id, "2")["workers"]["asked"] == 2
    limits = answer("adapt", id, "1", "2")["adapt"]
    assert (limits["minimum"], limits["maximum"]) == (1, 2)
    assert "keeper" in answer("logs", id, "--keeper")
    assert "distributed" in shell("logs", id, "--keeper", check=0).stdout
    assert answer("connect", id)["address"] == started["scheduler"]["address"]

    (stopped,) = answer("stop", "life")
    assert (stopped["id"], stopped["state"]) == (id, "stopped")
    assert answer("held") == []
    assert shell("held", check=0).stdout == "held: nothing\n"
    assert answer("list") == []
    assert id in [one["id"] for one in answer("list", "--all")]


def test_connect_prints_code_that_connects(shell: Shell) -> None:
    with ds.start("local", workers=1, name="for-client"):
        code = shell("connect", "for-client", check=0).stdout
        done = subprocess.run(
            [sys.executable, "-c", code + "print(client.submit(sum, [1, 2]).result())"],
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    assert done.stdout == "3\n", done.stderr


def test_stop_all_stops_all(answer: Answer) -> None:
    for name in ("one", "two"):
        ds.start("local", workers=1, name=name)

    stopped = answer("stop", "--all")

    assert [(one["name"], one["state"]) for one in stopped] == [("one", "stopped"), ("two", "stopped")]
    assert answer("stop", "--all") == []


def test_stop_with_one_unknown_name_stops_nothing(shell: Shell) -> None:
    with ds.start("local", workers=1, name="one") as one:
        shell("stop", "one", "nope", check=3)
        assert one.state["state"] == "running"


def profile_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return the profile that a cluster was started from, as the ledger holds it."""
    request = Path(state["logs"]).parent / "request.json"
    return dict(json.loads(request.read_text())["profile"])


class TestTenure:
    def test_a_shell_owns_nothing_and_an_idle_time_is_set(self, shell: Shell) -> None:
        done = shell("start", "local", "--workers", "1", "--json", check=0)
        state = json.loads(done.stdout)

        assert (state["tenure"], state["owner"]) == ("detached", None)
        assert "30 min" in done.stderr
        assert profile_of(state)["idle_timeout"] == 1800

    def test_a_given_time_is_kept(self, shell: Shell) -> None:
        done = shell("start", "local", "--workers", "1", "--set", "time_to_live=1 h", "--json", check=0)

        assert done.stderr == ""
        profile = profile_of(json.loads(done.stdout))
        assert (profile["time_to_live"], profile["idle_timeout"]) == (3600, None)

    def test_an_owner_makes_it_a_process(self, answer: Answer) -> None:
        with subprocess.Popen(["sleep", "100"]) as owner:
            try:
                state = answer("start", "local", "--workers", "1", "--owner-pid", str(owner.pid))
                assert (state["tenure"], state["owner"]["pid"]) == ("process", owner.pid)
            finally:
                owner.kill()
        wait_for_end(ds.get(state["id"]))
        assert ds.held() == []

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--tenure", "detached"], "idle_timeout or time_to_live"),
            (["--set", "tenure=detached"], "idle_timeout or time_to_live"),
            (["--tenure", "kernel"], "--owner-pid"),
            (["--tenure", "server"], "--owner-pid"),
            (["--tenure", "process"], "--owner-pid"),
            (["--tenure", "detached", "--owner-pid", "1"], "no owner"),
            (["--owner-pid", "4194304"], "no process"),
            (["--tenure", "forever"], "forever is not known"),
        ],
    )
    def test_wrong_ones(self, shell: Shell, options: list[str], words: str) -> None:
        done = shell("start", "local", "--workers", "1", *options, check=2)

        assert words in done.stderr
        assert ds.clusters() == []


def test_a_time_limit_is_4_and_leaves_nothing(shell: Shell) -> None:
    done = shell("start", "local", "--workers", "1", "--wait", "0.05", "--json", check=4)

    assert json.loads(done.stdout)["error"] == "start-timeout"
    assert ds.held() == []


def test_no_wait_returns_before_it_runs(answer: Answer) -> None:
    state = answer("start", "local", "--workers", "1", "--no-wait")

    ds.get(state["id"]).wait_for_workers(1, timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_start_leaves_nothing(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "dask_steward.cli", "start", "local", "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + LIMIT
    while not ds.held() and time.monotonic() < deadline:
        time.sleep(0.02)

    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=LIMIT)

    assert process.returncode == 130, (stdout, stderr)
    assert "Traceback" not in stderr
    assert stdout == ""
    assert ds.held() == []
    assert ds.clusters() == []


def test_following_logs_ends_with_the_cluster() -> None:
    cluster = ds.start("local", workers=1)
    command = [sys.executable, "-m", "dask_steward.cli", "logs", cluster.id, "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        cluster.close()
        rest = process.stdout.read()

    assert set(first) == {"source", "line"}
    assert process.returncode == 0
    assert all(json.loads(line)["line"] is not None for line in rest.splitlines())


def test_a_reader_that_goes_away_is_no_error() -> None:
    with ds.start("local", workers=1) as cluster:
        pipe = f"{sys.executable} -m dask_steward.cli logs {cluster.id} | head -n 1"
        done = subprocess.run(pipe, shell=True, capture_output=True, text=True, timeout=LIMIT)

    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Missing: COMMAND"),
        (["strat"], 2, "did you mean start?"),
        (["start", "nope"], 2, "nope"),
        (["start", "local", "--set", "options.cors=1"], 2, "options.cors"),
        (["start", "local", "--set", "cores"], 2, "KEY=VALUE"),
        (["start", "local", "--workers", "-1"], 2, "0 or more"),
        (["start", "local", "--workers", "1", "--jobs", "1"], 2, "not allowed with"),
        (["start", "local", "--adapt", "3", "1"], 2, "above the maximum"),
        (["start", "local", "--wait", "soon"], 2, "duration"),
        (["start", "local", "--wait", "1", "--no-wait"], 2, "not allowed with"),
        (["start", "local", "--nme", "x"], 2, "--nme"),
        (["start", "local", "--name", "a/b"], 2, "name"),
        (["start", "threads"], 2, "one Python process"),
        (["status", "nope"], 3, "nope"),
        (["scale", "nope", "1"], 3, "nope"),
        (["scale", "nope", "x"], 2, "whole number"),
        (["scale", "nope", "--", "-3"], 2, "0 or more"),
        (["scale", "nope", "64 XB", "--unit", "memory"], 2, "64 XB"),
        (["scale", "nope", "3", "--unit", "nodes"], 2, "did you mean cores"),
        (["scale", "nope", "3", "--unit", "cores", "--jobs"], 2, "not allowed with"),
        (["adapt", "nope", "2", "1"], 2, "above the maximum"),
        (["adapt", "nope", "2"], 2, "MIN and MAX"),
        (["adapt", "nope", "1", "2", "--off"], 2, "--off"),
        (["adapt", "nope", "--off", "--hold", "1min"], 2, "--off"),
        (["adapt", "nope", "1", "2", "--hold", "soon"], 2, "duration"),
        (["stop"], 2, "--all"),
        (["stop", "x", "--all"], 2, "--all"),
        (["stop", "nope"], 3, "nope"),
        (["logs", "nope"], 3, "nope"),
        (["logs", "nope", "--job", "1", "--keeper"], 2, "not allowed with"),
        (["connect", "../../etc"], 3, "etc"),
        (["dashboard", "nope"], 3, "nope"),
        (["profiles", "show", "nope"], 2, "nope"),
    ],
)
def test_wrong_input_is_one_sentence(shell: Shell, arguments: list[str], code: int, words: str) -> None:
    done = shell(*arguments, check=code)
    assert words in done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr

    as_json = shell(*arguments[:1], "--json", *arguments[1:], check=None)
    if as_json.returncode == code:  # --json stands before a command's own arguments only where there is a command
        error = json.loads(as_json.stdout)
        assert error["error"]
        assert words in f"{error['message']} {error.get('hint', '')}"
    assert ds.clusters() == []


def test_help_and_version(shell: Shell) -> None:
    assert "Exit codes" in shell("--help", check=0).stdout
    assert "--owner-pid" in shell("start", "--help", check=0).stdout
    assert shell("--version", check=0).stdout.startswith("dask-steward ")


def test_as_a_command_of_dask(clean: None) -> None:
    dask = os.path.join(os.path.dirname(sys.executable), "dask")
    run = lambda *arguments: subprocess.run(  # noqa: E731
        [dask, "steward", *arguments], capture_output=True, text=True, timeout=LIMIT
    )

    assert run("list", "--json").stdout == "[]\n"
    wrong = run("status", "nope")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (3, 1)
    assert "--owner-pid" in run("start", "--help").stdout


def test_a_listing_imports_little() -> None:
    code = (
        "import sys; from dask_steward.cli import main; main(['list']); "
        "print(sorted({'dask', 'distributed', 'pydantic', 'IPython', 'ruamel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT)

    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_doctor_is_content_here(shell: Shell, answer: Answer) -> None:
    found = {check["name"]: check for check in answer("doctor")}

    assert {"state folder", "sockets", "TLS", "distributed", "profiles"} <= set(found)
    assert {check["result"] for check in found.values()} <= {"ok", "warn"}
    assert "state folder" in shell("doctor", check=0).stdout


def test_doctor_says_what_to_do(shell: Shell, tmp_path: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = shell("doctor", "--json", check=1, DASK_STEWARD_STATE_DIR=str(blocked))

    (check,) = [one for one in json.loads(done.stdout) if one["name"] == "state folder"]
    assert check["result"] == "fail"
    assert "DASK_STEWARD_STATE_DIR" in check["advice"]


def test_a_state_folder_that_cannot_be_written_starts_nothing(shell: Shell, tmp_path: Any) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    done = shell("start", "local", "--workers", "1", check=1, DASK_STEWARD_STATE_DIR=str(blocked))

    assert "Traceback" not in done.stderr
    assert "state folder" in done.stderr
