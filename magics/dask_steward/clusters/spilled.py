"""What workers have written to disk, by task group: a measure that each worker sends with its heartbeat.

The scheduler only learns how much a worker has spilled, not of what. The plugin travels by value: a worker's
environment may hold nothing but Dask.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import cloudpickle
from distributed.diagnostics.plugin import WorkerPlugin

#: Its name among a worker's metrics, and as a plugin.
METRIC = "steward_spilled"


class SpilledByGroup(WorkerPlugin):
    """Measure one worker."""

    name = METRIC

    def setup(self, worker: Any) -> None:
        """Add the measure."""
        from distributed.utils import key_split_group

        known: dict[str, Any] = {"total": None, "groups": {}}

        def measure(worker: Any) -> dict[str, int]:
            slow = worker.data.slow.data
            total = slow.total_weight
            # Counted anew only where something was written or read back: it may be many keys.
            if total != known["total"]:
                groups: dict[str, int] = {}
                for key, size in list(slow.weight_by_key.items()):
                    group = key_split_group(key)
                    groups[group] = groups.get(group, 0) + size.disk
                known.update(total=total, groups=groups)
            return dict(known["groups"])

        # Where a worker does not spill this raises, and Dask leaves the measure out.
        worker.metrics[METRIC] = measure


def spilled_plugin() -> bytes:
    """Return the plugin as a scheduler hands it to workers."""
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(SpilledByGroup()))
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def spilled_by_group(workers: Iterable[Any]) -> dict[str, int]:
    """Add up what workers (`distributed.scheduler.WorkerState`) last sent: bytes on disk by name of group."""
    found: dict[str, int] = {}
    for worker in workers:
        for group, size in (worker.metrics.get(METRIC) or {}).items():
            found[group] = found.get(group, 0) + size
    return found
