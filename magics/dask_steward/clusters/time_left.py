"""How long the rest of a computation takes, as two numbers that say how well it is known.

The rest is work (open tasks, each as long as its kind has taken on average) over the speed at which work was done
lately. Both are uncertain, and the answer says by how much: a mean of few tasks is a rough one, a kind that nobody has
seen yet may be quicker or slower than the others, and a speed that varied will vary.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dask_steward.progress_data import TimeLeft

#: Tasks of a kind that nobody has seen yet take between a quarter of the quickest kind and four times the slowest.
UNSEEN = 4.0
#: Seconds over which speed is looked at, and the parts in which it is compared with itself.
WINDOW, PARTS = 60.0, 4
#: Shortest part (seconds): workers tell their results in batches.
SHORTEST = 1.0
#: Part of a speed within which it varies in any case.
FLOOR = 0.1


@dataclass(frozen=True)
class Kind:
    """Tasks of one kind.

    Attributes
    ----------
    open : int
        How many are not done.
    finished : int
        How many have been done, by workers that told how long they took.
    seconds : float
        What all finished ones together took.
    """

    open: int
    finished: int
    seconds: float


class Speed:
    """Seconds of work that are done each second: how many tasks run at once, in effect."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, float]] = deque()

    def look(self, at: float, work: float) -> None:
        """Note how much work (seconds) was done until `at` (seconds of any steady clock)."""
        if self._looks and at - self._looks[-1][0] < SHORTEST / 4:
            return
        self._looks.append((at, work))
        while len(self._looks) > 2 and at - self._looks[1][0] > WINDOW:
            self._looks.popleft()

    def range(self) -> tuple[float, float] | None:
        """Return the lowest and the highest speed of the parts of the window; None while nothing is known."""
        if len(self._looks) < 2:
            return None
        first, last = self._looks[0], self._looks[-1]
        whole = last[0] - first[0]
        if whole < SHORTEST or last[1] <= first[1]:
            return None
        mean = (last[1] - first[1]) / whole
        speeds = [mean, *_parts(self._looks, max(SHORTEST, whole / PARTS))]
        # A part in which no long task ended is no standstill.
        low = max(min(speeds), mean / 3)
        return min(low, mean * (1 - FLOOR)), max(max(speeds), mean * (1 + FLOOR))


def _parts(looks: Iterable[tuple[float, float]], length: float) -> list[float]:
    found = []
    begin: tuple[float, float] | None = None
    for look in looks:
        if begin is None:
            begin = look
        elif look[0] - begin[0] >= length:
            found.append((look[1] - begin[1]) / (look[0] - begin[0]))
            begin = look
    return found


def work_left(kinds: Sequence[Kind]) -> tuple[float, float] | None:
    """Return the least and the most work (seconds) that is left; None where no kind has been seen yet.

    Examples
    --------
    >>> work_left([Kind(open=64, finished=64, seconds=64.0)])
    (56.0, 72.0)
    """
    seen = [kind.seconds / kind.finished for kind in kinds if kind.finished and kind.seconds > 0]
    if not seen:
        return (0.0, 0.0) if not any(kind.open for kind in kinds) else None
    low = high = 0.0
    for kind in kinds:
        if kind.finished and kind.seconds > 0:
            mean, doubt = kind.seconds / kind.finished, 1 / math.sqrt(kind.finished)
            low += kind.open * mean * (1 - min(doubt, 0.75))
            high += kind.open * mean * (1 + doubt)
        else:
            low += kind.open * min(seen) / UNSEEN
            high += kind.open * max(seen) * UNSEEN
    return low, high


def time_left(kinds: Sequence[Kind], speed: tuple[float, float] | None) -> TimeLeft | None:
    """Return between what times the rest will take.

    Parameters
    ----------
    kinds : sequence of Kind
        All tasks of the computation.
    speed : tuple of float, optional
        As `Speed.range` gives it.

    Returns
    -------
    TimeLeft or None
        None while nothing can be said: no task has finished yet, or nothing moves.
    """
    work = work_left(kinds)
    if work is None or speed is None or speed[0] <= 0:
        return None
    # The last task of a kind cannot be cut into pieces, however many workers there are.
    longest = max((kind.seconds / kind.finished for kind in kinds if kind.open and kind.finished), default=0.0)
    low, high = work[0] / speed[1], work[1] / speed[0]
    return TimeLeft(low=round(low, 1), high=round(max(high, longest if low else 0.0, low), 1))
