"""A cluster in a notebook's output: short, and nothing that a worker or a profile said is taken for HTML."""

from __future__ import annotations

import html
from typing import Any


def html_of(state: dict[str, Any]) -> str:
    """Return a small table of a cluster's state."""
    workers, memory = state["workers"], state["memory"]
    lost = f", {workers['lost']} lost" if workers["lost"] else ""
    rows = {
        "State": state["state"] + (f" — {state['reason']}" if state["reason"] else ""),
        "Workers": f"{workers['running']} running, {workers['queued']} queued, {workers['asked']} asked for{lost}",
        "Threads": str(state["threads"]),
        "Memory": f"{memory['limit'] / 2**30:.1f} GiB",
        "Profile": f"{state['profile']} ({state['system']})",
    }
    groups = state.get("groups") or {}
    if set(groups) - {"main"}:
        sizes = (f"{name}: {one['running']} of {one['asked']}" for name, one in groups.items())
        rows["Groups"] = f"{', '.join(sizes)} workers"
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(key)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for key, value in rows.items()
    )
    return f"<div><strong>{html.escape(str(state['name']))}</strong><table>{cells}</table></div>"
