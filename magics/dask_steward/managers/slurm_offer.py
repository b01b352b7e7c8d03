"""What a Slurm site offers its users, and how a user may use each part of it; nothing is asked here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from dask_steward.managers.user import User as User

NORMAL = "normal"
"""The quality of service that Slurm makes by itself."""


@dataclass(frozen=True)
class Partition:
    """One partition; times in seconds, memory in bytes, None where there is no limit (or no default).

    ``groups``, ``accounts`` and ``qos`` are None where everybody's are allowed; ``own_qos`` is the quality of service
    whose limits hold for all jobs there.
    """

    name: str
    state: str = "UP"
    default: bool = False
    hidden: bool = False
    default_time: int | None = None
    max_time: int | None = None
    min_nodes: int = 0
    max_nodes: int | None = None
    max_cpus_per_node: int | None = None
    max_memory_per_node: int | None = None
    max_memory_per_cpu: int | None = None
    exclusive: bool = False
    root_only: bool = False
    no_root: bool = False
    needs_reservation: bool = False
    groups: tuple[str, ...] | None = None
    accounts: tuple[str, ...] | None = None
    qos: tuple[str, ...] | None = None
    denied_accounts: tuple[str, ...] = ()
    denied_qos: tuple[str, ...] = ()
    own_qos: str | None = None


@dataclass(frozen=True)
class Node:
    """What one node gives to jobs.

    Attributes
    ----------
    name, partitions
        Where it belongs.
    cores : int
        CPUs in Slurm's sense (hardware threads, where it counts those) that jobs can have.
    memory : int
        Bytes that jobs can have: without what the site keeps for the system.
    sockets, threads_per_core : int
        How it is built.
    gpus : tuple of (str, int)
        Kind of GPU (empty where the site names none) and how many.
    features : tuple of str
        The site's words for it.
    """

    name: str
    partitions: tuple[str, ...]
    cores: int
    memory: int
    sockets: int = 1
    threads_per_core: int = 1
    gpus: tuple[tuple[str, int], ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Association:
    """An account that a user may charge, perhaps in one partition only; `max_time` in seconds."""

    account: str
    partition: str | None = None
    qos: tuple[str, ...] = ()
    default_qos: str | None = None
    max_time: int | None = None


@dataclass(frozen=True)
class Site:
    """All that discovery knows of a site.

    Attributes
    ----------
    partitions, nodes, associations
        As Slurm lists them.
    default_account : str or None
        What Slurm charges when a job names no account.
    qos : dict
        Longest walltime (seconds, None without a limit) of each quality of service.
    enforced : frozenset of str
        Words of AccountingStorageEnforce, such as ``associations`` and ``qos``.
    notes : tuple of str
        Sentences on what could not be asked.
    """

    partitions: tuple[Partition, ...]
    nodes: tuple[Node, ...]
    associations: tuple[Association, ...] = ()
    default_account: str | None = None
    qos: dict[str, int | None] = field(default_factory=dict)
    enforced: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """How a user may use a partition, or why not.

    Attributes
    ----------
    refused : str or None
        Why not, as a phrase.
    account, qos : str or None
        What a job has to name since the user's default is not taken there.
    accounts : tuple of str
        All accounts of the user that are taken there.
    max_time : int or None
        Longest walltime in seconds that partition, account and quality of service leave; None without a limit.
    """

    refused: str | None = None
    account: str | None = None
    qos: str | None = None
    accounts: tuple[str, ...] = ()
    max_time: int | None = None


def access(site: Site, partition: Partition, user: User) -> Access:
    """Return how a user may use a partition; rules of ``man slurm.conf``, *PARTITION CONFIGURATION*.

    Groups are not asked of root; accounts and qualities of service count only where the site enforces them.
    """
    refused = _closed_to(partition, user)
    if refused is not None:
        return Access(refused)
    mine = [one for one in site.associations if one.partition in (None, partition.name)]
    accounts = list(dict.fromkeys(one.account for one in mine))
    if "associations" in site.enforced:
        taken = _taken(accounts, partition.accounts, partition.denied_accounts)
        if not taken:
            whose = f"of your accounts ({', '.join(accounts)}) it takes none" if accounts else "you have no account"
            return Access(f"{whose}{_only('it takes', partition.accounts)}")
        accounts = taken
    # The default one first: a job need not name it.
    for account in sorted(accounts, key=lambda name: name != site.default_account):
        way = _by_account(site, partition, user, [one for one in mine if one.account == account])
        if way is not None:
            named = account if "associations" in site.enforced and account != site.default_account else None
            return replace(way, account=named, accounts=tuple(accounts))
    if accounts:
        names = ", ".join(dict.fromkeys(name for one in mine for name in one.qos))
        return Access(f"it takes none of your qualities of service ({names}){_only('it takes', partition.qos)}")
    return Access(max_time=_least(partition.max_time, site.qos.get(partition.own_qos or "")))


def _by_account(site: Site, partition: Partition, user: User, mine: Sequence[Association]) -> Access | None:
    """Return how a partition may be used on one account; None if none of its qualities of service is taken there."""
    default = next((one.default_qos for one in mine if one.default_qos), None)
    known = list(dict.fromkeys(name for one in mine for name in one.qos))
    if default is None:  # what Slurm itself then takes
        default = NORMAL if NORMAL in known else known[0] if len(known) == 1 else None
    named = None
    if "qos" in site.enforced and not user.is_root:
        taken = _taken(known, partition.qos, partition.denied_qos)
        if not taken:
            return None
        named = None if default in taken else taken[0]
    used = named or default
    limits = (site.qos.get(name) for name in (used, partition.own_qos) if name is not None)
    return Access(None, None, named, max_time=_least(partition.max_time, *(one.max_time for one in mine), *limits))


def _least(*limits: int | None) -> int | None:
    return min((one for one in limits if one is not None), default=None)


def _closed_to(partition: Partition, user: User) -> str | None:
    if partition.state != "UP":
        return f"its state is {partition.state}"
    if partition.hidden:
        return "the site hides it"
    if partition.root_only and not user.is_root:
        return "only root may use it"
    if partition.no_root and user.is_root:
        return "root may not use it"
    if partition.needs_reservation:
        return "it takes jobs of reservations only"
    if partition.min_nodes > 1:
        return f"its jobs have {partition.min_nodes} nodes at least, and one of Dask's has one"
    if partition.groups is not None and not user.is_root and not user.groups & set(partition.groups):
        return f"you are in none of its groups ({', '.join(partition.groups)})"
    return None


def _taken(mine: Sequence[str], allowed: Collection[str] | None, denied: Collection[str]) -> list[str]:
    """Return what is allowed; a list of what is allowed makes Slurm forget what is denied."""
    if allowed is not None:
        known = {name.lower() for name in allowed}
        return [name for name in mine if name.lower() in known]
    known = {name.lower() for name in denied}
    return [name for name in mine if name.lower() not in known]


def _only(words: str, names: Collection[str] | None) -> str:
    return f"; {words} {', '.join(names)}" if names else ""
