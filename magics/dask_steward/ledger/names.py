"""What people call their clusters."""

from __future__ import annotations

from collections.abc import Collection

from dask_steward.errors import UsageError


def check_name(name: object, taken: Collection[str]) -> str:
    """Return a name that a cluster may have.

    Parameters
    ----------
    name : object
        What somebody gave.
    taken : collection of str
        Names of other clusters that live.

    Raises
    ------
    UsageError
        If it is none, or another one has it.
    """
    plain = isinstance(name, str) and name.strip() == name and name.isprintable() and 0 < len(name) <= 64
    if not isinstance(name, str) or not plain or "/" in name or name.startswith("-"):
        raise UsageError(
            f"name: {name!r} is not 1 to 64 printable characters without / or a leading -.", field="name", value=name
        )
    if name in taken:
        raise UsageError(
            f"A cluster named {name!r} is there already.",
            field="name",
            value=name,
            hint="Stop it, or take another name.",
        )
    return name
