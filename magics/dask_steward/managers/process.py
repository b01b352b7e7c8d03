"""Processes of this user on this host that belong to a cluster, found by a mark that they all inherit.

Whatever a cluster starts here carries ``DASK_STEWARD_CLUSTER=<id>`` in its environment, and so do the children of its
children, whatever process group or session they move to. A process that writes a title over its environment (the
``setproctitle`` package does) loses the mark; it is still found by the session that its keeper began.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dask_steward.managers.base import Unknown

MARK = "DASK_STEWARD_CLUSTER"
"""Environment variable that holds the id of the cluster which a process belongs to."""

POLL = 0.02
"""Seconds between two looks at a process where the kernel has no pidfds (before Linux 5.3)."""

_PREFIX = f"{MARK}=".encode()


@dataclass(frozen=True)
class ProcessStatus:
    """One process that runs on this host.

    Attributes
    ----------
    pid, group, session : int
        Its number and those of its process group and session.
    start_time : int
        Clock ticks after boot at which it started: with `pid` it names one process, also after the pid was reused.
    state : str
        The kernel's letter: ``R``, ``S``, ``D``, ``T`` …
    command : str
        Its command line, with blanks between the arguments.
    """

    pid: int
    group: int
    session: int
    start_time: int
    state: str
    command: str

    @property
    def alive(self) -> bool:
        """Whether exactly this process still runs; a zombie does not."""
        now = _stat(self.pid)
        return now is not None and now[3] == self.start_time


class Processes:
    """The processes of this user on this host."""

    system = "process"

    def find_by_tag(
        self,
        clusters: Collection[str],
        *,
        sessions: Mapping[str, tuple[int, int]] | None = None,
        exclude: Collection[int] = (),
    ) -> dict[str, tuple[ProcessStatus, ...]] | Unknown:
        """Return the running processes of each cluster.

        Parameters
        ----------
        clusters : collection of str
            Cluster ids.
        sessions : mapping, optional
            For a cluster id the pid and the start time (clock ticks after boot) of the process that began the
            cluster's session: its members belong to the cluster, too.
        exclude : collection of int
            Pids that are left out, such as the caller's own.
        """
        pids = _pids()
        if isinstance(pids, Unknown):
            return pids
        wanted = {cluster.encode(): cluster for cluster in clusters}
        leaders = {pid: (cluster, start) for cluster, (pid, start) in (sessions or {}).items() if cluster in clusters}
        found: dict[str, list[ProcessStatus]] = {cluster: [] for cluster in clusters}
        for pid in pids:
            if pid in exclude or not _is_mine(pid):
                continue
            cluster = wanted.get(_mark(pid) or b"")
            if cluster is None and leaders:
                cluster = _by_session(pid, leaders)
            status = None if cluster is None else _status(pid)
            if cluster is not None and status is not None:
                found[cluster].append(status)
        return {cluster: tuple(statuses) for cluster, statuses in found.items()}

    def kill(self, processes: Iterable[ProcessStatus | int], number: int = signal.SIGKILL) -> tuple[int, ...]:
        """Send a signal to processes, each exactly the one that was found; return the pids that were there to get it.

        Parameters
        ----------
        processes : iterable of ProcessStatus or int
            A bare pid is only safe for a child that the caller has not reaped.
        number : int
            The signal.
        """
        sent: list[int] = []
        for process in processes:
            pid = process if isinstance(process, int) else process.pid
            with contextlib.suppress(ProcessLookupError, PermissionError):
                descriptor = _pidfd(pid)
                try:
                    # Looked at after the pidfd was opened: from here on the number cannot be reused unnoticed.
                    if isinstance(process, ProcessStatus) and not process.alive:
                        continue
                    if descriptor is None:
                        os.kill(pid, number)
                    else:
                        signal.pidfd_send_signal(descriptor, number)
                    sent.append(pid)
                finally:
                    if descriptor is not None:
                        os.close(descriptor)
        return tuple(sent)

    def wait_gone(self, processes: Iterable[ProcessStatus | int], timeout: float) -> tuple[int, ...]:
        """Wait until processes have ended, at most `timeout` seconds; return the pids that still run."""
        deadline = time.monotonic() + timeout
        left: list[int] = []
        for process in processes:
            status = _status(process) if isinstance(process, int) else process
            if status is not None and not _wait_one(status, deadline):
                left.append(status.pid)
        return tuple(left)

    def status(self, pid: int) -> ProcessStatus | None:
        """Return what is known of a process, or None when it does not run."""
        return _status(pid)


def _pids() -> list[int] | Unknown:
    try:
        names = os.listdir("/proc")
    except OSError as error:
        return Unknown(f"the processes of this host cannot be listed: /proc: {error.strerror}")
    pids = [int(name) for name in names if name.isdecimal()]
    if os.getpid() not in pids:
        return Unknown("the processes of this host cannot be listed: /proc does not show this process")
    return pids


def _is_mine(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
    except OSError:
        return False


def _mark(pid: int) -> bytes | None:
    """Return the cluster id in a process's environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
    except OSError:
        return None
    # Most processes have no mark: splitting their environments would be most of the work.
    if _PREFIX not in environment:
        return None
    for entry in environment.split(b"\0"):
        if entry.startswith(_PREFIX):
            return entry[len(_PREFIX) :]
    return None


def _by_session(pid: int, leaders: Mapping[int, tuple[str, int]]) -> str | None:
    """Return the cluster in whose session a process is."""
    stat = _stat(pid)
    if stat is None or stat[2] not in leaders:
        return None
    cluster, started = leaders[stat[2]]
    leader = _stat(stat[2])
    # A session's number is not given to another process while the session has members. Where the number now belongs
    # to a process that began at another time, it is a new session and none of ours.
    if leader is not None and leader[3] != started:
        return None
    return cluster if stat[3] >= started else None


def _stat(pid: int) -> tuple[str, int, int, int] | None:
    """Return state, group, session and start time of a process; None for none and for a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command stands in parentheses and may hold blanks and parentheses.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    state = fields[0].decode()
    return None if state in "ZX" else (state, int(fields[2]), int(fields[3]), int(fields[19]))


def _status(pid: int) -> ProcessStatus | None:
    stat = _stat(pid)
    if stat is None:
        return None
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").strip().decode("utf-8", "replace")
    except OSError:
        return None
    state, group, session, start_time = stat
    return ProcessStatus(pid, group, session, start_time, state, words)


def _pidfd(pid: int) -> int | None:
    """Return a pidfd, or None where the system has none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        return None


def _wait_one(process: ProcessStatus, deadline: float) -> bool:
    """Wait for the end of a process; return whether it came."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = _pidfd(process.pid)
        if descriptor is not None:
            try:
                if process.alive:
                    poll = select.poll()
                    poll.register(descriptor, select.POLLIN)
                    poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            finally:
                os.close(descriptor)
            return not process.alive
    while process.alive and time.monotonic() < deadline:
        time.sleep(POLL)
    return not process.alive
