"""What the fault tests stand on: a real kernel that owns a real cluster, others' jobs beside it, and a stop-watch."""

from __future__ import annotations

import os
import random
import re
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import dask_steward as ds
from dask_steward.ledger import entries
from dask_steward.ledger.entries import Entry
from tests.support import leaks
from tests.support.kernels import KernelManager
from tests.support.private_slurm import Job, PrivateSlurm

LIMIT = 60.0
"""Seconds that anything may take which is not what a test measures: the machine may be busy with other things."""

NOISE = 2.0
"""Seconds that are forgiven where a limit is measured: two cores, shared with Slurm's five daemons and others' work."""

OWNER_DIED = 10.0
"""Seconds after which a test whose kernel has ended may have no keeper any more."""

NODE_SECONDS = 10.0
"""Node-seconds that a death may cost."""


@dataclass(frozen=True)
class Measured:
    """One measured release."""

    case: str
    seconds: float
    node_seconds: float | None = None


MEASURED: list[Measured] = []
"""All that this run has measured, for the table at its end."""


def wait_until(what: str, done: Callable[[], Any], limit: float = LIMIT, pause: float = 0.03) -> float:
    """Look until `done`; return how long it took (seconds).

    Raises
    ------
    AssertionError
        If it is not so in time.
    """
    started = time.monotonic()
    while not done():
        assert time.monotonic() - started < limit, f"not within {limit:g} s: {what}"
        time.sleep(pause)
    return time.monotonic() - started


class Kernel:
    """An ipykernel, started and driven as a notebook does it."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "kernel.log").open("ab")
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(stdout=self._log, stderr=self._log)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LIMIT)

    @property
    def pid(self) -> int:
        found = self.manager.provisioner
        assert found is not None
        return int(found.pid)  # type: ignore[attr-defined]

    def send(self, code: str) -> str:
        """Have a cell run, and do not wait for it."""
        return str(self.client.execute(code))

    def run(self, code: str, limit: float = LIMIT) -> str:
        """Run a cell to its end; return what it printed."""
        return self.finish(self.send(code), limit)

    def finish(self, cell: str, limit: float = LIMIT) -> str:
        """Wait for a cell that was sent; an interrupted one ends, too."""
        deadline = time.monotonic() + limit
        printed, error = "", ""
        while True:
            assert time.monotonic() < deadline, f"the cell did not end within {limit:g} s: {printed}"
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
            elif message["msg_type"] == "error":
                error = "\n".join(content["traceback"])
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        if error and "KeyboardInterrupt" not in error:
            raise AssertionError(error)
        return printed

    def kill(self) -> None:
        """SIGKILL, as the out-of-memory killer does it: nothing in it runs any more."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Leave no kernel behind, however the test ended."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            os.kill(self.pid, signal.SIGCONT)
            self.manager.shutdown_kernel(now=True)
        self._log.close()


@dataclass
class Started:
    """A cluster that a kernel (or this process) started."""

    id: str
    folder: Path
    kernel: Kernel | None = None

    @property
    def tag(self) -> str:
        return f"dask-steward-{self.id}"

    @property
    def entry(self) -> Entry:
        return entries.read_entry(str(self.folder))

    @property
    def keeper(self) -> int:
        found = self.entry.keeper
        assert found is not None
        return found.pid

    @property
    def guard(self) -> int:
        found = self.entry.guard
        assert found is not None
        return found.pid

    @property
    def state(self) -> dict[str, Any]:
        return ds.get(self.id).state

    @property
    def running(self) -> int:
        return int(self.state["workers"]["running"])

    def kill_keeper(self) -> None:
        os.kill(self.keeper, signal.SIGKILL)

    def kill_both(self) -> None:
        """Kill keeper and guard in one instant, so that neither sees the other die; return when both are dead."""
        keeper, guard = self.keeper, self.guard
        # Stopped for that instant: a keeper that is still running starts another guard within a few milliseconds.
        os.kill(keeper, signal.SIGSTOP)
        os.kill(guard, signal.SIGKILL)
        os.kill(keeper, signal.SIGKILL)
        # A process of many megabytes takes some milliseconds to end.
        wait_until("both are dead", lambda: not self.entry.keeper_alive() and not self.entry.guard_alive(), pause=0.001)

    def processes(self) -> list[leaks.Process]:
        """Return what carries the cluster's mark on this host, its guard included, with all descendants."""
        found = {p.pid: p for p in leaks.marked(f"DASK_STEWARD_CLUSTER={self.id}")}
        found.update({p.pid: p for p in leaks.marked(f"DASK_STEWARD_GUARD={self.id}")})
        return list(found.values())

    def processes_but_guard(self) -> list[leaks.Process]:
        """Return what a guard should end, and is not one."""
        return leaks.marked(f"DASK_STEWARD_CLUSTER={self.id}")

    def ended(self) -> bool:
        return self.entry.ended

    def log(self) -> str:
        """Return the last words of keeper and guard."""
        texts = [(self.folder / name) for name in ("keeper.log", "guard.log", "guard.json", "end.json")]
        return "\n".join(f"{path.name}: {path.read_text()[-3000:]}" for path in texts if path.exists())


