"""Computations on one line while they run: rewritten on a terminal, one updated output in a notebook, else nothing.

What is saved of a notebook is one output, whatever time it took.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from dask_steward.console.progress_text import progress_text, short
from dask_steward.control.following import Followed, follow
from dask_steward.control.progress_html import progress_html
from dask_steward.control.scrub import scrubbed
from dask_steward.progress_data import ProgressView

#: Seconds after which a computation is long enough to be shown.
PATIENCE = 2.0
#: Seconds between two updates of the line where only time has passed.
BEAT = 1.0


class Output:
    """One output of a notebook that is replaced by the next one."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, bundle: dict[str, str]) -> None:
        """Show it for the first time, or in place of what was shown."""
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class Live:
    """Show what is followed, from a thread of its own.

    Parameters
    ----------
    followed : Followed
        What to show.
    patience : float
        Seconds before it appears; what is over by then is not shown at all.
    """

    def __init__(self, followed: Followed, *, patience: float = 0.0) -> None:
        self._followed = followed
        self._patience = patience
        self._notebook = in_notebook()
        self._terminal = not self._notebook and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.Lock()
        self._view: ProgressView | None = None
        self._began = time.monotonic()
        self._over = threading.Event()
        self._shown = False
        self._output: Output | None = None
        self._stop: Callable[[], None] | None = None
        # An output that another thread shows belongs to the cell that began it: ipykernel keeps that here.
        self._context = contextvars.copy_context()

    def begin(self) -> None:
        """Begin; returns at once."""
        if not (self._notebook or self._terminal):
            return
        self._stop = follow(self._followed, self._take)
        threading.Thread(target=self._beat, name="dask-steward-bar", daemon=True).start()

    def end(self) -> None:
        """Show how it ended, and stop."""
        self._over.set()
        if self._stop is not None:
            self._stop()
        if not (self._notebook or self._terminal):
            return
        # The last tasks may have ended within the last look.
        view = self._followed.view()
        with self._lock:
            self._view = view
            if self._shown or (view["computations"] and time.monotonic() - self._began >= self._patience):
                self._draw(end=True)

    def _take(self, view: ProgressView) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._view = view
            if self._due():
                self._draw()

    def _due(self) -> bool:
        view = self._view
        return view is not None and bool(view["computations"]) and time.monotonic() - self._began >= self._patience

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with self._lock:
                # A notebook's output is only replaced by news: each change is a message to every page.
                if not self._over.is_set() and self._due() and (self._terminal or not self._shown):
                    self._draw()

    def _draw(self, *, end: bool = False) -> None:
        view = self._view
        if view is None:
            return
        self._shown = True
        if self._terminal:
            self._rewrite(view, end)
            return
        if self._output is None:
            self._output = Output()
        bundle = {"text/plain": scrubbed(progress_text(view)), "text/html": progress_html(view)}
        self._context.run(self._output.show, bundle)

    def _rewrite(self, view: ProgressView, end: bool) -> None:
        columns = _columns()
        sys.stdout.write(f"\r{short(view)[: max(20, columns - 1)]}\033[K")
        if end:
            sys.stdout.write("\n")
            # A person who was told nothing of the error sees the traceback of the cell anyway.
            sys.stdout.writelines(f"warning: {one}\n" for one in view["warnings"])
        sys.stdout.flush()


def in_notebook() -> bool:
    """Tell whether this is a kernel, whose front end can replace an output."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 80
