"""What the ledger holds now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Held:
    """One thing that costs something.

    Attributes
    ----------
    cluster, name : str
        Id and name of the cluster that holds it.
    kind : str
        ``job``, ``application`` or ``process``.
    id : str or None
        The manager's id; None while a submit has no answer yet.
    state : str
        Where it stands: ``intent``, ``held``, or the keeper's own word (``queued``, ``running`` …).
    reason : str or None
        Why.
    since : float or None
        Since when (seconds since the epoch).
    node : str or None
        Where it runs.
    """

    cluster: str
    name: str
    kind: str
    id: str | None
    state: str
    reason: str | None = None
    since: float | None = None
    node: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


def held_of(state: dict[str, Any]) -> list[Held]:
    """Return the holdings of one cluster's state."""
    return [
        Held(
            state["id"],
            state["name"],
            one["kind"],
            one["id"],
            one["state"],
            one.get("reason"),
            one.get("since"),
            one.get("node"),
        )
        for one in state["holdings"]
    ]
