"""What goes to the terminal: JSON, tables, colour only where a person looks, and the line that shows a start."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from dask_steward.console import sentences
from dask_steward.console.tables import table

_GREEN, _YELLOW, _RED, _FAINT = "32", "33", "31", "2"
_COLOURS = {
    **dict.fromkeys(("running", "held", "connected", "ok"), _GREEN),
    **dict.fromkeys(("starting", "pending", "queued", "degraded", "stopping", "warn", "unknown"), _YELLOW),
    **dict.fromkeys(("failed", "lost", "fail"), _RED),
    "stopped": _FAINT,
}


def coloured(stream: TextIO) -> bool:
    """Tell whether colour is welcome: on a terminal, and not where NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(header: str, text: str) -> str:
    """Return a cell of a table in its colour: states only."""
    code = _COLOURS.get(text) if header in ("STATE", "RESULT") else None
    return f"\033[{code}m{text}\033[0m" if code else text


def print_json(value: Any) -> None:
    """Print a value as JSON: indented for a person on a terminal, one line for a program."""
    print(json.dumps(value, indent=2 if sys.stdout.isatty() else None, default=str), flush=True)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print an aligned table."""
    print(table(headers, rows, paint=paint if coloured(sys.stdout) else None))


def note(text: str) -> None:
    """Say something that is not the answer, on stderr."""
    print(text, file=sys.stderr)


class Progress:
    """One line on stderr, updated in place while a cluster starts; nothing where stderr is not a terminal."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def elapsed(self) -> float:
        """Seconds since the start was asked for."""
        return time.monotonic() - self._begin

    def __call__(self, state: sentences.State) -> None:
        """Show a state."""
        if self._live:
            room = max(20, _columns() - 1)
            # \r, the text, and "erase to the end of the line": a line longer than the terminal would not go away.
            print(f"\r{sentences.progress(state, self.elapsed)[:room]}\033[K", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return 80
