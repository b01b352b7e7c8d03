"""What was submitted together, followed by its task groups: no task is looked at twice.

Dask's own `Computation` objects are deprecated, put together whatever is submitted while anything runs, and leave out
groups that were there before; so what a computation is, is decided here, at each submission.
"""

from __future__ import annotations

import itertools
import operator
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dask_steward.clusters.tallies import Tallies
from dask_steward.clusters.task_names import task_name
from dask_steward.clusters.time_left import Kind, Speed, time_left
from dask_steward.progress_data import Computation, GroupProgress, Status, TaskError

#: Computations that are remembered; groups that are shown of each; computations that the state of a cluster has.
REMEMBERED, GROUPS, SHOWN = 50, 20, 5
#: Keys that are plain texts (futures, delayed) are remembered up to so many: all of one function are one group.
KEYS = 10_000
#: Seconds over which tasks per second are counted.
RATE_WINDOW = 5.0
_DONE = ("memory", "released", "forgotten", "erred")
_RESULT = "result"
_GROUP = operator.attrgetter("group")


class Record:
    """One computation.

    Parameters
    ----------
    number : int
        Unique in its scheduler.
    client : str
        Who submitted it.
    tallies : Tallies
        Of all groups.
    """

    def __init__(self, number: int, client: str, tallies: Tallies) -> None:
        self.number = number
        self.client: str | None = client
        self.groups: dict[Any, int] = {}
        self.keys: set[str] = set()
        self.started = time.time()
        self.ended: float | None = None
        self.name = ""
        self._tallies = tallies
        self._rows: list[tuple[str, list[Any]]] = []
        self._speed = Speed()
        self._rates: deque[tuple[float, int]] = deque()
        self._final: Computation | None = None

    def add(self, fresh: Mapping[Any, int], wanted: Collection[Any]) -> None:
        """Take in a submission: how many tasks of each group are new, and the groups that it ends in."""
        for group, number in fresh.items():
            if group not in self.groups:
                # What was done of this group before is none of this computation's.
                self.groups[group] = self._count(group)[0] - number
        self._rows = _rows(self.groups)
        ends = [task_name(group.prefix.name) for group in wanted]
        names = [one for one in dict.fromkeys(ends) if one != _RESULT] or [
            name for name, _ in self._rows if name != _RESULT
        ][-1:]
        self.name = ", ".join(names[:3]) + (" …" if len(names) > 3 else "") or _RESULT

    def remember(self, keys: set[str]) -> None:
        """Keep keys by which it is found again."""
        self.keys.update(itertools.islice(keys, max(0, KEYS - len(self.keys))))

    def has(self, groups: Collection[str], keys: Collection[str]) -> bool:
        """Tell whether a task group, or a task by its key, is one of its own."""
        if not self.keys.isdisjoint(keys):
            return True
        # Fused tasks carry the names of all: the last one, with its token, at the end.
        ends = tuple(f"-{name}" for name in groups)
        return any(group.name in groups or group.name.endswith(ends) for group in self.groups)

    def _count(self, group: Any) -> tuple[int, int, int, int]:
        """Return tasks that are done, all, erred ones, and cancelled ones of a group."""
        states, tally = group.states, self._tallies[group]
        done = sum(states[state] for state in _DONE) - tally.dropped
        return done, sum(states.values()), states["erred"] + tally.failed, tally.dropped

    def view(self, spilled: Mapping[str, int], now: float) -> Computation:
        """Return it as every face shows it.

        Parameters
        ----------
        spilled : mapping
            Bytes on the workers' disks by name of group.
        now : float
            Seconds since the epoch.
        """
        if self._final is not None:
            return self._held(self._final, spilled)
        rows: list[GroupProgress] = []
        kinds: list[Kind] = []
        work = 0.0
        landed = 0
        for name, groups in self._rows:
            row = GroupProgress(
                name=name, done=0, total=0, erred=0, running=0, cancelled=0, memory=0, spilled=0, seconds=None
            )
            finished, seconds = 0, 0.0
            for group in groups:
                done, total, erred, cancelled = self._count(group)
                base = self.groups[group]
                tally = self._tallies[group]
                row["done"] += max(0, done - base)
                row["total"] += max(0, total - base)
                row["erred"] += erred
                row["cancelled"] += cancelled
                row["running"] += group.states["processing"]
                row["spilled"] += spilled.get(group.name, 0)
                row["memory"] += max(0, tally.held - spilled.get(group.name, 0))
                finished += tally.landed
                seconds += group.all_durations["compute"]
            row["seconds"] = seconds / finished if finished and seconds else None
            kinds.append(Kind(row["total"] - row["done"] - row["cancelled"], finished, seconds))
            work += seconds
            landed += finished
            rows.append(row)
        open_ = sum(kind.open for kind in kinds)
        self._speed.look(now, work)
        if open_ <= 0:
            # It is looked at once a second; the groups know better when the last task was done.
            stop = max((group.stop for group in self.groups), default=0.0)
            self.ended = stop if self.started <= stop <= now else now
        view = self._put_together(rows, open_)
        view["per_second"] = self._rate(now, landed, view["done"])
        view["left"] = time_left(kinds, self._speed.range()) if open_ > 0 else None
        if self.ended is not None:
            self._final = view
        return view

    def _put_together(self, rows: list[GroupProgress], open_: int) -> Computation:
        running = sum(row["running"] for row in rows)
        erred, cancelled = sum(row["erred"] for row in rows), sum(row["cancelled"] for row in rows)
        status: Status = "running" if running else "waiting"
        if open_ <= 0:
            status = "erred" if erred else "cancelled" if cancelled else "finished"
        shown = _shown(rows)
        return Computation(
            id=f"c{self.number}",
            client=self.client,
            name=self.name,
            status=status,
            started=self.started,
            ended=self.ended,
            groups=shown,
            more=len(rows) - len(shown),
            done=sum(row["done"] for row in rows),
            total=sum(row["total"] for row in rows),
            erred=erred,
            running=running,
            cancelled=cancelled,
            memory=sum(row["memory"] for row in rows),
            spilled=sum(row["spilled"] for row in rows),
            per_second=0.0,
            left=None,
            waits=None,
            error=self._error(),
        )

    def _held(self, view: Computation, spilled: Mapping[str, int]) -> Computation:
        """Bring up to date what is still held of a computation that has ended."""
        by_name: dict[str, tuple[int, int]] = {}
        for name, groups in self._rows:
            disk = sum(spilled.get(group.name, 0) for group in groups)
            # Looked up, not counted anew: most have nothing left.
            memory = sum(self._tallies[group].held for group in groups if group in self._tallies)
            by_name[name] = max(0, memory - disk), disk
        rows: list[GroupProgress] = []
        for row in view["groups"]:
            memory, disk = by_name[row["name"]]
            rows.append({**row, "memory": memory, "spilled": disk})
        memory, disk = (sum(column) for column in zip(*by_name.values(), strict=True))
        # A new one: who was told the last one compares.
        return {**view, "groups": rows, "memory": memory, "spilled": disk}

    def _rate(self, now: float, landed: int, done: int) -> float:
        if self.ended is not None:
            return round(done / max(self.ended - self.started, 0.001), 1)
        rates = self._rates
        rates.append((now, landed))
        while len(rates) > 2 and now - rates[1][0] >= RATE_WINDOW:
            rates.popleft()
        passed = now - rates[0][0]
        if passed < 0.2:
            return round(done / max(now - self.started, 0.2), 1)
        return round(max(0, landed - rates[0][1]) / passed, 1)

    def _error(self) -> TaskError | None:
        errors = [
            (error.at, group, error)
            for group in self.groups
            if (error := self._tallies[group].error) is not None and error.at >= self.started
        ]
        if not errors:
            return None
        _, group, first = min(errors, key=lambda one: one[0])
        return TaskError(
            key=first.key,
            name=task_name(group.prefix.name),
            worker=first.worker,
            job=None,
            message=first.message,
            traceback=first.traceback,
        )


