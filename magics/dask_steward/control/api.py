"""What ``import dask_steward`` offers: start, find, hold, sweep."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dask_steward.control import launch
from dask_steward.control.batch import ALLOCATION, only_for_scripts
from dask_steward.control.cluster import Cluster, pause_after
from dask_steward.control.fallback import state_of
from dask_steward.control.handle import FINAL
from dask_steward.control.held import Held, held_of
from dask_steward.control.one_machine import SYSTEMS as ONE_MACHINE
from dask_steward.control.one_machine import OneMachine
from dask_steward.control.owners import owner_of
from dask_steward.control.sizes import ask_of
from dask_steward.errors import ClusterNotFound, KeeperGone, StartCancelled, StartFailed, StartTimeout, UsageError
from dask_steward.ledger import entries
from dask_steward.ledger.names import check_name

if TYPE_CHECKING:
    from dask_steward.profiles import ProfileInfo
    from dask_steward.release.sweep import SweepReport

#: Seconds in which a cancelled start must have given everything back before we say that the guard goes on.
CANCEL_LIMIT = 20.0

Progress = Callable[[dict[str, Any]], None]


def start(
    profile: str = "local",
    *,
    name: str | None = None,
    workers: int | None = None,
    jobs: int | None = None,
    cores: int | None = None,
    memory: str | int | None = None,
    adapt: tuple[int, int] | Mapping[str, Any] | None = None,
    set: Mapping[str, Any] | None = None,
    tenure: str | None = None,
    owner_pid: int | None = None,
    owner_facts: Mapping[str, str | None] | None = None,
    idempotency_key: str | None = None,
    wait: bool | float = True,
    asynchronous: bool = False,
    on_progress: Progress | None = None,
    client_follows: bool = True,
) -> Cluster | OneMachine:
    """Start a cluster from a saved profile.

    Parameters
    ----------
    profile : str
        Name of the profile; ``local`` is always there.
    name : str, optional
        Name for people; by default the profile's, numbered when a living cluster has it already.
    workers, jobs, cores : int, optional
        Size, in one unit; by default the profile's own.
    memory : str or int, optional
        Size in memory, bytes or such as ``"64 GB"``.
    adapt : (int, int) or mapping, optional
        ``(minimum, maximum)`` in jobs (worker processes of a local cluster): the size follows the work.
    set : mapping, optional
        Fields set over the profile, by dotted path: ``{"options.walltime": "01:00:00"}``.
    tenure : str, optional
        ``kernel``, ``server``, ``process`` or ``detached``; by default the profile's own.
    owner_pid : int, optional
        The process that the cluster belongs to; by default the calling one. When it ends, however that comes about,
        the cluster is given back.
    owner_facts : mapping, optional
        What faces show of the owner: ``kernel_id`` and ``session`` (the notebook's path). A kernel that starts a
        cluster for itself knows them.
    idempotency_key : str, optional
        Where a cluster was started with the same key before, that one is returned, whatever has become of it.
    wait : bool or float
        True waits until the cluster is ready (all workers of this host; the first one of a queue) or its
        ``start_timeout`` is over; a number is the limit in seconds; False returns at once.
    asynchronous : bool
        Return a cluster that is waited for with ``await``.
    on_progress : callable, optional
        Given the state whenever it changes while waiting.
    client_follows : bool
        Import `distributed` here while the cluster starts (it takes a second), since a ``Client`` is wanted next.

    Returns
    -------
    Cluster or OneMachine
        `OneMachine` for profiles of Dask's one-machine schedulers, which start nothing.

    Raises
    ------
    ProfileNotFound, ProfileError, UsageError
        Something that was asked for is wrong; nothing was started.
    StateFolderError
        Nothing can be written down, so nothing was started.
    StartFailed, StartTimeout
        The cluster did not come up; everything that it had taken was given back.
    """
    from dask_steward.profiles import ProfileStore

    again = started_with(idempotency_key) if idempotency_key is not None else None
    if again is not None:
        return again
    ask = ask_of(workers=workers, jobs=jobs, cores=cores, memory=memory)
    resolved = ProfileStore().resolve(profile, dict(set or {})).expanded(os.environ)
    plain = resolved.to_json()
    if plain["system"] in ONE_MACHINE:
        return _one_machine(plain, name, ask, adapt)
    if plain["system"] == ALLOCATION:
        raise only_for_scripts(profile)
    tenure = tenure or plain.get("tenure") or ("kernel" if owner_pid is None else "process")
    limited = plain.get("idle_timeout") is not None or plain.get("time_to_live") is not None
    owner = owner_of(tenure, owner_pid, limited=limited, facts=owner_facts)
    taken = {one.name for one in _living()}
    if name is None:
        name = launch.default_name(profile, taken)
    check_name(name, taken)
    id = launch.new_id()
    request = launch.request_of(
        id=id,
        name=name,
        profile=plain,
        tenure=tenure,
        owner=owner,
        ask=ask,
        adapt=_limits(adapt),
        set=set,
        idempotency_key=idempotency_key,
    )
    limit = float(plain.get("start_timeout") or 60.0) if wait is True else float(wait)
    cluster: Cluster | None = None
    try:
        folder = launch.write_request(request)
        process = launch.start_keeper(folder, id, plain.get("python"), plain["system"])
        cluster = Cluster(id, asynchronous=asynchronous)
        cluster._process = process
        if client_follows and "distributed" not in sys.modules:
            threading.Thread(target=_import_client, name="dask-steward-import", daemon=True).start()
        arrive = functools.partial(_wait_ready, cluster, process, limit, on_progress)
        if wait is False:
            return cluster
        if asynchronous:
            cluster._pending = arrive
        else:
            arrive()
    except BaseException as error:  # an interrupt can come at any moment, and must leave nothing either
        _undo(id, cluster, "the start was interrupted" if isinstance(error, KeyboardInterrupt) else str(error))
        raise
    return cluster


def _import_client() -> None:
    try:
        importlib.import_module("distributed")
    except ImportError:
        return  # whoever makes a client gets the error where it belongs


def _one_machine(plain: Mapping[str, Any], name: str | None, ask: Mapping[str, Any], adapt: object) -> OneMachine:
    system = plain["system"]
    if adapt is not None or set(ask) - {"workers"} or (ask and system == "synchronous"):
        raise UsageError(f"The {system} scheduler has no such size; it runs in this process.", field="scale")
    number = ask.get("workers") or (plain.get("options") or {}).get("num_workers")
    return OneMachine(system, name or str(plain.get("name") or system), number)


def _limits(adapt: tuple[int, int] | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if adapt is None:
        return None
    if isinstance(adapt, Mapping):
        limits = dict(adapt)
    else:
        try:
            minimum, maximum = adapt
        except (TypeError, ValueError) as error:
            raise UsageError(f"adapt takes (minimum, maximum); got {adapt!r}.", field="adapt", value=adapt) from error
        limits = {"minimum": minimum, "maximum": maximum}
    for key in ("minimum", "maximum"):
        value = limits.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"adapt.{key} must be a whole number of 0 or more; got {value!r}.", field=f"adapt.{key}")
    if limits["minimum"] > limits["maximum"]:
        raise UsageError(
            f"adapt.minimum {limits['minimum']} is above adapt.maximum {limits['maximum']}.", field="adapt.minimum"
        )
    return limits


def _undo(id: str, cluster: Cluster | None, reason: str) -> None:
    """Leave nothing of a start that did not come to its end."""
    folder = launch.folder_of(id)
    if not os.path.isdir(folder):
        return
    if cluster is None:
        from dask_steward.release.marked import end_marked

        # Crossed out first: a keeper that comes up after this sees it, and ends.
        _never_born(folder, reason)
        end_marked(id, None, CANCEL_LIMIT)
    elif not cluster._closing and not cluster._ended():
        cluster._close(CANCEL_LIMIT, reason)


def _never_born(folder: str, reason: str) -> OSError | None:
    """Cross out an entry for which nothing was taken; where that cannot be written, delete it and say why."""
    from dask_steward.release.releaser import write_end

    try:
        write_end(entries.read_entry(folder), state="failed", reason=reason, by="starter")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        return error
    return None


def _wait_ready(cluster: Cluster, process: subprocess.Popen[bytes], limit: float, on_progress: Progress | None) -> None:
    """Wait until a new cluster is ready."""
    began = time.monotonic()
    deadline = began + limit
    shown: object = None
    while True:
        state = _look(cluster, process)
        mark = (state["state"], state["reason"], tuple(state["workers"].values()))
        if on_progress is not None and mark != shown:
            shown = mark
            on_progress(state)
        if state["state"] in FINAL:
            raise StartFailed(str(state["reason"] or "The cluster did not start."), cluster=cluster.id)
        if state.get("ready"):
            return
        if time.monotonic() >= deadline:
            why = f": {state['reason']}" if state["reason"] else ""
            cluster._close(CANCEL_LIMIT, f"not ready within {limit:g} s{why}")
            raise StartTimeout(
                f"{cluster.name} was not ready within {limit:g} s ({state['state']}{why}); it was given back.",
                hint="Give it longer (start_timeout), or do not wait for it.",
                cluster=cluster.id,
            )
        time.sleep(pause_after(time.monotonic() - began))


def settle_start(cluster: Cluster) -> None:
    """Cross out a start that nobody waits for, if its keeper has died before it came up."""
    process = cluster._process
    if process is not None and process.poll() is not None and not cluster._ended():
        with contextlib.suppress(StartFailed):
            _look(cluster, process)


def _look(cluster: Cluster, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the state of a cluster that is starting; a keeper that died is a failed start."""
    gone = process.poll() is not None
    state = cluster.state
    if not gone:
        return state
    if cluster._ended():
        return cluster.state
    entry = cluster._entry()
    if entry.keeper is None:
        reason = "The keeper ended before it came up" + _quoted(cluster)
        unwritten = _never_born(entry.folder, reason)
        if unwritten is not None:
            raise launch.unwritable(os.path.dirname(entry.folder), unwritten)
        raise StartFailed(reason, cluster=cluster.id)
    cluster._close(CANCEL_LIMIT, "its keeper died while it started")
    raise StartFailed(f"The keeper of {cluster.name} died while it started{_quoted(cluster)}", cluster=cluster.id)


def _quoted(cluster: Cluster) -> str:
    lines = [line for text in cluster.get_logs(keeper=True, tail=8).values() for line in text.splitlines()]
    return ". The end of its log:\n" + "\n".join(f"    {line}" for line in lines) if lines else "."


def _living() -> list[entries.Entry]:
    found, _ = entries.list_entries()
    return [entry for entry in found if not entry.ended]


def get(id_or_name: str) -> Cluster:
    """Return the cluster with this id or name, wherever it was started; living ones are preferred.

    Raises
    ------
    ClusterNotFound
        If there is none; the message names the nearest.
    NewerFormat
        If a newer version wrote it.
    """
    found, _ = entries.list_entries()
    if entries.is_id(id_or_name):
        for entry in found:
            if entry.id == id_or_name:
                return Cluster(entry.id)
        _raise_if_newer(id_or_name)
    named = [entry for entry in found if entry.name == id_or_name]
    # The newest living one, else the newest that has ended.
    for entry in sorted(named, key=lambda one: (not one.ended, one.created), reverse=True):
        return Cluster(entry.id)
    names = sorted(
        {entry.name for entry in found if not entry.ended} | {entry.id for entry in found if not entry.ended}
    )
    near = difflib.get_close_matches(id_or_name, names, n=1)
    raise ClusterNotFound(
        f"No cluster {id_or_name!r} is known.",
        hint=f"Did you mean {near[0]}?" if near else "`dask-steward list` shows those that are there.",
    )


def _raise_if_newer(id: str) -> None:
    from dask_steward.ledger import files, paths

    try:
        entries.read_entry(os.path.join(paths.clusters_dir(), id))
    except (FileNotFoundError, NotADirectoryError, files.TornFile):
        return


def started_with(idempotency_key: str) -> Cluster | None:
    """Return the cluster that was started with this key, None where there is none."""
    found, _ = entries.list_entries()
    return next((Cluster(one.id) for one in found if one.request.get("idempotency_key") == idempotency_key), None)


def clusters(all: bool = False) -> list[Cluster]:
    """Return the clusters of this user, oldest first; with `all` also those that have ended."""
    found, _ = entries.list_entries()
    return [Cluster(entry.id) for entry in found if all or not entry.ended]


def problems() -> list[str]:
    """Return a sentence for each entry of the ledger that cannot be read; such entries are left as they are."""
    return [one.message for one in entries.list_entries()[1]]


def held() -> list[Held]:
    """Return everything that is held now, or may be."""
    found: list[Held] = []
    for entry in _living():
        try:
            state = Cluster(entry.id).state
        except (ClusterNotFound, KeeperGone):
            state = state_of(entry)
        found += held_of(state)
    return found


def sweep() -> SweepReport:
    """Give back what clusters left whose keeper and guard are both gone."""
    from dask_steward.release.sweep import sweep as run

    return run()


def profiles() -> list[ProfileInfo]:
    """Return what is known of every profile."""
    from dask_steward.profiles import ProfileStore

    return ProfileStore().infos()


__all__ = [
    "Held",
    "StartCancelled",
    "clusters",
    "get",
    "held",
    "problems",
    "profiles",
    "start",
    "started_with",
    "sweep",
]
