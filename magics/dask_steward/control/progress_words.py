"""The progress of a computation in words: the same on a terminal, in a saved notebook and in its HTML."""

from __future__ import annotations

import time

from dask_steward.progress_data import Computation, GroupProgress, TimeLeft
from dask_steward.units import size_text as size

#: Columns of a bar.
BAR = 20


def bar(done: int, total: int, columns: int = BAR) -> str:
    """Return a bar.

    >>> bar(1, 2, 4), bar(0, 0, 4)
    ('██░░', '░░░░')
    """
    share = min(1.0, done / total) if total else 0.0
    # Full only when it is: the last task may be the longest.
    full = int(share * columns)
    return "█" * full + "░" * (columns - full)


def span(seconds: float) -> str:
    """Return a time for a person, to the precision that matters.

    >>> [span(s) for s in (0.3, 4.4, 59.6, 150, 3700, 90000)]
    ['1 s', '4 s', '1 min', '2 min', '1 h 2 min', '25 h']
    """
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60 - 1e-9)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest and hours < 10 else f"{round(minutes / 60)} h"


def time_left(left: TimeLeft | None) -> str:
    """Return how long the rest takes, as a range where it is one.

    >>> time_left({"low": 61, "high": 200}), time_left({"low": 3, "high": 3.2}), time_left(None)
    ('1–3 min left', '3 s left', '')
    """
    if left is None:
        return ""
    low, high = span(left["low"]), span(left["high"])
    if low == high:
        return f"{low} left"
    number, _, unit = low.partition(" ")
    if unit == high.partition(" ")[2]:
        return f"{number}–{high} left"
    return f"{low} to {high} left"


def numbers(one: Computation | GroupProgress) -> str:
    """Return ``240/2000``."""
    return f"{one['done']}/{one['total']}"


def held(one: Computation | GroupProgress) -> str:
    """Return what results take, in memory and on disk; nothing where it is nothing worth to be told."""
    parts = []
    if one["memory"] >= 2**20 or (one["spilled"] and one["memory"]):
        parts.append(f"{size(one['memory'])} in memory")
    if one["spilled"]:
        parts.append(f"{size(one['spilled'])} on disk")
    return ", ".join(parts)


def rate(one: Computation) -> str:
    """Return tasks per second."""
    number = one["per_second"]
    return f"{number:.3g} tasks/s" if number else ""


def took(one: Computation, now: float | None = None) -> float:
    """Return seconds since it was submitted, or that it took."""
    end = one["ended"] if one["ended"] is not None else time.time() if now is None else now
    return max(0.0, end - one["started"])


def headline(one: Computation, now: float | None = None) -> str:
    """Return a computation in one line."""
    state = {"running": "", "waiting": "waiting"}.get(one["status"], one["status"])
    parts = [
        " ".join(part for part in (one["name"], numbers(one), state) if part),
        f"{one['erred']} erred" if one["erred"] else "",
        f"{one['cancelled']} cancelled" if one["cancelled"] else "",
        rate(one),
        held(one),
        time_left(one["left"]),
        # A second is news enough: a saved output says how long it took.
        f"in {span(took(one, now))}" if one["ended"] is not None else f"{span(took(one, now))} so far",
    ]
    return ", ".join(part for part in parts if part)
