"""Why a job could not begin to work, from its own last words: the scheduler out of reach, another Dask, no Dask at all.

Each becomes one sentence that says what to change.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

import psutil

#: Bytes of a log's end that are searched.
_TAIL = 65536
#: What a job says (``job.sh``) before it ends with `jobscript.UNREACHABLE`.
_UNREACHABLE = re.compile(r"^dask-steward: unreachable: (\S+) \(([^)]*)\) cannot reach (\S+): (.*)$", re.MULTILINE)
#: What workers say whose connection does not come about although something takes it.
_REFUSED = re.compile(
    r"Timed out (?:trying to connect to|during handshake while connecting to) (?:\w+://)?([^\s,]+:\d+)"
)
_STRANGER = re.compile(r"TLS certificate does not match")
#: What workers say when they and the scheduler run versions of Dask that do not understand each other.
_VERSIONS = re.compile(
    r"Your Dask versions may not be in sync"
    r"|unsupported pickle protocol"
    r"|(?:add_worker|register_worker|register_nanny|add_nanny)\(\) (?:got an unexpected|missing \d+ required)"
    r"|[Nn]o such option:? ?'?--",
)
_NO_DASK = re.compile(r"No module named '?(distributed|dask)\b")


@dataclass(frozen=True)
class Interface:
    """One address of this host.

    Attributes
    ----------
    name, address, mask : str
        Name of the interface, and its IPv4 address and netmask.
    """

    name: str
    address: str
    mask: str

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The network that it is in."""
        return ipaddress.ip_network(f"{self.address}/{self.mask}", strict=False)  # type: ignore[return-value]


def interfaces() -> list[Interface]:
    """Return this host's IPv4 addresses but loopback's."""
    found = []
    for name, addresses in psutil.net_if_addrs().items():
        for one in addresses:
            if one.family is socket.AF_INET and one.netmask and not one.address.startswith("127."):
                found.append(Interface(name, one.address, one.netmask))
    return found


def contact_of(address: str, contact: str | None) -> str:
    """Return the address for workers: the scheduler's own, or what a profile gives in its place.

    >>> contact_of("tls://10.0.0.1:8786", None), contact_of("tls://10.0.0.1:8786", "login1")
    ('tls://10.0.0.1:8786', 'tls://login1:8786')
    """
    if not contact:
        return address
    scheme, _, own = address.partition("://")
    given, found, rest = contact.rpartition("://")
    place = rest if re.search(r":[0-9]+$", rest) else f"{rest}:{own.rpartition(':')[2]}"
    return f"{given if found else scheme}://{place}"


@dataclass(frozen=True)
class Unreachable:
    """A job could not reach its scheduler.

    Attributes
    ----------
    node : str
        Where it ran.
    addresses : tuple of str
        That node's addresses, as far as it told them.
    target : str
        ``host:port`` of the scheduler, as the job knew it.
    why : str
        The system's own words.
    """

    node: str
    addresses: tuple[str, ...]
    target: str
    why: str


def parse_unreachable(log: str) -> Unreachable | None:
    """Return what a job's log says of a scheduler that it could not reach; None when it says nothing.

    >>> parse_unreachable("dask-steward: unreachable: n1 (10.0.0.7 ) cannot reach 10.9.9.9:123: No route to host")
    Unreachable(node='n1', addresses=('10.0.0.7',), target='10.9.9.9:123', why='No route to host')
    """
    found = _UNREACHABLE.search(log)
    if found is None:
        return None
    node, addresses, target, why = found.groups()
    return Unreachable(node, tuple(addresses.split()), target, why)


