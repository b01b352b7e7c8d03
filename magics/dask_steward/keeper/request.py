"""What a keeper was asked to do, read from the ledger.

Plain JSON and the standard library: the keeper runs in the interpreter that a profile names, which may hold Dask only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dask_steward.ledger.entries import Entry


def asked_size(ask: Mapping[str, Any], profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the size that is asked for, else the profile's own; empty where nobody says one."""
    return {key: value for key, value in (ask or profile.get("scale") or {}).items() if value is not None}


@dataclass(frozen=True)
class Request:
    """One start.

    Attributes
    ----------
    id, name, folder : str
        The cluster's id, the name that a person gave, its folder in the ledger.
    profile : dict
        The resolved profile; durations in seconds, sizes in bytes.
    tenure : str
        ``kernel``, ``server``, ``process`` or ``detached``.
    owner : dict
        What the cluster belongs to: the process, its ``kind`` (``kernel``, ``server`` or ``process``), ``kernel_id``
        and ``session``; empty for a detached one.
    ask : dict
        The size asked for, in one unit; empty for the profile's own.
    adapt : dict or None
        Limits, where the size is to follow the work.
    created : float
        Seconds since the epoch.
    imports : tuple of str
        Modules that whoever started it had imported, and so will compute with.
    """

    id: str
    name: str
    folder: str
    profile: dict[str, Any]
    tenure: str
    owner: dict[str, Any]
    ask: dict[str, Any]
    adapt: dict[str, Any] | None
    created: float
    imports: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> Request:
        """Read the request of an entry."""
        raw = entry.request
        return cls(
            id=entry.id,
            name=entry.name,
            folder=entry.folder,
            profile=entry.profile,
            tenure=entry.tenure,
            owner=dict(entry.owner_facts),
            ask={key: value for key, value in (raw.get("ask") or {}).items() if value is not None},
            adapt=raw.get("adapt") or None,
            created=entry.created,
            imports=tuple(str(one) for one in raw.get("imports") or ()),
        )

    @property
    def system(self) -> str:
        """``local``, ``slurm`` …"""
        return str(self.profile.get("system"))

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the Dask class."""
        found = self.profile.get("options")
        return found if isinstance(found, dict) else {}

    def seconds(self, field: str) -> float | None:
        """Return a duration of the profile; None when it is not set."""
        found = self.profile.get(field)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

    @property
    def asked(self) -> dict[str, Any]:
        """The size that is asked for, else the profile's, in one unit; empty where nobody says one."""
        return asked_size(self.ask, self.profile)

    @property
    def limits(self) -> dict[str, Any] | None:
        """Limits, where the size is to follow the work: those asked for, else the profile's."""
        return self.adapt or self.profile.get("adapt") or None

    @property
    def begins_small(self) -> bool:
        """Whether the limits say with how many jobs to begin, and not the size.

        Limits that are asked for stand against the profile's size, unless a size is asked for, too.
        """
        return bool(self.limits and not self.ask and (self.adapt or not self.asked))

    @property
    def size(self) -> dict[str, Any]:
        """The size to begin with, in one unit; empty where nobody says it."""
        return {"jobs": (self.limits or {}).get("minimum") or 0} if self.begins_small else self.asked
