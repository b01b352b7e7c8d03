"""Who a process is: never a bare pid."""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

ALIVE = "alive"
DEAD = "dead"
ELSEWHERE = "elsewhere"


@functools.cache
def host() -> str:
    """Return this host's name, for good: a laptop may get another one from its network, and is the same host."""
    return socket.gethostname()


@functools.cache
def boot_id() -> str:
    """Return the id of this boot of the kernel: pids from before it mean nothing."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def _stat(pid: int) -> tuple[str, int] | None:
    """Return state letter and start time (clock ticks since boot) of a process, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command stands in parentheses and may itself hold spaces and parentheses.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[19])


class ProcessIdentity(NamedTuple):
    """One process of one host, safe against a reused pid and against a reboot.

    Attributes
    ----------
    host : str
        Host name.
    boot_id : str
        The kernel's boot id on that host.
    pid : int
        Process id.
    start_time : int
        Clock ticks after boot at which the process started (field 22 of ``/proc/<pid>/stat``).
    """

    host: str
    boot_id: str
    pid: int
    start_time: int

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessIdentity:
        """Return the identity of a running process, by default the calling one.

        Raises
        ------
        ProcessLookupError
            If no such process runs here.
        """
        pid = os.getpid() if pid is None else pid
        found = _stat(pid)
        if found is None or found[0] in "ZX":
            raise ProcessLookupError(f"no process {pid} runs on {host()}")
        return cls(host(), boot_id(), pid, found[1])

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> ProcessIdentity | None:
        """Read an identity from the ledger; None when it is absent or not one."""
        try:
            return cls(str(value["host"]), str(value["boot_id"]), int(value["pid"]), int(value["start_time"]))  # type: ignore[index]
        except (TypeError, KeyError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the identity as JSON."""
        return self._asdict()

    def state(self) -> str:
        """Return ``alive``, ``dead`` or ``elsewhere`` (another host: its pids cannot be judged here).

        A stopped process (SIGSTOP) is alive; a zombie is dead.
        """
        if self.host != host():
            return ELSEWHERE
        if self.boot_id != boot_id():
            return DEAD
        found = _stat(self.pid)
        alive = found is not None and found[0] not in "ZX" and found[1] == self.start_time
        return ALIVE if alive else DEAD

    def open_pidfd(self) -> int | None:
        """Return a pidfd of exactly this process, or None when it is dead or the system has no pidfds."""
        if not hasattr(os, "pidfd_open") or self.state() != ALIVE:
            return None
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return None
        if self.state() != ALIVE:  # the pid may have been reused between the check and the open
            os.close(descriptor)
            return None
        return descriptor

    def kill(self, signal: int) -> bool:
        """Send a signal to exactly this process; return whether it was there to get it."""
        import signal as signals

        if self.state() != ALIVE:
            return False
        descriptor = self.open_pidfd()
        try:
            if descriptor is None:
                os.kill(self.pid, signal)
            else:
                signals.pidfd_send_signal(descriptor, signal)
        except ProcessLookupError:
            return False
        finally:
            if descriptor is not None:
                os.close(descriptor)
        return True

    def wait_gone(self, timeout: float) -> bool:
        """Wait until the process is gone; return whether it is.

        Parameters
        ----------
        timeout : float
            Seconds.
        """
        import select

        deadline = time.monotonic() + timeout
        descriptor = self.open_pidfd()
        if descriptor is not None:
            try:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                poll.poll(max(0.0, timeout) * 1000)
            finally:
                os.close(descriptor)
            return self.state() != ALIVE
        while self.state() == ALIVE and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.state() != ALIVE
