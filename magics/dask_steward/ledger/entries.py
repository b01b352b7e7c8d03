"""The entries of the ledger, read by everybody."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dask_steward.errors import NewerFormat, StateFolderError
from dask_steward.ledger import files, holdings, paths
from dask_steward.ledger.identity import ALIVE, ELSEWHERE, ProcessIdentity

#: Version of the files in an entry. An entry of a newer version is never touched.
FORMAT = 1

REQUEST = "request.json"
ENTRY = "entry.json"
GUARD = "guard.json"
STOP = "stop.json"
END = "end.json"
LEASE = "lease"
#: Begins the name of an entry's folder while its request is being written.
UNBORN = ".new."
LOG = "keeper.log"
LOGS = "logs"
TLS = "tls"

#: Whom a cluster can end with.
TENURES = ("kernel", "server", "process", "detached")

#: Systems whose scheduler somebody else owns: such an entry holds nothing, and its end stops nothing.
FOREIGN = frozenset({"address"})

#: Seconds between two touches of the lease by a living keeper.
LEASE_INTERVAL = 30.0
#: Seconds without a touch after which another host may take the keeper for dead: generous, since a frozen or swapped
#: out keeper is not a dead one, and its jobs leave by themselves long before.
LEASE_LIMIT = 600.0

_ID = re.compile(r"[a-z][a-z0-9]{9}")


def tag(id: str) -> str:
    """Return the tag that everything which a cluster takes carries."""
    return f"dask-steward-{id}"


def is_id(text: str) -> bool:
    """Tell whether `text` has the form of a cluster's id."""
    return _ID.fullmatch(text) is not None


