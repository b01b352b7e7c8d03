"""Run a manager's command: arguments as a list, a time limit, and no process left when the limit is hit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# A process group of its own: a Ctrl-C in the caller's terminal must not cut a submit in two, and the group can be
# killed as a whole. But the caller's session, by which whoever releases for a dead keeper finds a submit that hangs:
# the mark of the cluster must not stand in its environment, which sbatch hands on to the job. Python 3.10 can only make
# a whole session; the job that such a submit still brings is found by its tag.
_OWN_GROUP: dict[str, Any] = {"process_group": 0} if sys.version_info >= (3, 11) else {"start_new_session": True}

AFTER_KILL = 1.0
"""Seconds to wait for the pipes of a killed command: a descendant in another process group may hold them open."""


class Finished(NamedTuple):
    """How a command ended.

    Attributes
    ----------
    status : int or None
        Exit status (negative: signal); None when the time limit was hit and the command was killed.
    out, err : str
        What it wrote. Bytes that are not UTF-8 are replaced.
    """

    status: int | None
    out: str
    err: str


def find(name: str, path: str) -> str | None:
    """Return the full path of an executable on a search path, or None."""
    # Not shutil.which: shutil brings the compression modules, a megabyte in a guard that may have fifteen.
    for folder in path.split(os.pathsep):
        candidate = os.path.join(folder, name) if folder else ""
        if candidate and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], timeout: float, text: str = "", cwd: str | None = None
) -> Finished:
    """Run a command to its end, or kill it with all its children at the time limit.

    Parameters
    ----------
    arguments : sequence of str
        The program's path and its arguments; no shell sees them.
    environment : mapping
        The command's whole environment.
    timeout : float
        Seconds.
    text : str
        What the command reads on its standard input.
    cwd : str, optional
        Folder that it runs in.

    Raises
    ------
    OSError
        If the program cannot be started.
    """
    process = subprocess.Popen(
        list(arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        cwd=cwd,
        **_OWN_GROUP,
    )
    try:
        out, err = process.communicate(text.encode("utf-8", "surrogateescape"), timeout=timeout)
    except subprocess.TimeoutExpired:
        status = _peek(process.pid)
        out, err = _end(process)
        return Finished(status, _decode(out), _decode(err))
    except BaseException:
        _end(process)
        raise
    return Finished(process.returncode, _decode(out), _decode(err))


def _peek(pid: int) -> int | None:
    """Return the exit status of a child that has ended, without reaping it; None while it runs."""
    # A command that has ended while a child of it keeps the pipes open did answer: its exit status counts. It is not
    # reaped yet, since its process group's number must stay taken until the group has been killed.
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if info is None:
        return None
    return info.si_status if info.si_code == os.CLD_EXITED else -info.si_status


def _end(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Kill a command's process group, reap it, and return what it had written."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=AFTER_KILL)
    except subprocess.TimeoutExpired as late:
        return late.output or b"", late.stderr or b""
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        # A process that hangs in the kernel (a dead file server) outlives SIGKILL; Popen reaps it later.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=AFTER_KILL)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
