"""Running a command: its time limit, and that nothing of it is left."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from dask_steward.managers import command
from tests.support import leaks

PATH = {"PATH": os.environ.get("PATH", os.defpath)}


def bash(script: str, timeout: float = 30.0, text: str = "", **variables: str) -> command.Finished:
    return command.run(["/bin/bash", "-c", script], environment={**PATH, **variables}, timeout=timeout, text=text)


def gone(mark: str) -> bool:
    deadline = time.monotonic() + 5
    while leaks.marked(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not leaks.marked(mark)


def test_output_status_and_input_are_passed_on() -> None:
    done = bash("read line; echo got $line; echo wrong >&2; exit 3", text="this\n")
    assert done == (3, "got this\n", "wrong\n")


def test_a_megabyte_goes_in_and_out() -> None:
    text = "x" * 1_000_000
    assert bash("cat", text=text).out == text


def test_a_command_that_does_not_read_its_input_is_fine() -> None:
    assert bash("echo done", text="x" * 1_000_000).out == "done\n"


def test_bytes_that_are_no_text_do_not_hurt() -> None:
    assert bash(r"printf 'a\xffb'").out == "a�b"


def test_the_whole_group_is_killed_at_the_time_limit() -> None:
    mark = f"TEST_GROUP={os.getpid()}-{time.time_ns()}"
    name, _, value = mark.partition("=")
    done = bash("trap '' TERM INT; echo first; sleep 600 & sleep 601", timeout=0.3, **{name: value})
    assert (done.status, done.out) == (None, "first\n")
    assert gone(mark)


def test_a_descendant_in_another_session_does_not_hold_the_caller(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    done = bash(f"setsid bash -c 'echo $$ > {pid}; exec sleep 600' & sleep 602", timeout=0.5)
    try:
        assert done.status is None
    finally:
        os.kill(int(pid.read_text()), 9)


def test_a_command_that_ended_did_answer_though_its_child_keeps_the_output_open() -> None:
    mark = f"TEST_CHILD={os.getpid()}-{time.time_ns()}"
    name, _, value = mark.partition("=")
    done = bash("sleep 600 & echo 4711; exit 0", timeout=1.0, **{name: value})
    assert (done.status, done.out) == (0, "4711\n")
    assert gone(mark)


def test_a_command_ended_by_a_signal_is_told_by_its_number() -> None:
    assert bash("kill -9 $$").status == -9


def test_a_command_is_in_a_process_group_of_its_own() -> None:
    """A Ctrl-C in the terminal of a shell must not cut a submit in two."""
    done = command.run(
        [sys.executable, "-I", "-c", "import os; print(os.getpgid(0) == os.getpid())"], environment=PATH, timeout=30
    )
    assert done.out == "True\n"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 can only make a whole session")
def test_a_command_stays_in_the_callers_session() -> None:
    """A submit that hangs is found by its keeper's session after the keeper's death: it carries no mark."""
    done = command.run([sys.executable, "-I", "-c", "import os; print(os.getsid(0))"], environment=PATH, timeout=30)
    assert done.out == f"{os.getsid(0)}\n"


def test_a_program_that_cannot_be_started_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        command.run([str(tmp_path / "nothing")], environment=PATH, timeout=5)


def test_programs_are_found_on_the_given_path_only(tmp_path: Path) -> None:
    program = tmp_path / "a" / "tool"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    path = os.pathsep.join([str(tmp_path / "b"), "", str(program.parent)])

    assert command.find("tool", path) is None  # not executable
    program.chmod(0o755)
    assert command.find("tool", path) == str(program)
    assert command.find("tool", str(tmp_path / "b")) is None
    assert command.find("a", str(tmp_path)) is None  # a folder
