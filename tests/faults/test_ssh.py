"""Keeper, guard and kernel of workers on hosts over a real ssh die, alone and together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import dask_steward as ds
from tests.faults.stage import NOISE, Stage, Started, wait_until
from tests.support import leaks
from tests.support.private_sshd import PrivateSshd

pytestmark = pytest.mark.requires("sshd")

MARK = "DASK_STEWARD_SSH"
GONE = 3.0
"""Seconds after a death in which the last process must have left its host."""

TWO = """\
system: ssh
options:
  hosts: [127.0.0.1, 127.0.0.2]
  connect_options: {connect}
  worker_options: {{nthreads: 1, memory_limit: 400 MB, local_directory: {scratch}}}
  scheduler_options: {{host: 127.0.0.1}}
dashboard: "off"
"""


def ours(started: Started) -> list[leaks.Process]:
    """Return the processes of a cluster on all hosts."""
    return [one for one in leaks.marked(MARK) if one.environment.get(MARK, "").startswith(f"{started.tag} ")]


def leaders(started: Started) -> list[leaks.Process]:
    """Return the process of each job that holds its line."""
    return [one for one in ours(started) if one.environment[MARK].split()[2] == str(one.pid)]


@pytest.fixture
def two(stage: Stage, sshd: PrivateSshd, tmp_path: Path) -> Iterator[Started]:
    """Two hosts with a worker each, of a kernel; and what is there when all is over."""
    scratch = tmp_path / "scratch"
    # Each host in its own way, as SSHCluster takes it: whoever has to release must know both.
    ways = [sshd.connect_options, {**sshd.connect_options, "keepalive_interval": "10 s"}]
    stage.profile("two", TWO.format(connect=json.dumps(ways), scratch=scratch))
    started = stage.start("two")
    wait_until(f"two workers\n{started.log()}", lambda: started.running == 2)
    yield started
    assert ours(started) == []
    assert list(scratch.glob(f"{started.tag}.*")) == []
    assert list(Path("/tmp").glob(f"{started.tag}.*")) == []


@pytest.fixture
def strangers(two: Started) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that nearly carry the mark: of a cluster with a longer name, of none, and one that only names it."""
    marks = [f"{two.tag}0 j1 1 1 1", "dask-steward- j1 1 1 1", f"x{two.tag} j1 1 1 1"]
    made = [subprocess.Popen(["sleep", "300"], env={**os.environ, MARK: mark}) for mark in marks]
    made.append(subprocess.Popen(["sleep", "300"], env={**os.environ, "OTHER": f"{MARK}={two.tag} j1 1 1 1"}))
    yield made
    alive = [one.poll() is None for one in made]
    for one in made:
        one.kill()
        one.wait()
    assert alive == [True] * len(made), "a process of somebody else was touched"


def gone(stage: Stage, started: Started, case: str, since: float, limit: float = GONE + NOISE) -> None:
    """Wait until no host has a process of a cluster, then until its entry is crossed out."""
    left = limit + since - time.monotonic()
    wait_until(f"no process on a host: {started.log()}", lambda: not ours(started), left)
    stage.note(f"ssh: {case}", time.monotonic() - since)
    wait_until(f"the entry is crossed out\n{started.log()}", started.ended)
    wait_until("keeper and guard have ended", lambda: not started.processes())


def test_a_killed_keeper_leaves_no_process(
    stage: Stage, two: Started, strangers: list[subprocess.Popen[bytes]]
) -> None:
    """Given workers on two hosts, when their keeper is killed, then no host has one, and others' processes live."""
    now = time.monotonic()
    two.kill_keeper()
    gone(stage, two, "keeper: kill", now)
    assert two.state["state"] == "lost"


def test_the_guard_ends_what_cannot_leave_by_itself(
    stage: Stage, two: Started, strangers: list[subprocess.Popen[bytes]]
) -> None:
    """Given jobs that stand still, so that no line ends them, when the keeper is killed, then the guard ends them."""
    for one in leaders(two):
        os.kill(one.pid, signal.SIGSTOP)
    now = time.monotonic()
    two.kill_keeper()
    gone(stage, two, "jobs frozen; keeper: kill", now, 6.0 + NOISE)


def test_keeper_and_guard_killed_at_once(stage: Stage, two: Started, strangers: list[subprocess.Popen[bytes]]) -> None:
    """Given keeper and guard killed in one instant, then the workers leave by their line, and a sweep asks there."""
    now = time.monotonic()
    two.kill_both()
    wait_until("they have left by themselves", lambda: not ours(two), GONE + NOISE)
    stage.note("ssh: keeper and guard: kill in one instant", time.monotonic() - now)
    report = ds.sweep()
    assert report.ended == [two.id], report
    assert report.left == []


