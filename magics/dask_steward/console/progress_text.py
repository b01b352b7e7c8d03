"""The progress of computations as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from dask_steward.console.tables import one_line, width
from dask_steward.control.progress_words import bar, headline, held, numbers
from dask_steward.progress_data import Computation, GroupProgress, ProgressView


def short(view: ProgressView, now: float | None = None) -> str:
    """Return all computations in one line, for a bar that is rewritten."""
    open_ = [one for one in view["computations"] if one["ended"] is None] or view["computations"][-1:]
    if not open_:
        return "nothing was submitted yet"
    one = open_[-1]
    more = f" (+{len(open_) - 1} more)" if len(open_) > 1 else ""
    return f"{bar(one['done'], one['total'])} {short_line(one, now)}{more}"


def short_line(one: Computation, now: float | None = None) -> str:
    """Return a computation in one line, with what it waits for."""
    return one_line(headline(one, now) + (f" — {one['waits']}" if one["waits"] else ""))


def group_lines(groups: Sequence[GroupProgress]) -> list[str]:
    """Return a line for each group, aligned."""
    longest = max((width(one_line(one["name"])) for one in groups), default=0)
    digits = max((len(numbers(one)) for one in groups), default=0)
    lines = []
    for one in groups:
        name = one_line(one["name"])
        seconds = one["seconds"]
        rest = [
            f"{one['erred']} erred" if one["erred"] else "",
            f"{one['cancelled']} cancelled" if one["cancelled"] else "",
            f"{seconds:.2g} s a task" if seconds is not None and seconds >= 0.001 else "",
            held(one),
        ]
        tail = ", ".join(part for part in rest if part)
        pad = " " * (longest - width(name))
        line = f"{name}{pad}  {bar(one['done'], one['total'])}  {numbers(one):>{digits}}"
        lines.append(f"  {line}  {tail}".rstrip())
    return lines


def computation_lines(one: Computation, *, traceback: bool = True, now: float | None = None) -> list[str]:
    """Return a computation: headline, groups, what it waits for, the first task that failed."""
    lines = [one_line(headline(one, now)), *group_lines(one["groups"])]
    if one["more"]:
        lines.append(f"  and {one['more']} more")
    if one["waits"]:
        lines.append(f"  waits: {one_line(one['waits'])}")
    error = one["error"]
    if error is not None:
        where = f" on worker {error['worker']}" if error["worker"] else ""
        where += f" in job {error['job']}" if error["job"] else ""
        lines.append(f"  first error: {one_line(error['message'])}")
        lines.append(f"    in task {one_line(error['key'])} of {one_line(error['name'] + where)}")
        if traceback and error["traceback"]:
            lines.extend(f"    {one_line_keep(line)}" for line in error["traceback"].rstrip().splitlines())
    return lines


def one_line_keep(text: str) -> str:
    """Return a line of a traceback with its indentation, and without what could move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text.expandtabs())


def progress_text(view: ProgressView, *, traceback: bool = True, now: float | None = None) -> str:
    """Return what a ``Progress`` shows, as text."""
    lines: list[str] = []
    for one in view["computations"]:
        lines.extend(computation_lines(one, traceback=traceback, now=now))
    if not lines:
        lines.append("nothing was submitted yet")
    lines.extend(f"warning: {one_line(warning)}" for warning in view["warnings"])
    if view["stale"]:
        lines.append(f"not up to date: {one_line(view['stale'])}")
    return "\n".join(lines)
