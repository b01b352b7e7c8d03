"""The line in each job: what it does when nobody else is left, and what it does not do while its keeper lives."""

from __future__ import annotations

import itertools
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import dask_steward as ds
from tests.faults.stage import NODE_SECONDS, NOISE, SlurmStage, Started, frozen, state_letter, system, wait_until
from tests.support import leaks

pytestmark = pytest.mark.requires("slurm")

BY_THE_LINE = 3.0
"""Seconds in which the queue must be empty by the line alone."""


HOLD_GIL = """
def hold_gil(seconds):
    import ctypes, subprocess
    # A grandchild in a session of its own, as a daemon would be.
    subprocess.Popen(["setsid", "bash", "-c", f"sleep {seconds} & wait"])
    # PyDLL does not release the GIL: no thread of this worker runs until libc returns.
    ctypes.PyDLL("libc.so.6").sleep(seconds)

from distributed import Client
client = Client(c)
addresses = list(client.scheduler_info(n_workers=-1)["workers"])
futures = [client.submit(hold_gil, 300, workers=[address], pure=False) for address in addresses]
print(len(addresses))
"""


def occupy(started: Started) -> None:
    """Give each of three workers a task that holds its GIL; return once they all do."""
    assert started.kernel is not None
    assert started.kernel.run(HOLD_GIL).strip() == "3"

    def sleepers() -> int:
        return sum(process.command == "sleep 300" for process in leaks.marked("SLURM_JOB_ID"))

    wait_until("three tasks run", lambda: sleepers() == 3)
    time.sleep(0.3)  # from the grandchild's start to the call that holds the GIL


def test_jobs_leave_by_the_line_alone(slurm_stage: SlurmStage) -> None:
    """Given three jobs whose tasks hold the GIL and three that wait, when keeper and guard die in one instant, then
    without any sweep the queue is empty in three seconds, and no process is left on any node, whatever its session.

    By hand: 180 s, which is the tasks' end, and 535 node-seconds.
    """
    started = slurm_stage.full()
    occupy(started)
    slurm_stage.pause(1.0)
    now, clock = time.monotonic(), time.time()
    started.kill_both()
    seconds = slurm_stage.gone(started, now, BY_THE_LINE + NOISE)
    cost = slurm_stage.cost(started, clock)
    slurm_stage.note("keeper and guard: kill in one instant, tasks hold the GIL, the line alone", seconds, cost)
    assert cost <= NODE_SECONDS
    slurm_stage.nothing_left(started)
    assert ds.sweep().ended == [started.id]


def test_a_frozen_keeper_loses_no_job(slurm_stage: SlurmStage) -> None:
    """Given a keeper that stands still for 20 s, when it goes on, then the same jobs run and wait, and compute."""
    started = slurm_stage.full()
    before = {job.id: job.state for job in slurm_stage.ours(started)}
    with frozen(started.keeper):
        wait_until("the keeper stands still", lambda: state_letter(started.keeper) == "T")
        time.sleep(20)
        assert {job.id: job.state for job in slurm_stage.ours(started)} == before
    assert started.kernel is not None
    started.kernel.run("from distributed import Client; client = Client(c)")
    assert started.kernel.run("print(client.submit(sum, [1, 2, 3]).result(timeout=30))").strip() == "6"
    assert started.kernel.run("print(len(client.scheduler_info(n_workers=-1)['workers']))").strip() == "3"
    assert {job.id: job.state for job in slurm_stage.ours(started)} == before
    started.kernel.run("client.close(); c.close()")
    slurm_stage.gone(started, time.monotonic(), 5)
    slurm_stage.nothing_left(started)


@pytest.fixture
def address() -> Iterator[str]:
    """An address of this host that can be taken away: as when a login node's network is cut, without a FIN."""
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: only root can take an address away")
    made = f"10.213.{random.SystemRandom().randrange(1, 255)}.{random.SystemRandom().randrange(1, 255)}"
    system("ip", "address", "add", f"{made}/32", "dev", "lo")
    yield made
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((made, 0))
        except OSError:
            return  # the test took it away
    system("ip", "address", "del", f"{made}/32", "dev", "lo")


@pytest.mark.requires("netns")
def test_jobs_leave_when_the_network_falls_silent(slurm_stage: SlurmStage, address: str) -> None:
    """Given a silence limit of 10 s, when the network breaks without a word, then the jobs leave within it."""
    text = (slurm_stage.folder / "profiles" / "six.yaml").read_text()
    far = text.replace("interface: lo,", f"scheduler_options: {{host: {address}}},") + "line: {silence: 10 s}\n"
    slurm_stage.profile("far", far)
    started = slurm_stage.full("far")
    assert address in started.state["scheduler"]["address"]
    slurm_stage.hold_waiting(started)
    now = time.monotonic()
    system("ip", "address", "del", f"{address}/32", "dev", "lo")
    wait_until("the running jobs have left", lambda: not slurm_stage.ours(started, "RUNNING", "COMPLETING"), 10 + 5)
    seconds = time.monotonic() - now
    slurm_stage.note("network silent, silence limit 10 s", seconds)
    # A beat every few seconds: the last one may have come just before.
    assert seconds <= 10 + NOISE
    assert started.entry.keeper_alive()
    assert started.kernel is not None
    started.kernel.kill()
    slurm_stage.gone(started, time.monotonic(), 20)
    wait_until("the entry is crossed out", started.ended)
    slurm_stage.nothing_left(started)


