"""The sweep: release for every entry whose keeper and guard are both gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dask_steward.ledger import entries, paths
from dask_steward.ledger.entries import Entry
from dask_steward.ledger.identity import ELSEWHERE, host
from dask_steward.ledger.logs import kept_for, remove_logs
from dask_steward.managers.base import JobStatus, Manager, Unknown
from dask_steward.managers.process import Processes
from dask_steward.release import releaser
from dask_steward.release.launch import start_guard
from dask_steward.release.marked import sessions_of

#: Days for which an ended entry (how it ended) is kept; longer where its profile keeps its logs for longer.
KEEP_DAYS = 7.0
#: Seconds after which an entry whose keeper never came up is taken for dead.
BIRTH_LIMIT = 60.0
#: Seconds after which the folder of a request that was never finished is deleted.
UNBORN_LIMIT = 3600.0
#: Guards that sweeps of this process started: they are reaped by the next sweep.
_HANDED_OVER: list[subprocess.Popen[bytes]] = []
#: Guards that one sweep starts at most, for entries that need a longer look than a sweep takes.
GUARDS_AT_MOST = 16
#: Commands by which one sweep cancels at most; with the questions before and after, five to one controller.
CANCELS_AT_MOST = 2
#: Pauses (seconds) between a cancel and the questions whether it took: two questions at most.
_VERIFY_PAUSES = (0.3, 0.7)


@dataclass(frozen=True)
class Released:
    """One thing that a sweep gave back."""

    cluster: str
    name: str
    kind: str
    id: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"cluster": self.cluster, "name": self.name, "kind": self.kind, "id": self.id}


@dataclass
class SweepReport:
    """What a sweep did.

    Attributes
    ----------
    released : list of Released
        Jobs and processes given back.
    ended : list of str
        Ids of entries that were crossed out.
    left : list of (str, str)
        Ids of entries that still hold something, or may, and why.
    removed : int
        Old entries that were deleted.
    unwritable : dict of str to str
        Ids of those among `left` of which nothing is held any more, but which cannot be crossed out, and why.
    """

    released: list[Released] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    removed: int = 0
    unwritable: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "released": [one.to_dict() for one in self.released],
            "ended": self.ended,
            "left": [{"cluster": id, "reason": reason} for id, reason in self.left],
            "removed": self.removed,
        }

    def __str__(self) -> str:
        jobs = sum(one.kind == "job" for one in self.released)
        processes = len(self.released) - jobs
        if not self.ended and not self.left:
            return "Nothing was left behind."
        parts = [
            f"Swept {_count(len(self.ended), 'cluster')}: {_count(jobs, 'job')} and "
            f"{_count(processes, 'process', 'processes')} given back."
        ]
        parts += [f"{id} is not finished: {reason}." for id, reason in self.left]
        return " ".join(parts)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def sweep(root: str | None = None) -> SweepReport:
    """Release every entry whose keeper and guard are both gone, and delete old logs and entries.

    Entries that cannot be finished in a moment (the manager does not answer, a submit may be in flight) get a new
    guard, which goes on in the background. On another host of the same home an entry is judged by its lease only.

    Raises
    ------
    StateFolderError
        If the state folder cannot be read.
    """
    root = root or paths.clusters_dir()
    report = SweepReport()
    found, _ = entries.list_entries(root)
    if not found:
        return report
    now = _server_time(root)
    _remove_unborn(root, now)
    report.removed = _remove_old(found, now)
    stale = [entry for entry in found if is_stale(entry, now)]
    if not stale:
        return report
    killed = _kill_processes(stale, report)
    for manager, group in _by_manager(stale):
        if manager is None:
            unknown = killed if isinstance(killed, Unknown) else None
            for entry in group:
                _conclude(entry, report, None, "" if unknown is None else unknown.reason)
        else:
            _release_jobs(manager, group, report)
    _hand_over(stale, report)
    return report


def is_stale(entry: Entry, now: float) -> bool:
    """Tell whether nobody looks after an entry any more.

    Parameters
    ----------
    entry : Entry
        An entry of the ledger.
    now : float
        The file server's time (seconds since the epoch), since leases are its time stamps.
    """
    if entry.ended or entry.keeper_alive() or entry.guard_alive():
        return False
    if entry.keeper is None:
        # Never born; or a keeper whose file was torn, which still touches its lease.
        leased = os.path.exists(os.path.join(entry.folder, entries.LEASE))
        return now - entry.created > BIRTH_LIMIT and (not leased or entry.lease_age(now) >= entries.LEASE_LIMIT)
    if entry.keeper.state() == ELSEWHERE:
        return entry.lease_age(now) >= entries.LEASE_LIMIT
    return True


def _server_time(root: str) -> float:
    """Return the file server's clock, which may differ from ours."""
    probe = os.path.join(root, f".clock.{host()}.{os.getpid()}")
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
            os.unlink(probe)
    except OSError:
        return time.time()  # a read-only ledger can still be released from


def _remove_old(found: Iterable[Entry], now: float) -> int:
    """Delete logs that are older than their profiles keep them, and entries that are older still; return how many."""
    removed = 0
    for entry in found:
        at = entry.end.get("at") if entry.end else None
        if not isinstance(at, int | float):
            continue
        kept = kept_for(entry.profile)
        if now - at > kept:
            with contextlib.suppress(OSError):
                remove_logs(entry)
        if now - at > max(KEEP_DAYS * 86400, kept):
            shutil.rmtree(entry.folder, ignore_errors=True)
            removed += 1
    return removed


