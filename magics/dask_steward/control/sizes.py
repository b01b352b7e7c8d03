"""One size, in one unit, of one group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dask_steward.errors import UsageError


def ask_of(
    *,
    workers: int | None = None,
    jobs: int | None = None,
    cores: int | None = None,
    memory: str | int | None = None,
    required: bool = False,
) -> dict[str, Any]:
    """Return the size as a keeper takes it, ``{unit: number}``; empty when none is given.

    Raises
    ------
    UsageError
        If more than one unit is given (or none, where one is required), or a number is negative or not whole.
    """
    from dask_steward.units import parse_size

    given = {"workers": workers, "jobs": jobs, "cores": cores, "memory": memory}
    ask: dict[str, Any] = {unit: number for unit, number in given.items() if number is not None}
    if len(ask) > 1 or (required and not ask):
        raise UsageError(
            f"A size is given in one unit: workers, jobs, cores or memory; got {', '.join(ask) or 'none'}.",
            field="scale",
        )
    for unit, number in ask.items():
        if unit == "memory":
            try:
                ask[unit] = parse_size(number)
            except ValueError as error:
                raise UsageError(f"memory = {number!r}: {error}", field="memory", value=number) from error
        elif isinstance(number, bool) or not isinstance(number, int):
            raise UsageError(f"{unit} must be a whole number; got {number!r}.", field=unit, value=number)
        if ask[unit] < 0:
            raise UsageError(f"{unit} must be 0 or more; got {number!r}.", field=unit, value=number)
    return ask


def of_group(group: str | None) -> dict[str, str]:
    """Return the part of a request that names a group; empty for the profile's own jobs.

    Raises
    ------
    UsageError
        If it is no name.
    """
    if group is None:
        return {}
    if not isinstance(group, str) or not group:
        raise UsageError(f"group takes the name of a group; got {group!r}.", field="group", value=group)
    return {"group": group}


def size_now(state: Mapping[str, Any], group: str | None) -> int:
    """Return the size that a cluster, or one group of it, has now: in jobs, at least one."""
    known = (state.get("groups") or {}).get(group or "main") or {}
    unit = known.get("unit") or state.get("unit") or {}
    asked = known["asked"] if "asked" in known else (state["workers"]["asked"] if group in (None, "main") else 0)
    return max(1, round(asked / (unit.get("workers") or 1)))