def owner_json(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an owner as every face shows it, from what the ledger holds of it; None where that is no process."""
    process = ProcessIdentity.from_json(facts)
    if process is None:
        return None
    return {
        "kind": str(facts.get("kind") or "process"),
        **process.to_json(),
        "kernel_id": facts.get("kernel_id"),
        "session": facts.get("session"),
    }


@dataclass
class Entry:
    """What the ledger says of one cluster; a view, nothing here writes.

    Attributes
    ----------
    folder : str
        The entry's folder.
    request : dict
        What was asked for (``request.json``, written by the process that started the cluster).
    facts : dict
        The keeper's own facts (``entry.json``); empty before the keeper came up.
    guard : ProcessIdentity or None
        The last guard that confirmed itself.
    end : dict or None
        How it ended (``end.json``): written once, after everything was verified gone.
    stop : dict or None
        Who had the keeper killed and why (``stop.json``), where it could not be asked to stop.
    """

    folder: str
    request: dict[str, Any]
    facts: dict[str, Any]
    guard: ProcessIdentity | None
    end: dict[str, Any] | None
    stop: dict[str, Any] | None = None
    _holdings: dict[str, holdings.Holding] | None = field(default=None, repr=False)

    @property
    def foreign(self) -> bool:
        """Whether somebody else owns its scheduler."""
        return self.system in FOREIGN

    @property
    def id(self) -> str:
        """The cluster's id, also the folder's name."""
        return os.path.basename(self.folder)

    @property
    def tag(self) -> str:
        """The tag of all that it takes."""
        return tag(self.id)

    @property
    def name(self) -> str:
        """The name that a person gave it, the last one."""
        return str(self.facts.get("name") or self.request.get("name") or self.id)

    @property
    def system(self) -> str:
        """``local``, ``slurm`` …"""
        return str(self.profile.get("system") or "unknown")

    @property
    def profile(self) -> dict[str, Any]:
        """The profile as it was resolved at the start."""
        found = self.request.get("profile")
        return found if isinstance(found, dict) else {}

    @property
    def created(self) -> float:
        """When it was asked for (seconds since the epoch)."""
        found = self.request.get("created")
        return float(found) if isinstance(found, int | float) else 0.0

    @property
    def owner(self) -> ProcessIdentity | None:
        """What it belongs to now; None for a detached cluster."""
        return ProcessIdentity.from_json(self.owner_facts)

    @property
    def owner_facts(self) -> dict[str, Any]:
        """What is known of the owner: the process, its ``kind``, ``kernel_id`` and ``session``; empty without one."""
        # The keeper's file tells of an owner only once it is another one than at the start.
        found = (self.facts if "owner" in self.facts else self.request).get("owner")
        return found if isinstance(found, dict) else {}

    @property
    def tenure(self) -> str:
        """``kernel``, ``server``, ``process`` or ``detached``, as it is now."""
        return str(self.facts.get("tenure") or self.request.get("tenure") or "detached")

    @property
    def keeper(self) -> ProcessIdentity | None:
        """The process that owns the Dask cluster; None before it came up."""
        return ProcessIdentity.from_json(self.facts.get("keeper"))

    @property
    def socket(self) -> str | None:
        """Path of the control socket."""
        found = self.facts.get("socket")
        return found if isinstance(found, str) else None

    @property
    def manager_environment(self) -> dict[str, str]:
        """What the resource manager's commands need to reach the same controller."""
        found = self.facts.get("manager")
        if not isinstance(found, dict):
            return {}
        return {str(key): str(value) for key, value in found.items()}

    @property
    def stop_reason(self) -> str | None:
        """Why a stop has begun; None when nobody asked for one."""
        found = self.facts.get("stopping") or (self.stop or {}).get("reason")
        return str(found) if found else None

    @property
    def ended(self) -> bool:
        """Whether all that it took was verified gone."""
        return self.end is not None

    def holdings(self) -> dict[str, holdings.Holding]:
        """Return what it took, by key (read once)."""
        if self._holdings is None:
            self._holdings = holdings.fold(files.read_lines(os.path.join(self.folder, holdings.FILE)))
        return self._holdings

    def lease_age(self, now: float | None = None) -> float:
        """Return seconds since the keeper's last touch (by the file server's clock when `now` comes from it)."""
        try:
            touched = os.stat(os.path.join(self.folder, LEASE)).st_mtime
        except OSError:
            touched = self.created
        return (time.time() if now is None else now) - touched

    def keeper_alive(self) -> bool:
        """Tell whether the keeper may live: by its identity on this host, by its lease on another one."""
        if self.ended:
            return False
        keeper = self.keeper
        if keeper is None:
            return False
        state = keeper.state()
        if state == ELSEWHERE:
            return self.lease_age() < LEASE_LIMIT
        return state == ALIVE

    def guard_alive(self) -> bool:
        """Tell whether a guard is up on this host."""
        return self.guard is not None and self.guard.state() == ALIVE


def read_entry(folder: str) -> Entry:
    """Read one entry.

    Raises
    ------
    NewerFormat
        If a newer version wrote it.
    FileNotFoundError, files.TornFile
        If it is no entry of ours, or not a whole one.
    """
    folder = os.path.abspath(folder)
    # Listed first: on NFS a look-up that failed before would otherwise be believed for 30 s.
    present = set(os.listdir(folder))
    request = files.read_json(os.path.join(folder, REQUEST))
    # What a crash or a full disk has torn is as if it had not been written yet: what the cluster holds is still found
    # by its tag.
    facts = _read_or_none(folder, ENTRY, present) or {}
    end = _read_or_none(folder, END, present)
    stop = _read_or_none(folder, STOP, present)
    for value in (request, facts, end or {}):
        version = value.get("format", FORMAT)
        if not isinstance(version, int) or version > FORMAT:
            raise NewerFormat(
                f"Cluster {os.path.basename(folder)} was written in format {version} by a newer version of Dask "
                f"Steward; this one knows format {FORMAT}.",
                hint="Update dask-steward to see or release it.",
                cluster=os.path.basename(folder),
            )
    if request.get("id") != os.path.basename(folder):
        raise files.TornFile(f"{folder} holds the entry of another cluster, {request.get('id')!r}")
    guard = ProcessIdentity.from_json(_read_or_none(folder, GUARD, present))
    return Entry(folder, request, facts, guard, end, stop)


def _read_or_none(folder: str, name: str, present: set[str]) -> dict[str, Any] | None:
    if name not in present:
        return None
    try:
        return files.read_json(os.path.join(folder, name))
    except (FileNotFoundError, files.TornFile):
        return None


@dataclass(frozen=True)
class Problem:
    """An entry that cannot be read, and why; it is left as it is."""

    folder: str
    message: str


def list_entries(root: str | None = None) -> tuple[list[Entry], list[Problem]]:
    """Return all entries, oldest first, and those that cannot be read. One bad entry never hides another.

    Raises
    ------
    StateFolderError
        If the state folder itself cannot be read.
    """
    root = root or paths.clusters_dir()
    try:
        names = sorted(os.listdir(root))
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        raise StateFolderError(f"The state folder {root} cannot be read: {error.strerror or error}.") from error
    found: list[Entry] = []
    problems: list[Problem] = []
    for name in names:
        if not is_id(name):
            continue
        folder = os.path.join(root, name)
        try:
            found.append(read_entry(folder))
        except NewerFormat as error:
            problems.append(Problem(folder, str(error)))
        except FileNotFoundError:
            if os.path.isdir(folder):
                problems.append(Problem(folder, f"{folder} holds no {REQUEST}: not a cluster, or not yet."))
        except (OSError, files.TornFile) as error:
            problems.append(Problem(folder, f"{folder} cannot be read: {error}."))
    found.sort(key=lambda entry: entry.created)
    return found, problems
