"""The private Slurm itself: what other tests take for granted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import leaks
from tests.support.private_slurm import PrivateSlurm
from tests.support.watch import Watch

pytestmark = pytest.mark.requires("slurm")


def running(slurm: PrivateSlurm, n: int, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while len([job for job in slurm.queue() if job.state == "RUNNING"]) < n:
        assert time.monotonic() < deadline, slurm.queue()
        time.sleep(0.05)


def test_jobs_of_several_users_run_side_by_side_and_are_seen(slurm: PrivateSlurm) -> None:
    ids = slurm.submit_foreign(4, cpus=4)
    running(slurm, 3)

    queue = {job.id: job for job in slurm.queue()}

    assert sorted(queue) == sorted(ids)
    assert sorted(job.state for job in queue.values()) == ["PENDING", "RUNNING", "RUNNING", "RUNNING"]
    assert {job.user for job in queue.values()} == (
        {"root", "nobody"} if os.geteuid() == 0 else {job.user for job in queue.values()}
    )
    assert slurm.touched_foreign() == []


def test_a_cancelled_foreign_job_is_noticed(slurm: PrivateSlurm) -> None:
    first, second = slurm.submit_foreign(2)

    slurm.run("scancel", second)

    deadline = time.monotonic() + 10
    while slurm.touched_foreign() != [second] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert slurm.touched_foreign() == [second]
    assert first in {job.id for job in slurm.queue()}


def test_processes_of_a_job_are_found_also_in_sessions_of_their_own(slurm: PrivateSlurm) -> None:
    job = slurm.submit("setsid sleep 611 & setsid env -i sleep 612 & wait")
    running(slurm, 1)
    deadline = time.monotonic() + 10
    found: set[str] = set()
    while not {"sleep 611", "sleep 612"} <= found and time.monotonic() < deadline:
        found = {process.command for process in slurm.processes_on_nodes(job=job)}
        time.sleep(0.05)
    assert {"sleep 611", "sleep 612"} <= found


def test_node_seconds_come_from_the_controllers_own_record(slurm: PrivateSlurm) -> None:
    tag = "dask-steward-held"
    job = slurm.submit("exec sleep 3", "--cpus-per-task=4", name=tag)
    slurm.wait_idle()
    deadline = time.monotonic() + 10
    while not slurm.node_seconds(tag) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert 2 <= slurm.node_seconds(tag) <= 15
    assert slurm.node_seconds(tag, since=time.time()) == 0
    assert [ended.state for ended in slurm.ended() if ended.id == job] == ["COMPLETED"]


def test_a_watch_tells_when_the_last_job_was_gone_and_what_it_cost(slurm: PrivateSlurm) -> None:
    tag = "dask-steward-watched"
    with Watch(slurm, tag) as watch:
        jobs = [slurm.submit("exec sleep 600", "--cpus-per-task=4", name=tag) for _ in range(4)]
        running(slurm, 3)
        began = time.monotonic()
        time.sleep(1)
        cancelled = time.monotonic()
        slurm.run("scancel", *jobs)
        watch.wait_gone(30)
    assert 1 <= watch.seconds_until_gone(began) < 10
    assert watch.seconds_until_gone(began) >= cancelled - began
    assert watch.seconds_until_gone(began) <= watch.seconds_until_gone(began, nodes_too=True)
    assert 2.5 <= watch.node_seconds(began) < 30
    assert watch.node_seconds(time.monotonic()) == 0


def test_a_queue_survives_its_controller(slurm: PrivateSlurm) -> None:
    ids = slurm.submit_foreign(4, cpus=4)
    running(slurm, 3)

    slurm.controller_down()
    assert slurm.run("scontrol", "ping", check=False).stdout.count("is DOWN") == 1
    slurm.controller_up()

    assert sorted(job.id for job in slurm.queue()) == sorted(ids)
    assert slurm.touched_foreign() == []


def test_knobs_are_in_the_configuration(make_slurm: Callable[..., PrivateSlurm]) -> None:
    one = make_slurm(nodes=1, cpus=2, mem=1500, kill_wait=7, fast=False)
    shown = one.run("scontrol", "show", "config").stdout
    values = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in shown.splitlines())}
    assert values["KillWait"] == "7 sec"
    assert "bf_interval" not in values["SchedulerParameters"]
    assert one.run("sinfo", "-h", "-p", "debug", "-o", "%D %c %m").stdout.split() == ["1", "2", "1500"]


def test_its_end_says_which_processes_were_left(make_slurm: Callable[..., PrivateSlurm]) -> None:
    cluster = PrivateSlurm(nodes=1)
    with cluster:
        # A process outside of every job that still belongs to this Slurm by its environment.
        stray = subprocess.Popen(["sleep", "633"], env=cluster.env, start_new_session=True)
    assert [line.partition(" ")[2] for line in cluster.leaked] == ["sleep 633"]
    assert stray.wait(5) == -signal.SIGKILL
    assert not cluster.folder.exists()


SESSION = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.support.private_slurm import PrivateSlurm
with PrivateSlurm(nodes=1) as slurm:
    slurm.submit("setsid sleep 644 & wait")
    while not any("644" in str(p) for p in slurm.processes_on_nodes()): pass
    print(slurm.conf, flush=True)
    signal.pause()
"""


def test_nothing_is_left_when_the_tests_themselves_are_killed() -> None:
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", SESSION.format(root=root)], stdout=subprocess.PIPE, text=True
    ) as session:
        assert session.stdout is not None
        conf = session.stdout.readline().strip()
        assert leaks.marked(f"SLURM_CONF={conf}")
        session.kill()
    deadline = time.monotonic() + 15
    while (leaks.marked(f"SLURM_CONF={conf}") or Path(conf).parent.exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not leaks.marked(f"SLURM_CONF={conf}")
    assert not Path(conf).parent.exists()


@pytest.mark.requires("root")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv")
def test_an_ordinary_user_can_have_one() -> None:
    root = str(Path(__file__).parents[3])
    code = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from tests.support.private_slurm import PrivateSlurm\n"
        "with PrivateSlurm(nodes=2) as slurm:\n"
        "    slurm.submit('true'); slurm.wait_idle(); print([job.user for job in slurm.queue(ended=True)])\n"
        "print(slurm.leaked)\n"
    )
    # The interpreter of the system: that of the tests may be in a folder which only its owner can enter.
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/bin/python3", "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": "/tmp"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    if "Permission denied" in done.stderr or "No module named 'tests'" in done.stderr:
        pytest.skip("the repository is in a folder that only its owner can enter")
    assert (done.returncode, done.stdout) == (0, "['nobody']\n[]\n"), done.stderr
