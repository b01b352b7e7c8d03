"""What a ResourceManager says of an application that is not submitted."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dask_steward import managers, units
from dask_steward.control.previewed import Jobs, Preview
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn import Yarn
from dask_steward.managers.yarn_offer import Site, ask_site, nodes_of, refused
from dask_steward.managers.yarn_parse import Queue

GPU = "yarn.io/gpu"


class YarnSays:
    """One YARN, asked once for all previews of profiles that mean it.

    Parameters
    ----------
    profile : mapping
        The resolved profile: it may name its ResourceManager.
    """

    most = 1

    def __init__(self, profile: Mapping[str, Any]) -> None:
        self.unknown: str | None = None
        self._site: Site | None = None
        found = ask_site(Yarn({**os.environ, **managers.environment_of("yarn", profile)}))
        if isinstance(found, Unknown):
            self.unknown = f"YARN could not be asked: {found.reason}"
        else:
            self._site = found

    def of(self, preview: Preview, *, test_only: bool) -> Preview:
        """Return a preview with what speaks against it, and with whether it would start now."""
        site = self._site
        if site is None:
            return replace(preview, warnings=(*preview.warnings, *([self.unknown] if self.unknown else [])))
        groups = [replace(group, refusal=_too_large(site, group)) for group in preview.groups]
        place = groups[0].partition or "default"
        queue = next((one for one in site.queues if place in (one.name, one.path)), None)
        warnings = [*preview.warnings, *site.notes]
        if queue is None:
            known = ", ".join(one.name for one in site.queues)
            warnings.append(f"YARN knows no queue {place} (it has {known}): it would refuse it, or make it")
        else:
            why = refused(site, queue)
            if why is not None:
                groups[0] = replace(groups[0], refusal=groups[0].refusal or f"the queue {place}: {why}")
            warnings += _against(site, queue, groups)
            if test_only and not any(one.refusal for one in groups):
                groups[0] = replace(groups[0], start=_start(site, queue, groups))
                if groups[0].start is None:
                    warnings.append("it would wait: not all of it fits into what is free now")
        return replace(preview, groups=tuple(groups), warnings=tuple(dict.fromkeys(warnings)))


def _too_large(site: Site, group: Jobs) -> str | None:
    """Return why no container of a group can ever be; YARN takes it, and ends the whole application."""
    most = site.largest
    if most is None:
        return None
    what = "a worker" if group.processes else f"the {group.name}"
    for wanted, limit, words in (
        (group.memory, most.memory, f"{units.format_size(group.memory)}, and no container may have more than "
         f"{units.format_size(most.memory)}"),
        (group.cores, most.vcores, f"{group.cores} vcores, and no container may have more than {most.vcores}"),
        (group.gpus, most.others.get(GPU, 0), f"{group.gpus} GPUs, and this YARN gives {most.others.get(GPU, 0)}"),
    ):  # fmt: skip
        if wanted > limit:
            return f"{what} asks for {words}"
    return None


def _against(site: Site, queue: Queue, groups: list[Jobs]) -> list[str]:
    """Return what will keep an application waiting, or end it, although YARN takes it."""
    found = []
    if queue.maximum_lifetime is not None:
        wall = units.format_duration(queue.maximum_lifetime)
        found.append(f"the queue {queue.name} ends every application {wall} after its submission")
    if queue.waiting:
        found.append(f"{queue.waiting} applications wait in the queue {queue.name} for their masters")
    if queue.used is not None and queue.maximum is not None and queue.used >= queue.maximum - 0.5:
        found.append(f"the queue {queue.name} uses all that it may: {queue.used:.0f} % of the cluster")
    nodes = nodes_of(site, queue)
    share = (queue.maximum if queue.maximum is not None else 100.0) / 100.0
    room = int(sum(node.memory for node in nodes) * share)
    asked = sum(one.jobs * one.memory for one in groups)
    if asked > room:
        found.append(
            f"all of it is {units.format_size(asked)}, and the queue {queue.name} may have {units.format_size(room)}: "
            "some of its containers would wait for ever"
        )
    return found


def _start(site: Site, queue: Queue, groups: list[Jobs]) -> float | None:
    """Return now where nobody waits before it and all of it fits into what is free on the nodes; else nobody knows."""
    if queue.waiting:
        return None
    free = [[node.memory - node.used_memory, node.vcores - node.used_vcores] for node in nodes_of(site, queue)]
    # Masters first, as YARN does it.
    for group in sorted(groups, key=lambda one: one.processes):
        for _ in range(group.jobs):
            place = next((one for one in free if one[0] >= group.memory and one[1] >= group.cores), None)
            if place is None:
                return None
            place[0] -= group.memory
            place[1] -= group.cores
    return time.time()
