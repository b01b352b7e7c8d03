"""Profiles from what a Slurm site offers: one for each partition that its user may use, and for each kind of its nodes.

The rules, and where they come from:

* A job is a whole node where the site gives whole nodes; elsewhere the largest even share of a node of at most
  `JOB_CORES` cores, with its share of the memory: small jobs fill gaps (https://slurm.schedmd.com/sched_config.html,
  *Backfill Scheduling*), and 16 cores are enough for one worker's memory to hold the chunks that people use.
* On nodes with GPUs a job is one GPU with its share of cores and memory, and one worker with the resource ``GPU``: one
  worker for each GPU is what dask-cuda does (https://docs.rapids.ai/api/dask-cuda/stable/). Where the site gives whole
  nodes it is all GPUs of a node, and the one worker has as much of the resource.
* Processes are divided as ``distributed.deploy.utils.nprocesses_nthreads`` does (about the square root of the cores),
  but each gets at least `PROCESS_MEMORY`.
* Memory is what Slurm lets jobs have: RealMemory less MemSpecLimit, within MaxMemPerNode and MaxMemPerCPU (``man
  slurm.conf``); more is refused, or makes Slurm take more cores.
* The walltime is the partition's own default, else `WALLTIME`, within what partition, account and quality of service
  allow: a shorter job starts sooner, and jobs are replaced before they end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dask_steward import units
from dask_steward.managers.slurm_offer import Access, Node, Partition, Site, User, access

JOB_CORES = 16
"""Most cores of a job that shares its node."""

PROCESS_MEMORY = 2 * 2**30
"""Least memory (bytes) of a worker process: Dask spills from 60 % on, and Python with pandas takes 0.2 GiB of it."""

WALLTIME = 4 * 3600
"""Walltime (seconds) of jobs where the partition has no default."""

SAME_MEMORY = 0.1
"""Nodes whose memory differs by less than this share are of one kind: the same hardware reports it unevenly."""

_MIB, _GIB = 2**20, 2**30


@dataclass(frozen=True)
class Kind:
    """Nodes of one partition that are alike.

    Attributes
    ----------
    count : int
        How many.
    cores : int
        CPUs of each that jobs of the partition can have.
    memory : int
        Bytes of the smallest that jobs can have.
    gpu : str
        Kind of its GPUs; empty where the site names none.
    gpus : int
        GPUs of each.
    threads_per_core : int
        CPUs of one core.
    features : tuple of str
        What all of them have.
    """

    count: int
    cores: int
    memory: int
    gpu: str = ""
    gpus: int = 0
    threads_per_core: int = 1
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a probe saw on a node of a partition.

    Attributes
    ----------
    interface : str or None
        Network interface of the node by which it reached this machine.
    scheduler_interface : str or None
        The one here, where it has another name.
    local_directory : str or None
        Scratch on the node, such as ``$TMPDIR``.
    problem : str or None
        What the nodes cannot do, as a sentence.
    """

    interface: str | None = None
    scheduler_interface: str | None = None
    local_directory: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A profile that discovery would write.

    Attributes
    ----------
    name, place : str
        The profile's name, and the partition or queue that it is for.
    fields : dict
        Values by path, such as ``options.cores``, in the order in which they are written.
    remarks : tuple of str
        Comments for its head.
    """

    name: str
    place: str
    fields: dict[str, Any]
    remarks: tuple[str, ...] = field(default=())


def propose(site: Site, user: User, found: Mapping[str, Found] | None = None) -> tuple[list[Proposal], dict[str, str]]:
    """Return profiles for what a user may use, and why other partitions are left out.

    Parameters
    ----------
    site : Site
        What Slurm says.
    user : User
        For whom.
    found : mapping, optional
        What probes saw, by partition.

    Returns
    -------
    proposals, left_out
        `left_out` holds a phrase for each partition without a profile.
    """
    proposals: list[Proposal] = []
    left_out: dict[str, str] = {}
    taken: set[str] = set()
    for partition in site.partitions:
        way = access(site, partition, user)
        kinds = kinds_of(partition, site.nodes)
        if way.refused is not None or not kinds:
            left_out[partition.name] = way.refused or "it has no nodes"
            continue
        seen = (found or {}).get(partition.name)
        for name, kind in _named(partition, kinds, taken):
            taken.add(name)
            proposals.append(_proposal(name, partition, kind, way, site, seen, alone=len(kinds) == 1))
    return proposals, left_out


def probe_directives(site: Site, user: User) -> dict[str, list[str]]:
    """Return for each partition that a user may use the directives of a job of a few seconds, as small as can be."""
    found: dict[str, list[str]] = {}
    for partition in site.partitions:
        way, kinds = access(site, partition, user), kinds_of(partition, site.nodes)
        if way.refused is not None or not kinds:
            continue
        directives = [f"--partition={partition.name}", "--time=2", "--ntasks=1", "--cpus-per-task=1", "--mem=200M"]
        directives += [f"--account={way.account}"] if way.account else []
        directives += [f"--qos={way.qos}"] if way.qos else []
        if kinds[0].gpus:  # all kinds have some: many sites refuse a job there that asks for none
            directives.append(_gres(kinds[0], 1))
        found[partition.name] = directives
    return found


def _gres(kind: Kind, number: int) -> str:
    return f"--gres=gpu:{kind.gpu + ':' if kind.gpu else ''}{number}"


def kinds_of(partition: Partition, nodes: Iterable[Node]) -> list[Kind]:
    """Return the kinds of a partition's nodes, those without GPUs first and of these the most numerous."""
    groups: dict[tuple[int, str, int, int], list[Node]] = {}
    for node in nodes:
        if partition.name in node.partitions:
            gpu = node.gpus[0][0] if len(node.gpus) == 1 else ""
            key = (node.cores, gpu, sum(number for _, number in node.gpus), node.threads_per_core)
            groups.setdefault(key, []).append(node)
    kinds = []
    for (cores, gpu, gpus, threads), alike in groups.items():
        for batch in _by_memory(alike):
            features = [one for one in batch[0].features if all(one in node.features for node in batch)]
            cores_here = min(cores, partition.max_cpus_per_node or cores)
            memory = min(node.memory for node in batch)
            kinds.append(Kind(len(batch), cores_here, memory, gpu, gpus, threads, tuple(features)))
    return sorted(kinds, key=lambda one: (one.gpus > 0, -one.count, one.cores, one.memory))


