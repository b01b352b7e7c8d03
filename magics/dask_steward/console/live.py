"""Computations on one line while they run: rewritten on a terminal, one updated output in a notebook, else nothing.

What is saved of a notebook is one output, whatever time it took.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
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

    def show(self, bundle: dict[str, Any]) -> None:
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
        Seconds that something must have run before it appears; what is over by then is not shown at all.
    widget : callable, optional
        Returns what a live display adds to the first output of a notebook; nothing where there is none.
    note : str, optional
        A last sentence of what is saved.
    hidden : iterable of str
        Names of hosts, which are not saved.
    """

    def __init__(
        self,
        followed: Followed,
        *,
        patience: float = 0.0,
        widget: Callable[[], Mapping[str, Any]] = dict,
        note: str | None = None,
        hidden: Iterable[str] = (),
    ) -> None:
        self._followed = followed
        self._patience = patience
        self._widget, self._note, self._hidden = widget, note, frozenset(hidden)
        self._notebook = in_notebook()
        self._terminal = not self._notebook and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.Lock()
        self._view: ProgressView | None = None
        self._open_since: float | None = None
        self._living = False
        self._over = threading.Event()
        self._shown = False
        self._output: Output | None = None
        self._stop: Callable[[], None] | None = None
        # An output that another thread shows belongs to the cell that began it: ipykernel keeps that here.
        self._context = contextvars.copy_context()

    def __enter__(self) -> Live:
        self.begin()
        return self

    def __exit__(self, *details: object) -> None:
        self.end()

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
            if self._shown or (view["computations"] and not self._patience):
                self._draw(end=True)

    def _take(self, view: ProgressView) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._view = view
            if all(one["ended"] is not None for one in view["computations"]):
                self._open_since = None
            elif self._open_since is None:
                self._open_since = time.monotonic()
            if self._due():
                self._draw()

    def _due(self) -> bool:
        if self._shown:
            return True
        return self._open_since is not None and time.monotonic() - self._open_since >= self._patience

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
        first = self._output is None
        self._output = self._output or Output()
        if self._living and not end:
            return  # it sees to itself; at the end the output becomes what can be saved
        text = progress_text(view) + (f"\n{self._note}" if self._note else "")
        bundle: dict[str, Any] = {
            "text/plain": scrubbed(text, self._hidden),
            "text/html": progress_html(view, self._hidden, self._note),
        }
        if first and not end:
            live = self._context.run(self._widget)
            self._living = bool(live)
            bundle = {**live, **bundle}
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
