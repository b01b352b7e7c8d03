"""A private Slurm of several nodes on this machine: real daemons, for tests and benchmarks.

The daemons run in the foreground as children, so that they are reaped at once and die with the process that started
them. Works as root and as an ordinary user; needs Debian's ``slurmctld slurmd slurm-client munge`` (22.05 or later,
built with ``--enable-multiple-slurmd``), no running service, no network but loopback, and touches no system file.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support import leaks, slurm_accounting, slurm_conf

SBIN = "/usr/sbin:/sbin"
OUR_NAMES = "dask-steward-"
USABLE = ("idle", "mix", "alloc", "comp")
READY = 40.0
"""Seconds until all nodes must be idle; 0.1 s is usual, but a busy machine is not."""


# PR_SET_PDEATHSIG = 1: a daemon dies with the thread that started it, in its own process group (no Ctrl-C for it).
_CHILD = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL); os.setpgid(0, 0);"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)


class Job(NamedTuple):
    """One line of the queue."""

    id: str
    name: str
    state: str
    user: str
    node: str
    reason: str
    comment: str


class Ended(NamedTuple):
    """One job that is over, from the controller's own record; times in whole seconds of the local clock."""

    id: str
    name: str
    state: str
    start: float
    end: float
    nodes: int


class PrivateSlurm:
    """A Slurm cluster that lives as long as its ``with`` block.

    Parameters
    ----------
    nodes, cpus, mem : int
        Nodes, and CPUs and MB of each (bookkeeping only: nothing is confined).
    kill_wait : int
        Seconds between SIGTERM and SIGKILL when a job is cancelled; 30 is Slurm's default.
    fast : bool
        False: the scheduler's stock intervals.
    extra : str
        More lines of slurm.conf.
    accounting : bool
        With a database of its own (``slurmdbd slurm-wlm-mysql-plugin mariadb-server``): accounts, limits that are
        enforced, and ``sacct``. This user is one of the account `slurm_accounting.ACCOUNT`.
    """

    def __init__(
        self,
        nodes: int = 3,
        cpus: int = 4,
        mem: int = 4000,
        kill_wait: int = 30,
        *,
        fast: bool = True,
        extra: str = "",
        accounting: bool = False,
    ) -> None:
        self.nodes, self.cpus, self.mem, self.kill_wait, self.fast, self.extra, self.accounting = (
            nodes,
            cpus,
            mem,
            kill_wait,
            fast,
            extra,
            accounting,
        )
        self.leaked: list[str] = []
        """After the end: what had to be killed although no job should have been left."""
        self.foreign: set[str] = set()
        """Jobs of others, from `submit_foreign`."""
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    # --- life ---

    def __enter__(self) -> PrivateSlurm:
        self.folder = Path(tempfile.mkdtemp(prefix="dsk-slurm-", dir="/tmp"))
        self.folder.chmod(0o755)  # other users submit, too
        self.conf = self.folder / "slurm.conf"
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", leaks.__file__, f"SLURM_CONF={self.conf}", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != "SLURM_CONF"},
        )
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        (self.folder / "state").mkdir(mode=0o700)
        key = os.open(self.folder / "munge.key", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        os.write(key, os.urandom(128))
        os.close(key)
        *ports, database_port = slurm_conf.free_ports(self.nodes + 2)
        self.conf.write_text(
            slurm_conf.render(
                self.folder,
                ports,
                cpus=self.cpus,
                mem=self.mem,
                kill_wait=self.kill_wait,
                fast=self.fast,
                extra=self.extra,
                database_port=database_port if self.accounting else None,
            )
        )
        files = {
            name: f"{self.folder}/munge.{name}" for name in ("socket", "key-file", "log-file", "pid-file", "seed-file")
        }
        files["key-file"] = f"{self.folder}/munge.key"
        self._daemon("munged", "-F", *(f"--{name}={path}" for name, path in files.items()))
        self._until("munged", lambda: (self.folder / "munge.socket").exists())
        if self.accounting:
            self._start_accounting(database_port)
        self._daemon("slurmctld", "-D", "-f", str(self.conf))
        # A slurmd that registers before the controller listens tries again a second later.
        self._until("slurmctld", lambda: _listens(ports[0]))
        for i in range(1, self.nodes + 1):
            (self.folder / f"spool-n{i}").mkdir()
            self._daemon(f"slurmd-n{i}", "-D", "-f", str(self.conf), "-N", f"n{i}")
        self._until("nodes", self._all_idle)

    def _start_accounting(self, port: int) -> None:
        self._daemon("mariadbd", *slurm_accounting.database(self.folder))
        self._until("mariadbd", (self.folder / slurm_accounting.SOCKET).exists)
        slurm_accounting.write_conf(self.folder, port)
        self._daemon("slurmdbd", "-D")
        self._until("slurmdbd", lambda: _listens(port))
        self._until("accounts", lambda: slurm_accounting.add_account(self.run))

    def __exit__(self, *exc: object) -> None:
        if self._controller_answers():
            self.clear()
        left = self.processes_on_nodes()
        for daemon in reversed(self._daemons.values()):
            daemon.send_signal(signal.SIGCONT)
            daemon.terminate()
        for daemon in self._daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        killed, _ = self._reaper.communicate("")
        self.leaked = [*map(str, left), *killed.splitlines()]

    def _daemon(self, name: str, *arguments: str) -> None:
        program = name.partition("-")[0]
        with (self.folder / "daemons.err").open("ab") as err:
            self._daemons[name] = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _CHILD, program, *arguments],
                env={**self.env, "LC_ALL": "C.UTF-8", **slurm_accounting.environment(self.folder)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
            )

    def _until(self, what: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY
        while not done():
            dead = [name for name, daemon in self._daemons.items() if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise RuntimeError(f"private Slurm: {what} did not come up; ended: {dead}\n{self.logs()}")
            time.sleep(0.02)

    def _all_idle(self) -> bool:
        idle = self.run("sinfo", "-h", "-N", "-p", "debug", "-t", "idle", "-o", "%N", check=False).stdout.split()
        return len(set(idle)) >= self.nodes

    def _controller_answers(self) -> bool:
        daemon = self._daemons.get("slurmctld")
        return (
            daemon is not None and daemon.poll() is None and "is UP" in self.run("scontrol", "ping", check=False).stdout
        )

    def logs(self) -> str:
        """Return the last words of all daemons."""
        texts = [
            f"{path.name}:\n{path.read_text(errors='replace')[-1500:]}" for path in sorted(self.folder.glob("*.log"))
        ]
        errors = self.folder / "daemons.err"
        return "\n".join([*texts, errors.read_text(errors="replace")[-1500:] if errors.exists() else ""])

    # --- asking and telling ---

    @property
    def env(self) -> dict[str, str]:
        """The environment by which all Slurm commands find this cluster."""
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_", "SQUEUE_"))
        }
        return {**clean, "SLURM_CONF": str(self.conf), "PATH": f"{os.environ.get('PATH', os.defpath)}:{SBIN}"}

    def run(self, *arguments: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of this cluster; the real one, whatever stands before it on the PATH."""
        real = shutil.which(arguments[0], path=f"/usr/bin:/bin:{SBIN}:{os.environ.get('PATH', '')}")
        done = subprocess.run(
            [real or arguments[0], *arguments[1:]],
            env=self.env,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def _answer(self, *question: str) -> str:
        """Return what a command prints; a controller that has just come up may let one question time out."""
        for last in (False, False, True):
            done = self.run(*question, check=last)
            if done.returncode == 0:
                break
        return done.stdout

    def queue(self, *, ended: bool = False) -> list[Job]:
        """Return all users' jobs that wait, run or are ending; with `ended` also those that are over."""
        fields = ("JobArrayID", "Name", "State", "UserName", "NodeList", "Reason", "Comment")
        command = ["squeue", "--noheader", "--array", *(["--states=all"] if ended else [])]
        out = self._answer(*command, "-O", ",".join(f"{f}:0\x1f" for f in fields))
        values = out.split("\x1f")[:-1]
        rows = zip(*[iter(values)] * len(fields), strict=True)
        return [Job(row[0].strip(), *row[1:]) for row in rows]

    def jobs_with_tag(self, tag: str, *, ended: bool = False) -> list[Job]:
        """Return the jobs that have the tag as their name (of all users)."""
        return [job for job in self.queue(ended=ended) if job.name == tag]

    def wait_idle(self, timeout: float = 30.0, *, but: Collection[str] = ()) -> None:
        """Wait until no job waits, runs or is ending, except the ids in `but`."""
        deadline = time.monotonic() + timeout
        while left := [job for job in self.queue() if job.id not in but]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still in the queue after {timeout:g} s: {left}")
            time.sleep(0.05)

    def submit(self, script: str = "exec sleep 600", *options: str, name: str = "job", user: str | None = None) -> str:
        """Submit a shell script; return the job's id. As root for another user, too."""
        arguments = ["sbatch", "--parsable", f"--job-name={name}", "--output=/dev/null", "--chdir=/tmp", *options]
        if user is not None:
            arguments = [
                "setpriv",
                f"--reuid={user}",
                "--regid=nogroup",
                "--clear-groups",
                "env",
                "HOME=/tmp",
                *arguments,
            ]
        return self.run(*arguments, text=f"#!/bin/bash\n{script}\n").stdout.strip().partition(";")[0]

    def submit_foreign(self, n: int = 3, *, name: str = "somebody", cpus: int = 1) -> list[str]:
        """Submit jobs that are not ours: alternately this user's and, as root, another user's; remember their ids.

        Give `name` a tag to see that not even a stranger's job of that name is touched.
        """
        other = "nobody" if os.geteuid() == 0 else None
        ids = [
            self.submit("exec sleep 900", f"--cpus-per-task={cpus}", name=name, user=other if i % 2 else None)
            for i in range(n)
        ]
        self.foreign.update(ids)
        return ids

    def touched_foreign(self) -> list[str]:
        """Return the jobs of `submit_foreign` that no longer wait or run."""
        alive = {job.id for job in self.queue() if job.state in ("PENDING", "RUNNING", "CONFIGURING")}
        return sorted(self.foreign - alive)

    def processes_on_nodes(self, *, job: str | None = None) -> list[leaks.Process]:
        """Return the processes of jobs (without Slurm's own slurmstepd), of one job or of all."""
        marks = [f"SLURM_CONF={self.conf}", f"SLURM_JOB_ID={job}" if job else "SLURM_JOB_ID"]
        return [process for process in leaks.marked(*marks) if not process.command.startswith("slurmstepd")]

    # --- the record of what was held ---

    def ended(self) -> list[Ended]:
        """Return the jobs that are over, from ``jobcomp.txt``."""
        path = self.folder / "jobcomp.txt"
        found = []
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            # Values may hold blanks ("WorkDir=/tmp/a b"), keys are words before an equals sign.
            row = dict(part.partition("=")[::2] for part in line.split() if "=" in part)
            start, end = (_epoch(row.get(key, "")) for key in ("StartTime", "EndTime"))
            if "JobId" in row and start and end:
                found.append(
                    Ended(
                        row["JobId"],
                        row.get("Name", ""),
                        row.get("JobState", ""),
                        start,
                        end,
                        int(row.get("NodeCnt", "0") or 0),
                    )
                )
        return found

    def node_seconds(self, tag: str, since: float = 0.0) -> float:
        """Return what the ended jobs of a tag held of nodes after a moment (seconds since the epoch)."""
        return sum(job.nodes * max(0.0, job.end - max(job.start, since)) for job in self.ended() if job.name == tag)

    # --- faults ---

    def controller_down(self, *, hard: bool = False) -> None:
        """Stop the controller; `hard`: with SIGKILL, so that what it had not saved is lost."""
        daemon = self._daemons.pop("slurmctld")
        daemon.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
        daemon.wait(30)

    def controller_up(self) -> None:
        """Start the controller again and wait until it answers."""
        self._daemon("slurmctld", "-D", "-f", str(self.conf))
        self._until("slurmctld", self._controller_answers)

    def freeze_controller(self) -> None:
        """Stop the controller where it stands: commands hang and get no answer."""
        self._daemons["slurmctld"].send_signal(signal.SIGSTOP)

    def thaw_controller(self) -> None:
        """Let a frozen controller go on."""
        self._daemons["slurmctld"].send_signal(signal.SIGCONT)

    def fail_node(self, node: str) -> None:
        """Let a node count as failed: its jobs end as NODE_FAIL."""
        self.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def mend_node(self, node: str) -> None:
        """Put a failed or drained node back and wait until it can take jobs."""
        # Refused where the node came back by itself (ReturnToService=2).
        self.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        self._until(node, lambda: self.run("sinfo", "-h", "-N", "-n", node, "-o", "%t").stdout.split()[0] in USABLE)

    def ensure_up(self) -> None:
        """Undo what a test did to the controller."""
        daemon = self._daemons.get("slurmctld")
        if daemon is None or daemon.poll() is not None:
            self.controller_up()
        else:
            self.thaw_controller()
            self._until("slurmctld", self._controller_answers)

    def clear(self, timeout: float = 30.0) -> list[Job]:
        """Cancel all jobs of all users and wait until the queue is empty; return those of ours that were left.

        One that is completing was given back already.
        """
        there = self.queue()
        left = [job for job in there if job.id not in self.foreign and job.state != "COMPLETING"]
        ours = [job for job in left if job.name.startswith(OUR_NAMES)]
        ids = [job.id for job in there]
        for first in range(0, len(ids), 100):
            self.run("scancel", *ids[first : first + 100], check=False)
        deadline = time.monotonic() + timeout
        while self.queue():
            leaks.kill(self.processes_on_nodes())  # not every job heeds SIGTERM, and KillWait is long
            if time.monotonic() > deadline:
                raise TimeoutError(f"still in the queue after {timeout:g} s: {self.queue()}\n{self.logs()}")
            time.sleep(0.05)
        self.foreign.clear()
        return ours


def missing() -> Sequence[str]:
    """Return the programs that this machine lacks for a private Slurm."""
    path = f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
    return [
        name
        for name in ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
        if not shutil.which(name, path=path)
    ]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _epoch(text: str) -> float:
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0.0
