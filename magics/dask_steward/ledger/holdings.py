"""What one cluster has taken: ``intent`` before the act, ``held`` when it is known, ``released`` when it is gone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dask_steward.ledger import files

FILE = "holdings.jsonl"

INTENT = "intent"
HELD = "held"
REFUSED = "refused"
RELEASED = "released"
#: Steps after which nothing is held any more.
FINAL = (REFUSED, RELEASED)


@dataclass
class Holding:
    """One thing that costs something.

    Attributes
    ----------
    kind : str
        ``job``, ``application`` or ``process``.
    key : str
        Our own name for it, unique in its cluster; it is known before the manager's id is.
    id : str or None
        The manager's id (job id, application id, process group); None while only the intent is known.
    step : str
        ``intent``, ``held``, ``refused`` or ``released``.
    since : float
        When this step was reached (seconds since the epoch).
    reason : str or None
        Why, for a step that has a reason.
    """

    kind: str
    key: str
    id: str | None
    step: str
    since: float
    reason: str | None = None

    @property
    def open(self) -> bool:
        """Whether it may still be held."""
        return self.step not in FINAL

    def to_json(self) -> dict[str, Any]:
        """Return the holding as JSON."""
        return {
            "kind": self.kind,
            "key": self.key,
            "id": self.id,
            "state": self.step,
            "since": self.since,
            "reason": self.reason,
        }


def fold(lines: Iterable[dict[str, Any]], before: Mapping[str, Holding] | None = None) -> dict[str, Holding]:
    """Return the last known step of each holding, by key; lines that are not ours are passed over."""
    found: dict[str, Holding] = dict(before or {})
    for line in lines:
        key, step, at = line.get("key"), line.get("step"), line.get("at")
        if not isinstance(key, str) or not isinstance(step, str) or not isinstance(at, int | float):
            continue
        known = found.get(key)
        id_ = line.get("id") or (known.id if known else None)
        found[key] = Holding(
            str(line.get("kind", "job")), key, str(id_) if id_ else None, step, float(at), line.get("reason")
        )
    return found


class HoldingsLog:
    """The writing side, used by the keeper alone."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self._lock = threading.Lock()  # several submits are under way at once
        self._known = fold(files.read_lines(self._path))

    def write(self, kind: str, key: str, step: str, id: str | None = None, reason: str | None = None) -> None:
        """Append one step; it is on disk when this returns.

        Raises
        ------
        OSError
            If it cannot be written. The act must then not be done.
        """
        self.write_all(kind, {key: id}, step, reason)

    def write_all(self, kind: str, ids: Mapping[str, str | None], step: str, reason: str | None = None) -> None:
        """Append the same step of many holdings, with the id of each by its key, as `write` does for one."""
        lines = []
        for key, id in ids.items():
            line: dict[str, Any] = {"at": time.time(), "kind": kind, "key": key, "step": step}
            if id is not None:
                line["id"] = id
            if reason is not None:
                line["reason"] = reason
            lines.append(line)
        with self._lock:
            files.append_lines(self._path, lines)
            self._known.update(fold(lines, self._known))

    @property
    def known(self) -> dict[str, Holding]:
        """All holdings by key."""
        return self._known
