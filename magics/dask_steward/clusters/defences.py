"""What would give a cluster back if the process that owns it could not: which of these hold now, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GUARD, LINE, LIFETIME, WALL = "guard", "line", "lifetime", "wall"


@dataclass(frozen=True)
class Defence:
    """One thing that releases without the others.

    Attributes
    ----------
    name : str
        ``guard``, ``line``, ``lifetime`` (a lease that the resource manager holds, and the keeper renews) or ``wall``
        (an end that nobody can put off).
    in_force : bool
        Whether it would act now.
    words : str
        What it does, or why it is not in force, as a phrase.
    at : float or None
        When the resource manager acts if nothing happens until then (seconds since the epoch).
    """

    name: str
    in_force: bool
    words: str
    at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


def guard(there: bool) -> Defence:
    """Return the guard's part."""
    words = (
        "gives everything back when owner or keeper dies" if there else "it is not there; another one is being started"
    )
    return Defence(GUARD, there, words)


def line(silence: float, what: str = "each job") -> Defence:
    """Return the line's part; `silence` in seconds."""
    return Defence(LINE, True, f"{what} ends itself when the keeper dies, or is silent for {silence:g} s")


def no_line(silence: float, where: str) -> Defence:
    """Return what stands in the line's place where containers cannot call the keeper."""
    words = f"containers do not reach this machine on {where}"
    return Defence(LINE, False, f"{words}; the scheduler there ends when the keeper is silent for {silence:g} s")
