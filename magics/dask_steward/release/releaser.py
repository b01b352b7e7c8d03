"""Give back all that one cluster holds, and look until the resource manager says that it is gone.

Only things that carry the tag of an entry of ours are touched. A failure to ask is *unknown*, never *gone*.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dask_steward import managers
from dask_steward.ledger import entries, files, holdings
from dask_steward.ledger.entries import Entry
from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown
from dask_steward.managers.process import Processes
from dask_steward.release.marked import find_marked

#: Seconds for which the queue must stay empty when every submit got its answer.
QUIET_WINDOW = 2.0
#: Seconds after which jobs that are still there are cancelled once more, by id and by name.
CANCEL_AGAIN = 2.0
#: Longest pause (seconds) between two questions to a manager that does not answer.
UNKNOWN_PAUSE = 5.0


def manager_for(entry: Entry) -> Manager | None:
    """Return the manager that holds the entry's jobs; None for a cluster of this host alone."""
    # Without the keeper's file (torn by a crash) the system alone says whom to ask.
    if "manager" in entry.facts or (not entry.facts and entry.system in managers.systems()):
        environment = entry.manager_environment
        return managers.get(entry.system, environment or managers.environment_of(entry.system, entry.profile))
    return None


def live(jobs: Iterable[JobStatus]) -> list[str]:
    """Return the ids of jobs that still cost something; completing ones are as good as gone."""
    return [job.id for job in jobs if job.state in (JobState.QUEUED, JobState.RUNNING)]


def ending(jobs: Iterable[JobStatus]) -> list[str]:
    """Return the ids of jobs that free their nodes: to be cancelled once, and not waited for.

    One of them may be on its way back into the queue: a job that its manager starts again, since its node failed or
    somebody asked for it, looks the same until then.
    """
    return [job.id for job in jobs if job.state is JobState.ENDING]


def unanswered(entry: Entry) -> list[holdings.Holding]:
    """Return the submits that were announced and never got an answer: their jobs may still appear."""
    # A container goes with its application, whether it was asked for or not.
    kinds = ("process", "container")
    return [one for one in entry.holdings().values() if one.kind not in kinds and one.step == holdings.INTENT]


def held_ids(entry: Entry) -> list[str]:
    """Return the manager's ids of all jobs that the ledger does not know to be gone."""
    return [one.id for one in entry.holdings().values() if one.kind != "process" and one.id and one.open]


def open_ids(manager: Manager, entry: Entry) -> list[str]:
    """Return the same with those that the manager gave out to submits which never got as far as the ledger."""
    return list(dict.fromkeys([*held_ids(entry), *manager.submitted(entry.folder)]))


def forget_private(entry: Entry) -> None:
    """Remove what belongs to a living cluster only: keys, sockets, scratch folders."""
    # Here, since it brings three compressors into the guard, which waits for most of its life.
    import shutil

    shutil.rmtree(os.path.join(entry.folder, entries.TLS), ignore_errors=True)
    for path in (entry.facts.get("socket"), entry.facts.get("dashboard_socket")):
        # Only our own names, so that a damaged entry cannot make us remove somebody's file.
        if isinstance(path, str) and os.path.basename(path).startswith(f"{entry.id}."):
            try:
                os.unlink(path)
            except OSError:
                pass
    scratch = entry.facts.get("scratch")
    if isinstance(scratch, str) and os.path.basename(scratch) == entry.tag:
        shutil.rmtree(scratch, ignore_errors=True)


def write_end(entry: Entry, *, state: str, reason: str, by: str, durable: bool = True) -> bool:
    """Cross out an entry after everything was verified gone; of several writers one wins.

    Returns
    -------
    bool
        Whether this call wrote it.
    """
    forget_private(entry)
    end = {"format": entries.FORMAT, "state": state, "reason": reason, "by": by, "at": time.time()}
    path = os.path.join(entry.folder, entries.END)
    if files.create_json(path, end, durable=durable):
        return True
    try:
        files.read_json(path)
    except files.TornFile:  # torn by a crash: nobody's end
        files.write_json(path, end, durable=durable)
        return True
    return False


