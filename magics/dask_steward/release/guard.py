"""The guard: a small process beside each keeper that releases when the keeper cannot.

It is up before anything is acquired and waits on pidfds of the keeper and of the owner:

* the owner dies: the keeper is asked to stop; one that does not answer in time is killed;
* the keeper dies: whatever carries the cluster's tag is released, and looked for again until a submit that was in
  flight cannot land any more.

Run as ``python -m dask_steward.release.guard FOLDER READY_FD`` with nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time

from dask_steward.errors import NewerFormat
from dask_steward.ledger import entries, files
from dask_steward.ledger.entries import Entry
from dask_steward.ledger.identity import ALIVE, DEAD, ProcessIdentity
from dask_steward.release.releaser import Releaser, write_end

#: Seconds in which a keeper must acknowledge a stop after its owner died; a scheduler stuck in a huge graph does not.
ACKNOWLEDGE_LIMIT = 1.0
#: Seconds that a keeper has to finish a stop which it acknowledged.
STOP_LIMIT = 15.0
#: Seconds beyond a time to live after which the guard enforces it: a frozen keeper cannot.
LIVE_GRACE = 30.0
#: Seconds between two looks where the system has no pidfds.
POLL_INTERVAL = 0.25


class Guard:
    """Watch one keeper and its owner.

    Parameters
    ----------
    folder : str
        The cluster's entry in the ledger.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.me = ProcessIdentity.of()
        # Kept: whatever becomes of the folder, its tag and its manager are known.
        self._entry = entry = entries.read_entry(folder)
        self._keeper = entry.keeper
        self._owner = entry.owner
        limit = entry.profile.get("time_to_live")
        self._deadline = entry.created + float(limit) + LIVE_GRACE if isinstance(limit, int | float) else None

    def confirm(self, ready: int) -> None:
        """Write who we are, then tell the keeper that it may acquire things."""
        self._write("watching")
        try:
            os.write(ready, b"ready\n")
            os.close(ready)
        except OSError:
            pass  # the keeper is gone already; the watch will see it

    def _write(self, doing: str) -> None:
        try:
            fact = {"format": entries.FORMAT, **self.me.to_json(), "doing": doing, "at": time.time()}
            files.write_json(os.path.join(self.folder, entries.GUARD), fact, durable=False)
        except OSError as error:
            # A full disk must not keep the guard from releasing.
            sys.stderr.write(f"guard: cannot write: {error}\n")

    def _read(self) -> Entry:
        """Return the entry as it is now, or as it was when last read where that is not possible (an NFS that hangs)."""
        try:
            self._entry = entries.read_entry(self.folder)
        except (OSError, files.TornFile, NewerFormat) as error:
            sys.stderr.write(f"guard: cannot read: {error}\n")
        return self._entry

    def watch(self) -> None:
        """Wait until the keeper is dead, however that comes about."""
        # A keeper of another host is judged by its lease, which was too old for whoever started this guard.
        if self._keeper is None or self._keeper.state() != ALIVE:
            return
        cause = self._wait()
        if cause is None:
            return
        self._write(f"stopping: {cause}")
        entry = self._read()
        acknowledged = entry.socket is not None and ask_stop(entry.socket, cause, ACKNOWLEDGE_LIMIT)
        limit = STOP_LIMIT if acknowledged else 0.0
        if not self._keeper.wait_gone(limit):
            self._keeper.kill(signal.SIGKILL)
            self._keeper.wait_gone(STOP_LIMIT)

    def _wait(self) -> str | None:
        """Return why the keeper must stop, or None once it is dead."""
        watched = {}
        keeper, owner = self._keeper, self._owner
        poll = select.poll()
        for who in (keeper, owner):
            descriptor = who.open_pidfd() if who is not None else None
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
                watched[who] = descriptor
        blind = any(who is not None and who not in watched for who in (keeper, owner))
        try:
            while True:
                if keeper is None or keeper.state() == DEAD:
                    return None
                if owner is not None and owner.state() == DEAD:
                    return f"its owner (process {owner.pid} on {owner.host}) ended"
                if self._deadline is not None and time.time() > self._deadline:
                    return "its time to live is over"
                timeout = POLL_INTERVAL if blind else None
                if self._deadline is not None and timeout is None:
                    timeout = max(0.0, self._deadline - time.time()) + 0.1
                poll.poll(None if timeout is None else min(timeout, 3600.0) * 1000)
        finally:
            for descriptor in watched.values():
                os.close(descriptor)

    def release(self) -> None:
        """Give back what a dead keeper left; an orderly end leaves nothing to do."""
        entry = self._read()
        if entry.ended:
            return
        releaser = Releaser(entry, on_change=self._write)
        releaser.run()
        self._write("done")
        # Read again: whoever had the keeper killed has said why.
        reason = self._read().stop_reason
        state = "lost" if reason is None else "stopped"
        jobs = f"; the guard released {len(releaser.released)} jobs" if releaser.released else ""
        untidy = f"; {releaser.untidy}" if releaser.untidy else ""
        try:
            write_end(entry, state=state, reason=(reason or "its keeper died") + jobs + untidy, by="guard")
        except OSError as error:  # the next sweep crosses it out
            sys.stderr.write(f"guard: cannot write: {error}\n")


def ask_stop(path: str, reason: str, timeout: float) -> bool:
    """Ask a keeper to stop, by hand-written HTTP (an HTTP library would double the guard's size).

    Returns
    -------
    bool
        Whether it acknowledged within `timeout` seconds.
    """
    body = json.dumps({"reason": reason, "urgent": True}).encode()
    head = (
        "POST /stop HTTP/1.1\r\nHost: keeper\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            connection.sendall(head.encode() + body)
            answer = connection.recv(64)
        except OSError:
            return False
    return answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2"))


def main(folder: str, ready: int) -> None:
    """Run the guard of one entry."""
    # It outlives what it watches: no signal meant for a terminal or a batch step ends it.
    for one in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(one, signal.SIG_IGN)
    os.chdir("/")
    guard = Guard(folder)
    guard.confirm(ready)
    guard.watch()
    guard.release()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
