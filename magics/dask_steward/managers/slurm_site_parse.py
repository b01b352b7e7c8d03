"""What Slurm's commands print of a site, as pure functions: text in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dask_steward import units
from dask_steward.managers.slurm_offer import Association, Node, Partition

_PAIR = re.compile(r"(?:^|\s)([A-Za-z_][\w:/\[\]]*)=")
_GRES = re.compile(r"gpu(?::([^:(),]+?))?:(\d+)([KMG]?)(?=[,(]|$)", re.IGNORECASE)
_NOTHING = frozenset({"", "(null)", "n/a", "none", "unlimited", "infinite", "-1"})
_EVERYBODY = frozenset({"", "(null)", "all", "n/a"})
_MIB = 2**20


def records(text: str) -> Iterator[dict[str, str]]:
    """Yield the ``Key=value`` pairs of each line of ``scontrol show … --oneliner``.

    Values may hold blanks (``OS=Linux 6.1 #1 SMP``); of a key that comes twice the first counts, since what a person
    wrote (a reason, a comment) stands at the end.

    >>> next(records("NodeName=n1 OS=Linux 6.1 #1 SMP  RealMemory=4000 Reason=bad RealMemory=1"))["RealMemory"]
    '4000'
    """
    for line in text.splitlines():
        marks = list(_PAIR.finditer(line))
        found: dict[str, str] = {}
        ends = [mark.start() for mark in marks[1:]] + [len(line)]
        for mark, end in zip(marks, ends, strict=False):
            found.setdefault(mark[1], line[mark.end() : end].strip())
        if found:
            yield found


def parse_partitions(text: str) -> tuple[Partition, ...]:
    """Read ``scontrol show partition --oneliner``."""
    return tuple(_partition(row) for row in records(text) if row.get("PartitionName"))


def _partition(row: dict[str, str]) -> Partition:
    def yes(key: str) -> bool:
        return row.get(key, "NO").upper() == "YES"

    return Partition(
        name=row["PartitionName"],
        state=row.get("State", "UP").upper(),
        default=yes("Default"),
        hidden=yes("Hidden"),
        default_time=_time(row.get("DefaultTime", "")),
        max_time=_time(row.get("MaxTime", "")),
        min_nodes=_number(row.get("MinNodes", "")) or 0,
        max_nodes=_number(row.get("MaxNodes", "")),
        max_cpus_per_node=_number(row.get("MaxCPUsPerNode", "")),
        max_memory_per_node=_mebibytes(row.get("MaxMemPerNode", "")),
        max_memory_per_cpu=_mebibytes(row.get("MaxMemPerCPU", "")),
        exclusive=row.get("OverSubscribe", row.get("Shared", "NO")).upper() == "EXCLUSIVE",
        root_only=yes("RootOnly"),
        no_root=yes("DisableRootJobs"),
        needs_reservation=yes("ReqResv"),
        groups=_allowed(row.get("AllowGroups", "")),
        accounts=_allowed(row.get("AllowAccounts", "")),
        qos=_allowed(row.get("AllowQos", "")),
        denied_accounts=_allowed(row.get("DenyAccounts", "")) or (),
        denied_qos=_allowed(row.get("DenyQos", "")) or (),
        own_qos=None if row.get("QoS", "").lower() in _EVERYBODY else row["QoS"],
    )


def parse_nodes(text: str) -> tuple[Node, ...]:
    """Read ``scontrol show node --oneliner``; nodes that are only announced (FUTURE) are passed over."""
    found = []
    for row in records(text):
        cores, memory = _cores(row), _number(row.get("RealMemory", ""))
        if not row.get("NodeName") or not cores or memory is None or "FUTURE" in row.get("State", ""):
            continue
        kept = _number(row.get("MemSpecLimit", "")) or 0
        found.append(
            Node(
                name=row["NodeName"],
                partitions=_words(row.get("Partitions", "")),
                cores=cores,
                memory=max(0, memory - kept) * _MIB,
                sockets=_number(row.get("Sockets", "")) or 1,
                threads_per_core=_number(row.get("ThreadsPerCore", "")) or 1,
                gpus=parse_gpus(row.get("Gres", "")),
                features=_words(row.get("AvailableFeatures", "")),
            )
        )
    return tuple(found)


def _cores(row: dict[str, str]) -> int:
    """Return what jobs can have: Slurm tells that itself since 22.05, before one has to subtract."""
    effective = _number(row.get("CPUEfctv", ""))
    if effective is not None:
        return effective
    kept = (_number(row.get("CoreSpecCount", "")) or 0) * (_number(row.get("ThreadsPerCore", "")) or 1)
    return max(0, (_number(row.get("CPUTot", "")) or 0) - kept)


def parse_gpus(gres: str) -> tuple[tuple[str, int], ...]:
    """Return kind and number of the GPUs in a list of generic resources.

    >>> parse_gpus("gpu:a100:4(S:0-1),nvme:1"), parse_gpus("gpu:2"), parse_gpus("(null)")
    ((('a100', 4),), (('', 2),), ())
    """
    plain = re.sub(r"\([^)]*\)", "", gres)
    return tuple((match[1] or "", int(match[2])) for match in _GRES.finditer(plain) if int(match[2]))


def parse_config(text: str) -> dict[str, str]:
    """Read ``scontrol show config``: one ``Key = value`` in each line."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.partition(" = ")
        if equals:
            found[key.strip()] = value.strip()
    return found


def parse_table(text: str) -> Iterator[dict[str, str]]:
    r"""Yield the rows of ``sacctmgr --parsable2 show …`` by the names in its header.

    Lines before the header (a banner) and rows that are not whole are passed over.

    >>> list(parse_table("Welcome\nAccount|QOS\nclimate|normal,high\n"))
    [{'Account': 'climate', 'QOS': 'normal,high'}]
    """
    header: list[str] | None = None
    for line in text.splitlines():
        parts = line.split("|")
        if header is None:
            header = parts if len(parts) > 1 else None
        elif len(parts) == len(header):
            yield dict(zip(header, parts, strict=True))


def parse_associations(text: str) -> tuple[Association, ...]:
    """Read ``sacctmgr --parsable2 show associations`` of one user."""
    return tuple(
        Association(
            account=row["Account"],
            partition=row.get("Partition") or None,
            qos=_words(row.get("QOS", "")),
            default_qos=row.get("Def QOS") or None,
            max_time=_time(row.get("MaxWall", "")),
        )
        for row in parse_table(text)
        if row.get("Account")
    )


def parse_qos(text: str) -> dict[str, int | None]:
    """Read ``sacctmgr --parsable2 show qos``: the longest walltime of each, in seconds."""
    return {row["Name"]: _time(row.get("MaxWall", "")) for row in parse_table(text) if row.get("Name")}


def _words(text: str) -> tuple[str, ...]:
    return () if text.lower() in _EVERYBODY else tuple(part for part in text.split(",") if part)


def _allowed(text: str) -> tuple[str, ...] | None:
    return None if text.lower() in _EVERYBODY else tuple(part for part in text.split(",") if part)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _mebibytes(text: str) -> int | None:
    found = _number(text)
    return None if not found else found * _MIB


def _time(text: str) -> int | None:
    if text.strip().lower() in _NOTHING:
        return None
    try:
        return units.parse_walltime(text.strip())
    except ValueError:
        return None