def _by_memory(nodes: Sequence[Node]) -> list[list[Node]]:
    batches: list[list[Node]] = []
    for node in sorted(nodes, key=lambda one: one.memory):
        if batches and node.memory <= batches[-1][0].memory * (1 + SAME_MEMORY):
            batches[-1].append(node)
        else:
            batches.append([node])
    return batches


def _named(partition: Partition, kinds: Sequence[Kind], taken: set[str]) -> list[tuple[str, Kind]]:
    """Return a name for each kind: the first has the partition's, the others say what is different."""
    base = "slurm-" + (re.sub(r"[^A-Za-z0-9_-]+", "-", partition.name)[:40] or "partition")
    names: list[tuple[str, Kind]] = []
    for kind in kinds:
        gpu = re.sub(r"[^A-Za-z0-9_-]+", "-", kind.gpu) or "gpu"
        size = f"{kind.memory / _GIB:.0f}g" if kind.memory >= _GIB else f"{kind.memory // _MIB}m"
        words = [gpu] if kind.gpus else [size]
        used = {*taken, *(name for name, _ in names)}
        candidates = [
            *([base] if kind is kinds[0] else []),
            "-".join([base, *words]),
            "-".join([base, *words, f"{kind.cores}c", size]),
            *(f"{'-'.join([base, *words])}-{number}" for number in range(2, len(kinds) + 2)),
        ]
        names.append((next(one for one in candidates if one not in used), kind))
    return names


@dataclass(frozen=True)
class Shape:
    """What one job asks for: CPUs, worker processes, bytes, GPUs."""

    cores: int
    processes: int
    memory: int
    gpus: int


