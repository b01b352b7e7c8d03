"""Progress where people see it: in a cell, in what is saved of it, in a terminal, in a shell."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

import dask_steward as ds
from tests.faces.conftest import Shell
from tests.faces.notebook import LIMIT, Notebook
from tests.support.kernels import AsyncKernelManager

pytestmark = pytest.mark.usefixtures("clean")

NAP = """
import time
def nap(seconds):
    time.sleep(seconds)
    return seconds
"""
BREAKS = """
def breaks(number):
    raise ValueError(f"no such day: /home/somebody/air.nc at tcp://10.11.12.13:4567 ({number})")
"""


def map_of(number: int, seconds: float) -> str:
    return f"results = client.gather(client.map(nap, [{seconds}] * {number}, pure=False))"


# --- a cell -----------------------------------------------------------------------------------------------------------


def outputs_of(ran: Any) -> list[dict[str, Any]]:
    return [one for one in ran.outputs if one["output_type"] == "display_data" and "text/html" in one["data"]]


def test_a_long_computation_is_shown_in_one_output_that_is_replaced(notebook: Notebook) -> None:
    ran = notebook.run(f"%%dask_cluster local --workers 2 --progress bar{NAP}{map_of(40, 0.25)}")

    assert ran.status == "ok"
    (shown,) = outputs_of(ran)
    assert shown["data"]["text/plain"].startswith("nap 40/40 finished")
    assert "nap" in shown["data"]["text/html"]
    updates = [one for one in ran.messages if one["msg_type"] == "update_display_data"]
    assert len(updates) >= 3  # it moved while the cell ran


def test_a_short_one_is_not_shown(notebook: Notebook) -> None:
    ran = notebook.run(f"%%dask_cluster local --workers 1{NAP}{map_of(3, 0.1)}")
    assert outputs_of(ran) == []


def test_none_shows_nothing(notebook: Notebook) -> None:
    ran = notebook.run(f"%%dask_cluster local --workers 1 --progress none{NAP}{map_of(12, 0.25)}")
    assert outputs_of(ran) == []


def test_an_error_is_shown_with_its_task_and_nothing_of_the_site(notebook: Notebook) -> None:
    ran = notebook.run(
        f"%%dask_cluster local --workers 1 --progress widget{NAP}{BREAKS}"
        f"{map_of(2, 0.1)}\nclient.submit(breaks, 1).result()"
    )
    assert ran.status == "error"
    shown = outputs_of(ran)[-1]["data"]
    for text in (shown["text/plain"], shown["text/html"]):
        assert "no such day: air.nc at …" in text
        assert "breaks" in text


def test_status_shows_it(notebook: Notebook) -> None:
    notebook.run(f"%dask_cluster start local --workers 1\n{NAP}")
    notebook.run("kept = client.map(nap, [0.01] * 5, pure=False)\nclient.gather(kept)\ntime.sleep(1.5)")
    ran = notebook.run("%dask_cluster status")
    said = ran.stdout + "".join(ran.displayed)  # as it was then: its end takes the place of what was displayed
    notebook.run("%dask_cluster stop")

    assert ran.status == "ok"
    assert "nap 5/5 finished" in said


def test_fifty_displays_leave_nothing_in_the_kernel(notebook: Notebook) -> None:
    """Threads and open files are as many after fifty followed computations as after ten."""
    count = "(len(threading.enumerate()), len(os.listdir('/proc/self/fd')))"
    notebook.run(f"import gc, os, threading\n%dask_cluster start local --workers 1\n{NAP}")
    follow = (
        "import dask_steward as ds\n"
        "def many(n):\n"
        "    for _ in range(n):\n"
        "        futures = client.map(nap, [0.0] * 2, pure=False)\n"
        "        with ds.widgets.Progress(futures):\n"
        "            client.gather(futures)\n"
        "        ds.widgets.Progress(futures).follow(lambda view: None)\n"
        "    time.sleep(3)\n"
        "    gc.collect()\n"
    )
    notebook.run(follow)
    assert notebook.run("many(10)").status == "ok"
    before = notebook.value(count)
    assert notebook.run("many(50)").status == "ok"
    # Connections that nobody needs any more are closed when the kernel comes to it; what leaks stays.
    deadline = time.monotonic() + LIMIT
    while (after := notebook.value(count))[0] > before[0] + 1 or after[1] > before[1] + 4:
        assert time.monotonic() < deadline, (before, after)
        time.sleep(0.5)
    notebook.run("%dask_cluster stop")


# --- what is saved ----------------------------------------------------------------------------------------------------


def saved(*cells: str) -> nbformat.NotebookNode:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in ("%load_ext dask_steward", NAP, *cells)])
    NotebookClient(
        notebook, timeout=LIMIT, kernel_name="python3", allow_errors=True, kernel_manager_class=AsyncKernelManager
    ).execute()
    return notebook


def test_a_saved_notebook_does_not_grow_with_time() -> None:
    """Given the same computation, once slow and once five times slower, then as much is saved of both."""
    notebook = saved(
        f"%%dask_cluster local --workers 2 --progress bar\n{map_of(30, 0.2)}",
        f"%%dask_cluster local --workers 2 --progress bar\n{map_of(30, 1.0)}",
    )
    short, long = (len(json.dumps(cell.outputs)) for cell in notebook.cells[2:])
    assert len(notebook.cells[2].outputs) == len(notebook.cells[3].outputs) == 2
    assert abs(long - short) < 40, (short, long)


def test_nothing_private_is_saved() -> None:
    notebook = saved(
        f"%%dask_cluster local --workers 1\nimport dask_steward as ds\n{BREAKS}\n"
        "wrong = client.submit(breaks, 1)\nclient.gather([wrong], errors='skip')\n"
        "display(ds.widgets.Progress(wrong))\ndisplay(cluster)"
    )
    displays = [one["data"] for one in notebook.cells[2].outputs if one.output_type == "display_data"]
    assert len(displays) >= 2
    texts = [text for data in displays for kind, text in data.items() if kind in ("text/plain", "text/html")]
    assert any("no such day" in text for text in texts)
    private = [socket.gethostname(), os.getcwd(), os.path.expanduser("~") + "/", sys.prefix, "10.11.12.13", "127.0.0.1"]
    private += [getpass.getuser()] if getpass.getuser() not in ("root", "user", "runner") else []
    for text in texts:
        assert not re.search(r"(tcp|tls|unix|http)s?://|/home/|/tmp/", text), text
        for one in private:
            assert one not in text, (one, text)
        assert "<script" not in text


# --- a terminal -------------------------------------------------------------------------------------------------------


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", **environment)
            os.execvp(command[0], command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.seen = ""
        self.status: int | None = None

    def until(self, done: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + LIMIT
        while not done(self.seen):
            assert time.monotonic() < deadline, self.seen[-3000:]
            if not self._read():
                break
        assert done(self.seen), self.seen[-3000:]
        return self.seen

    def _read(self) -> bool:
        if not select.select([self.fd], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = time.monotonic() + LIMIT
        while self._read():
            assert time.monotonic() < deadline, self.seen[-3000:]
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def begin(*command: str, **environment: str) -> Terminal:
        made.append(Terminal(*command, **environment))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def test_ipython_on_a_terminal_has_one_line_that_is_rewritten(terminal: Callable[..., Terminal], tmp_path: Any) -> None:
    script = tmp_path / "cells.ipy"
    cell = f"%%dask_cluster local --workers 2{NAP}{map_of(40, 0.25)}"
    script.write_text(
        f"ip = get_ipython()\nip.run_line_magic('load_ext', 'dask_steward')\nip.run_cell({cell!r})\nprint('the end')\n"
    )
    shown = terminal(
        sys.executable, "-m", "IPython", "--colors=NoColor", "--no-banner", str(script), IPYTHONDIR=str(tmp_path)
    )
    text = shown.until(lambda seen: "the end" in seen)

    lines = [line for line in text.split("\n") if "nap" in line]
    assert len(lines) == 1, lines
    assert lines[0].count("\r") >= 3
    assert "tasks/s" in lines[0]
    assert "left" in lines[0]
    assert "nap 40/40 finished" in lines[0]


def test_a_script_without_a_terminal_says_nothing(tmp_path: Any) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        "import time\nimport dask_steward as ds\n"
        "def nap(seconds):\n    time.sleep(seconds)\n"
        "if __name__ == '__main__':\n"
        "    with ds.start('local', workers=1) as cluster, cluster.get_client() as client:\n"
        "        with ds.widgets.Progress():\n"
        "            client.gather(client.map(nap, [0.2] * 10, pure=False))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.fixture
def busy() -> Iterator[Any]:
    """A cluster with a minute's work."""
    with ds.start("local", workers=2) as cluster, cluster.get_client() as client:
        futures = client.map(time.sleep, [0.2] * 600, pure=False)
        deadline = time.monotonic() + LIMIT
        while not cluster.state["computations"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield cluster
        client.cancel(futures)


TOP = (sys.executable, "-m", "dask_steward.cli", "top")


def test_top_lives_on_a_terminal_and_leaves_it_clean(terminal: Callable[..., Terminal], busy: Any) -> None:
    shown = terminal(*TOP, busy.id)
    shown.until(lambda seen: len(set(re.findall(r"sleep (\d+)/600", seen))) >= 3)
    shown.type("\x03")
    assert shown.end() == 0

    assert "\x1b[?1049h" in shown.seen
    last = shown.seen.rpartition("\x1b[?1049l")[2]
    assert last, "the first screen came back"
    assert shown.seen.rfind("\x1b[?25h") > shown.seen.rfind("\x1b[?25l")  # the cursor is there
    assert "sleep" in last
    assert "\x1b[" not in last
    assert "Traceback" not in shown.seen


def test_top_once(shell: Shell, busy: Any) -> None:
    text = shell("top", busy.id, "--once", check=0).stdout
    assert text.splitlines()[0] == "local (local): running"
    assert "sleep" in text
    assert "\x1b" not in text


def test_top_once_as_json(answer: Callable[..., Any], busy: Any) -> None:
    found = answer("top", busy.id, "--once")
    assert found["id"] == busy.id
    (one,) = found["computations"]
    assert (one["name"], one["total"]) == ("sleep", 600)


def test_top_without_a_terminal_prints_lines(busy: Any) -> None:
    with subprocess.Popen([*TOP, busy.id], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 0
    assert all("sleep" in line and "\r" not in line and "\x1b" not in line for line in lines), lines
    assert len(set(lines)) == 3


def test_top_of_one_that_is_not_there(shell: Shell) -> None:
    assert "no-such" in shell("top", "no-such", check=3).stderr


def test_what_nbconvert_leaves_of_it_when_it_cleans() -> None:
    """Programs that show notebooks of others throw styles away: what was computed is there all the same."""
    from nbconvert import HTMLExporter

    notebook = saved(f"%%dask_cluster local --workers 1 --progress bar\n{map_of(30, 0.25)}")
    exporter = HTMLExporter(sanitize_html=True)
    body, _ = exporter.from_notebook_node(notebook)

    assert "30/30" in body
    assert "████████████████████" in body
    assert "finished" in body
    assert "&lt;table" not in body
