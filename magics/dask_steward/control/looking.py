"""What the ledger says of clusters: the facts of one, and whether its keeper can be asked."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dask_steward.control.fallback import state_of
from dask_steward.errors import NewerFormat
from dask_steward.ledger import entries, files, paths
from dask_steward.ledger.entries import Entry
from dask_steward.ledger.identity import ALIVE, ELSEWHERE

#: In an entry: a person has taken the ended cluster off the list.
DISMISSED = "dismissed"


@dataclass(frozen=True)
class Look:
    """What the ledger says of one cluster.

    Attributes
    ----------
    entry : Entry
        Its entry.
    state : dict
        In the form of a keeper's own.
    socket : str or None
        Where its keeper can be asked; None where it cannot.
    elsewhere : str or None
        The host of its keeper, where that is another one.
    dismissed : bool
        Whether a person has taken it off the list.
    """

    entry: Entry
    state: dict[str, Any]
    socket: str | None
    elsewhere: str | None
    dismissed: bool

    @property
    def ended_at(self) -> float:
        """When it ended; 0 while it lives."""
        return float((self.entry.end or {}).get("at") or 0.0)


def look(id: str) -> Look | None:
    """Look at one entry; None when it is no entry (any more), not yet a whole one, or one of a newer version.

    Raises
    ------
    OSError
        If it cannot be read now.
    """
    folder = os.path.join(paths.clusters_dir(), id)
    try:
        entry = entries.read_entry(folder)
    except (FileNotFoundError, NotADirectoryError, files.TornFile, NewerFormat):
        return None
    keeper = None if entry.ended else entry.keeper
    where = keeper.state() if keeper is not None else None
    # Asked only while it lives: a path in the private folder may be another keeper's by now.
    reachable = where == ALIVE and entry.socket is not None and os.path.exists(entry.socket)
    return Look(
        entry,
        state_of(entry),
        entry.socket if reachable else None,
        keeper.host if keeper is not None and where == ELSEWHERE else None,
        entry.ended and os.path.exists(os.path.join(folder, DISMISSED)),
    )


def look_at(ids: Iterable[str]) -> list[Look]:
    """Look at many entries; those that cannot be read are left out."""
    found = []
    for id in ids:
        with contextlib.suppress(OSError):
            one = look(id)
            if one is not None:
                found.append(one)
    return found


def dismiss(id: str) -> None:
    """Take an ended cluster off the list, for good."""
    folder = os.path.join(paths.clusters_dir(), id)
    files.create_json(os.path.join(folder, DISMISSED), {"format": entries.FORMAT, "at": time.time()}, durable=False)
