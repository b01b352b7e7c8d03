"""Logs as files: readable also when nothing of the cluster runs any more."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from dask_steward.ledger import entries


def _files(folder: str, job: str | None, keeper: bool) -> dict[str, str]:
    found = {}
    if keeper or job is None:
        found["keeper"] = os.path.join(folder, entries.LOG)
    logs = os.path.join(folder, entries.LOGS)
    if os.path.isdir(logs) and not keeper:
        for name in sorted(os.listdir(logs)):
            id = name.removesuffix(".log")
            if job is None or id == job:
                found[f"job {id}"] = os.path.join(logs, name)
    return found


def read_logs(folder: str, *, job: str | None, keeper: bool, tail: int) -> dict[str, str]:
    """Return the last `tail` lines of each log by name."""
    found = {}
    for name, path in _files(folder, job, keeper).items():
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found[name] = "".join(file.readlines()[-tail:] if tail else [])
        except FileNotFoundError:
            continue
        except OSError as error:
            found[name] = f"(cannot be read: {error})"
    return found


def follow_logs(folder: str, *, job: str | None, keeper: bool, ended: Callable[[], bool]) -> Iterator[tuple[str, str]]:
    """Yield ``(name, line)`` as logs grow, those of new jobs too, until the cluster has ended."""
    places: dict[str, int] = {}
    while True:
        last = ended()
        for name, path in _files(folder, job, keeper).items():
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    file.seek(places.get(path, 0))
                    while line := file.readline():
                        if not line.endswith("\n") and not last:
                            break
                        places[path] = file.tell()
                        yield name, line.rstrip("\n")
            except OSError:
                continue
        if last:
            return
        time.sleep(0.3)