@dataclass
class Look:
    """What one round found.

    Attributes
    ----------
    jobs : list of str
        Ids of jobs that were still queued or running, now cancelled once.
    processes : int
        How many processes were found and killed.
    unknown : str or None
        Why the manager or the process table could not be asked.
    """

    jobs: list[str] = field(default_factory=list)
    processes: int = 0
    unknown: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was found and everything could be asked."""
        return not self.jobs and not self.processes and self.unknown is None


class Releaser:
    """Release for one entry whose keeper is dead.

    Parameters
    ----------
    entry : Entry
        The entry; its tag is what is looked for.
    on_change : callable, optional
        Told one sentence whenever what is left changes.
    """

    def __init__(self, entry: Entry, on_change: Callable[[str], None] = lambda text: None) -> None:
        self.entry = entry
        self.released: set[str] = set()
        self.untidy: str | None = None
        """What could not be removed that jobs have left on the site, and why."""
        self._silent = False
        self._endings: set[str] = set()
        self._manager = manager_for(entry)
        self._on_change = on_change
        self._told = ""

    def look(self, *, by_name: bool = False) -> Look:
        """Kill and cancel whatever carries the tag now, and return what was found."""
        found = Look()
        processes = find_marked(self.entry.id, self.entry.keeper)
        if isinstance(processes, Unknown):
            found.unknown = processes.reason
        else:
            found.processes = len(processes)
            Processes().kill(processes, signal.SIGKILL)
        if self._manager is None:
            return found
        answer = self._manager.find_by_tag([self.entry.tag])
        if isinstance(answer, Unknown):
            found.unknown = answer.reason
            self._silent = True
            # What has answered need not wait for what has not.
            known = live(job for job in answer.known if job.name == self.entry.tag)
            if known:
                self._manager.cancel(known)
            return found
        jobs = answer.get(self.entry.tag, ())
        found.jobs = live(jobs)
        endings = [id for id in ending(jobs) if id not in self._endings | self.released]
        if found.jobs or endings:
            self.released.update(found.jobs)
            refused = self._manager.cancel([*found.jobs, *endings])
            if by_name or isinstance(refused, Unknown):
                refused = self._manager.cancel_tag(self.entry.tag)
            if isinstance(refused, Unknown):
                found.unknown = refused.reason
            else:
                self._endings.update(endings)
        elif not found.processes:
            unsure = self._manager.settled(self.entry.tag, open_ids(self._manager, self.entry))
            found.unknown = None if unsure is None else unsure.reason
        return found

    def window(self) -> float:
        """Return until when (seconds since the epoch) a submit in flight may still land."""
        window = 0.0 if self._manager is None else self._manager.submit_window
        return max((one.since + window for one in unanswered(self.entry)), default=0.0)

    def _quiet(self) -> float:
        """Return for how long (seconds) nothing must be found."""
        if self._manager is None or not self._silent or not unanswered(self.entry):
            return QUIET_WINDOW
        return max(QUIET_WINDOW, self._manager.answered_window)

    def run(self) -> None:
        """Release and verify; returns only when nothing is left, however long the manager is away."""
        pause = 0.05
        last_cancel = 0.0
        quiet_since: float | None = None
        while True:
            now = time.monotonic()
            by_name = bool(last_cancel) and now - last_cancel >= CANCEL_AGAIN
            found = self.look(by_name=by_name)
            if found.jobs and (by_name or not last_cancel):
                last_cancel = now
            self._tell(found)
            if not found.empty:
                quiet_since = None
                pause = min(pause * 2, UNKNOWN_PAUSE if found.unknown else 0.5)
            else:
                quiet_since = quiet_since or now
                in_flight = self.window() - time.time()
                if self._manager is None:
                    return
                if now - quiet_since >= self._quiet() and in_flight <= 0:
                    ids = [*open_ids(self._manager, self.entry), *self.released]
                    self.untidy = self._manager.tidy(self.entry.folder, ids)
                    return
                # While a submit may be in flight the queue is asked at a rate that no administrator minds.
                pause = min(pause * 1.5, 2.0 if in_flight > 0 else 0.5)
            time.sleep(pause)

    def _tell(self, found: Look) -> None:
        if found.unknown:
            text = f"unknown: {found.unknown}"
        elif found.jobs or found.processes:
            text = f"releasing {len(found.jobs)} jobs and {found.processes} processes"
        else:
            text = "nothing is found; looking once more for a submit in flight"
        if text != self._told:
            self._told = text
            self._on_change(text)
