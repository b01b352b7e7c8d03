"""The keeper's own file in the ledger, and the lease beside it."""

from __future__ import annotations

import os
import time
from typing import Any

from dask_steward.ledger import entries, files, paths
from dask_steward.ledger.identity import ProcessIdentity


class Facts:
    """``entry.json``: written by the keeper alone, replaced as a whole whenever the state changes.

    Parameters
    ----------
    folder, id : str
        The cluster's folder and id.

    Raises
    ------
    OSError, StateFolderError
        If it cannot be written: nothing may be taken then.
    """

    def __init__(self, folder: str, id: str) -> None:
        runtime = paths.runtime_dir()
        self._folder = folder
        self.keeper = ProcessIdentity.of()
        self.socket = os.path.join(runtime, f"{id}.sock")
        self.dashboard_socket = os.path.join(runtime, f"{id}.dashboard.sock")
        self._values: dict[str, Any] = {
            "format": entries.FORMAT,
            "id": id,
            "tag": entries.tag(id),
            "keeper": self.keeper.to_json(),
            "socket": self.socket,
            "dashboard_socket": self.dashboard_socket,
        }
        self.touch_lease()
        self.to("starting", None)

    @property
    def state(self) -> str:
        """The cluster's state."""
        return str(self._values["state"])

    @property
    def reason(self) -> str | None:
        """Why it is in this state."""
        found = self._values["reason"]
        return None if found is None else str(found)

    @property
    def since(self) -> float:
        """Since when it is in this state (seconds since the epoch)."""
        return float(self._values["since"])

    def to(self, state: str, reason: str | None) -> None:
        """Take a state; the file is replaced when the state is a new one."""
        new = state != self._values.get("state")
        since = time.time() if new else self._values["since"]
        self._values.update(state=state, reason=reason, since=since)
        if new:
            self._write()

    def update(self, **values: Any) -> None:
        """Note further facts."""
        self._values.update(values)
        self._write()

    def change(self, **values: Any) -> None:
        """Note other values of facts; none of them where they cannot be written.

        Raises
        ------
        OSError
            Why not.
        """
        before = self._values
        self._values = {**before, **values}
        try:
            self._write()
        except OSError:
            self._values = before
            raise

    def entry(self) -> entries.Entry:
        """Return the entry as the ledger holds it now."""
        return entries.read_entry(self._folder)

    def touch_lease(self) -> None:
        """Show other hosts of the same home that the keeper lives."""
        path = os.path.join(self._folder, entries.LEASE)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.utime(descriptor)
        finally:
            os.close(descriptor)

    def _write(self) -> None:
        files.write_json(os.path.join(self._folder, entries.ENTRY), self._values)