class Computations:
    """All computations of one scheduler that are remembered."""

    def __init__(self) -> None:
        self.tallies = Tallies()
        self._records: deque[Record] = deque()
        self._numbers = itertools.count(1)

    def submitted(self, tasks: Mapping[Any, Any], client: str, keys: Iterable[Any], wanted: Iterable[Any]) -> None:
        """Take in a submission.

        Parameters
        ----------
        tasks : mapping
            The scheduler's tasks by key.
        client : str
            Who submitted it.
        keys : iterable
            Keys of its graph.
        wanted : iterable
            Keys of its results.
        """
        # The one place that goes through tasks, once for each submission, and in C.
        keys = list(keys)
        touched = Counter(map(_GROUP, map(tasks.__getitem__, keys)))
        # New tasks are "released" at this moment, as are some that were done before.
        fresh = {group: min(number, group.states["released"]) for group, number in touched.items()}
        fresh = {group: number for group, number in fresh.items() if number}
        if not fresh:
            return
        texts = {key for key in itertools.islice(keys, KEYS) if type(key) is str}
        ends = dict.fromkeys(tasks[key].group for key in wanted if key in tasks)
        # One that goes on: futures that are submitted one by one are one computation.
        for record in self._records:
            if record.ended is None and record.client == client and fresh.keys() <= record.groups.keys():
                record.remember(texts)
                return
        record = Record(next(self._numbers), client, self.tallies)
        record.remember(texts)
        record.add(fresh, ends)
        self._records.append(record)
        if len(self._records) > REMEMBERED:
            ended = next((one for one in self._records if one.ended is not None), self._records[0])
            self._records.remove(ended)

    def views(self, spilled: Mapping[str, int], known: Mapping[str, Any]) -> list[Computation]:
        """Return what the state of a cluster has: those that run, and the last ones that ended, oldest first."""
        now = time.time()
        # All are looked at, so that the end of each is noticed.
        found = [one.view(spilled, now) for one in self._records]
        open_ = [one for one in found if one["ended"] is None][-SHOWN:]
        ended = [one for one in found if one["ended"] is not None]
        rest = SHOWN - len(open_)
        kept = {one["id"] for one in [*open_, *(ended[-rest:] if rest else [])]}
        self.tallies.prune(known, {group for record in self._records for group in record.groups})
        return [one for one in found if one["id"] in kept]

    def select(
        self,
        spilled: Mapping[str, int],
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
        since: float | None = None,
    ) -> list[Computation]:
        """Return computations, oldest first: of these groups or keys, of this client, and not begun before `since`.

        Parameters
        ----------
        spilled : mapping
            Bytes on disk by name of group.
        groups : collection of str, optional
            Names of Dask's task groups; by default all, unless `keys` are given.
        keys : collection of str, optional
            Keys of tasks that are plain texts.
        client : str, optional
            Id of a client; by default all.
        since : float, optional
            Seconds since the epoch.
        """
        now = time.time()
        every = groups is None and keys is None
        names, texts = set(groups or ()), set(keys or ())
        found = []
        for record in list(self._records):
            if not every and not record.has(names, texts):
                continue
            if client is not None and record.client != client:
                continue
            view = record.view(spilled, now)
            if since is None or record.started >= since:
                found.append(view)
        return found


