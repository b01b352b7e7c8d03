"""What systems have in common whose workers hold the line: the line itself, its ends, and the jobs' logs."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from dask_steward.clusters import jobscript
from dask_steward.clusters.defences import Defence, line
from dask_steward.clusters.line import Event, Line
from dask_steward.clusters.queue import QueueWorkforce
from dask_steward.clusters.systems import System
from dask_steward.errors import StartFailed
from dask_steward.ledger import entries, logs


class LinedSystem(System):
    """Workers in jobs that hold the line to the keeper."""

    def prepare(self) -> None:
        self._workforce: QueueWorkforce | None = None
        self._line: Line | None = None

    def open_line(self, host: str, *, bind: bool, outside: str | None = None) -> None:
        """Listen for the jobs' lines.

        Parameters
        ----------
        host : str
            This host as the jobs reach it.
        bind : bool
            Listen on that address only: the profile chooses it.
        outside : str, optional
            Folder of the user's for the jobs' logs.

        Raises
        ------
        StartFailed
            If there is no port, or no folder for logs.
        """
        options = self.profile.get("line") or {}
        loop = asyncio.get_running_loop()

        def heard(event: Event) -> None:
            loop.call_soon_threadsafe(self.heard, event)

        try:
            logs.make_folder(self.folder, self.tag, os.path.expanduser(outside) if outside else None)
        except OSError as error:
            raise StartFailed(
                f"No folder for the jobs' logs can be made in {outside or self.folder}: {error.strerror or error}.",
                field="options.log_directory" if outside else "state folder",
                hint="Name another one, or leave it out.",
            ) from error
        self._line_host = options.get("host") or host
        self._line = Line(self.tag, host if bind else "", ports_of(options.get("ports")), heard)
        self._line.start()

    @property
    def line(self) -> Line:
        """The line; it is opened when the scheduler starts."""
        if self._line is None:
            raise RuntimeError("the line is not open")
        return self._line

    def heard(self, event: Event) -> None:
        """Take in what a job says on its line."""
        if self._workforce is not None:
            self._workforce.heard(event)

    def ends(self, scheduler_host: str, scheduler_port: int | None) -> jobscript.LineEnds:
        """Return what a job must know to hold the line."""
        return jobscript.LineEnds(
            host=self._line_host,
            port=self.line.port,
            scheduler_host=scheduler_host,
            scheduler_port=scheduler_port,
            silence=self.silence,
            keeper_secret=self.line.keeper_secret,
            job_secret=self.line.job_secret,
        )

    def defences(self) -> list[Defence]:
        return [] if self._line is None else [line(self.silence)]

    @property
    def silence(self) -> float:
        """Seconds after which a silent keeper counts as dead."""
        return float((self.profile.get("line") or {}).get("silence") or 120.0)

    def log_of(self, id: str) -> str:
        """Return the path of a job's log."""
        return os.path.join(self.folder, entries.LOGS, f"{id}.log")

    async def release(self) -> str | None:
        if self._line is not None:
            self._line.close()
        return None


def ports_of(given: Any) -> tuple[int, int] | None:
    """Return a range of ports from ``40000-40100``, ``[40000, 40100]`` or one port."""
    if not given:
        return None
    if isinstance(given, str):
        first, _, last = given.partition("-")
        return int(first), int(last or first)
    if isinstance(given, int):
        return given, given
    return int(given[0]), int(given[-1])
