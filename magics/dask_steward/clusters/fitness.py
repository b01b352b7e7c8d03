"""What can be found out about a job before it is submitted: the shell lines of its script, its interpreter."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence

from dask_steward.errors import StartFailed
from dask_steward.interpreters import why_unfit

#: Seconds for bash to read a script.
READ_LIMIT = 10.0
_PLACE = re.compile(r"^[^:]*: line (\d+): ")


def check_script(script: str, prologue: Sequence[str] = (), field: str = "options.job_script_prologue") -> None:
    """Refuse a job script that bash cannot read; its prologue is looked at alone first, since it is a person's.

    Parameters
    ----------
    script : str
        The whole rendered script.
    prologue : sequence of str
        What of it the profile gives.
    field : str
        Where the profile gives it.

    Raises
    ------
    StartFailed
        With bash's own words, the line, and the field.
    """
    text = "\n".join(prologue)
    why = _unreadable(text) if text else None
    if why is None and _goes_on(text):
        why = "its last line ends with \\, which would take the worker's command along"
    if why is not None:
        raise StartFailed(
            f"{field} is no valid shell: {why}.", field=field, value=text, hint="Nothing was submitted; mend it there."
        )
    why = _unreadable(script)
    if why is not None:
        raise StartFailed(f"The job script is no valid shell: {why}.", field=field.rpartition(".")[0])


def _goes_on(text: str) -> bool:
    stripped = text.rstrip("\n")
    return (len(stripped) - len(stripped.rstrip("\\"))) % 2 == 1


def _unreadable(text: str) -> str | None:
    """Return bash's words about a text that it cannot read; None when it can, or when there is no bash here."""
    try:
        done = subprocess.run(
            ["bash", "--norc", "--noprofile", "-n"],
            input=text + "\n",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=READ_LIMIT,
            env={"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # A here-document without its end is a warning only, and would swallow the worker's command.
    said = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode == 0 and not any("here-document" in line for line in said):
        return None
    first = said[0] if said else "it cannot be read"
    place = _PLACE.match(first)
    lines = text.splitlines()
    words = _PLACE.sub("", first).removeprefix("warning: ")
    number = int(place[1]) if place else 0
    return f"{words}, in {lines[number - 1].strip()!r}" if 0 < number <= len(lines) else words


def check_python(python: str, environment: Mapping[str, str], *, prologue: bool, field: str = "options.python") -> None:
    """Refuse an interpreter of the workers that exists here and cannot run them.

    Parameters
    ----------
    python : str
        A path; a command is not looked at.
    environment : mapping
        Variables of the workers.
    prologue : bool
        Whether shell lines run before the workers, which may bring Dask.
    field : str
        Where the profile names it.

    Raises
    ------
    StartFailed
        With the reason and the field.
    """
    why = why_unfit(python, environment, needs_dask=not prologue)
    if why is not None:
        raise StartFailed(
            f"{field}: {python} {why}.",
            field=field,
            value=python,
            hint="Name a Python that has dask and distributed, its environment's folder, or leave it out.",
        )
