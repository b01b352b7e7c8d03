"""The progress of computations as HTML that needs nothing: no script, no style sheet, nothing from elsewhere.

It is saved with a notebook, and shown by programs that throw away most of what a page may have (GitHub drops styles,
nbconvert and JupyterLab clean them): what matters is text in tables, the bars too.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from dask_steward.control.progress_words import bar, headline, held, numbers
from dask_steward.control.scrub import scrubbed
from dask_steward.progress_data import Computation, ProgressView

_LEFT = "text-align:left"
_RIGHT = "text-align:right"
_BAR = "text-align:left;font-family:monospace;white-space:nowrap"


def told(text: object, hidden: Iterable[str] = ()) -> str:
    """Return a text for a page that others see: escaped, and nothing in it of a site or a person."""
    return html.escape(scrubbed(str(text), hidden))


def computations_html(
    computations: Iterable[Computation], hidden: Iterable[str] = (), *, traceback: bool = True
) -> str:
    """Return computations, each with its task groups, and the first task that failed."""
    return "".join(_computation(one, frozenset(hidden), traceback) for one in computations)


def progress_html(view: ProgressView, hidden: Iterable[str] = (), note: str | None = None) -> str:
    """Return what a ``Progress`` shows, without `hidden` names of hosts, and a last sentence (`note`)."""
    parts = [computations_html(view["computations"], hidden) or "<p>nothing was submitted yet</p>"]
    parts.extend(warnings_html(view["warnings"], hidden))
    if view["stale"]:
        parts.append(f"<p>not up to date: {told(view['stale'], hidden)}</p>")
    if note:
        parts.append(f"<p>{told(note, hidden)}</p>")
    return f"<div>{''.join(parts)}</div>"


def warnings_html(warnings: Iterable[str], hidden: Iterable[str] = ()) -> list[str]:
    """Return sentences that should be seen."""
    return [f"<p><strong>Warning:</strong> {told(one, hidden)}</p>" for one in warnings]


def _computation(one: Computation, hidden: Iterable[str], traceback: bool) -> str:
    # Without the name, which stands before it.
    rest = headline({**one, "name": ""})
    parts = [f"<p><strong>{told(one['name'])}</strong> {told(rest)}</p>"]
    rows = []
    for group in one["groups"]:
        more = [
            f"{group['erred']} erred" if group["erred"] else "",
            f"{group['cancelled']} cancelled" if group["cancelled"] else "",
            held(group),
        ]
        rows.append(
            f"<tr><th style='{_LEFT}'>{told(group['name'])}</th>"
            f"<td style='{_BAR}'>{bar(group['done'], group['total'])}</td>"
            f"<td style='{_RIGHT}'>{told(numbers(group))}</td>"
            f"<td style='{_LEFT}'>{told(', '.join(part for part in more if part))}</td></tr>"
        )
    if one["more"]:
        rows.append(f"<tr><td style='{_LEFT}' colspan='4'>and {one['more']} more</td></tr>")
    if rows:
        parts.append(f"<table><tbody>{''.join(rows)}</tbody></table>")
    if one["waits"]:
        parts.append(f"<p>waits: {told(one['waits'], hidden)}</p>")
    error = one["error"]
    if error is not None:
        where = f" on worker {error['worker']}" if error["worker"] else ""
        parts.append(
            f"<p><strong>First error:</strong> {told(error['message'], hidden)}<br>"
            f"in task {told(error['key'])} of {told(error['name'])}{told(where, hidden)}</p>"
        )
        if traceback and error["traceback"]:
            parts.append(f"<pre>{told(error['traceback'].rstrip(), hidden)}</pre>")
    return "".join(parts)
