"""A live kernel, driven as a front end drives it."""

from __future__ import annotations

import ast
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty
from typing import Any, TypeVar

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_core.utils import ensure_event_loop

from tests.support.kernels import KernelManager

#: Seconds that any cell of a test may take.
LIMIT = 60.0

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Ran:
    """What became of a cell: its messages, as a front end shows and saves them."""

    reply: dict[str, Any] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return str(self.reply["status"])

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [one for one in self.outputs if one["output_type"] == "error"]

    @property
    def traceback(self) -> str:
        """The text of the only error."""
        (error,) = self.errors
        return _ANSI.sub("", "\n".join(error["traceback"]))

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    def _stream(self, name: str) -> str:
        return "".join(one["text"] for one in self.outputs if one["output_type"] == "stream" and one["name"] == name)

    @property
    def displayed(self) -> list[str]:
        """Texts of the displays, as they are saved: after their updates."""
        return [one["data"]["text/plain"] for one in self.outputs if one["output_type"] == "display_data"]

    @property
    def result(self) -> str | None:
        """Text of ``Out[n]``, if there is one."""
        found = [one["data"]["text/plain"] for one in self.outputs if one["output_type"] == "execute_result"]
        return found[0] if found else None


T = TypeVar("T")


class Notebook:
    """A kernel with ``dask_steward`` loaded.

    jupyter_client's blocking calls make an event loop for their context and never close it; pytest runs fixtures and
    tests in contexts of their own. So all calls are made in one thread, whose loop is closed at the end.
    """

    def __init__(self, **environment: str) -> None:
        self._thread = ThreadPoolExecutor(1)
        #: What is displayed, by the id that it is replaced by; also from later cells.
        self._displays: dict[str, dict[str, Any]] = {}
        self._call(self._start, environment)
        assert self.run("%load_ext dask_steward").status == "ok"

    def _call(self, act: Callable[..., T], *arguments: Any, **options: Any) -> T:
        return self._thread.submit(act, *arguments, **options).result()

    def _start(self, environment: dict[str, str]) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env={**os.environ, **environment})
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LIMIT)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    def close(self) -> None:
        """End the kernel, if it still runs."""
        self._call(self._end)
        self._thread.shutdown()

    def _end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        ensure_event_loop().close()

    def interrupt(self) -> None:
        """Press the stop button."""
        os.killpg(os.getpgid(self.pid), signal.SIGINT)

    def run(self, code: str, *, interrupt_when: Callable[[Ran], bool] | None = None, after: float = 0.3) -> Ran:
        """Run a cell; send an interrupt `after` seconds after `interrupt_when` says so of what has come until then."""
        return self._call(self._run, code, interrupt_when, after)

    def _run(self, code: str, interrupt_when: Callable[[Ran], bool] | None, after: float) -> Ran:
        ran = Ran()
        id = self.client.execute(code)
        deadline = time.monotonic() + LIMIT
        while True:
            if time.monotonic() > deadline:
                self.interrupt()
                raise TimeoutError(f"the cell did not end: {ran.outputs}")
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except Empty:
                message = None
            if message is not None and message["parent_header"].get("msg_id") == id:
                ran.messages.append(message)
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    break
                _take(ran, message, self._displays)
            if interrupt_when is not None and interrupt_when(ran):
                interrupt_when = None
                threading.Timer(after, self.interrupt).start()
        while True:
            reply = self.client.get_shell_msg(timeout=LIMIT)
            if reply["parent_header"].get("msg_id") == id:
                ran.reply = reply["content"]
                return ran

    def value(self, expression: str) -> Any:
        """Return a plain value of the kernel."""
        ran = self.run(f"print(repr({expression}))")
        assert ran.status == "ok", ran.outputs
        return ast.literal_eval(ran.stdout)

    def complete(self, code: str, cursor: int | None = None) -> list[str]:
        """Return what the Tab key offers."""
        reply = self._call(self.client.complete, code, cursor_pos=cursor, reply=True, timeout=LIMIT)
        return list(reply["content"]["matches"])


def _take(ran: Ran, message: dict[str, Any], displays: dict[str, dict[str, Any]]) -> None:
    kind, content = message["msg_type"], message["content"]
    if kind in ("display_data", "execute_result", "stream", "error"):
        output = {"output_type": kind, **content}
        ran.outputs.append(output)
        display_id = content.get("transient", {}).get("display_id")
        if kind == "display_data" and display_id:
            displays[display_id] = output
    elif kind == "update_display_data":
        # As every front end does: what updates a display that it does not have is nothing to it.
        shown = displays.get(content["transient"]["display_id"])
        if shown is not None:
            shown["data"] = content["data"]


def said(text: str) -> Callable[[Ran], bool]:
    """Return a condition: the cell has printed `text`."""
    return lambda ran: text in ran.stdout