def cannot_reach(
    job: str,
    node: str | None,
    address: str,
    said: Unreachable | None,
    here: Iterable[Interface],
    *,
    own_job: bool = False,
    instead: str | None = None,
) -> str:
    """Return one sentence: which job cannot reach the scheduler, and what to change.

    Parameters
    ----------
    job, node : str
        The job's id and its node.
    address : str
        The scheduler's address.
    said : Unreachable or None
        What its log says, where it can be read.
    here : iterable of Interface
        The addresses of the scheduler's host.
    own_job : bool
        The scheduler runs in a job of its own already.
    instead : str, optional
        What to change, where that is not what helps jobs of a queue.
    """
    here = list(here)
    where = f" on {said.node if said else node}" if said or node else ""
    why = f" ({said.why})" if said and said.why else ""
    shared = [one for one in here if said and any(_inside(other, one.network) for other in said.addresses)]
    listed = ", ".join(f"{one.name} {one.address}" for one in here) or "no address but its loopback"
    ways = []
    if shared and not own_job:
        names = " or ".join(dict.fromkeys(one.name for one in shared))
        ways.append(f"set options.interface to {names}, which is in a network of {said.node if said else 'that node'}")
    ways.append(
        "set options.interface (or options.scheduler_options.host or contact_address) to what the compute nodes reach"
        + ("" if own_job else f": this host, {socket.gethostname()}, has {listed}")
    )
    ways.append("open the firewall for options.scheduler_options.port and line.ports")
    if not own_job:
        ways.append("or run the scheduler in a job with scheduler: {place: job}")
    # An id that says itself what it is needs no word before it.
    named = job if job.startswith("container_") else f"Job {job}"
    return f"{named}{where} cannot reach the scheduler at {address}{why}: {instead or '; '.join(ways)}."


def _inside(address: str, network: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False


def verdict(
    *,
    job: str,
    node: str | None,
    unreachable: bool,
    log_path: str,
    address: str,
    own_job: bool,
    ways: str | None = None,
) -> str | None:
    """Return one sentence that says why no job of this cluster can work, where a lost job's last words tell that.

    Parameters
    ----------
    job, node : str
        The job's id and its node.
    unreachable : bool
        It ended with `jobscript.UNREACHABLE`.
    log_path : str
        Its log; it may be missing or late, on a shared file system.
    address : str
        The scheduler's address.
    own_job : bool
        The scheduler runs in a job of its own.
    ways : str, optional
        What helps where it cannot be reached, if not what helps jobs.
    """
    log = _tail(log_path)
    said = parse_unreachable(log) or _parse_worker(log, node, address)
    if unreachable or said is not None:
        if said is not None:
            address = f"{address.partition('://')[0]}://{said.target}"
        return cannot_reach(job, node, address, said, interfaces(), own_job=own_job, instead=ways)
    ours = f"dask {version('dask')}, distributed {version('distributed')}, Python {platform.python_version()}"
    found = other_versions(log, ours)
    return f"{found} (job {job}{f' on {node}' if node else ''})." if found is not None else None


def _parse_worker(log: str, node: str | None, address: str) -> Unreachable | None:
    """Return what a worker's own last words say of a scheduler that it could not speak to."""
    if (timed_out := _REFUSED.search(log)) is not None:
        return Unreachable(node or "its node", (), timed_out[1], "the connection timed out")
    if _STRANGER.search(log) is not None:
        target = address.partition("://")[2]
        return Unreachable(node or "its node", (), target, "what answers there has another TLS certificate")
    return None


def _tail(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def other_versions(log: str, ours: str) -> str | None:
    """Return one sentence when a log says that the worker's Dask is missing or is not the scheduler's.

    Parameters
    ----------
    log : str
        The end of the job's log.
    ours : str
        The scheduler's versions, for the sentence.
    """
    missing = _NO_DASK.search(log)
    if missing is not None:
        return (
            f"The workers' Python has no {missing[1]}: give one that has {ours} as options.python, or load it in "
            "options.job_script_prologue"
        )
    if _VERSIONS.search(log) is not None:
        return (
            f"The workers' Dask is of another version than the scheduler's ({ours}): give them the same environment "
            "(options.python, options.job_script_prologue)"
        )
    return None