def shape_of(partition: Partition, kind: Kind) -> Shape:
    """Return the job for a kind of nodes, by the rules above."""
    cores, memory, gpus = kind.cores, kind.memory, kind.gpus
    if not partition.exclusive:
        if gpus:
            share = max(1, kind.cores // gpus)
            gpus = 1
        else:
            share = _even_share(kind.cores)
        cores, memory = share, kind.memory * share // kind.cores
    if partition.max_memory_per_node is not None:
        memory = min(memory, partition.max_memory_per_node)
    if partition.max_memory_per_cpu is not None:
        memory = min(memory, partition.max_memory_per_cpu * cores)
    memory = round_down(memory)
    return Shape(cores, 1 if gpus else processes_of(cores, memory), memory, gpus)


def _even_share(cores: int) -> int:
    """Return the cores of a job: a node is divided without a rest, where that leaves jobs of a useful size.

    >>> [_even_share(n) for n in (4, 16, 36, 64, 128, 127)]
    [4, 16, 12, 16, 16, 16]
    """
    if cores <= JOB_CORES:
        return cores
    best = max(number for number in range(1, JOB_CORES + 1) if cores % number == 0)
    return best if best >= JOB_CORES // 2 else JOB_CORES


def processes_of(cores: int, memory: int) -> int:
    """Return worker processes of a job.

    >>> processes_of(16, 64 * 2**30), processes_of(4, 4000 * 2**20), processes_of(12, 24 * 2**30)
    (4, 1, 4)
    """
    wanted = cores if cores <= 4 else min(n for n in range(1, cores + 1) if cores % n == 0 and n >= math.sqrt(cores))
    room = max(1, memory // PROCESS_MEMORY)
    return max(n for n in range(1, wanted + 1) if cores % n == 0 and n <= room)


def round_down(memory: int) -> int:
    """Return memory in whole GiB where there are many of them, else in whole MiB."""
    unit = _GIB if memory >= 16 * _GIB else _MIB
    return max(unit, memory // unit * unit)


def size_text(memory: int) -> str:
    """Write a size as the profiles do.

    >>> size_text(62 * 2**30), size_text(4000 * 2**20)
    ('62 GiB', '4000 MiB')
    """
    return f"{memory // _GIB} GiB" if memory % _GIB == 0 else f"{memory // _MIB} MiB"


def walltime_of(partition: Partition, way: Access) -> int:
    """Return the walltime of jobs in seconds."""
    wanted = partition.default_time or WALLTIME
    return wanted if way.max_time is None else min(wanted, way.max_time)


def _proposal(
    name: str, partition: Partition, kind: Kind, way: Access, site: Site, seen: Found | None, *, alone: bool
) -> Proposal:
    shape = shape_of(partition, kind)
    what = f" · {kind.gpu or 'GPU'}" if kind.gpus else "" if alone else f" · {size_text(round_down(kind.memory))}"
    directives = []
    if shape.gpus:
        directives.append(_gres(kind, shape.gpus))
    if way.qos is not None:
        directives.append(f"--qos={way.qos}")
    fields: dict[str, Any] = {
        "title": f"Slurm · {partition.name}{what}",
        "system": "slurm",
        "scale.jobs": 1,
        "options.queue": partition.name,
        "options.account": way.account,
        "options.cores": shape.cores,
        "options.processes": shape.processes,
        "options.memory": size_text(shape.memory),
        "options.walltime": units.format_walltime(walltime_of(partition, way)),
        "options.job_extra_directives": directives or None,
        "options.worker_extra_args": ["--resources", f"GPU={shape.gpus}"] if shape.gpus else None,
        "options.interface": seen.interface if seen else None,
        "options.scheduler_options.interface": seen.scheduler_interface if seen else None,
        "options.local_directory": seen.local_directory if seen else None,
    }
    return Proposal(
        name,
        partition.name,
        {path: value for path, value in fields.items() if value is not None},
        tuple(_remarks(partition, kind, way, site, shape)),
    )


def _remarks(partition: Partition, kind: Kind, way: Access, site: Site, shape: Shape) -> Iterable[str]:
    threads = f" ({kind.threads_per_core} threads a core)" if kind.threads_per_core > 1 else ""
    gpus = f", {kind.gpus} GPU{'s' * (kind.gpus > 1)}{' ' + kind.gpu if kind.gpu else ''}" if kind.gpus else ""
    yield (
        f"Nodes: {kind.count}, each with {kind.cores} CPUs{threads}, {size_text(round_down(kind.memory))} "
        f"for jobs{gpus}."
    )
    if kind.features:
        yield f"Features (--constraint): {', '.join(kind.features)}."
    longest = "without a limit" if way.max_time is None else f"at most {units.format_walltime(way.max_time)}"
    default = f", {units.format_walltime(partition.default_time)} by default" if partition.default_time else ""
    yield f"Walltime: {longest}{default}."
    if partition.max_nodes is not None:
        yield f"A job may have {partition.max_nodes} nodes at most."
    if way.accounts:
        marked = [f"{one} (your default)" if one == site.default_account else one for one in way.accounts]
        yield f"Accounts that you may charge here: {', '.join(marked)}."
    mine = [one for one in site.associations if one.partition in (None, partition.name)]
    names = list(dict.fromkeys(name for one in mine for name in one.qos))
    if names:
        default_qos = next((one.default_qos for one in mine if one.default_qos), None)
        shown = [f"{one} (your default)" if one == default_qos else one for one in names]
        yield f"Your qualities of service (--qos): {', '.join(shown)}."
