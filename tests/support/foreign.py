"""A scheduler that somebody else owns: started by Dask's own command, as people do it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

READY = 40.0
"""Seconds until a scheduler must listen: importing Dask takes one of them, on a free machine."""


def free_port() -> int:
    """Return a port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ForeignScheduler:
    """A scheduler, with workers if they are asked for, in processes of their own.

    Parameters
    ----------
    folder : Path
        For logs and the scheduler file.
    workers : int
        How many, of one thread each.
    tls : mapping, optional
        Paths of ``ca``, ``cert`` and ``key``.
    port : int, optional
        By default a free one.
    """

    def __init__(
        self, folder: Path, workers: int = 0, *, tls: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.folder, self.workers, self.tls = folder, workers, dict(tls or {})
        self.port = port or free_port()
        self.pages = free_port()
        self.file = folder / f"scheduler-{self.port}.json"
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{'tls' if self.tls else 'tcp'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens and its file is there."""
        self.file.unlink(missing_ok=True)
        place = ["--host", self.address.rpartition(":")[0], "--port", str(self.port)]
        pages = ["--dashboard-address", f"127.0.0.1:{self.pages}"]
        self._run("scheduler", *place, *pages, "--scheduler-file", str(self.file))
        deadline = time.monotonic() + READY
        while not (self.file.exists() and self._answers()):
            assert self._processes[0].poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)
        if self.workers:
            self._run("worker", self.address, "--nworkers", str(self.workers), "--nthreads", "1", "--no-dashboard")

    def stop(self) -> None:
        """End it at once, as a machine that goes down does."""
        for process in reversed(self._processes):
            # The nannies' workers, too: they are in the group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
        self._processes.clear()

    @property
    def pid(self) -> int:
        """The scheduler's process."""
        return self._processes[0].pid

    @property
    def alive(self) -> bool:
        """Whether all of it runs."""
        return bool(self._processes) and all(one.poll() is None for one in self._processes)

    @property
    def log(self) -> str:
        """What the scheduler has said."""
        return (self.folder / f"scheduler-{self.port}.log").read_text(errors="replace")

    def _run(self, what: str, *arguments: str) -> None:
        keys: list[str] = []
        if self.tls:
            keys = ["--tls-ca-file", self.tls["ca"], "--tls-cert", self.tls["cert"], "--tls-key", self.tls["key"]]
        with (self.folder / f"{what}-{self.port}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments, *keys],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                return True
        except OSError:
            return False


@contextlib.contextmanager
def foreign_scheduler(
    folder: Path, workers: int = 0, *, tls: Mapping[str, str] | None = None
) -> Iterator[ForeignScheduler]:
    """Run a scheduler of somebody else."""
    made = ForeignScheduler(folder, workers, tls=tls)
    try:
        made.start()
        yield made
    finally:
        made.stop()
