"""A cluster in a notebook's output: short, and nothing that a worker or a profile said is taken for HTML."""

from __future__ import annotations

import html
from typing import Any

from dask_steward.control.progress_html import computations_html, told, warnings_html
from dask_steward.control.scrub import hosts_of
from dask_steward.units import size_text


def html_of(state: dict[str, Any]) -> str:
    """Return a small table of a cluster's state, what it computes, and its warnings.

    It is saved with a notebook, so there is no address, host, path or user in it.
    """
    hidden = hosts_of(state)
    workers, memory = state["workers"], state["memory"]
    lost = f", {workers['lost']} lost" if workers["lost"] else ""
    rows = {
        "State": state["state"] + (f" — {state['reason']}" if state["reason"] else ""),
        "Workers": f"{workers['running']} running, {workers['queued']} queued, {workers['asked']} asked for{lost}",
        "Threads": str(state["threads"]),
        "Memory": _memory(memory),
        "Profile": f"{state['profile']} ({state['system']}{', of somebody else' if state.get('foreign') else ''})",
    }
    groups = state.get("groups") or {}
    if set(groups) - {"main"}:
        sizes = (f"{name}: {one['running']} of {one['asked']}" for name, one in groups.items())
        rows["Groups"] = f"{', '.join(sizes)} workers"
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(key)}</th>"
        f"<td style='text-align:left'>{told(value, hidden)}</td></tr>"
        for key, value in rows.items()
    )
    rest = [
        computations_html(state.get("computations") or (), hidden, traceback=False),
        *warnings_html(state.get("warnings") or (), hidden),
    ]
    return f"<div><strong>{told(state['name'])}</strong><table>{cells}</table>{''.join(rest)}</div>"


def _memory(memory: dict[str, Any]) -> str:
    limit = f" of {size_text(memory['limit'])}" if memory["limit"] else ""
    spilled = f", {size_text(memory['spilled'])} on disk" if memory["spilled"] else ""
    return f"{size_text(memory['used'])}{limit}{spilled}"
