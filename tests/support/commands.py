"""Commands that fail, hang and lie, put before the real ones on the PATH: what a real Slurm cannot be made to do.

The fixture ``faults`` gives a `Faults`; each method puts one command there, `clear` takes them away. Every call is
written down: ``faults.calls("sbatch")`` are the arguments of each. A command that was replaced is replaced for the
whole process and for all that it starts with this PATH.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

REAL = "/usr/bin:/bin:/usr/local/bin"
"""Where the real commands are looked for, so that a fault never calls itself."""


class Faults:
    """A folder of commands that stand before the real ones.

    Parameters
    ----------
    folder : Path
        Where they are put; it must stand first on the PATH.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """Return what to add to the environment of a process that shall see the faults."""
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}

    def clear(self, *programs: str) -> None:
        """Let programs, or all, be the real ones again."""
        for path in [self.folder / name for name in programs] or list(self.folder.iterdir()):
            if not path.suffix:  # the records stay
                path.unlink(missing_ok=True)

    def calls(self, program: str) -> list[list[str]]:
        """Return the arguments of each call since the program was replaced."""
        path = self.folder / f"{program}.calls"
        return [shlex.split(line) for line in path.read_text().splitlines()] if path.exists() else []

    # --- sbatch ---

    def slow_sbatch(self, before: float = 0.0, after: float = 0.0) -> None:
        """The real sbatch, with a wait (seconds) before the job exists, and one before its answer is printed.

        Like the real one, it lives on when its caller is killed.
        """
        self.script(
            "sbatch",
            f"script=$(mktemp) && trap 'rm -f $script' EXIT; cat > $script; sleep {before}",
            f'answer=$({self.real("sbatch")} "$@" < $script); status=$?; sleep {after}; echo "$answer"; exit $status',
        )

    def banner_sbatch(self, *lines: str) -> None:
        """The real sbatch, which first prints lines on its standard output, as login scripts and wrappers do."""
        shown = lines or ("*** Welcome to Hydra 2 ***", "Project abc: 1234 hours left of", "2000", "")
        self.script(
            "sbatch", *(f"printf '%s\\n' {shlex.quote(line)}" for line in shown), f'exec {self.real("sbatch")} "$@"'
        )

    def silent_sbatch(self, status: int = 0) -> None:
        """Submit, but print nothing."""
        self.script("sbatch", f'{self.real("sbatch")} "$@" > /dev/null; exit {status}')

    # --- any program ---

    def hang(self, program: str, seconds: float = 600.0) -> None:
        """Give no answer, ignore SIGTERM, and have a child (in the same process group) that holds the output open."""
        self.script(program, "trap '' TERM", f"sleep {seconds} &", f"sleep {seconds}", "exit 1")

    def refuse(self, program: str, words: str, status: int = 1) -> None:
        """Fail with words on standard error, and do nothing."""
        self.script(
            program,
            "cat > /dev/null" if program == "sbatch" else "",
            f"printf '%s\\n' {shlex.quote(words)} >&2; exit {status}",
        )

    def nothing(self, program: str) -> None:
        """Succeed without doing or printing anything."""
        self.script(program, "cat > /dev/null" if program == "sbatch" else "", "exit 0")

    def fail_first(
        self, program: str, times: int, words: str = "scancel: error: Socket timed out on send/recv operation"
    ) -> None:
        """Fail the first calls with words, then be the real one; two calls at once are counted as two."""
        tries = self.folder / f"{program}.tries"
        shutil.rmtree(tries, ignore_errors=True)
        tries.mkdir()
        self.script(
            program,
            # mkdir has exactly one winner.
            f"for i in $(seq 1 {times}); do mkdir {shlex.quote(str(tries))}/$i 2>/dev/null &&"
            f" {{ printf '%s\\n' {shlex.quote(words)} >&2; exit 1; }}; done",
            f'exec {self.real(program)} "$@"',
        )

    def missing(self, program: str) -> None:
        """Be no program at all: exit status 127, as where a module is not loaded."""
        self.refuse(program, f"bash: {program}: command not found", 127)

    def script(self, program: str, *lines: str) -> None:
        """Replace a program by lines of bash."""
        calls = self.folder / f"{program}.calls"
        calls.unlink(missing_ok=True)
        # One write per call: two calls at once do not mix their words.
        note = f"line=$(printf '%q ' \"$@\"); printf '%s\\n' \"$line\" >> {shlex.quote(str(calls))}"
        new = self.folder / f"{program}.new"
        new.write_text("\n".join(["#!/bin/bash", note, *lines, ""]))
        new.chmod(0o755)
        new.rename(self.folder / program)  # never a half-written command

    def real(self, program: str) -> str:
        """Return the real program's path, quoted for a shell."""
        path = shutil.which(program, path=REAL)
        if path is None:
            raise FileNotFoundError(f"{program} is not in {REAL}")
        return shlex.quote(path)


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Replace commands of this test and of what it starts by ones that fail."""
    replaced = Faults(tmp_path / "faults")
    monkeypatch.setenv("PATH", replaced.environment()["PATH"])
    yield replaced
    replaced.clear()  # what still runs and looks at the PATH, sees the real ones
