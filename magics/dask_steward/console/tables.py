"""Aligned tables for a terminal or the output of a cell."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence


def width(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def one_line(value: object) -> str:
    """Return a value as text that cannot break a table or a terminal: one line, no control characters."""
    text = " ".join(str(value).split()) if value is not None else ""
    return "".join(c if c.isprintable() else "?" for c in text)


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    paint: Callable[[str, str], str] | None = None,
) -> str:
    """Return an aligned table.

    Parameters
    ----------
    headers : sequence of str
        Column titles; a title that begins with ``>`` marks a column of numbers, aligned to the right.
    rows : sequence of sequences
        Cells; ``None`` is shown as nothing. The last column is never padded.
    paint : callable, optional
        ``paint(header, text)`` returns the text of a cell with its colour; it is called after alignment.

    Examples
    --------
    >>> print(table(["NAME", ">N"], [["a", 1], ["long", 10]]))
    NAME   N
    a      1
    long  10
    """
    right = [header.startswith(">") for header in headers]
    titles = [header.removeprefix(">") for header in headers]
    cells = [titles, *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(titles))]
    lines = []
    for number, row in enumerate(cells):
        line = []
        for column, text in enumerate(row):
            pad = " " * (widths[column] - width(text))
            shown = paint(titles[column] if number else "", text) if paint else text
            last = column == len(row) - 1
            line.append(pad + shown if right[column] else shown if last else shown + pad)
        lines.append("  ".join(line).rstrip())
    return "\n".join(lines)


def fields(pairs: Sequence[tuple[str, object]]) -> str:
    """Return ``name  value`` lines, aligned; pairs whose value is None or empty are left out.

    Examples
    --------
    >>> print(fields([("state", "running"), ("reason", None), ("id", "a1")]))
    state  running
    id     a1
    """
    shown = [(name, one_line(value)) for name, value in pairs if value not in (None, "")]
    longest = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{name:<{longest}}  {value}" for name, value in shown)
