"""Dask's one-machine schedulers as a cluster: nothing is started, the default scheduler is set."""

from __future__ import annotations

import time
from typing import Any

SYSTEMS = ("threads", "processes", "synchronous")


class OneMachine:
    """Dask's default scheduler is this one until `close`.

    Parameters
    ----------
    system : str
        ``threads``, ``processes`` or ``synchronous``.
    name : str
        Name for people.
    num_workers : int, optional
        Threads or processes; by default as many as there are processors.
    """

    def __init__(self, system: str, name: str, num_workers: int | None = None) -> None:
        import dask

        self.system = system
        self.id = self.name = name
        self.asynchronous = False
        self._created = time.time()
        settings: dict[str, Any] = {"scheduler": system}
        if num_workers is not None:
            settings["num_workers"] = num_workers
        self._num_workers = num_workers
        self._setting: Any = dask.config.set(settings)

    @property
    def state(self) -> dict[str, Any]:
        """State in the form of a cluster's own."""
        return {
            "id": self.id,
            "name": self.name,
            "profile": self.name,
            "system": self.system,
            "state": "running" if self._setting is not None else "stopped",
            "reason": "it runs in this process and holds nothing",
            "since": self._created,
            "created": self._created,
            "workers": {"asked": 0, "queued": 0, "running": 0, "lost": 0},
            "holdings": [],
        }

    def close(self, timeout: float | None = None) -> None:
        """Give Dask's default scheduler back to what it was."""
        if self._setting is not None:
            self._setting.__exit__(None, None, None)
            self._setting = None

    stop = close

    def __enter__(self) -> OneMachine:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<OneMachine {self.system}: {self.state['state']}>"
