"""Whether containers of YARN reach this machine: the ends that a cluster would open, and the script that tries them.

A cluster with ``deploy_mode: local`` opens two ports here, the line's and its scheduler's, by rules of its profile. The
probe opens ports by the same rules; the master of a tiny application tries both, and says what came of it.
"""

from __future__ import annotations

import secrets
import shlex
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distributed.comm.addressing import address_from_user_args, get_address_host, get_address_host_port
from distributed.utils import get_ip

from dask_steward.clusters import jobscript
from dask_steward.clusters.line import listen
from dask_steward.clusters.lined import ports_of
from dask_steward.clusters.reach import contact_of
from dask_steward.clusters.yarn_settings import scheduler_arguments
from dask_steward.errors import StartFailed

if TYPE_CHECKING:
    import skein

#: Names of the two ends.
LINE, SCHEDULER = "line", "scheduler"
#: Seconds for which the probe stays when it has told what it saw: long enough to read its log on its node.
REST = 20
#: Begins each line of its log that tells something.
MARK = "steward-probe "
#: Most bytes that a caller may say.
_MOST = 4096


@dataclass
class Report:
    """What is known of the ways between a container and this machine.

    Attributes
    ----------
    ends : dict
        ``host:port`` that containers would be told, by the end's name.
    seen : dict
        For an end that was tried: ``reached``, or why it was not, in the node's words.
    node : str or None
        Where the container ran.
    whole : bool
        The container has told all it had to tell.
    """

    ends: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    node: str | None = None
    whole: bool = False

    def take(self, line: str) -> None:
        """Take in one thing that the container says."""
        name, _, what = line.strip().partition(" ")
        if name == "end":
            self.node, self.whole = what, True
        elif name == "hello":
            self.node = what
        elif name in self.ends:
            self.seen[name] = what

    def read(self, log: str) -> None:
        """Take in what the container's log says, where its calls do not come here."""
        for line in log.splitlines():
            if line.startswith(MARK):
                self.take(line.removeprefix(MARK))


class Ends:
    """Both ends, listening, as a cluster of a profile would listen.

    Parameters
    ----------
    profile : mapping
        Resolved: its ``options`` and ``line`` say where.

    Raises
    ------
    StartFailed
        If a port is taken, or an address is none of this machine's.
    """

    def __init__(self, profile: Mapping[str, Any]) -> None:
        own = scheduler_arguments(profile.get("options") or {})
        line = profile.get("line") or {}
        self.secret, self.word = secrets.token_hex(16), secrets.token_hex(8)
        self.report = Report()
        self._sockets: list[socket.socket] = []
        try:
            address, scheduler = _scheduler(own)
            self._sockets.append(scheduler)
            bind = get_address_host(address) if "interface" in own else ""
            listener = listen(bind, ports_of(line.get("ports")))
            self._sockets.append(listener)
        except BaseException:
            self.close()
            raise
        host, port = get_address_host_port(contact_of(address, own.get("contact_address")))
        ends = {
            LINE: (line.get("host") or get_address_host(address), listener.getsockname()[1]),
            SCHEDULER: (host, port),
        }
        self._tries = [f"steward_try {name} {shlex.quote(host)} {port}" for name, (host, port) in ends.items()]
        self.report.ends = {name: f"{host}:{port}" for name, (host, port) in ends.items()}
        for one in self._sockets:
            one.setblocking(True)
            threading.Thread(target=self._serve, args=(one,), daemon=True, name="dask-steward-probe").start()

    def script(self) -> str:
        """Return what the master of the application runs."""
        return jobscript.shell("yarn_probe.sh").substitute(
            secret=self.secret,
            word=self.word,
            tries="\n".join(self._tries),
            rest=REST,
            unreachable=jobscript.UNREACHABLE,
        )

    def close(self) -> None:
        """Listen no more."""
        for one in self._sockets:
            # A blocked accept does not notice a close.
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._hear, args=(caller,), daemon=True).start()

    def _hear(self, caller: socket.socket) -> None:
        """Take in what a caller says that knows the secret."""
        with caller, caller.makefile("rb") as lines:
            caller.settimeout(REST)
            try:
                for raw in iter(lambda: lines.readline(_MOST), b""):
                    told, _, line = raw.decode("utf-8", "replace").partition(" ")
                    if not secrets.compare_digest(told.encode(), self.secret.encode()):
                        return
                    self.report.take(line)
                    caller.sendall(f"{self.word}\n".encode())
            except OSError:
                return


def specification(of: skein.ApplicationSpec, tag: str, script: str) -> skein.ApplicationSpec:
    """Return the application of a probe: in the queue, and as the user, of a profile's own."""
    import skein

    return skein.ApplicationSpec(
        name=f"{tag} (probe)",
        queue=of.queue,
        user=of.user,
        node_label=of.node_label,
        file_systems=of.file_systems,
        tags={tag},
        max_attempts=1,
        master=skein.Master(script=script),
    )


def reaches(address: str, limit: float) -> str | None:
    """Connect to ``host:port`` from here; return why that is not possible, None where it is."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), limit).close()
    except TimeoutError:
        return f"no answer within {limit:g} s"
    except OSError as error:
        return error.strerror or str(error)
    return None


def _scheduler(own: Mapping[str, Any]) -> tuple[str, socket.socket]:
    """Listen where the scheduler would; return the address that it would call its own, too."""
    given = {name: own[name] for name in ("host", "interface", "port") if own.get(name)}
    try:
        host, port = "", int(own.get("port") or 0)
        if "host" in given or "interface" in given:
            found = address_from_user_args(protocol="tcp", **{**given, "port": port})
            host, port = get_address_host_port(found)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, ValueError, TypeError) as error:
        where = ", ".join(f"{name} {value}" for name, value in given.items())
        why = getattr(error, "strerror", None) or error
        raise StartFailed(
            f"The scheduler cannot listen{f' on {where}' if where else ''}: {why}.",
            hint="Look at the profile's host, interface and port.",
        ) from error
    return f"tcp://{host or get_ip()}:{listener.getsockname()[1]}", listener
