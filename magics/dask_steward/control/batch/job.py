"""Run a script with a Dask cluster inside one allocation, and end with it.

This is the program of the job that ``dask-steward batch`` submits. It runs on the first node of the allocation, in an
environment that may hold nothing but Dask, so it imports nothing of ours; its text travels in the job script.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

#: Sent on to the script: a site's warning before the walltime (``sbatch --signal``) is the script's to act on.
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
#: Seconds until the scheduler must have written where it is: the first import of Dask from a busy disk takes long.
SCHEDULER_LIMIT = 120.0
#: Seconds in which workers and scheduler may end by themselves.
END_LIMIT = 5.0
#: Seconds between two questions.
PAUSE = 0.2


#: prctl(2): a process asks to be killed when the thread that started it has ended.
_PR_SET_PDEATHSIG = 1


class Trouble(Exception):
    """What keeps the script from running, in a sentence."""


def say(words: str) -> None:
    """Tell the job's log."""
    sys.stderr.write(f"dask-steward: {words}\n")
    sys.stderr.flush()


def begin(words: list[str], environment: dict[str, str], output: int | None = None) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one.

    Where Slurm tracks processes by their parents (``proctrack/linuxproc``) it would lose sight of them.
    """
    libc = ctypes.CDLL(None)
    return subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
    )


def keys() -> Any:
    """Return keys by which only this job's processes can speak to its scheduler, as ``distributed.Security``."""
    from distributed.security import Security

    try:
        return Security.temporary()
    except ImportError:
        raise Trouble(
            f"security: tls needs the package cryptography, which {sys.executable} does not have; install it, or set "
            "security: none in the profile where the network is trusted"
        ) from None


def variables(security: Any) -> dict[str, str]:
    """Return the variables by which the job's other processes get the keys.

    They are handed down and never written to a disk, so that nothing is left whatever ends the job.
    """
    prefix = "DASK_DISTRIBUTED__COMM__"
    found = {
        f"{prefix}DEFAULT_SCHEME": "tls",
        f"{prefix}REQUIRE_ENCRYPTION": "True",
        f"{prefix}TLS__CA_FILE": security.tls_ca_file,
    }
    for role in ("client", "scheduler", "worker"):
        found[f"{prefix}TLS__{role.upper()}__CERT"] = getattr(security, f"tls_{role}_cert")
        found[f"{prefix}TLS__{role.upper()}__KEY"] = getattr(security, f"tls_{role}_key")
    return found


class Allocation:
    """Scheduler and workers of one allocation.

    Parameters
    ----------
    plan : dict
        ``scheduler`` (words of its command), ``workers`` (words of the command that starts all of them), ``count``
        (workers that are to come), ``limit`` (seconds for that), ``tls``.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.security = keys() if plan["tls"] else None
        self.environment = {**os.environ, **(variables(self.security) if self.security else {})}
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: subprocess.Popen[bytes] | None = None
        self.ending = False

    def start(self) -> None:
        """Start the scheduler, then the workers, and wait until they are there: asked for, never guessed."""
        # What they say by themselves is for those who look for a fault.
        quiet = {"DASK_LOGGING__DISTRIBUTED": "warning", **self.environment}
        with tempfile.TemporaryDirectory(prefix="dask-steward-") as folder:
            path = os.path.join(folder, "scheduler.json")
            words = [sys.executable, *self.plan["scheduler"], "--scheduler-file", path]
            self.scheduler = self._process(words, quiet)
            address = _address(self.scheduler, path)
        self.environment["DASK_SCHEDULER_ADDRESS"] = quiet["DASK_SCHEDULER_ADDRESS"] = address
        self.workers = self._process(self.plan["workers"], quiet)
        self._wait(address)

    def _process(self, words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        process = begin(words, environment, subprocess.PIPE)
        threading.Thread(target=self._copy, args=(process.stdout,), daemon=True).start()
        return process

    def _copy(self, stream: Any) -> None:
        """Pass on what a process says, until the end: then all complain that the others have gone."""
        for line in stream:
            if not self.ending:
                sys.stderr.buffer.write(line)
                sys.stderr.flush()

    def _wait(self, address: str) -> None:
        from distributed import Client

        count, limit = self.plan["count"], self.plan["limit"]
        began = time.monotonic()
        with Client(address, security=self.security, set_as_default=False, timeout=60) as client:
            while True:
                there = len(client.nthreads())
                if there >= count:
                    break
                why = self.gone()
                if why is not None:
                    raise Trouble(f"{why}, when {there} of {count} workers were there")
                if time.monotonic() - began > limit:
                    raise Trouble(
                        f"{there} of {count} workers were there after {limit:.0f} s (options.workers_timeout)"
                    )
                time.sleep(PAUSE)
        say(f"{count} workers are there after {time.monotonic() - began:.1f} s")

    def gone(self) -> str | None:
        """Return what has ended although it is needed; None while all is there.

        A script may shut its cluster down (``client.shutdown()``) and go on: then both end with exit code 0.
        """
        for name, process in (("the scheduler", self.scheduler), ("the workers", self.workers)):
            if process is not None and process.poll() not in (None, 0):
                return f"{name} ended with exit code {process.returncode}"
        return None

    def stop(self) -> None:
        """End scheduler and workers; the end of the job would end them too, less kindly."""
        self.ending = True
        # A scheduler that closes tells its workers to, and they end by themselves.
        for process, others in ((self.scheduler, self.workers), (self.workers, None)):
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                (others or process).wait(END_LIMIT)
                process.wait(END_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(scheduler: subprocess.Popen[bytes], path: str) -> str:
    deadline = time.monotonic() + SCHEDULER_LIMIT
    while time.monotonic() < deadline:
        if scheduler.poll() is not None:
            raise Trouble(f"the scheduler ended with exit code {scheduler.returncode}; its words are above")
        try:
            with open(path) as file:
                return str(json.load(file)["address"])
        except (OSError, ValueError):  # not there yet, or half written
            time.sleep(PAUSE)
    raise Trouble(f"the scheduler was not there after {SCHEDULER_LIMIT:.0f} s")


def run(allocation: Allocation, command: list[str]) -> int:
    """Run the script and return its exit code as a shell would; 1 when the cluster ended under it."""
    script = begin(command, allocation.environment)
    for number in PASSED_ON:
        signal.signal(number, lambda got, _: script.send_signal(got))
    while True:
        try:
            code = script.wait(PAUSE)
        except subprocess.TimeoutExpired:
            why = allocation.gone()
            if why is None:
                continue
            say(f"{why}; the script is ended, it would wait for ever")
            script.terminate()
            try:
                script.wait(END_LIMIT)
            except subprocess.TimeoutExpired:
                script.kill()
                script.wait()
            return 1
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        say(f"{os.path.basename(command[-1 if len(command) < 2 else 1])} ended with {how}")
        return code if code >= 0 else 128 - code


def main() -> int:
    """Run what the arguments say: the plan as JSON, then the command."""
    plan, command = json.loads(sys.argv[1]), sys.argv[2:]
    for number in PASSED_ON:  # until the script is there
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    allocation = None
    try:
        allocation = Allocation(plan)
        allocation.start()
        return run(allocation, [sys.executable, *command] if command[0].endswith(".py") else command)
    except (Trouble, OSError) as trouble:  # OSError: no srun on this node, a scheduler that does not answer
        say(f"{trouble}.")
        return 1
    finally:
        if allocation is not None:
            allocation.stop()


if __name__ == "__main__":
    sys.exit(main())
