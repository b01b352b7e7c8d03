"""``dask-steward stop`` of an application of YARN that no cluster of ours has."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from dask_steward.cli import output
from dask_steward.control import applications
from dask_steward.errors import StewardError, UsageError


def agree(ids: Sequence[str], yes: bool) -> None:
    """See that somebody wants applications killed that no cluster of ours has: on a terminal by asking.

    Raises
    ------
    UsageError
        If nobody says so.
    """
    if not ids or yes:
        return
    found = [applications.look(id) for id in ids]
    if sys.stdin.isatty() and sys.stdout.isatty():
        for one in found:
            print(f"{one.id}  {one.name}, of {one.user}, {one.state.lower()} in the queue {one.queue}")
        try:
            if input("No cluster of yours has it. Kill it? [y/N] ").strip().lower() in ("y", "yes"):
                return
        except EOFError:
            pass
    raise UsageError(
        f"{', '.join(ids)}: no cluster of yours has it, so it was left alone.",
        field="id",
        value=ids[0],
        hint="--yes kills it all the same.",
    )


def kill_all(ids: Sequence[str], *, say: bool) -> tuple[list[dict[str, Any]], list[StewardError]]:
    """Kill applications; return an answer for each, and what went wrong: one must not keep the others.

    Parameters
    ----------
    ids : sequence of str
        Which.
    say : bool
        Print how each ended.
    """
    answers: list[dict[str, Any]] = []
    failed: list[StewardError] = []
    for id in ids:
        try:
            found = applications.kill(id)
        except StewardError as error:
            failed.append(error)
            answers.append(error.to_dict() | {"id": id})
            output.note(f"dask-steward: {error}")
            continue
        answers.append({"id": id, "state": found.state})
        if say:
            print(applications.ended_text(found))
    return answers, failed
