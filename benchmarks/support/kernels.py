"""A fresh ipykernel, driven as a front end drives it, and everything that it started, found again by a mark."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from queue import Empty
from types import TracebackType
from typing import Any

from jupyter_client.manager import KernelManager

from support import machine
from tests.support import leaks

#: Seconds that any cell may take.
LIMIT = 120.0
#: What a cell prints before a value that is timed when it arrives.
MARK = "BENCH "
#: Seconds in which clusters of a kernel that has ended must be gone before they are killed.
LEAVE_LIMIT = 15.0


class CellError(RuntimeError):
    """A cell of a benchmark failed."""


class Kernel:
    """One kernel with a state folder of its own; at the end nothing of it is left.

    Parameters
    ----------
    environment : mapping
        Further variables.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.folder = tempfile.mkdtemp(prefix="dsk-bench-")
        self.mark = f"DASK_STEWARD_BENCH={secrets.token_hex(6)}"
        name, _, value = self.mark.partition("=")
        for part in ("state", "profiles", "ipython", "dask"):
            os.mkdir(f"{self.folder}/{part}")
        self.environment = {
            **os.environ,
            **(environment or {}),
            name: value,
            "DASK_STEWARD_STATE_DIR": f"{self.folder}/state",
            "DASK_STEWARD_PROFILES": f"{self.folder}/profiles",
            "IPYTHONDIR": f"{self.folder}/ipython",
            # Nobody's own settings of Dask.
            "DASK_CONFIG": f"{self.folder}/dask",
        }

    def __enter__(self) -> Kernel:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(env=self.environment, cwd=self.folder, extra_arguments=["--log-level=ERROR"])
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LIMIT)
        # The kernel's own late start (history, completer) is over.
        self.run("1")
        time.sleep(0.3)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        deadline = time.monotonic() + LEAVE_LIMIT
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        leaks.kill_marked(self.mark)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        return int(self._manager.provisioner.pid)

    def profile(self, name: str, text: str) -> None:
        """Save a profile that this kernel finds."""
        with open(f"{self.folder}/profiles/{name}.yaml", "w", encoding="utf-8") as file:
            file.write(text)

    def processes(self) -> list[leaks.Process]:
        """Return the kernel and everything that it started, wherever that has gone."""
        return leaks.marked(self.mark)

    def cpu_seconds(self) -> float:
        """Return the processor time of the kernel and of everything that it started."""
        return machine.cpu_seconds(process.pid for process in self.processes())

    def kill(self) -> float:
        """SIGKILL the kernel alone; return the moment (monotonic)."""
        moment = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)
        return moment

    def send(self, code: str) -> str:
        """Ask for a cell, without waiting for it."""
        return str(self._client.execute(code))

    def run(self, *cells: str, finish: bool = True, limit: float = LIMIT) -> Ran:
        """Ask for cells at once, and wait until the last has printed its value (`MARK`) or, with `finish`, has ended.

        Raises
        ------
        CellError
            If a cell fails or does not come to its end.
        """
        before = self.cpu_seconds()
        began = time.monotonic()
        ids = [self.send(code) for code in cells]
        ran = Ran()
        while True:
            left = began + limit - time.monotonic()
            try:
                message = self._client.get_iopub_msg(timeout=max(0.01, left))
            except Empty:
                raise CellError(f"no end after {limit:g} s: {cells[-1]}\n{ran.text}") from None
            if message["parent_header"].get("msg_id") not in ids:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                raise CellError("\n".join(content["traceback"]))
            if kind == "stream":
                ran.text += content["text"]
                found = [line for line in ran.text.splitlines() if line.startswith(MARK)]
                if found and ran.value is None and content["text"].endswith("\n"):
                    ran.value = found[-1].removeprefix(MARK)
                    ran.seconds = time.monotonic() - began
                    ran.cpu = self.cpu_seconds() - before
                    if not finish:
                        return ran
            last = message["parent_header"]["msg_id"] == ids[-1]
            if kind == "status" and content["execution_state"] == "idle" and last:
                ran.ended = time.monotonic() - began
                return ran


class Ran:
    """What came of cells; times in seconds since they were asked for.

    Attributes
    ----------
    value : str or None
        What was printed after the mark.
    seconds, cpu : float
        When it arrived, and the processor time used until then.
    ended : float
        When the last cell ended.
    text : str
        All that was printed.
    """

    def __init__(self) -> None:
        self.value: str | None = None
        self.seconds = self.cpu = self.ended = float("nan")
        self.text = ""

    def checked(self, expected: Any) -> Ran:
        """Return itself if the value is the expected one: a wrong result has no time."""
        if self.value != str(expected):
            raise CellError(f"the cell printed {self.value!r}, not {expected!r}")
        return self
