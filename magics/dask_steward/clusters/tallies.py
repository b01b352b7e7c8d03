"""What a scheduler does not count of a task group: bytes held now, tasks that nobody wanted any more, the first error.

The scheduler calls a plugin at each step of each task anyway; what is done there is a few dictionary look-ups.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distributed.protocol import pickle

#: States of a task that is not done, and has begun to be wanted.
_OPEN = frozenset({"waiting", "queued", "processing", "no-worker"})
#: Longest traceback and message that travel with the state (characters).
TRACEBACK, MESSAGE = 4000, 400


@dataclass
class FirstError:
    """The first task of a group that failed."""

    key: str
    worker: str | None
    message: str
    traceback: str
    at: float


class Tally:
    """One task group, counted.

    Attributes
    ----------
    held : int
        Bytes of its results in the workers' memory and on their disks.
    landed : int
        Results that arrived so far.
    dropped, failed : int
        Tasks that nobody wanted any more before they were done, and failed ones that nobody wants any more.
    error : FirstError or None
        The first one.
    """

    __slots__ = ("dropped", "error", "failed", "held", "landed")

    def __init__(self) -> None:
        self.held = self.landed = self.dropped = self.failed = 0
        self.error: FirstError | None = None


class Tallies(dict[Any, Tally]):
    """Tallies by task group (the object: a group that comes back under the same name is another one).

    Attributes
    ----------
    lost : bool
        Whether any task was ever let go before it was done: as long as none was, none can be wanted anew.
    """

    lost = False

    def __missing__(self, group: Any) -> Tally:
        tally = self[group] = Tally()
        return tally

    def let_go(self, group: Any, start: str) -> None:
        """Count a task that is released although it was not done, or had failed."""
        tally = self[group]
        if start in _OPEN:
            tally.dropped += 1
        elif start == "erred":
            tally.failed += 1
        else:
            return
        self.lost = True

    def again(self, group: Any, finish: str) -> None:
        """Count a task that is wanted anew: it is tried again, or its worker was lost."""
        tally = self[group]
        if finish not in _OPEN:
            return
        if tally.failed:
            tally.failed -= 1
        elif tally.dropped:
            tally.dropped -= 1

    def erred(self, task: Any, worker: Any, details: Mapping[str, Any]) -> None:
        """Note an error, where it is the first of its group and not only that of an input."""
        if task.exception_blame is not task or self[task.group].error is not None:
            return
        message = str(details.get("exception_text") or "") or _text_of(details.get("exception"))
        self[task.group].error = FirstError(
            str(task.key),
            str(worker.name) if worker is not None else None,
            _one_line(message),
            str(details.get("traceback_text") or "")[-TRACEBACK:],
            time.time(),
        )

    def prune(self, known: Mapping[str, Any], used: set[Any]) -> None:
        """Let go of groups that neither the scheduler nor anybody here knows."""
        for group in [one for one in self if one not in used and known.get(one.name) is not one]:
            del self[group]


def _text_of(exception: object) -> str:
    """Return what an error says that the scheduler itself made: that of a worker comes as text."""
    if not isinstance(exception, bytes):
        return ""
    try:
        made = pickle.loads(exception)
    except Exception:  # noqa: BLE001 - whatever it was, there is an error to be shown
        return ""
    return f"{type(made).__name__}: {made}"


def _one_line(text: str) -> str:
    """Return an error as ``ValueError: no such day``, where it came as ``ValueError('no such day')``."""
    text = " ".join(text.split())
    name, bracket, rest = text.partition("(")
    if bracket and name.isidentifier() and rest.endswith(")"):
        inner = rest[:-1].rstrip(",")
        quoted = len(inner) >= 2 and inner[0] == inner[-1] and inner[0] in "'\""
        text = f"{name}: {inner[1:-1] if quoted else inner}" if inner else name
    return text[:MESSAGE]