def _rows(groups: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    """Put groups of one name together, inputs first."""
    own = set(groups)
    order: dict[Any, None] = {}
    for first in _sorted(own):
        stack = [(first, False)]
        seen: set[Any] = set()
        while stack:
            group, left = stack.pop()
            if left:
                order.setdefault(group)
            elif group not in order and group not in seen:
                seen.add(group)
                stack.append((group, True))
                stack.extend((one, False) for one in _sorted(group.dependencies & own) if one is not group)
    rows: dict[str, list[Any]] = {}
    for group in order:
        rows.setdefault(task_name(group.prefix.name), []).append(group)
    return list(rows.items())


def _sorted(groups: Iterable[Any]) -> list[Any]:
    """Return groups in an order that does not change from look to look."""
    return sorted(groups, key=lambda group: str(group.name))


def _shown(rows: list[GroupProgress]) -> list[GroupProgress]:
    """Leave out the small ones that are done where there are too many, and keep the order."""
    if len(rows) <= GROUPS:
        return rows

    def weight(row: GroupProgress) -> tuple[bool, bool, int]:
        return bool(row["erred"]), row["done"] < row["total"], row["total"]

    kept = sorted(range(len(rows)), key=lambda number: weight(rows[number]), reverse=True)[:GROUPS]
    return [rows[number] for number in sorted(kept)]
