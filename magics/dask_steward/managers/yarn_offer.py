"""What a YARN offers its user: its queues, who may use them, its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dask_steward.managers.base import Unknown
from dask_steward.managers.user import User
from dask_steward.managers.yarn import Yarn
from dask_steward.managers.yarn_parse import Largest, Node, Queue

#: State of a node that takes containers, and of a queue that takes applications.
RUNNING = "RUNNING"
#: A queue that may use all labels.
ALL_LABELS = "*"


@dataclass(frozen=True)
class Site:
    """All that discovery knows of a YARN.

    Attributes
    ----------
    queues, nodes : tuple
        As the ResourceManager lists them.
    user : User
        For whom.
    acls : bool
        Whether queues have rules of who may use them.
    largest : Largest or None
        The largest container; None where it could not be asked.
    notes : tuple of str
        Sentences on what could not be asked.
    """

    queues: tuple[Queue, ...]
    nodes: tuple[Node, ...]
    user: User
    acls: bool = False
    largest: Largest | None = None
    notes: tuple[str, ...] = ()


def ask_site(yarn: Yarn) -> Site | Unknown:
    """Ask a ResourceManager for all of it; what a profile can do without is a note, not a failure."""
    queues = yarn.queues()
    if isinstance(queues, Unknown):
        return queues
    nodes = yarn.nodes()
    if isinstance(nodes, Unknown):
        return nodes
    largest = yarn.largest()
    person = replace(User.of_process(), name=yarn.user)
    if isinstance(largest, Unknown):
        note = f"The largest container is not known ({largest.reason})."
        return Site(queues, nodes, person, yarn.acls, notes=(note,))
    return Site(queues, nodes, person, yarn.acls, largest)


def refused(site: Site, queue: Queue) -> str | None:
    """Return why a user may not submit to a queue, as a phrase; None where nothing speaks against it.

    Rules of who may submit hold only where the site says so (``yarn.acl.enable``).
    """
    if queue.state != RUNNING:
        return f"its state is {queue.state}"
    if queue.maximum is not None and queue.maximum <= 0:
        return "it may use nothing of the cluster"
    if not site.acls or queue.submit is None or queue.submit == "*":
        return None
    users, _, groups = queue.submit.partition(" ")
    named, of = _names(users), _names(groups)
    if site.user.name in named or site.user.groups & set(of):
        return None
    who = [f"users {', '.join(named)}"] if named else []
    who += [f"groups {', '.join(of)}"] if of else []
    return f"you may not submit to it: it takes {' and '.join(who) or 'nobody but its administrators'}"


def nodes_of(site: Site, queue: Queue) -> tuple[Node, ...]:
    """Return the nodes where containers of a queue run that ask for no label; else those with a label that it may."""
    there = [one for one in site.nodes if one.state == RUNNING]
    plain = [one for one in there if not any(one.labels)]
    return tuple(plain or (one for one in there if any(_may(queue, label) for label in one.labels)))


def labels_of(site: Site, queue: Queue) -> dict[str, int]:
    """Return the labels that a queue may ask for, each with how many nodes have it."""
    found: dict[str, int] = {}
    for one in site.nodes:
        for label in one.labels:
            if label and _may(queue, label):
                found[label] = found.get(label, 0) + 1
    return dict(sorted(found.items()))


def _may(queue: Queue, label: str) -> bool:
    return ALL_LABELS in queue.labels or label in queue.labels


def _names(text: str) -> Sequence[str]:
    return [name for name in text.split(",") if name]