def _remove_unborn(root: str, now: float) -> None:
    """Delete what starters left that were killed while they wrote a request."""
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        if not name.startswith(entries.UNBORN):
            continue
        try:
            age = now - os.stat(folder).st_mtime
        except FileNotFoundError:
            continue
        if age > UNBORN_LIMIT:
            shutil.rmtree(folder, ignore_errors=True)


def _by_manager(stale: Iterable[Entry]) -> list[tuple[Manager | None, list[Entry]]]:
    """Group entries that the same controller answers for: one question serves them all."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[Manager | None, list[Entry]]] = {}
    for entry in stale:
        system = entry.system if "manager" in entry.facts else ""
        key = (system, tuple(sorted(entry.manager_environment.items())))
        if key not in groups:
            groups[key] = (releaser.manager_for(entry), [])
        groups[key][1].append(entry)
    return list(groups.values())


def _kill_processes(stale: Sequence[Entry], report: SweepReport) -> Unknown | None:
    processes = Processes()
    here = {entry.id: entry for entry in stale if entry.keeper is None or entry.keeper.host == host()}
    sessions = sessions_of({id: one.keeper for id, one in here.items()})
    answer = processes.find_by_tag(list(here), sessions=sessions, exclude=[os.getpid()])
    if isinstance(answer, Unknown):
        return answer
    marked = [one for found in answer.values() for one in found]
    report.released += [
        Released(id, here[id].name, "process", str(one.pid)) for id, ones in answer.items() for one in ones
    ]
    processes.kill(marked, signal.SIGKILL)
    processes.wait_gone(marked, 2.0)
    return None


def _release_jobs(manager: Manager, group: list[Entry], report: SweepReport) -> None:
    """Cancel all jobs of many entries in few commands, then ask whether they are gone."""
    by_tag = {entry.tag: entry for entry in group}
    answer = manager.find_by_tag(list(by_tag))
    found = [job for jobs in answer.values() for job in jobs] if not isinstance(answer, Unknown) else []
    waiting, endings = releaser.live(found), releaser.ending(found)
    if (waiting or endings) and not isinstance(answer, Unknown):
        report.released += _as_released(answer, by_tag, set(waiting))
        refused = manager.cancel([*waiting, *endings], commands=CANCELS_AT_MOST)
        if not waiting and refused is not None:
            answer = refused  # what ends may come back
        for pause in _VERIFY_PAUSES if waiting else ():
            time.sleep(pause)
            answer = manager.find_by_tag(list(by_tag))
            if isinstance(answer, Unknown) or not releaser.live(job for jobs in answer.values() for job in jobs):
                break
    for entry in group:
        if isinstance(answer, Unknown):
            why = f"{entry.system} could not be asked: {answer.reason}"
        else:
            still = releaser.live(answer.get(entry.tag, ()))
            why = f"{_count(len(still), 'job')} still in the queue" if still else ""
            unsure = None if still else manager.settled(entry.tag, releaser.open_ids(manager, entry))
            why = why if unsure is None else unsure.reason
        _conclude(entry, report, manager, why)


def _as_released(answer: dict[str, tuple[JobStatus, ...]], by_tag: dict[str, Entry], ids: set[str]) -> list[Released]:
    return [
        Released(by_tag[tag].id, by_tag[tag].name, "job", job.id)
        for tag, jobs in answer.items()
        for job in jobs
        if job.id in ids
    ]


def _conclude(entry: Entry, report: SweepReport, manager: Manager | None, why_not: str) -> None:
    """Cross out an entry, or say why it cannot be yet."""
    open_submits = releaser.unanswered(entry)
    window = Manager.submit_window if manager is None else manager.submit_window
    if not why_not and any(time.time() - one.since < window for one in open_submits):
        why_not = "a submit may still be in flight"
    if why_not:
        report.left.append((entry.id, why_not))
        return
    untidy = None if manager is None else manager.tidy(entry.folder, releaser.open_ids(manager, entry))
    try:
        # Not fsynced: after a crash the next sweep finds the entry stale once more and nothing left of it.
        reason = entry.stop_reason
        state = "lost" if reason is None else "stopped"
        reason = (reason or "its keeper and guard died") + (f"; {untidy}" if untidy else "")
        releaser.write_end(entry, state=state, reason=reason, by="sweep", durable=False)
    except OSError as error:
        report.unwritable[entry.id] = why = error.strerror or str(error)
        report.left.append((entry.id, f"nothing of it is held, but it cannot be crossed out: {why}"))
    else:
        report.ended.append(entry.id)


def _hand_over(stale: Sequence[Entry], report: SweepReport) -> None:
    """Start a guard for what needs a longer look than a sweep takes."""
    _HANDED_OVER[:] = [guard for guard in _HANDED_OVER if guard.poll() is None]
    by_id = {entry.id: entry for entry in stale}
    for id, _ in report.left[:GUARDS_AT_MOST]:
        entry = by_id.get(id)
        if entry is None or id in report.unwritable or not os.access(entry.folder, os.W_OK):
            continue
        try:
            guard, ready = start_guard(entry.folder, id)
        except OSError:  # no room for its log, or no process left: the next sweep tries again
            continue
        os.close(ready)
        _HANDED_OVER.append(guard)


__all__ = ["Released", "SweepReport", "is_stale", "sweep"]
