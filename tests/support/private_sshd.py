"""A private sshd on loopback addresses of this machine: a real daemon, with keys and configuration of its own.

It runs in the foreground as a child and dies with the process that started it. Works as root and as an ordinary user;
needs Debian's ``openssh-server openssh-client``, no running service, and touches no user's ``~/.ssh``.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support import leaks

SBIN = "/usr/sbin:/sbin"
READY = 20.0
"""Seconds until it must answer."""

_MINE = "DASK_STEWARD_TEST_SSHD"
"""In the environment of every session: whose it is, since several daemons may run beside each other."""

# PR_SET_PDEATHSIG = 1: the daemon dies with the thread that started it, in its own process group (no Ctrl-C for it).
_CHILD = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL); os.setpgid(0, 0);"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)
_CONFIG = """\
Port {port}
{listen}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AllowUsers {user}
MaxStartups 200
MaxSessions 50
LogLevel VERBOSE
{variables}
"""


class PrivateSshd:
    """A daemon that lives as long as its ``with`` block.

    Parameters
    ----------
    hosts : sequence of str
        Addresses that it listens on: each is a host of its own to who connects.
    variables : mapping
        What every session has in its environment.
    """

    def __init__(
        self,
        hosts: Sequence[str] = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"),
        variables: dict[str, str] | None = None,
    ) -> None:
        self.hosts = tuple(hosts)
        self.variables = dict(variables or {})
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PrivateSshd:
        self.folder = Path(tempfile.mkdtemp(prefix="dsk-sshd-", dir="/tmp"))
        self.key, self.known_hosts = self.folder / "key", self.folder / "known_hosts"
        self.make_key(self.key)
        self.make_key(self.folder / "host_key")
        (self.folder / "authorized_keys").write_text((self.folder / "key.pub").read_text())
        self.port = _free_port(self.hosts)
        self.believe()
        listen = "\n".join(f"ListenAddress {host}" for host in self.hosts)
        variables = " ".join(f"{name}={value}" for name, value in {**self.variables, _MINE: self.folder}.items())
        (self.folder / "sshd_config").write_text(
            _CONFIG.format(
                port=self.port,
                listen=listen,
                folder=self.folder,
                user=getpass.getuser(),
                variables=f"SetEnv {variables}",
            )
        )
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the daemon."""
        program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":" + SBIN)
        assert program is not None, "sshd is missing"
        if os.geteuid() == 0:
            # Compiled in; Debian's unit makes it at each boot.
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        log = open(self.folder / "sshd.log", "ab")  # noqa: SIM115
        self._daemon = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD, program, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        deadline = time.monotonic() + READY
        while not all(_answers(host, self.port) for host in self.hosts):
            assert self._daemon.poll() is None, f"sshd has ended: {self.log}"
            assert time.monotonic() < deadline, f"sshd does not answer: {self.log}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the daemon; sessions that are open go on."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def processes(self) -> list[leaks.Process]:
        """Return what Dask Steward's jobs have on its hosts: all of them, and none of another daemon's."""
        return leaks.marked("DASK_STEWARD_SSH", f"{_MINE}={self.folder}")

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "sshd.log").read_text(errors="replace")

    def make_key(self, path: Path) -> None:
        """Make a pair of keys, in place of one that is there."""
        for old in (path, path.with_name(f"{path.name}.pub")):
            old.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=20)

    def believe(self) -> None:
        """Write down the host's key for all addresses."""
        public = (self.folder / "host_key.pub").read_text().split()[:2]
        lines = (f"[{host}]:{self.port} {' '.join(public)}" for host in self.hosts)
        self.known_hosts.write_text("\n".join(lines) + "\n")

    @property
    def connect_options(self) -> dict[str, Any]:
        """How a profile reaches it."""
        return {
            "port": self.port,
            "username": getpass.getuser(),
            "client_keys": [str(self.key)],
            "known_hosts": str(self.known_hosts),
        }


def _free_port(hosts: Sequence[str]) -> int:
    with socket.socket() as probe:
        probe.bind((hosts[0], 0))
        return int(probe.getsockname()[1])


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
