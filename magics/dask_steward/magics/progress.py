"""What shows a start, and the computations of a cell: one line or one output that is replaced, in what is saved too."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import dask_steward as ds
from dask_steward.console import sentences

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: Shortest time (seconds) between two updates that show nothing new but the time.
_INTERVAL = 1.0


#: Seconds after which a computation is long enough to be shown.
PATIENCE = 2.0


def show_progress(scope: ExitStack, client: Any, kind: str) -> None:
    """Show what a client computes until the scope ends.

    Parameters
    ----------
    scope : ExitStack
        Of the cell.
    client : Client or None
        Whose computations; None where Dask computes in this process.
    kind : str
        ``auto``, ``none``, ``bar`` or ``widget``.
    """
    if client is None or kind == "none" or client.cluster.foreign:
        return
    progress = ds.widgets.Progress(client=client)
    scope.enter_context(progress.live(kind, patience=0.0 if kind == "widget" else PATIENCE))
    scope.callback(progress.close)


class _Line:
    """A text that a front end shows as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class Progress:
    """Show a start.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's shell can update an output that it has shown; a terminal can rewrite a line; elsewhere only the last
        line is printed.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._notebook = hasattr(shell, "kernel")
        self._begin = self._last = time.monotonic()
        self._shown = ""
        self._handle: Any = None

    def __call__(self, state: sentences.State) -> None:
        """Show a state."""
        now = time.monotonic()
        text = sentences.progress(state, now - self._begin)
        news = text.rpartition(" (")[0]
        if news == self._shown and now - self._last < _INTERVAL:
            return
        self._shown, self._last = news, now
        self._write(text)

    def done(self, state: sentences.State) -> None:
        """Show how it ended."""
        self._write(sentences.progress(state, time.monotonic() - self._begin, end=True), end=True)

    def failed(self, name: str) -> None:
        """Show that it did not start; the error says why."""
        if self._handle is not None or self._terminal:
            self._write(f"{name}: not started ({time.monotonic() - self._begin:.1f} s)", end=True)

    @property
    def _terminal(self) -> bool:
        return not self._notebook and sys.stdout.isatty()

    def _write(self, text: str, *, end: bool = False) -> None:
        if self._notebook:
            from IPython.display import display

            if self._handle is None:
                self._handle = display(_Line(text), display_id=True)
            else:
                self._handle.update(_Line(text))
        elif self._terminal:
            sys.stdout.write(f"\r{text}\033[K" + ("\n" if end else ""))
            sys.stdout.flush()
        elif end:
            sys.stdout.write(text + "\n")