@dataclass
class Stage:
    """One test's world: a state folder, profiles, kernels, and the clusters that they started."""

    folder: Path
    random: random.Random
    measured: list[Measured]
    started: list[Started] = field(default_factory=list)
    kernels: list[Kernel] = field(default_factory=list)

    def profile(self, name: str, text: str) -> None:
        """Save a profile."""
        folder = self.folder / "profiles"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.yaml").write_text(text)

    def kernel(self) -> Kernel:
        """Start a kernel that has the package imported."""
        kernel = Kernel(self.folder)
        self.kernels.append(kernel)
        kernel.run("import dask_steward as ds")
        return kernel

    def known(self) -> set[str]:
        """Return the ids of all clusters in this test's ledger."""
        found, problems = entries.list_entries()
        assert not problems, problems
        return {entry.id for entry in found}

    def start(self, profile: str, arguments: str = "", *, kernel: Kernel | None = None) -> Started:
        """Start a cluster in a new kernel (or a given one); return as soon as its keeper and guard are known."""
        kernel = kernel or self.kernel()
        cell = kernel.send(f"c = ds.start({profile!r}, {arguments + ', ' if arguments else ''}wait=False)")
        started = self.arrived(kernel)
        kernel.finish(cell)
        return started

    def arrived(self, kernel: Kernel | None = None) -> Started:
        """Return the newest cluster, once it has a keeper and a guard."""
        before = {one.id for one in self.started}
        wait_until("an entry in the ledger", lambda: self._new(before))
        started = self._new(before)
        assert started is not None
        started.kernel = kernel
        self.started.append(started)
        wait_until(
            f"keeper and guard\n{started.log()}",
            lambda: started.entry.keeper is not None and started.entry.guard is not None,
        )
        return started

    def _new(self, before: set[str]) -> Started | None:
        try:
            found, _ = entries.list_entries()
        except OSError:
            return None
        for entry in found:
            if entry.id not in before:
                return Started(entry.id, Path(entry.folder))
        return None

    def note(self, case: str, seconds: float, node_seconds: float | None = None) -> None:
        """Remember a measurement for the table at the end of the run."""
        self.measured.append(Measured(case, seconds, node_seconds))

    def pause(self, longest: float) -> float:
        """Wait for a random time; return it."""
        seconds = self.random.uniform(0.0, longest)
        time.sleep(seconds)
        return seconds

    def end(self) -> list[str]:
        """End kernels, keepers and guards of a test that failed; return what a test that passed should have ended."""
        for kernel in self.kernels:
            kernel.end()
        # Their owners are dead now: what a test had no reason to end, goes like this.
        deadline = time.monotonic() + OWNER_DIED
        while any(one.processes_but_guard() for one in self.started) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = []
        for one in self.started:
            for process in leaks.kill_marked(f"DASK_STEWARD_CLUSTER={one.id}"):
                left.append(f"{one.id}: {process}")
        return left