def test_a_sweep_ends_what_keeper_and_guard_left(
    stage: Stage, two: Started, strangers: list[subprocess.Popen[bytes]]
) -> None:
    """Given jobs that stand still, when keeper and guard are killed and a sweep follows, then it ends them by ssh."""
    for one in leaders(two):
        os.kill(one.pid, signal.SIGSTOP)
    two.kill_both()
    assert len(leaders(two)) == 2
    now = time.monotonic()
    report = ds.sweep()
    assert sorted(one.kind for one in report.released if one.kind != "process") == ["job", "job"]
    gone(stage, two, "keeper and guard: kill, jobs frozen, then sweep", now, 10.0 + NOISE)


def test_a_killed_kernel_leaves_no_process(stage: Stage, two: Started) -> None:
    """Given a kernel that owns workers on two hosts, when it is killed, then no host has one."""
    assert two.kernel is not None
    now = time.monotonic()
    two.kernel.kill()
    gone(stage, two, "kernel: kill", now)
    assert "its owner" in str(two.state["reason"])


def test_everything_killed_at_once(stage: Stage, two: Started, strangers: list[subprocess.Popen[bytes]]) -> None:
    """Given kernel, keeper and guard killed together, then nothing stays: SSHCluster's workers run for ever then."""
    assert two.kernel is not None
    now = time.monotonic()
    two.kernel.kill()
    two.kill_both()
    wait_until("they have left by themselves", lambda: not ours(two), GONE + NOISE)
    stage.note("ssh: kernel, keeper and guard: kill together", time.monotonic() - now)
    assert ds.sweep().ended == [two.id]


def test_a_host_that_cannot_be_asked_is_unknown(stage: Stage, two: Started, sshd: PrivateSshd) -> None:
    """Given no sshd that answers, when the keeper is killed, then the entry stays open until one does."""
    sshd.stop()
    try:
        two.kill_keeper()
        wait_until("the workers have left by their line", lambda: not ours(two), GONE + NOISE)
        wait_until("the guard says what it does not know", lambda: "unknown" in _doing(two))
        time.sleep(2.0)
        assert not two.ended()
        assert [one.state for one in ds.held() if one.cluster == two.id]
        assert "nobody listens on its ssh port" in _doing(two)
    finally:
        sshd.start()
    wait_until(f"the entry is crossed out\n{two.log()}", two.ended)
    wait_until("the guard has ended", lambda: not two.processes())


def _doing(started: Started) -> str:
    try:
        return str(json.loads((started.folder / "guard.json").read_text())["doing"])
    except (OSError, ValueError):
        return ""


def test_a_worker_that_is_killed_is_replaced(stage: Stage, two: Started) -> None:
    """Given two hosts, when all processes of one are killed, then they are there again, and the loss is told."""
    first = leaders(two)[0]
    mark = first.environment[MARK]
    leaks.kill([one for one in ours(two) if one.environment.get(MARK) == mark])
    wait_until("its loss is told", lambda: two.state["losses"])
    wait_until(f"two workers again\n{two.log()}", lambda: two.running == 2)
    assert mark not in {one.environment.get(MARK) for one in ours(two)}
    assert two.kernel is not None
    two.kernel.run("c.close()")


def _connections(started: Started) -> list[leaks.Process]:
    return [one for one in started.processes_but_guard() if " -- 127.0.0." in one.command]


def test_a_connection_that_breaks_stops_no_work(stage: Stage, two: Started) -> None:
    """Given the connections that carry the logs, when they are cut, then the workers go on."""
    before = {one.pid for one in leaders(two)}
    carriers = _connections(two)
    time.sleep(5.0)  # a question to a host is a connection, too, but a short one
    carriers = [one for one in _connections(two) if one in carriers]
    assert len(carriers) == 2
    leaks.kill(carriers)
    assert two.kernel is not None
    code = "from distributed import Client\nwith Client(c) as client:\n    print(client.submit(print, 'x').result())\n"
    two.kernel.run(code)
    code = "with Client(c) as client:\n    print(sum(client.gather(client.map(lambda x: x * x, range(100)))))\n"
    assert "328350" in two.kernel.run(code)
    assert {one.pid for one in leaders(two)} == before
    two.kernel.run("c.close()")


def test_keys_are_private_and_what_tasks_write_is_not(stage: Stage, two: Started) -> None:
    """Given the cluster's keys on a host, then only their owner reads them; a task's files are as elsewhere."""
    folders = {one.environment["DASK_STEWARD_SSH_FOLDER"] for one in leaders(two)}
    assert len(folders) == 2
    for folder in folders:
        assert Path(folder).stat().st_mode & 0o777 == 0o700
        keys = list(Path(folder).glob("*.pem"))
        assert len(keys) == 2
        assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert two.kernel is not None
    code = "import os\nfrom distributed import Client\nwith Client(c) as client:\n"
    code += "    print(oct(client.submit(os.umask, 0o22).result()))\n"
    theirs = two.kernel.run(code).strip()
    before = os.umask(0o22)
    os.umask(before)
    assert theirs == oct(before)
    secrets = (two.folder / "tls" / "key.pem").read_text().splitlines()[1]
    assert not any(secrets in one.command for one in leaks.everything().values())
    two.kernel.run("c.close()")
