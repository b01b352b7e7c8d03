"""Colour, JSON and the line of a start, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from dask_steward.cli import output


def on_a_terminal(code: str, **environment: str) -> str:
    """Run code whose standard output and error are a terminal, and return what it shows."""
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env={**plain, "TERM": "xterm", **environment}
    ):
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux: the other side has gone
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return shown.decode()


TABLE = "from dask_steward.cli import output; output.print_table(('STATE', 'X'), [['failed', 1]])"


def test_a_terminal_gets_colour() -> None:
    assert "\033[31mfailed\033[0m" in on_a_terminal(TABLE)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_refused(environment: dict[str, str]) -> None:
    assert "\033" not in on_a_terminal(TABLE, **environment)


def test_a_file_gets_none(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("STATE",), [["failed"]])

    assert capsys.readouterr().out == "STATE\nfailed\n"


def test_json_is_one_line_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": [1]})

    assert capsys.readouterr().out == '{"a": [1]}\n'


def test_json_is_indented_for_a_person() -> None:
    assert on_a_terminal("from dask_steward.cli import output; output.print_json({'a': 1})") == '{\r\n  "a": 1\r\n}\r\n'


PROGRESS = """
from dask_steward.cli.output import Progress
shown = Progress()
shown({"name": "night", "state": "pending", "reason": "x" * 500, "workers": {"asked": 1}})
shown.clear()
"""


def test_a_start_is_one_line_that_goes_away() -> None:
    shown = on_a_terminal(PROGRESS)

    assert shown.startswith("\rnight: pending")
    assert shown.endswith("\r\033[K")
    assert "\n" not in shown


def test_a_start_shows_nothing_in_a_file() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRESS], capture_output=True, text=True, timeout=60)

    assert (done.stdout, done.stderr) == ("", "")