@dataclass
class SlurmStage(Stage):
    """A stage on Slurm, with others' jobs beside ours."""

    slurm: PrivateSlurm = field(kw_only=True)

    @property
    def scratch(self) -> Path:
        """Where the workers of jobs spill."""
        return self.folder / "scratch"

    def others(self) -> None:
        """Jobs that are none of ours: one on each node, one of them another user's, one by a name like ours."""
        names = ["somebody", "dask-worker", "dask-steward-"]
        for i in range(1, self.slurm.nodes + 1):
            user = "nobody" if os.geteuid() == 0 and i == 1 else None
            job = self.slurm.submit("exec sleep 900", "-w", f"n{i}", "--mem=100", name=names[(i - 1) % 3], user=user)
            self.slurm.foreign.add(job)

    def like(self, started: Started) -> None:
        """Jobs whose names are nearly those of a cluster, and one of another user by its very name."""
        held = ("--hold", "--mem=100")
        self.slurm.foreign.add(self.slurm.submit("exec sleep 900", *held, name=f"{started.tag}0"))
        self.slurm.foreign.add(self.slurm.submit("exec sleep 900", *held, f"--comment={started.tag}:j1", name="like"))
        if os.geteuid() == 0:
            self.slurm.foreign.add(self.slurm.submit("exec sleep 900", *held, name=started.tag, user="nobody"))

    def ours(self, started: Started, *states: str) -> list[Job]:
        """Return the jobs of a cluster that are in the queue, ending ones included."""
        return [
            job
            for job in self.slurm.jobs_with_tag(started.tag)
            if job.id not in self.slurm.foreign and (not states or job.state in states)
        ]

    def full(self, profile: str = "six", arguments: str = "", *, kernel: Kernel | None = None) -> Started:
        """Start a cluster of six jobs: three run, with their workers connected, and three wait."""
        started = self.start(profile, arguments, kernel=kernel)
        wait_until(
            "three jobs run and three wait",
            lambda: (
                len(self.ours(started, "RUNNING")) == 3
                and len(self.ours(started, "PENDING")) == 3
                and started.running == 3
            ),
        )
        self.like(started)
        return started

    def hold_waiting(self, started: Started) -> list[str]:
        """Have an administrator hold the waiting jobs: they cannot start, so no line in them can end them."""
        ids = [job.id for job in self.ours(started, "PENDING")]
        self.slurm.run("scontrol", "hold", ",".join(ids))
        return ids

    def gone(self, started: Started, since: float, limit: float) -> float:
        """Wait until the queue is empty of a cluster; return seconds after `since` (monotonic)."""
        try:
            left = limit + since - time.monotonic()
            wait_until("the queue is empty of our tag", lambda: not self.ours(started), left)
        except AssertionError as error:
            raise AssertionError(f"{error}; left: {self.ours(started)}\n{started.log()}") from None
        return time.monotonic() - since

    def cost(self, started: Started, since: float) -> float:
        """Return the node-seconds that a cluster held after a moment (seconds since the epoch), from Slurm's record.

        The record has whole seconds; what began and ended within one counts nothing, so the sum is off by at most half
        a second a job.
        """
        return self.slurm.node_seconds(started.tag, since)

    def nothing_left(self, started: Started) -> None:
        """Nothing of a cluster is left anywhere, and nothing of others was touched."""
        assert self.ours(started) == []
        assert self.slurm.touched_foreign() == []
        ids = {job.id for job in self.slurm.jobs_with_tag(started.tag, ended=True)} - self.slurm.foreign
        on_nodes = [process for id in ids for process in self.slurm.processes_on_nodes(job=id)]
        assert on_nodes == []
        scratch = list(self.scratch.glob(f"{started.tag}.*")) if self.scratch.exists() else []
        assert scratch == [], [str(path) for path in scratch]


class DeathWatch:
    """Notes when a process ends, to the moment: what ends it may return much later."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)
        self._at = 0.0
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.poll()
        self._at = time.monotonic()
        os.close(self._descriptor)

    def at(self) -> float:
        """Return when it died (monotonic)."""
        self._thread.join(LIMIT)
        assert not self._thread.is_alive(), "the process did not end"
        return self._at


class QueueWatch:
    """Notes when the queue is empty of a cluster, while the test itself is busy with something else."""

    def __init__(self, stage: SlurmStage, started: Started) -> None:
        self._stage, self._started = stage, started
        self._at = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if not self._stage.ours(self._started):
                self._at = time.monotonic()
                return
            time.sleep(0.03)

    def seconds_after(self, since: float) -> float:
        """Return how long after a moment (monotonic) it was empty."""
        self._thread.join()
        assert self._at, f"not empty: {self._stage.ours(self._started)}\n{self._started.log()}"
        return max(0.0, self._at - since)


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Processes that stand still meanwhile."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


def state_letter(pid: int) -> str:
    """Return the kernel's letter for a process's state."""
    found = re.search(r"^State:\s+(\w)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def tool(name: str) -> str:
    """Return the path of a system's tool."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path is not None, f"{name} is missing"
    return path


def system(*arguments: str) -> None:
    """Run a system's tool."""
    subprocess.run([tool(arguments[0]), *arguments[1:]], check=True, capture_output=True, timeout=LIMIT)
