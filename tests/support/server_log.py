"""What a Jupyter server's log says of us, among all that it says of itself and of others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

OURS = re.compile(r"dask.?steward", re.IGNORECASE)
"""Marks a message of a log or a console as one that concerns us."""

_HEAD = re.compile(r"\[(?P<level>[DIWEC]) \d{4}-\d\d-\d\d ")
"""Begins a record; what follows without a head belongs to it, or was written by a process beside it."""

_TRACEBACK = "Traceback (most recent call last)"

_LOUD = "WEC"
"""Levels that ask for somebody's attention."""

_DASHBOARD = re.compile(r" [45]\d\d GET \S+/dashboard/")
"""Pages of Dask's dashboard go on calling a scheduler that has ended, which the server then says."""


def complaints(log: str, installed: Path) -> list[str]:
    """Return the records of a log that are about us and should not be there.

    These are warnings and errors with our name in them, tracebacks that pass through our code or tell of it, and
    deprecations of ours. JupyterLab's own are not ours to judge: a page that is closed while an event is sent to it,
    for instance, leaves a traceback of tornado's.

    Parameters
    ----------
    log : str
        What the server has written.
    installed : Path
        Where everything is installed. A checkout may have our name, and then every path of every package has.

    Returns
    -------
    list of str
        Whole records.
    """
    found = []
    for head, rest in _records(log.replace(str(installed), "")):
        level = _HEAD.match(head)
        loud = level is not None and level["level"] in _LOUD
        # An innocent line, such as the log of a request, may only happen to stand before a traceback.
        about = f"{head}\n{rest}" if loud or level is None else rest
        if (
            (loud and OURS.search(head) and not _DASHBOARD.search(head))
            or (_TRACEBACK in about and OURS.search(about))
            or any("DeprecationWarning" in line and OURS.search(line) for line in about.splitlines())
        ):
            found.append(f"{head}\n{rest}".strip())
    return found


def _records(log: str) -> Iterator[tuple[str, str]]:
    """Cut a log into records: the first line of each, and the rest."""
    lines: list[str] = []
    for line in log.splitlines():
        if _HEAD.match(line) and lines:
            yield lines[0], "\n".join(lines[1:])
            lines = []
        lines.append(line)
    if lines:
        yield lines[0], "\n".join(lines[1:])
