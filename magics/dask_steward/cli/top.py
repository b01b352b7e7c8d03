"""``dask-steward top``: one cluster and what it computes, live on a terminal."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dask_steward as ds
from dask_steward.cli import output
from dask_steward.console import sentences
from dask_steward.console.progress_text import computation_lines, short_line
from dask_steward.console.tables import one_line
from dask_steward.control.progress_words import headline, held, numbers
from dask_steward.progress_data import Computation, GroupProgress
from dask_steward.units import size_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dask_steward import Cluster

#: How often a terminal is drawn anew (times a second): what is shown comes from the cluster's stream.
REFRESH = 2
#: Columns of a bar.
BAR = 24
#: Lines of a traceback that are shown.
TRACEBACK = 12

State = Mapping[str, Any]


def top(args: argparse.Namespace) -> int:
    """Show a cluster until it ends or Ctrl-C."""
    cluster = ds.get(args.id)
    if args.once or not isinstance(cluster, ds.Cluster):
        _print(cluster.state, args.json)
        return 0
    with contextlib.suppress(KeyboardInterrupt):  # how one leaves it
        if args.json or not sys.stdout.isatty():
            _lines(cluster, args.json)
        else:
            _live(cluster)
    return 0


def _print(state: State, as_json: bool) -> None:
    if as_json:
        output.print_json(_chosen(state))
    else:
        print(top_text(state))


def _chosen(state: State) -> dict[str, Any]:
    """Return what a program wants of a state."""
    names = (
        "id",
        "name",
        "system",
        "state",
        "reason",
        "workers",
        "threads",
        "cpu",
        "memory",
        "computations",
        "warnings",
    )
    return {name: state.get(name) for name in names}


def top_text(state: State) -> str:
    """Return a cluster and its computations as plain text."""
    lines = [_title(state), _sums(state)]
    for one in state.get("computations") or ():
        lines.extend(computation_lines(one))
    lines.extend(f"warning: {one_line(warning)}" for warning in state.get("warnings") or ())
    return "\n".join(lines)


def _title(state: State) -> str:
    why = sentences.reason(state)
    return f"{sentences.label(state)} ({state.get('system')}): {state.get('state')}" + (f" — {why}" if why else "")


def _sums(state: State) -> str:
    memory, cpu = state.get("memory") or {}, state.get("cpu") or {}
    parts = [
        sentences.workers(state),
        f"{cpu.get('used', 0):g} of {cpu.get('limit', 0)} cores busy",
        f"{size_text(memory.get('used'))} of {size_text(memory.get('limit'))} memory",
        f"{size_text(memory['spilled'])} on disk" if memory.get("spilled") else "",
    ]
    return ", ".join(part for part in parts if part)


def _lines(cluster: Cluster, as_json: bool) -> None:
    """Print a line whenever something is new: for a file, or a program that reads."""
    told = ""
    for state in cluster.stream():
        if as_json:
            output.print_json(_chosen(state))
            continue
        open_ = [one for one in state.get("computations") or () if one["ended"] is None]
        text = f"{_title(state)}, {sentences.workers(state)}"
        text += "".join(f"; {short_line(one)}" for one in open_)
        if text != told:
            told = text
            print(f"{time.strftime('%H:%M:%S')} {one_line(text)}", flush=True)


def _live(cluster: Cluster) -> None:
    """Draw on the terminal's other screen, and leave the last state on the first one."""
    from rich.console import Console
    from rich.live import Live

    newest: list[dict[str, Any]] = [cluster.state]

    def read() -> None:
        for state in cluster.stream():
            newest[:] = [state]

    reader = threading.Thread(target=read, daemon=True, name="dask-steward-top")
    reader.start()
    console = Console(highlight=False, markup=False)
    try:
        with Live(get_renderable=lambda: _drawn(newest[0]), console=console, screen=True, refresh_per_second=REFRESH):
            while reader.is_alive():
                reader.join(0.2)
    finally:
        print(top_text(newest[0]))


def _drawn(state: State) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(_title(state), style="bold"), Text(_sums(state)), Text("")]
    for one in state.get("computations") or ():
        parts.extend(_computation(one))
    parts.extend(Text(f"warning: {one_line(one)}", style="yellow") for one in state.get("warnings") or ())
    parts.append(Text("Ctrl-C leaves this view; the cluster goes on.", style="dim"))
    return Group(*parts)


def _computation(one: Computation) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    ended = one["ended"] is not None
    style = "red" if one["status"] == "erred" else "dim" if ended else "bold"
    yield Text(one_line(headline(one)), style=style)
    if not ended:
        table = Table.grid(padding=(0, 2))
        for column in ("left", "left", "right", "left"):
            table.add_column(justify=column, no_wrap=True)
        for group in one["groups"]:
            table.add_row(*_row(group))
        yield Padding(table, (0, 0, 0, 2))
    if one["waits"]:
        yield Text(f"  waits: {one_line(one['waits'])}", style="yellow")
    error = one["error"]
    if error is not None:
        for line in computation_lines({**one, "groups": [], "more": 0, "waits": None})[1 : TRACEBACK + 1]:
            yield Text(line, style="red")
    yield Text("")


def _row(group: GroupProgress) -> list[RenderableType]:
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    more = [f"{group['erred']} erred" if group["erred"] else "", held(group)]
    return [
        Text(one_line(group["name"])),
        ProgressBar(total=max(1, group["total"]), completed=group["done"], width=BAR),
        Text(numbers(group)),
        Text(", ".join(part for part in more if part)),
    ]
