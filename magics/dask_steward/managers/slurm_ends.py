"""Why jobs ended, from the queue and, where it works, from Slurm's archive."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from dask_steward import units
from dask_steward.managers import command, slurm_parse, slurm_words
from dask_steward.managers.base import JobState, JobStatus, Unknown

BATCH = 100
"""Ids per sacct."""

SACCT = ("sacct", "-X", "--noheader", "--parsable2", "--format=JobID,State,ExitCode,NodeList")

TIMEOUT = 5.0
"""Seconds for one sacct: keepers wait for it before they replace a lost job."""

NOT_AGAIN = 600.0
"""Seconds for which a sacct that failed is not tried again."""

PAUSES = (0.0, 0.5, 1.0)
"""Seconds before each question to the archive: it learns of an end a moment after the queue."""

Ask = Callable[..., command.Finished | Unknown]


class Archived(NamedTuple):
    """How a job ended, as sacct tells it."""

    native: str
    cancelled_by: str | None
    exit_code: str | None
    node: str | None


class Archive:
    """Slurm's archive, which a site may not have.

    Parameters
    ----------
    ask : callable
        Runs a command of Slurm, as `Slurm.ask` does.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._not_before = 0.0

    def causes(self, statuses: Collection[JobStatus], timeout: float | None = None) -> dict[str, str]:
        """Return by id why jobs ended; see `Manager.causes`."""
        # The queue does not tell who cancelled a job, and nothing at all of one that it has forgotten.
        unclear = [one.id for one in statuses if one.native == "CANCELLED" or one.state is not JobState.ENDED]
        archived = self._look_up(unclear, timeout) if unclear else {}
        found = {}
        for status in statuses:
            seen = archived.get(status.id)
            if seen is not None or status.state is JobState.ENDED:
                found[status.id] = phrase(status, seen)
        return found

    def _look_up(self, ids: Sequence[str], timeout: float | None) -> dict[str, Archived]:
        found: dict[str, Archived] = {}
        for pause in PAUSES:
            left = [job for job in ids if job not in found]
            if not left or time.monotonic() < self._not_before:
                break
            time.sleep(pause)
            for first in range(0, len(left), BATCH):
                wanted = f"--jobs={','.join(left[first : first + BATCH])}"
                done = self._ask((*SACCT, wanted), TIMEOUT if timeout is None else timeout)
                if isinstance(done, Unknown) or done.status != 0:
                    self._not_before = time.monotonic() + NOT_AGAIN
                    break
                found |= parse_sacct(done.out)
        return found


def parse_sacct(text: str) -> dict[str, Archived]:
    r"""Read ``sacct -X --noheader --parsable2 --format=JobID,State,ExitCode,NodeList``; only jobs that have ended.

    >>> parse_sacct("7_1|CANCELLED by 0|0:15|n1\n8|RUNNING|0:0|n2\n")
    {'7_1': Archived(native='CANCELLED', cancelled_by='0', exit_code='signal 15', node='n1')}
    """
    found = {}
    for line in text.splitlines():
        job, _, rest = line.strip().partition("|")
        state, _, rest = rest.partition("|")
        code, _, nodes = rest.partition("|")
        native, _, by = state.partition(" by ")
        if not slurm_parse.is_id(job) or slurm_parse.STATES.get(native) is not JobState.ENDED:
            continue
        node = None if nodes in ("", "None assigned") else nodes
        found[job] = Archived(native, by or None, _exit_code(code), node)
    return found


def _exit_code(raw: str) -> str | None:
    """Read ``exit status:signal``."""
    parts = re.fullmatch(r"(\d+):(\d+)", raw)
    if parts is None:
        return None
    return f"signal {parts[2]}" if parts[2] != "0" else parts[1]


def phrase(status: JobStatus, seen: Archived | None = None) -> str:
    """Return why a job ended as one phrase, such as ``Slurm: TIMEOUT — reached its walltime of 10 min on n1``."""
    native = status.native if seen is None else seen.native
    node = status.node or (seen.node if seen is not None else None)
    code = status.exit_code or (seen.exit_code if seen is not None else None)
    where = f" on {node}" if node else ""
    if native == "CANCELLED":
        by = f" by {_user(seen.cancelled_by)}" if seen is not None and seen.cancelled_by else ""
        return f"Slurm: CANCELLED — was cancelled{by}{where}"
    if native == "TIMEOUT" and status.limit:
        return f"Slurm: TIMEOUT — reached its walltime of {units.format_duration(status.limit)}{where}"
    if native == "NODE_FAIL" and node:
        return f"Slurm: NODE_FAIL — its node failed: {node}"
    if native == "OUT_OF_MEMORY" and code is not None and code != "0":
        told = code if code.startswith("signal") else f"exit code {code}"
        return f"Slurm: OUT_OF_MEMORY — used more memory than it had asked for{where} ({told})"
    ended = JobStatus(status.id, status.name, JobState.ENDED, native, reason=status.reason, node=node, exit_code=code)
    return f"{slurm_words.explain(ended)}{where}"


def _user(uid: str) -> str:
    """Return a user's name and whether that is ourselves."""
    if not uid.isdecimal():
        return uid
    try:
        name = pwd.getpwuid(int(uid)).pw_name
    except KeyError:
        name = f"user {uid}"
    return f"{name} (yourself)" if int(uid) == os.geteuid() else name
