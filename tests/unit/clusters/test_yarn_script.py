"""Scripts of an application: what runs in its containers, and the line in its master."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dask_steward.clusters import yarn_scheduler, yarn_script, yarn_spec
from dask_steward.clusters.jobscript import LineEnds
from dask_steward.clusters.line import Event, Line
from dask_steward.clusters.yarn_logs import _renew

TAG = "dask-steward-abcdefghij"


def ends(line: Line) -> LineEnds:
    return LineEnds("127.0.0.1", line.port, "127.0.0.1", 1, 2.0, line.keeper_secret, line.job_secret)


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def line(heard: list[Event]) -> Iterator[Line]:
    made = Line(TAG, "127.0.0.1", None, heard.append)
    made.start()
    yield made
    made.close()


def run(script: str) -> subprocess.Popen[str]:
    variables = {**os.environ, "NM_HOST": "n1", "SKEIN_APPLICATION_ID": "application_1_0001"}
    return subprocess.Popen(["bash", "-c", script], env=variables, stderr=subprocess.PIPE, text=True)


def wait(done: Callable[[], Any]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if done():
            return
        pause.wait(0.01)
    raise AssertionError("not in time")


def test_the_master_holds_the_line_and_leaves_when_told(line: Line, heard: list[Event]) -> None:
    master = run(yarn_script.master_script(tag=TAG, line=ends(line)))
    wait(lambda: heard)
    assert heard == [Event(yarn_script.KEY, "application_1_0001", "n1", up=True)]

    line.unwanted(yarn_script.KEY)

    _, said = master.communicate(timeout=10)
    assert master.returncode == 0
    assert "given back" in said


def test_the_master_calls_again_when_only_its_line_was_cut(line: Line, heard: list[Event]) -> None:
    master = run(yarn_script.master_script(tag=TAG, line=ends(line)))
    wait(lambda: heard)

    line.cut(yarn_script.KEY)

    # Told to leave, it does; a line that was cut without a word would be called again.
    master.communicate(timeout=10)
    assert master.returncode == 0


def test_a_master_that_nobody_wants_any_more_leaves_at_once(line: Line) -> None:
    line.unwanted(yarn_script.KEY)

    master = run(yarn_script.master_script(tag=TAG, line=ends(line)))

    _, said = master.communicate(timeout=10)
    assert master.returncode == 0
    assert "not wanted any more" in said


def test_a_master_whose_keeper_is_gone_says_what_it_cannot_reach() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        script = yarn_script.master_script(tag=TAG, line=LineEnds("127.0.0.1", port, "", 1, 2.0, "a", "b"))

        master = run(script)

        _, said = master.communicate(timeout=15)
    assert master.returncode == 69
    assert "n1 (" in said
    assert f"cannot reach the line at 127.0.0.1:{port}" in said


def test_a_master_frozen_out_by_silence_ends() -> None:
    """Given a keeper that accepts, answers once and is silent ever after, it calls again and then leaves."""
    with socket.create_server(("127.0.0.1", 0)) as keeper:
        ends_ = LineEnds("127.0.0.1", keeper.getsockname()[1], "", 1, 1.0, "secret", "b")
        master = run(yarn_script.master_script(tag=TAG, line=ends_))
        probe, _ = keeper.accept()
        probe.close()
        call, _ = keeper.accept()
        call.sendall(b"secret\n")
        again, _ = keeper.accept()  # after a second of silence
        again.close()
        keeper.close()
        master.communicate(timeout=15)
        call.close()
    # It was wanted once: that it is no more is no failure, after which YARN would start another master.
    assert master.returncode == 0


@pytest.fixture
def plan() -> yarn_spec.Plan:
    options = {"environment": "python:///opt/python", "worker_vcores": 2, "worker_memory": 2**30, "tags": ["mine"]}
    return yarn_spec.plan(options)


def test_containers_are_named_by_their_keys(line: Line, plan: yarn_spec.Plan) -> None:
    shape = yarn_script.worker_shape(plan, "tls://h:1", {})

    script = yarn_script.worker_script(shape, tag=TAG, line=ends(line), environment={"A": "b c"}, first=3)

    assert (shape.cores, shape.memory) == (2, 2**30)
    subprocess.run(["bash", "-n", "-c", script], check=True)
    assert "export A='b c'" in script
    assert "/opt/python -m distributed.cli.dask_spec tls://h:1" in script
    assigned = next(one for one in script.splitlines() if one.startswith("steward_key="))
    for variables, key in (
        ({"SKEIN_CONTAINER_ID": "dask.worker_2"}, "j1.2"),
        ({"SKEIN_CONTAINER_ID": "dask.worker_7", "DASK_STEWARD_KEY": "j4"}, "j4"),
    ):
        done = subprocess.run(
            ["bash", "-c", f'{assigned}\necho "$steward_key"'],
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == key


@pytest.mark.parametrize(("count", "keys"), [(1, ["j1"]), (2, ["j1.0", "j1.1"])])
def test_the_first_keys_are_those_of_a_first_batch(count: int, keys: list[str]) -> None:
    assert [yarn_script.first_key(number, count) for number in range(count)] == keys


def test_keys_go_as_files_of_the_application_alone(tmp_path: Path, plan: yarn_spec.Plan) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
    tls = {"ca": str(tmp_path / "cert.pem"), "cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}

    made = yarn_script.completed(plan.spec, tag=TAG, script="s", master="m", tls=tls, max_attempts=2, first=3)

    service = made.services[yarn_spec.WORKER]
    assert set(service.files) == {"dask-steward-cert.pem", "dask-steward-key.pem"}
    assert {str(one.visibility) for one in service.files.values()} == {"APPLICATION"}
    assert (service.instances, service.max_restarts, service.allow_failures) == (3, 0, True)
    assert made.tags == {"mine", TAG}
    assert made.max_attempts == 2
    assert plan.spec.tags == {"mine"}  # the plan is as it was
    lines = "\n".join(yarn_script.tls_lines(tls))
    assert 'DASK_DISTRIBUTED__COMM__TLS__CA_FILE="$PWD/dask-steward-cert.pem"' in lines


def test_the_schedulers_script_has_the_nodes_host_and_the_chosen_ports(line: Line) -> None:
    plan = yarn_spec.plan({"environment": "python:///opt/python", "deploy_mode": "remote"})
    given = ends(line)

    script = yarn_scheduler.master_script(
        plan, tag=TAG, line=given, ports=(20001, 20002), options={"allowed_failures": 4}, tls={}, pages=False
    )

    subprocess.run(["bash", "-n", "-c", script], check=True)
    command = next(one for one in script.splitlines() if one.startswith("/opt/python -c"))
    expanded = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {command.removeprefix('/opt/python ')}"],
        env={"NM_HOST": "n7", "steward_dir": "/d"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    told = json.loads(expanded[-2])
    assert told["options"] == {"host": "n7", "allowed_failures": 4}
    assert told["ports"] == [20001, 20002]
    assert expanded[-1] == "/d"


def test_a_worker_is_told_of_the_scheduler_by_variables(line: Line, plan: yarn_spec.Plan) -> None:
    shape = yarn_script.worker_shape(plan, f'"${yarn_scheduler.ADDRESS}"', {})

    script = yarn_script.worker_script(shape, tag=TAG, line=yarn_scheduler.worker_ends(ends(line)), environment={})

    subprocess.run(["bash", "-n", "-c", script], check=True)
    assert yarn_scheduler.variables("tls://[::1]:8786") == {
        yarn_scheduler.ADDRESS: "tls://[::1]:8786",
        yarn_scheduler.HOST: "[::1]",
        yarn_scheduler.PORT: "8786",
    }
    assert f'steward_scheduler_host="${yarn_scheduler.HOST}"' in script
    assert shlex.quote("tls://") not in script.splitlines()


def test_our_package_is_brought_without_what_is_large(tmp_path: Path) -> None:
    with zipfile.ZipFile(yarn_scheduler.pack(str(tmp_path))) as packed:
        names = packed.namelist()

    assert "dask_steward/clusters/scheduler_host.py" in names
    assert "dask_steward/py.typed" in names
    assert not [one for one in names if "labextension" in one or "__pycache__" in one]


def test_a_log_only_grows_for_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _renew(str(path), "one\n")
    with path.open() as reader:
        assert reader.read() == "one\n"

        _renew(str(path), "one\ntwo\n")

        assert reader.read() == "two\n"
    _renew(str(path), "another\n")
    assert path.read_text() == "another\n"
