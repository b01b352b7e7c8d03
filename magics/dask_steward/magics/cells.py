"""Cells that run on a cluster: ``%%dask_cluster PROFILE …``.

How it works, and why so. A cell magic gets the rest of its cell as text and would have to run it itself: top-level
``await``, the display of the last expression, ``;``, tracebacks and interrupts would all have to be imitated. Instead
an input transformer replaces the first line by one statement that opens a *scope*, and leaves the rest to IPython: it
is a plain cell, with its own line numbers. The scope is closed by IPython's ``post_execute`` event, which comes before
the cell's reply, however the cell ended: done, error, interrupt, cancelled ``await``. A cell that does not parse opens
no scope.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import cell_magic, leading_indent

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

MAGIC = "dask_cluster"
#: Seconds between two wake-ups of a loop that runs a scope's cell. An interrupt does not wake an idle loop: without
#: these a cell in ``await asyncio.sleep(60)`` would be interrupted after its sleep (seen with ipykernel 7.4).
_TICK = 0.2


def rewrite(lines: list[str]) -> list[str]:
    r"""Return a ``%%dask_cluster`` cell as plain statements, any other cell as it is.

    Parameters
    ----------
    lines : list of str
        The cell's lines, with their line ends; the number of lines stays the same.

    Examples
    --------
    >>> rewrite(["%%dask_cluster local --workers 2\n", "1 + 1\n"])
    ["get_ipython().run_cell_magic('dask_cluster', 'local --workers 2', ...)\n", '1 + 1\n']
    """
    if not lines or not lines[0].startswith(f"%%{MAGIC}"):
        return lines
    line = lines[0][len(MAGIC) + 2 :]
    if line[:1].strip() or line.rstrip().endswith("?"):
        return lines  # %%dask_clusters, %%dask_cluster?
    if not "".join(lines[1:]).strip():
        # Nothing to run: a blank cell, which the magic itself refuses (IPython would refuse an empty one without
        # any output).
        return [f"get_ipython().run_cell_magic({MAGIC!r}, {line.strip()!r}, ' ')\n", *lines[1:]]
    first = f"get_ipython().run_cell_magic({MAGIC!r}, {line.strip()!r}, ...)\n"
    return [first, *_body(leading_indent(lines[1:]))]


# In a terminal IPython asks at each Enter whether a cell is complete, without the transformers marked so: a cell magic
# goes on until an empty line, which holds only as long as IPython sees the cell magic there.
rewrite.has_side_effects = True  # type: ignore[attr-defined]


def _body(lines: list[str]) -> list[str]:
    """Let a further cell magic on the next line (``%%time``) see the rest of the cell."""
    start = next(number for number, line in enumerate(lines) if line.strip())
    rest = rewrite(lines[start:])
    return lines[:start] + (cell_magic(rest) if rest[0].startswith("%%") else rest)


class Scope(ExitStack):
    """What is given back when a cell ends: callbacks, run last in, first out, each whatever the others do."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.frame: FrameType | None = None

    def running(self) -> bool:
        """Tell whether the cell of this scope is running: it may run others inside itself (``run_cell``)."""
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame is self.frame:
                return True
            frame = frame.f_back
        return False


class Cells:
    """Opens scopes, and closes them when their cells end.

    Parameters
    ----------
    shell : InteractiveShell
        Where cells run.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._open: list[Scope] = []

    def install(self) -> None:
        """Register with the shell."""
        self._shell.input_transformers_cleanup.append(rewrite)
        self._shell.events.register("post_execute", self._ended)

    def uninstall(self) -> None:
        """Undo `install`."""
        with suppress(ValueError):
            self._shell.input_transformers_cleanup.remove(rewrite)
        with suppress(ValueError):
            self._shell.events.unregister("post_execute", self._ended)

    def begin(self, scope: Scope) -> None:
        """Keep a scope open until the cell that is running has ended."""
        scope.frame = _cell_frame()
        try:
            ticking = _keep_awake(asyncio.get_running_loop())
        except RuntimeError:
            pass  # a plain cell of a terminal: no loop
        else:
            scope.callback(ticking)
        self._open.append(scope)

    def _ended(self) -> None:
        """Close the scopes of the cell that has ended."""
        here = threading.get_ident()
        while self._open:
            scope = self._open[-1]
            if scope.thread != here or scope.running():
                return
            self._open.pop()
            with interruptible(), suppress(KeyboardInterrupt):
                # The cell is over: an interrupt only ends the wait, and every callback of the scope has its turn.
                scope.close()


def _cell_frame() -> FrameType | None:
    """Return the frame of IPython's own function that runs the cell: it lives as long as the cell."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "run_ast_nodes":
            return frame
        frame = frame.f_back
    return None


def _keep_awake(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Wake a loop now and then; return what ends that."""
    pending: list[asyncio.TimerHandle] = []

    def tick() -> None:
        pending[:] = [loop.call_later(_TICK, tick)]

    def end() -> None:
        for handle in pending:
            handle.cancel()

    tick()
    return end


@contextmanager
def interruptible() -> Iterator[None]:
    """Let an interrupt raise KeyboardInterrupt here.

    While a cell with ``await`` runs, ipykernel's handler of SIGINT only cancels the cell's task, which takes effect at
    the next ``await``: starting and stopping a cluster in between could not be interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        # None: a handler that was not set from Python; it cannot be put back.
        if before is not None:
            signal.signal(signal.SIGINT, before)


_MISSING = object()


@contextmanager
def bound(namespace: dict[str, Any], names: dict[str, Any]) -> Iterator[None]:
    """Bind names for a while; what was there before comes back, unless the user has bound them anew."""
    before = {name: namespace.get(name, _MISSING) for name in names}
    namespace.update(names)
    try:
        yield
    finally:
        for name, value in names.items():
            if namespace.get(name, _MISSING) is not value:
                continue
            if before[name] is _MISSING:
                del namespace[name]
            else:
                namespace[name] = before[name]
