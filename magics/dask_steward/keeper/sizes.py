"""The sizes of a cluster's groups: set by somebody, or following the work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from dask_steward.clusters.adaptive import Adaptive, limits_of
from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import MAIN, Workforce
from dask_steward.errors import UsageError
from dask_steward.units import format_size

logger = logging.getLogger(__name__)

_FAILED = "adaptive scaling failed"


def rounded(ask: Mapping[str, Any], units: int, unit: Mapping[str, float], noun: str = "job") -> str | None:
    """Return the sentence for a size that was rounded up to whole jobs; None where it is met exactly.

    >>> rounded({"cores": 10}, 3, {"workers": 2, "cores": 4, "memory": 8e9})
    '10 cores are rounded up to 3 jobs of 4 cores: 12 cores.'
    """
    ((name, asked),) = ask.items()
    if name == "jobs":
        return None
    each, whole = unit[name], unit[name] * units
    if whole <= asked * (1 + 1e-9):
        return None
    if name == "memory":
        sizes = [format_size(int(size)) for size in (asked, each, whole)]
        return f"{sizes[0]} of memory are rounded up to {_jobs(units, noun)} of {sizes[1]}: {sizes[2]}."
    return f"{asked:g} {name} are rounded up to {_jobs(units, noun)} of {each:g} {name}: {whole:g} {name}."


def _jobs(units: int, noun: str) -> str:
    return f"{units} {noun}{'' if units == 1 else 's'}"


class Sizes:
    """Scale the groups of one workforce.

    Parameters
    ----------
    agent : Agent
        Knows the work.
    workforce : Workforce
        Is scaled.
    changed : callable
        Called after each change.
    """

    def __init__(self, agent: Agent, workforce: Workforce, changed: Callable[[], None]) -> None:
        self._agent = agent
        self._workforce = workforce
        self._changed = changed
        self._adaptive: dict[str, Adaptive] = {}

    async def begin(
        self, units: int, limits: Mapping[str, Any] | None, groups: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Take up the first sizes.

        Parameters
        ----------
        units : int
            Of the main group.
        limits : mapping or None
            Between which that one follows the work.
        groups : mapping
            The other groups as the profile describes them, each with ``scale`` and ``adapt``.
        """
        first = [(MAIN, units, limits)]
        for name, group in groups.items():
            between = group.get("adapt")
            ask = {key: value for key, value in (group.get("scale") or {}).items() if value is not None}
            least = limits_of(between).minimum if between else 0
            first.append((name, self._workforce.units_for(ask, name) if ask else least, between))
        await asyncio.gather(*(self._workforce.scale(number, name) for name, number, _ in first))
        for name, _, between in first:
            if between:
                self.adapt({**between, "group": name})

    async def scale(self, ask: Mapping[str, Any]) -> str | None:
        """Set the size of a group, and end its following of the work; return a sentence if it was rounded up.

        Raises
        ------
        UsageError
            If there is no such group, or the size is none.
        """
        group, size = _split(ask)
        units = self._workforce.units_for(size, group)
        self._stop(group)
        workforce = self._workforce
        given = {key: value for key, value in size.items() if value is not None}
        note = rounded(given, units, workforce.unit_of(group), workforce.noun)
        await self._workforce.scale(units, group, renew=True)
        self._changed()
        return note

    def adapt(self, given: Mapping[str, Any]) -> None:
        """Let a group's size follow the work between limits; ``{"active": false}`` ends that.

        Raises
        ------
        UsageError
            If there is no such group, or a limit is none.
        """
        group, rest = _split(given)
        self._workforce.size(group)
        active = rest.pop("active", True)
        limits = limits_of({**rest, "group": group}) if active else None
        self._stop(group)
        if limits is not None:
            self._adaptive[group] = Adaptive(self._agent, self._workforce, limits, self._failed)
        self._changed()

    def stop(self) -> None:
        """Let no size follow the work any more."""
        for group in list(self._adaptive):
            self._stop(group)

    def _stop(self, group: str) -> None:
        found = self._adaptive.pop(group, None)
        if found is not None:
            found.stop()

    def limits(self, group: str = MAIN) -> dict[str, Any] | None:
        """Return the limits between which a group's size follows the work, None where it does not."""
        found = self._adaptive.get(group)
        return found.limits.to_json() if found is not None else None

    def views(self) -> dict[str, dict[str, Any]]:
        """Return the groups as every face shows them."""
        return {name: {**view, "adapt": self.limits(name)} for name, view in self._workforce.group_views().items()}

    def _failed(self, error: BaseException) -> None:
        others = [one for one in self._workforce.warnings if not one.startswith(_FAILED)]
        self._workforce.warnings[:] = [*others, f"{_FAILED}: {error}"]


def _split(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    rest = dict(given)
    group = rest.pop("group", None)
    if group is not None and not isinstance(group, str):
        raise UsageError(f"group: {group!r} is not the name of a group.", field="group", value=group)
    return group or MAIN, rest
