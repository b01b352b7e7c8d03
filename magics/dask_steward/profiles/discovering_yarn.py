"""Profiles from what a YARN offers: one for each queue that its user may submit to, and one for its GPUs.

The rules, and where they come from:

* A worker is a share of the most numerous kind of node, divided as ``distributed.deploy.utils.nprocesses_nthreads``
  divides a machine (about the square root of its cores are processes), with 2 GiB at least: whole nodes can be filled,
  and a worker is small enough to find a gap.
* Of each node's memory an application master's part (`MASTER`) is left out: else it would keep a worker off its node.
* No worker is larger than the ResourceManager's largest container: one that is ends the whole application.
* Where YARN has GPUs, a worker has one of them, its share of cores and memory, and the resource ``GPU``: one worker for
  each GPU is what dask-cuda does (https://docs.rapids.ai/api/dask-cuda/stable/).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from dask_steward import units
from dask_steward.managers.yarn_offer import Site, labels_of, nodes_of, refused
from dask_steward.managers.yarn_parse import Node, Queue
from dask_steward.profiles.discovering import Proposal, processes_of, round_down, size_text

MASTER = 2**30
"""Bytes that an application master takes on its node: skein's asks for half of it, and many sites round up to 1 GiB."""

GPU = "yarn.io/gpu"
"""YARN's own name for GPUs."""


def propose(site: Site) -> tuple[list[Proposal], dict[str, str]]:
    """Return profiles for what a user may use, and why other queues are left out.

    Parameters
    ----------
    site : Site
        What the ResourceManager says, and for whom.

    Returns
    -------
    proposals, left_out
        `left_out` holds a phrase for each queue without a profile.
    """
    proposals: list[Proposal] = []
    left_out: dict[str, str] = {}
    names = Counter(queue.name for queue in site.queues)
    taken: set[str] = set()
    gpus = site.largest.others.get(GPU, 0) if site.largest is not None else 0
    for queue in site.queues:
        # Where two queues have one name, only the path tells them apart.
        place = queue.name if names[queue.name] == 1 else queue.path
        nodes = nodes_of(site, queue)
        why = refused(site, queue) or ("it has no node that runs" if not nodes else None)
        if why is not None:
            left_out[place] = why
            continue
        base = _free("yarn-" + (re.sub(r"[^A-Za-z0-9_-]+", "-", place)[:40] or "queue"), taken)
        proposals.append(_proposal(base, place, queue, site, nodes))
        if gpus:
            proposals.append(_proposal(_free(f"{base}-gpu", taken), place, queue, site, nodes, gpus))
    return proposals, left_out


def _free(name: str, taken: set[str]) -> str:
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    found = next(one for one in (name, *numbered) if one not in taken)
    taken.add(found)
    return found


def worker_of(site: Site, nodes: Sequence[Node], gpus: int = 0) -> tuple[int, int]:
    """Return vcores and bytes of one worker, with `gpus` of that share of a node which one of so many GPUs has."""
    (((vcores, memory), _),) = Counter((node.vcores, node.memory) for node in nodes).most_common(1)
    room = max(memory - MASTER, memory // 2)
    if gpus:
        vcores, room = max(1, vcores // gpus), room // gpus
    if site.largest is not None:
        vcores, room = min(vcores, site.largest.vcores), min(room, site.largest.memory)
    vcores = max(1, vcores)
    processes = 1 if gpus else processes_of(vcores, room)
    return vcores // processes, round_down(room // processes)


def _proposal(name: str, place: str, queue: Queue, site: Site, nodes: Sequence[Node], gpus: int = 0) -> Proposal:
    vcores, memory = worker_of(site, nodes, gpus)
    fields: dict[str, Any] = {
        "title": f"YARN · {place}{' · GPU' if gpus else ''}",
        "system": "yarn",
        "scale.workers": 1,
        "options.queue": place,
        "options.worker_vcores": vcores,
        "options.worker_memory": size_text(memory),
        "options.worker_gpus": 1 if gpus else None,
        "options.worker_options": {"resources": {"GPU": 1}} if gpus else None,
    }
    told = {path: value for path, value in fields.items() if value is not None}
    return Proposal(name, place, told, tuple(_remarks(queue, site, nodes)))


def _remarks(queue: Queue, site: Site, nodes: Sequence[Node]) -> Iterable[str]:
    kinds = Counter((node.vcores, node.memory) for node in nodes).most_common()
    shown = ", ".join(f"{count} with {vcores} vcores and {size_text(memory)}" for (vcores, memory), count in kinds[:4])
    yield f"Nodes: {shown}{' …' if len(kinds) > 4 else ''}."
    if site.largest is not None:
        others = "".join(f", {number} {name}" for name, number in site.largest.others.items() if number)
        largest = f"{site.largest.vcores} vcores, {size_text(site.largest.memory)}{others}"
        yield f"The largest container: {largest}; a worker above it would end the whole application."
    if queue.capacity is not None:
        most = f", {queue.maximum:.0f} % at most" if queue.maximum is not None else ""
        yield f"The queue is promised {queue.capacity:.0f} % of the cluster{most}."
    if queue.maximum_lifetime is not None:
        after = units.format_duration(queue.maximum_lifetime)
        yield f"YARN ends each of its applications {after} after its submission."
    if queue.default_lifetime is not None:
        yield f"Lifetime where nobody sets one: {units.format_duration(queue.default_lifetime)}."
    labels = labels_of(site, queue)
    if labels:
        names = ", ".join(f"{label} ({count} nodes)" for label, count in labels.items())
        yield f"Labels of nodes that it may use (node_label in a specification): {names}."
