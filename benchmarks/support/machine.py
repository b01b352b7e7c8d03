"""The machine, its versions, and what processes use: all Linux, from /proc."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("dask-steward", "dask", "distributed", "dask-jobqueue", "ipykernel", "numpy", "bokeh")
_TICKS = os.sysconf("SC_CLK_TCK")


def versions() -> dict[str, str]:
    """Return the versions that matter, those that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def description() -> dict[str, Any]:
    """Return the machine as JSON."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "versions": versions(),
    }


def sentence() -> str:
    """Return the machine in one line."""
    versions_ = ", ".join(f"{name} {version}" for name, version in versions().items())
    date = time.strftime("%Y-%m-%d %H:%M")
    return f"{date}; {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} at the end; {versions_}"


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time of processes and of their children that have been reaped."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / _TICKS


def memory(pid: int) -> dict[str, float]:
    """Return a process's memory in MiB: ``rss``, its share of what it shares (``pss``), and its own (``uss``)."""
    found = {"Rss": 0.0, "Pss": 0.0, "Private_Clean": 0.0, "Private_Dirty": 0.0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        key, _, rest = line.partition(":")
        if key in found:
            found[key] = int(rest.split()[0]) / 1024
    return {"rss": found["Rss"], "pss": found["Pss"], "uss": found["Private_Clean"] + found["Private_Dirty"]}
