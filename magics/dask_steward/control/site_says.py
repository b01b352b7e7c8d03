"""What a resource manager says to jobs that are not submitted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from dask_steward import managers, units
from dask_steward.control.previewed import Jobs, Preview
from dask_steward.managers.base import Manager, NodeSize, Unknown
from dask_steward.managers.fit import unfit
from dask_steward.managers.slurm import Slurm, submit_command
from dask_steward.managers.slurm_offer import Partition, User, access
from dask_steward.managers.slurm_site import ask_site
from dask_steward.managers.slurm_site_parse import parse_partitions

CLOSED = "the partition "
"""Begins what is said of a partition that would never start such a job."""


class Says(Protocol):
    """One resource manager, asked for what it has once for all previews."""

    most: int

    def of(self, preview: Preview, *, test_only: bool) -> Preview:
        """Return a preview with warnings, and with when and where it would start."""
        ...


class Sites:
    """The resource managers that profiles mean, each asked once.

    Parameters
    ----------
    closely : bool
        As for `SiteSays`.
    """

    def __init__(self, *, closely: bool) -> None:
        self._closely = closely
        self._known: dict[str, Says] = {}

    def of(self, profile: Mapping[str, Any]) -> Says | None:
        """Return the one that a resolved profile means, None where it means none."""
        system = profile["system"]
        if system not in ("slurm", "yarn"):
            return None
        key = f"{system} {managers.environment_of(system, profile)}"
        if key not in self._known and system == "yarn":
            from dask_steward.control.yarn_says import YarnSays

            self._known[key] = YarnSays(profile)
        elif key not in self._known:
            self._known[key] = SiteSays(system, closely=self._closely)
        return self._known[key]


class SiteSays:
    """One resource manager, asked for its nodes and partitions once for all previews.

    Parameters
    ----------
    system : str
        Its name.
    closely : bool
        Ask also who may use its partitions: a test alone takes jobs there that would wait for ever.
    """

    def __init__(self, system: str, *, closely: bool = False) -> None:
        self.unknown: str | None = None
        self._manager: Manager | None = None
        self._sizes: Sequence[NodeSize] = ()
        self._partitions: Sequence[Partition] = ()
        self._refused: dict[str, str] = {}
        self.most = 1
        if not managers.available().get(system, False):
            self.unknown = f"the commands of {system} are not on the PATH, so it could not be asked"
            return
        manager = managers.get(system, dict(os.environ))
        sizes = manager.node_sizes()
        if isinstance(sizes, Unknown):
            self.unknown = f"{system} could not be asked: {sizes.reason}"
            return
        self._manager, self._sizes, self.most = manager, sizes, manager.most_at_once()
        if isinstance(manager, Slurm) and closely:
            user = User.of_process()
            site = ask_site(manager, user)
            if not isinstance(site, Unknown):
                self._partitions = site.partitions
                ways = {one.name: access(site, one, user).refused for one in site.partitions if one.state == "UP"}
                self._refused = {name: why for name, why in ways.items() if why is not None}
        elif isinstance(manager, Slurm):
            answer = manager.ask(("scontrol", "--oneliner", "show", "partition"))
            if not isinstance(answer, Unknown) and answer.status == 0:
                self._partitions = parse_partitions(answer.out)

    def of(self, preview: Preview, *, test_only: bool) -> Preview:
        """Return a preview with commands and warnings, and with when and where its jobs would start."""
        warnings = [self.unknown] if self.unknown else []
        groups, batches = [], 0
        for group in preview.groups:
            commands = self._commands(group, batches)
            batches += len(commands) if group.processes else 0
            warnings += self._against(group)
            group = replace(group, commands=commands)
            groups.append(self._tested(group, warnings) if test_only and group.jobs else group)
        return replace(preview, groups=tuple(groups), warnings=tuple(dict.fromkeys(warnings)))

    def _commands(self, group: Jobs, before: int) -> tuple[tuple[str, ...], ...]:
        """Return the commands that submit a group: as few as the site takes."""
        left = group.jobs
        made: list[tuple[str, ...]] = []
        while left > 0:
            count = min(left, self.most)
            key = f"{group.key}{before + len(made) + 1}" if group.processes else group.key
            made.append(tuple(submit_command(group.job_name, f"{group.job_name}:{key}", count)))
            left -= count
        return tuple(made)

    def _tested(self, group: Jobs, warnings: list[str]) -> Jobs:
        answer = self._manager.test_only(group.script) if self._manager is not None else None
        if answer is None:
            return group
        if isinstance(answer, Unknown):
            warnings.append(f"when {group.name} would start is not known: {answer.reason}")
            return group
        return replace(
            group,
            start=answer.start,
            nodes=answer.nodes,
            partition=answer.partition or group.partition,
            refusal=answer.refusal,
        )

    def _against(self, group: Jobs) -> list[str]:
        """Return what the site says against a job; Slurm's own test does not say all of it."""
        memory = group.memory if group.asks_memory else None
        why = unfit(self._sizes, group.partition, cores=group.cores, memory=memory)
        found = [] if why is None else [why]
        for one in self._partitions:
            if one.name == group.partition or (group.partition is None and one.default):
                found += _against(one, group)
                if one.name in self._refused:
                    found.append(f"{CLOSED}{one.name} is not for you: {self._refused[one.name]}")
        return found


def _against(partition: Partition, group: Jobs) -> list[str]:
    """Return what `--test-only` does not say: Slurm takes such jobs, and never starts them."""
    found = []
    if partition.state != "UP":
        found.append(f"{CLOSED}{partition.name} is {partition.state}: jobs would wait there until it is UP")
    asked = _seconds(group.walltime)
    if partition.max_time is not None and asked is not None and asked > partition.max_time:
        longest = units.format_walltime(partition.max_time)
        found.append(
            f"{CLOSED}{partition.name} allows {longest} at most, and the walltime is {group.walltime}: "
            "jobs would be refused, or wait for ever"
        )
    return found


def _seconds(walltime: str | None) -> float | None:
    try:
        return None if walltime is None else units.parse_walltime(walltime)
    except ValueError:
        return None
