"""Find what outlives its owner: processes by a mark in their environment, and by descent from those that have it.

Runs as a program, too, without anything but the standard library::

    python -I -S leaks.py SLURM_CONF=/tmp/dsk-slurm-x/slurm.conf /tmp/dsk-slurm-x

waits for the end of its standard input, kills what carries the mark, removes the folder, and prints what it killed, one
``pid command`` a line. A fixture starts it first and so leaves nothing, not even when pytest itself is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """One process found in /proc."""

    pid: int
    parent: int
    session: int
    start_time: int
    command: str
    environment: dict[str, str]

    def __str__(self) -> str:
        return f"{self.pid} {self.command[:160]}"


def _read(pid: int) -> Process | None:
    folder = Path("/proc", str(pid))
    try:
        fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        if fields[0] in (b"Z", b"X"):
            return None  # costs nothing any more
        try:
            entries = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        except PermissionError:
            entries = []
    except OSError:
        return None  # gone meanwhile
    environment = dict(entry.partition("=")[::2] for entry in entries if "=" in entry)
    return Process(pid, int(fields[1]), int(fields[3]), int(fields[19]), command, environment)


def everything() -> dict[int, Process]:
    """Return all processes of this host that can be seen, by pid, without this one."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid: process for pid in pids if pid != os.getpid() and (process := _read(pid)) is not None}


def marked(*marks: str) -> list[Process]:
    """Return the processes that carry all of the marks (``NAME=value``, or ``NAME`` alone), and their descendants.

    The descendants, since a process may write its title over its environment.
    """
    processes = everything()
    pairs = [mark.partition("=") for mark in marks]

    def has(process: Process) -> bool:
        return all(
            name in process.environment and (not equals or process.environment[name] == value)
            for name, equals, value in pairs
        )

    found = {pid for pid, process in processes.items() if has(process)}
    grown = True
    while grown:
        more = {pid for pid, process in processes.items() if process.parent in found} - found
        found |= more
        grown = bool(more)
    return [processes[pid] for pid in sorted(found)]


def kill(processes: Iterable[Process], number: int = signal.SIGKILL) -> list[Process]:
    """Send a signal to processes that are still the ones found; return those that got it."""
    got = []
    for process in processes:
        now = _read(process.pid)
        if now is None or now.start_time != process.start_time:
            continue
        try:
            os.kill(process.pid, number)
        except (ProcessLookupError, PermissionError):
            continue
        got.append(process)
    return got


def kill_marked(*marks: str, rounds: int = 50) -> list[Process]:
    """Kill marked processes until none is left, children that were being born included; return them."""
    killed: dict[int, Process] = {}
    for _ in range(rounds):
        found = marked(*marks)
        if not found:
            break
        killed.update((process.pid, process) for process in kill(found))
        time.sleep(0.02)
    return list(killed.values())


def main(mark: str, folder: str) -> None:
    """Wait for the end of standard input, then leave nothing."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C is for pytest; its end ends the input
    sys.stdin.read()
    for process in kill_marked(mark):
        print(process)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
