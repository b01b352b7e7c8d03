"""What a person should know about memory before a worker dies of it.

Dask's own four thresholds are the measure: above ``target`` and ``spill`` a worker writes results to disk, above
``pause`` it takes no more tasks, above ``terminate`` it is killed and its tasks start again elsewhere
(``distributed.worker.memory``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: Part of a worker's limit that memory outside Dask's results may take before it is named: above it, what is left for
#: results is less than ``target``.
UNMANAGED = 0.4
#: This much below ``terminate`` is close to it.
CLOSE = 0.05


@dataclass(frozen=True)
class Thresholds:
    """Parts of a worker's memory limit; None where a site has switched one off."""

    target: float | None = 0.6
    spill: float | None = 0.7
    pause: float | None = 0.8
    terminate: float | None = 0.95

    @classmethod
    def of_config(cls) -> Thresholds:
        """Read them from Dask's configuration."""
        import dask

        found = {name: dask.config.get(f"distributed.worker.memory.{name}", None) for name in cls.__dataclass_fields__}
        return cls(**{name: float(value) if value else None for name, value in found.items()})


@dataclass(frozen=True)
class Pressure:
    """One worker: bytes, and whether it is paused."""

    name: str
    limit: int
    process: int
    spilled: int
    unmanaged: int
    paused: bool


def pressure_of(state: Any, memory: Any) -> Pressure:
    """Return what a `distributed.scheduler.WorkerState` says, and the `MemoryState` that was read from it."""
    return Pressure(
        str(state.name),
        int(state.memory_limit or 0),
        int(memory.process),
        int(memory.spilled),
        # What tasks take for a moment comes and goes.
        int(memory.unmanaged_old),
        state.status.name == "paused",
    )


def under_pressure(state: Any, memory: Any) -> bool:
    """Tell whether anything may have to be said of a worker: most need no second look."""
    limit = state.memory_limit or 0
    return bool(
        memory.spilled
        or memory.process > limit / 2
        or memory.unmanaged_old > UNMANAGED * limit
        or state.status.name == "paused"
    )


def warnings_of(workers: Iterable[Pressure], at: Thresholds) -> list[str]:
    """Return one sentence for each kind of trouble, the worst first, each with what can be done.

    Parameters
    ----------
    workers : iterable of Pressure
        All workers.
    at : Thresholds
        Dask's own.
    """
    known = list(workers)
    found = []
    close = [one for one in known if at.terminate and one.limit and one.process > (at.terminate - CLOSE) * one.limit]
    if close and at.terminate:
        found.append(
            f"{_who(close)} about to run out of memory ({_used(close)}): at {at.terminate:.0%} the process is "
            "killed and its tasks start again. Use smaller chunks, fewer threads in each worker, or more memory for "
            "each worker."
        )
    paused = [one for one in known if one.paused and one not in close]
    if paused:
        limit = f"above {at.pause:.0%} of their memory" if at.pause else "short of memory"
        found.append(
            f"{_who(paused)} paused, {limit} ({_used(paused)}), and no new task starts there. Use smaller chunks, keep "
            "less in memory, or ask for more workers or more memory for each."
        )
    large = [one for one in known if one.limit and one.unmanaged > UNMANAGED * one.limit]
    if large:
        worst = max(large, key=lambda one: one.unmanaged / one.limit)
        found.append(
            f"{_who(large)} holding much memory that Dask does not manage ({_size(worst.unmanaged)} of "
            f"{_size(worst.limit)} on worker {worst.name}): large temporary arrays inside tasks, caches, or "
            "memory that Python has not given back. Use smaller chunks; restarting the workers frees it."
        )
    spilling = [one for one in known if one.spilled]
    if spilling:
        total = sum(one.spilled for one in spilling)
        found.append(
            f"{_who(spilling)} writing results to disk ({_size(total)} so far), which is slow: what is kept does not "
            "fit in memory. Persist less, or ask for more workers or more memory for each."
        )
    return found


def _who(workers: list[Pressure]) -> str:
    return f"Worker {workers[0].name} is" if len(workers) == 1 else f"{len(workers)} workers are"


def _used(workers: list[Pressure]) -> str:
    worst = max(workers, key=lambda one: one.process / one.limit if one.limit else 0.0)
    # In steps of 5 %: a sentence that changes each second is not read.
    share = f"{int(20 * worst.process / worst.limit) * 5} % of {_size(worst.limit)}" if worst.limit else ""
    return share if len(workers) == 1 else f"up to {share}"


def _size(number: float) -> str:
    """Return bytes with two digits: as exact as it stays true for a few seconds."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1000:
            return f"{number:.2g} {unit}" if number < 100 else f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.2g} TiB"
