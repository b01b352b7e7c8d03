"""When a job that nears the end of its walltime is replaced and emptied."""

from __future__ import annotations

from dataclasses import dataclass

#: Part of a walltime that is kept for emptying a job, and its bounds in seconds.
SHARE, LEAST, MOST = 0.15, 10.0, 300.0
#: Seconds between the last act and the end: Slurm may come early by its own clock's second, and a cancel takes one.
SPARE = 3.0
#: Part of the time for emptying in which running tasks may finish; the rest is for moving data.
FINISH_SHARE = 0.6
#: Tasks that were cut off by a walltime so often are given up.
CUTS = 3


@dataclass(frozen=True)
class Plan:
    """What happens to a job near its end; times in seconds since the epoch.

    Attributes
    ----------
    replace_at : float
        From when it no longer counts, so that another one is submitted.
    drain_at : float
        When it takes no more tasks.
    finish, move : float
        Seconds in which running tasks may finish, and in which data may move.
    """

    replace_at: float
    drain_at: float
    finish: float
    move: float


def plan(started: float, ends: float, *, wait: float, startup: float, longest: float) -> Plan:
    """Return when a job is replaced and emptied.

    Emptying takes 15 % of the walltime (10 s to 5 minutes), more where its tasks are known to take longer, but never
    more than a third: a job must have time to work. Its replacement is submitted so much earlier that it is up by then,
    as far as the waits seen so far tell, but not in the first half of its life: else a long queue would hold every
    place twice.

    Parameters
    ----------
    started, ends : float
        The job's start and the end of its walltime.
    wait, startup : float
        Seconds that a replacement waits in the queue, and that its workers take to come up.
    longest : float
        Seconds that the longest kind of its tasks takes; 0 when none is known.
    """
    limit = max(0.0, ends - started)
    margin = min(max(LEAST, SHARE * limit), MOST)
    margin = min(max(margin, 1.5 * longest / FINISH_SHARE), max(limit / 3, min(LEAST, limit / 2)))
    drain_at = ends - SPARE - margin
    replace_at = max(drain_at - 1.2 * wait - startup - 1.0, started + limit / 2)
    return Plan(min(replace_at, drain_at), drain_at, FINISH_SHARE * margin, (1 - FINISH_SHARE) * margin)


def usable(limit: float, *, startup: float) -> float:
    """Return how many seconds a task has at most in a job of this walltime (seconds)."""
    shape = plan(0.0, limit, wait=0.0, startup=startup, longest=0.0)
    return max(0.0, shape.drain_at + shape.finish - startup)


def hopeless(limit: float, *, startup: float) -> float:
    """Return after how many seconds a task that is cut off cannot end within a walltime: no job has more for it.

    Parameters
    ----------
    limit : float
        The walltime in seconds.
    startup : float
        Seconds that a job's workers take to come up.
    """
    # A tenth less: the task did not begin in the job's first moment.
    return 0.9 * usable(limit, startup=startup)
