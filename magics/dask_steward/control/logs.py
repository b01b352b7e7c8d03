"""Logs as files: readable also when nothing of the cluster runs any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from dask_steward.control.gathered_logs import bring_to
from dask_steward.ledger.logs import log_files
from dask_steward.ledger.logs import tail as tail_of


def read_logs(folder: str, *, job: str | None, keeper: bool, tail: int, worker: str | None = None) -> dict[str, str]:
    """Return the last `tail` lines of each log by name; of a worker, the log of the job that it was in.

    Logs of an ended cluster that are still elsewhere are brought first; why they cannot be is told in their place.
    """
    missing = {} if keeper else bring_to(folder)
    found = {}
    for name, path in log_files(folder, job=job, worker=worker, keeper=keeper).items():
        try:
            found[name] = tail_of(path, tail)
        except FileNotFoundError:
            continue
        except OSError as error:
            found[name] = f"(cannot be read: {error})"
    return {**missing, **found} if missing and (job is None or not found) else found


def follow_logs(folder: str, *, job: str | None, keeper: bool, ended: Callable[[], bool]) -> Iterator[tuple[str, str]]:
    """Yield ``(name, line)`` as logs grow, those of new jobs too, until the cluster has ended."""
    places: dict[str, int] = {}
    while True:
        last = ended()
        if last and not keeper:
            bring_to(folder)
        for name, path in log_files(folder, job=job, keeper=keeper).items():
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
