"""The line: every worker job holds one TCP connection to its keeper from its first moment to its last.

The job leaves when the line is cut (the keeper died, so the scheduler did too), when it is told to, or after a long
silence. It is served by a thread of its own: a scheduler's event loop may be blocked for seconds by a large graph.

The words, one line each: the job says ``hello TAG KEY JOB TOKEN NODE``; the keeper answers with its own secret, or
``leave``; then it sends ``.`` from time to time, and ``leave`` when the job is given back. Both secrets stand in the
job script only.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from dask_steward.errors import StartFailed

logger = logging.getLogger(__name__)

#: Seconds between two beats; the silence limit of a job is many times this.
BEAT_INTERVAL = 5.0
#: Seconds in which a caller must have said who it is.
HELLO_LIMIT = 10.0
#: Longest greeting (bytes); a stranger that sends more is cut off.
_HELLO_SIZE = 1024


@dataclass
class _Call:
    connection: socket.socket
    since: float
    heard: bytes = b""
    key: str | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened on a job's line.

    Attributes
    ----------
    key : str
        Our key of the job.
    job : str
        The manager's id, as the job itself knows it.
    node : str
        The node that it runs on.
    up : bool
        True when the job has come up, False when its line was cut (it ended or died).
    """

    key: str
    job: str
    node: str
    up: bool


class Line:
    """Serve the line.

    Parameters
    ----------
    tag : str
        The cluster's tag.
    host : str
        Address to listen on; empty for all.
    ports : (int, int), optional
        First and last port that a site's firewall lets through; any free one by default.
    on_event : callable
        Called from the line's thread.

    Raises
    ------
    StartFailed
        If no port of the range is free.
    """

    def __init__(self, tag: str, host: str, ports: tuple[int, int] | None, on_event: Callable[[Event], None]) -> None:
        self.keeper_secret = secrets.token_hex(16)
        self.job_secret = secrets.token_hex(16)
        self._tag = tag
        self._on_event = on_event
        self._unwanted: set[str] = set()
        self._cut: set[str] = set()
        self._dismissing = False
        self._calls: dict[int, _Call] = {}
        self._events: dict[int, Event] = {}
        self._listener = listen(host, ports)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="dask-steward-line", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def unwanted(self, key: str) -> None:
        """Send a job away, or when it calls: it was cancelled, and the manager may be away or start it all the same."""
        self._unwanted.add(key)
        self._dismissing = True

    def cut(self, key: str) -> None:
        """Send away who holds a job's line now; who calls under this key later is as welcome as before."""
        self._cut.add(key)
        self._dismissing = True

    def close(self) -> None:
        """Cut all lines: every job that is still there leaves."""
        self._closing = True
        self._thread.join(BEAT_INTERVAL)

    def _serve(self) -> None:
        beat = time.monotonic()
        while not self._closing:
            for selected, _ in self._selector.select(0.25):
                if selected.fileobj is self._listener:
                    self._accept()
                else:
                    self._hear(selected.fd)
            if self._dismissing:
                self._dismissing = False
                self._dismiss()
            now = time.monotonic()
            if now - beat >= BEAT_INTERVAL:
                beat = now
                self._beat(now)
        for descriptor in list(self._calls):
            self._drop(descriptor)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # out of descriptors, or the caller has gone again
            logger.warning("the line could not take a call: %s", error)
            time.sleep(0.2)  # the call still waits, and would be tried again at once, for ever
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._calls[connection.fileno()] = _Call(connection, time.monotonic())
        self._selector.register(connection, selectors.EVENT_READ)

    def _hear(self, descriptor: int) -> None:
        call = self._calls.get(descriptor)
        if call is None:
            return
        try:
            data = call.connection.recv(_HELLO_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(descriptor)
            return
        if call.key is not None:
            return  # a job says nothing more after its greeting
        call.heard += data
        if b"\n" in call.heard:
            self._greet(descriptor, call)
        elif len(call.heard) > _HELLO_SIZE:
            self._drop(descriptor)

    def _greet(self, descriptor: int, call: _Call) -> None:
        words = call.heard.split(b"\n", 1)[0].decode(errors="replace").split()
        known = len(words) == 6 and words[:2] == ["hello", self._tag]
        if not known or not hmac.compare_digest(words[4].encode(), self.job_secret.encode()):
            logger.warning("a stranger called on the line")
            self._drop(descriptor)
            return
        _, _, key, job, _, node = words
        if key in self._unwanted:
            self._send(descriptor, b"leave\n")
            self._drop(descriptor)
            return
        if self._send(descriptor, self.keeper_secret.encode() + b"\n"):
            call.key = key
            event = Event(key, job, node, up=True)
            self._events[descriptor] = event
            self._on_event(event)

    def _dismiss(self) -> None:
        cut = {self._cut.pop() for _ in range(len(self._cut))}
        for descriptor, call in list(self._calls.items()):
            if call.key in self._unwanted or call.key in cut:
                self._send(descriptor, b"leave\n")
                self._drop(descriptor)

    def _beat(self, now: float) -> None:
        for descriptor, call in list(self._calls.items()):
            if call.key is None:
                if now - call.since > HELLO_LIMIT:
                    self._drop(descriptor)
            else:
                self._send(descriptor, b".\n")

    def _send(self, descriptor: int, data: bytes) -> bool:
        try:
            self._calls[descriptor].connection.sendall(data)
        except BlockingIOError:
            return True  # the job's side is frozen with a full buffer: it is not gone
        except OSError:
            self._drop(descriptor)
            return False
        return True

    def _drop(self, descriptor: int) -> None:
        call = self._calls.pop(descriptor, None)
        if call is None:
            return
        self._selector.unregister(call.connection)
        call.connection.close()
        event = self._events.pop(descriptor, None)
        if event is not None and not self._closing:
            self._on_event(Event(event.key, event.job, event.node, up=False))


def listen(host: str, ports: tuple[int, int] | None) -> socket.socket:
    """Listen on the first free port of a range, or on any.

    Raises
    ------
    StartFailed
        If none is free.
    """
    candidates = range(ports[0], ports[1] + 1) if ports else (0,)
    refusal = ""
    for port in candidates:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        # A port in TIME_WAIT after an earlier keeper is free for us.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1024)
        except OSError as error:
            listener.close()
            refusal = str(error)
        else:
            listener.setblocking(False)
            return listener
    where = f"of the ports {ports[0]}-{ports[1]}" if ports else "port"
    raise StartFailed(
        f"No {where} is free on {host or 'this host'} for the line to the jobs: {refusal}.",
        field="line.ports",
        hint="Give a wider range in the profile.",
    )
