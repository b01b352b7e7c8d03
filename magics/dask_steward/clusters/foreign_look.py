"""What is asked of a scheduler of somebody else, as one function that is sent there and only reads.

It is sent by value, as Dask's own progress bars are: our package need not be there. Nothing of it is left when the
connection ends, and no plug-in is added.
"""

from __future__ import annotations

from typing import Any


def look(scheduler: Any) -> dict[str, Any]:
    """Return a scheduler's id and its sums, in O(prefixes + workers)."""
    limit = used = spilled = threads = left = 0
    percent = 0.0
    for worker in scheduler.workers.values():
        threads += worker.nthreads
        percent += worker.metrics.get("cpu") or 0.0
        limit += worker.memory_limit or 0
        used += worker.memory.process
        spilled += worker.memory.spilled
    groups = []
    finished, busy = 0, 0.0
    for prefix in scheduler.task_prefixes.values():
        states = prefix.states
        total = sum(states.values())
        finished += prefix.state_counts.get("memory", 0) + prefix.state_counts.get("erred", 0)
        busy += prefix.all_durations.get("compute", 0.0)
        if total:
            done = sum(states.get(state, 0) for state in ("memory", "released", "forgotten", "erred"))
            left += total - done
            groups.append({"name": prefix.name, "done": done, "total": total, "erred": states.get("erred", 0)})
    groups.sort(key=lambda group: group["done"] - group["total"])
    return {
        "id": str(scheduler.id),
        "workers": len(scheduler.workers),
        "threads": threads,
        "cpu": round(percent / 100, 1),
        "memory": {"limit": limit, "used": used, "spilled": spilled},
        "groups": groups[:20],
        "open": left,
        "finished": finished,
        "busy_seconds": busy,
    }