class Stranger(threading.Thread):
    """Somebody who listens on a port that was a keeper's, and answers callers with words, each with the next ones."""

    def __init__(self, port: int, words: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self._words = itertools.cycle(words)
        self._held: list[socket.socket] = []
        self.heard: list[bytes] = []

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                self._held.append(connection)  # kept open: a cut line would be told by its end
                connection.settimeout(5)
                said = connection.recv(1024)
                if said:  # a job first looks whether the port can be reached at all
                    self.heard.append(said)
                    connection.sendall(next(self._words))
            except TimeoutError:
                continue
            except OSError:
                if self._listener.fileno() < 0:
                    return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._held:
            connection.close()


def line_port(started: Started) -> int:
    """Return the port of a cluster's line: the one of the keeper that is not the scheduler's."""
    scheduler = int(started.state["scheduler"]["address"].rpartition(":")[2])
    found = {int(one.rpartition(":")[2]) for one in _listening(started.keeper)} - {scheduler}
    assert len(found) == 1, found
    return found.pop()


def _listening(pid: int) -> set[str]:
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    found = set()
    for name in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and fields[9] in sockets:
                host, _, port = fields[1].partition(":")
                found.add(f"{host}:{int(port, 16)}")
    return found


def test_a_job_does_not_work_for_a_stranger(slurm_stage: SlurmStage) -> None:
    """Given a stranger on a dead keeper's port, when a waiting job starts, then it leaves without a worker."""
    started = slurm_stage.full()
    held = slurm_stage.hold_waiting(started)
    port = line_port(started)
    started.kill_both()
    wait_until("the running jobs have left", lambda: not slurm_stage.ours(started, "RUNNING", "COMPLETING"), 20)
    stranger = Stranger(port, [b"hello dear job, I am your keeper\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0\n\n"])
    stranger.start()
    try:
        now, clock = time.monotonic(), time.time()
        slurm_stage.slurm.run("scontrol", "release", ",".join(held))
        seconds = slurm_stage.gone(started, now, 10)
        assert len(stranger.heard) == 3
    finally:
        stranger.close()
    slurm_stage.note("a stranger on a dead keeper's port: jobs leave", seconds, slurm_stage.cost(started, clock))
    for job in held:
        log = (started.folder / "logs" / f"{job}.log").read_text()
        assert "nobody wants this job any more" in log
        assert "distributed" not in log
    slurm_stage.nothing_left(started)
    assert ds.sweep().ended == [started.id]


def test_a_stranger_on_the_line_changes_nothing(slurm_stage: SlurmStage) -> None:
    """Given a living line, when strangers call with nonsense, with too much, or with nothing, then no job is lost.

    None of them is told the keeper's secret.
    """
    started = slurm_stage.full()
    before = {job.id: job.state for job in slurm_stage.ours(started)}
    port = line_port(started)
    calls = (b"", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000, f"hello {started.tag} j1 1 wrong n1\n".encode(), b"\0\n")
    silent = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(20)]
    for call in calls:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            try:
                connection.sendall(call)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(1024) == b""
            except OSError:
                pass  # cut off in the middle of its words
    for one in silent:
        one.close()
    assert {job.id: job.state for job in slurm_stage.ours(started)} == before
    assert started.running == 3
    now, clock = time.monotonic(), time.time()
    started.kill_both()  # and the line still works
    seconds = slurm_stage.gone(started, now, BY_THE_LINE + NOISE)
    slurm_stage.note("keeper and guard: kill in one instant, the line alone", seconds, slurm_stage.cost(started, clock))
    slurm_stage.nothing_left(started)
    assert ds.sweep().ended == [started.id]


def test_where_the_line_is_closed_the_schedulers_port_is_watched(slurm_stage: SlurmStage) -> None:
    """Given nodes that cannot reach the line's port, when jobs start, then they work, and leave when the keeper dies.

    The firewall is simulated: the job scripts name another port in the line's place, on which nobody listens.
    """
    closed = _closed_port()
    # In the keeper's process: whatever it renders names a port on which nobody listens.
    site = slurm_stage.folder / "python"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'dask_steward.clusters.slurm': return None\n"
        "        from dask_steward.clusters import jobscript\n"
        "        old = jobscript.LineEnds\n"
        f"        jobscript.LineEnds = lambda **ends: old(**dict(ends, port={closed}))\n"
        "        return None\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    kernel = slurm_stage.kernel()
    kernel.run(f"import os; os.environ['PYTHONPATH'] = {str(site)!r}")
    started = slurm_stage.full(kernel=kernel)
    job = slurm_stage.ours(started, "RUNNING")[0].id
    log = started.folder / "logs" / f"{job}.log"
    assert f":{closed} cannot be reached from here; watching the scheduler's port" in log.read_text()
    slurm_stage.hold_waiting(started)
    now = time.monotonic()
    started.kill_both()
    wait_until("the running jobs have left", lambda: not slurm_stage.ours(started, "RUNNING", "COMPLETING"), 45)
    slurm_stage.note("line's port closed, the scheduler's watched; keeper and guard: kill", time.monotonic() - now)
    assert ds.sweep().ended == [started.id]
    slurm_stage.gone(started, time.monotonic(), 5)
    slurm_stage.nothing_left(started)


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
