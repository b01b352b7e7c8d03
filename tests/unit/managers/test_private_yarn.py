"""The private YARN itself: what other tests take for granted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import leaks
from tests.support.private_yarn import PrivateYarn

pytestmark = pytest.mark.requires("yarn")


def until(done: Callable[[], object], timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.03)


def test_applications_of_several_users_are_seen_with_tags_and_processes(yarn: PrivateYarn) -> None:
    ours = yarn.submit("exec sleep 611", tags=["Dask-Steward-X"])
    foreign = yarn.submit_foreign(2)
    until(lambda: any(process.command == "sleep 611" for process in yarn.containers(ours)))

    assert [one.id for one in yarn.with_tag("dask-steward-x")] == [ours]
    assert {one.user for one in yarn.applications() if one.id in foreign} > {"somebody"}
    assert yarn.touched_foreign() == []

    yarn.kill_application(foreign[1], user="somebody")
    yarn.wait_state(foreign[1], "KILLED")
    assert yarn.touched_foreign() == [foreign[1]]

    assert [one.id for one in yarn.clear()] == [ours]
    assert yarn.containers() == []


def test_commands_of_hadoop_ask_this_yarn(yarn: PrivateYarn) -> None:
    (yarn.folder / "dfs" / "tmp" / "here").write_text("x")

    assert "Total Nodes:1" in yarn.run("yarn", "node", "-list").stdout
    assert "/tmp/here" in yarn.run("hadoop", "fs", "-ls", "/tmp").stdout
    (yarn.folder / "dfs" / "tmp" / "here").unlink()


def test_state_outlives_a_killed_resourcemanager_and_a_lost_node_is_lost(make_yarn: Callable[..., PrivateYarn]) -> None:
    yarn = make_yarn(nodes=2, memory=128, recovery=True, expiry=3.0)
    first = yarn.submit("exec sleep 600")

    yarn.kill("rm")
    yarn.start("rm")
    assert yarn.wait_state(first, "ACCEPTED").containers >= 0
    yarn.kill("nm2")
    until(lambda: "LOST" in yarn.nodes().values())
    yarn.start("nm2")


def test_nothing_is_left_when_the_one_that_started_it_is_killed(tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = (
        "import sys, time; from pathlib import Path; from tests.support.private_yarn import PrivateYarn\n"
        "with PrivateYarn() as yarn:\n"
        "    yarn.submit('setsid sleep 900 & exec sleep 900')\n"
        "    while len(yarn.containers()) < 2: time.sleep(0.05)\n"
        f"    Path({str(said)!r}).write_text(str(yarn.folder))\n"
        "    time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3])
    try:
        until(lambda: said.exists() and said.read_text(), 60)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    folder = Path(said.read_text())
    until(lambda: not folder.exists() and not leaks.marked(f"HADOOP_CONF_DIR={folder}/conf"))
