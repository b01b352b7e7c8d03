"""Workers as rows of a table: plain data, rounded to what a person would call a change."""

from __future__ import annotations

from typing import Any

#: Memory is told in whole MiB: workers that do nothing breathe by less.
_GRAIN = 2**20


def row_of(state: Any) -> dict[str, Any]:
    """Return one worker as a row.

    Parameters
    ----------
    state : distributed.scheduler.WorkerState
        What its scheduler knows of it.

    Returns
    -------
    dict
        ``address``, ``name``, ``job`` (not known here), ``host``, ``status``, ``threads``, ``cpu`` (cores in use), in
        bytes ``memory``, ``memory_limit`` (0 without one), ``spilled``, ``unmanaged`` and ``stored``, and the numbers
        of tasks ``processing`` (given to it and not done) and ``executing``.
    """
    memory = state.memory
    return {
        "address": state.address,
        "name": str(state.name),
        "job": None,
        "host": state.host,
        "status": state.status.name,
        "threads": state.nthreads,
        "cpu": round((state.metrics.get("cpu") or 0.0) / 100, 1),
        "memory": _whole(memory.process),
        "memory_limit": state.memory_limit or 0,
        "spilled": _whole(memory.spilled),
        "unmanaged": _whole(memory.unmanaged),
        "processing": len(state.processing),
        "executing": len(state.executing),
        "stored": state.nbytes,
    }


def _whole(size: float) -> int:
    return round(size / _GRAIN) * _GRAIN
