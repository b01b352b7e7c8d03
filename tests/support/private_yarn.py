"""A private YARN on this machine: a real ResourceManager and real NodeManagers, for tests and benchmarks.

The daemons run in the foreground as children, so that they are reaped at once and die with the process that started
them. Works as root and as an ordinary user; needs Java 17 and the jars that ``scripts/setup.sh system`` fetches, no
Hadoop distribution, no HDFS, no network but loopback. Containers run as the user of the tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support import leaks, yarn_conf
from tests.support.slurm_conf import free_ports
from tests.support.yarn_rest import ENDED, Application, YarnRest

READY = 60.0
"""Seconds until all nodes must be active; 4 s is usual, but a busy machine is not."""

# PR_SET_PDEATHSIG = 1: a daemon dies with the thread that started it, in its own process group (no Ctrl-C for it).
_CHILD = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL); os.setpgid(0, 0);"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)
_MAIN = {
    "rm": "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
    "nm": "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
}


class PrivateYarn(YarnRest):
    """A YARN that lives as long as its ``with`` block.

    Parameters
    ----------
    **knobs
        As in `yarn_conf.Knobs`: nodes, memory, vcores, recovery, expiry, resourcemanagers, am_share, and more
        properties as ``site``, ``core`` and ``scheduler``.
    """

    def __init__(self, **knobs: object) -> None:
        super().__init__()
        self.knobs = yarn_conf.Knobs(**knobs)  # type: ignore[arg-type]
        self.leaked: list[str] = []
        """After the end: what had to be killed although no container should have been left."""
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._arguments: dict[str, list[str]] = {}

    # --- life ---

    def __enter__(self) -> PrivateYarn:
        self.folder = Path(tempfile.mkdtemp(prefix="dsk-yarn-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.conf = self.folder / "conf"
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", leaks.__file__, f"HADOOP_CONF_DIR={self.conf}", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != "HADOOP_CONF_DIR"},
        )
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        for name in ("agg", "log", "state", "tmp", "skein", "dfs/tmp", "dfs/user"):
            (self.folder / name).mkdir(parents=True)
        for name in ("agg", "tmp", "dfs/tmp", "dfs/user"):
            (self.folder / name).chmod(0o1777)
        (self.folder / "skein").chmod(0o700)
        ids, nodes = self.knobs.rm_ids, range(1, self.knobs.nodes + 1)
        ports = free_ports(5 * len(ids) + 4 * len(nodes))
        yarn_conf.write(self.folder, self.knobs, ports)
        scheme = "https" if self.knobs.https else "http"
        self._webs = [f"{scheme}://127.0.0.1:{ports[5 * i + 4]}" for i in range(len(ids))]
        self.certificate = self.folder / "ca.pem" if self.knobs.https else None
        self.signs = yarn_conf.SECRET if self.knobs.kerberos else None
        self.web = self._webs[0]
        for id in ids:
            self._arguments[id] = [] if id == "rm" else [f"-Dyarn.resourcemanager.ha.id={id}"]
        for number in nodes:
            first = 5 * len(ids) + 4 * (number - 1)
            self._arguments[f"nm{number}"] = yarn_conf.node_options(
                self.folder, number, ports[first : first + 4], https=self.knobs.https
            )
        for name in self._arguments:
            self._daemon(name)
        if len(ids) > 1:
            self.make_active(ids[0])
        self._until("nodes", lambda: self.active_nodes() >= len(nodes))

    def __exit__(self, *exc: object) -> None:
        left: list[leaks.Process] = []
        if self._running("nm1") and any(self._running(id) for id in self.knobs.rm_ids):
            self.ensure_up()
            self.clear()
            left = self.containers()
        for daemon in self._daemons.values():
            daemon.kill()
            daemon.wait()
        killed, _ = self._reaper.communicate("")
        self.leaked = [*map(str, left), *killed.splitlines()]

    def _daemon(self, name: str) -> None:
        java = yarn_conf.java_home()
        assert java is not None, yarn_conf.missing()
        home = self.folder
        with (home / "log" / f"{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _CHILD, str(java / "bin" / "java")),
                    *yarn_conf.JVM,
                    *("-Xmx256m", "-Droot.level=INFO", f"-Dyarn.log.dir={home}/log", f"-Dhadoop.log.dir={home}/log"),
                    *(f"-Djava.io.tmpdir={home}/tmp", "-cp", f"{self.conf}:{yarn_conf.LIB}/*", _MAIN[name[:2]]),
                    *self._arguments[name],
                ],
                env=self.env,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _running(self, name: str) -> bool:
        daemon = self._daemons.get(name)
        return daemon is not None and daemon.poll() is None

    def _until(self, what: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY
        while not done():
            dead = [name for name, daemon in self._daemons.items() if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise RuntimeError(f"private YARN: {what} did not come up; ended: {dead}\n{self.logs()}")
            time.sleep(0.05)

    def logs(self) -> str:
        """Return the last words of all daemons."""
        paths = sorted((self.folder / "log").glob("*.log"))
        return "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[-2000:]}" for path in paths)

    # --- asking and telling ---

    @property
    def env(self) -> dict[str, str]:
        """The environment by which commands, skein and Dask Steward find this YARN."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HADOOP_", "YARN_"))}
        path = os.environ.get("PATH", os.defpath).split(os.pathsep)
        ours = str(self.folder / "bin")
        return {
            **clean,
            "JAVA_HOME": str(yarn_conf.java_home()),
            "HADOOP_CONF_DIR": str(self.conf),
            "YARN_CONF_DIR": str(self.conf),
            "SKEIN_CONFIG": str(self.folder / "skein"),
            "PATH": os.pathsep.join([ours, *(one for one in path if one != ours)]),
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of this YARN, such as ``yarn node -list``: a JVM of half a second."""
        done = subprocess.run(
            [str(self.folder / "bin" / arguments[0]), *arguments[1:]],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def containers(self, application: str | None = None) -> list[leaks.Process]:
        """Return the processes of containers, of one application or of all."""
        number = (application or "application_").removeprefix("application")
        found = leaks.marked(f"HADOOP_CONF_DIR={self.conf}", "CONTAINER_ID")
        ids = {one.pid for one in found if number in one.environment.get("CONTAINER_ID", number)}
        return [one for one in found if one.pid in ids or one.parent in ids]

    def staging(self) -> list[str]:
        """Return the staging folders of skein that are left on the file system, by application id."""
        return sorted(path.name for path in self.folder.glob("dfs/user/*/.skein/application_*"))

    # --- faults ---

    def kill(self, name: str) -> None:
        """Kill a daemon, such as ``rm`` or ``nm2``, with SIGKILL."""
        daemon = self._daemons.pop(name)
        daemon.kill()
        daemon.wait()

    def start(self, name: str, *, wait: bool = True) -> None:
        """Start a daemon that was killed, and wait until all that should be there are active."""
        self._daemon(name)
        if wait:
            self._until(name, self._whole)

    def freeze(self, name: str) -> None:
        """Stop a daemon where it stands: what asks it hangs."""
        self._daemons[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen daemon go on."""
        self._daemons[name].send_signal(signal.SIGCONT)

    def make_active(self, id: str) -> None:
        """Make one of a pair the active ResourceManager, and the other one the standby."""
        others = [one for one in self.knobs.rm_ids if one != id]
        for other in others:
            if self._running(other):
                self.run("yarn", "rmadmin", "-transitionToStandby", other, check=False)
        deadline = time.monotonic() + READY
        while (
            done := self.run("yarn", "rmadmin", "-transitionToActive", "--forceactive", id, check=False)
        ).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"private YARN: {id} does not become active: {done.stderr}\n{self.logs()}")
        self.web = self._webs[self.knobs.rm_ids.index(id)]

    def _whole(self) -> bool:
        expected = sum(self._running(f"nm{number}") for number in range(1, self.knobs.nodes + 1))
        return self.active_nodes() >= expected

    def ensure_up(self) -> None:
        """Undo what a test did to the daemons."""
        for name in self._arguments:
            if self._running(name):
                self.thaw(name)
            else:
                self.start(name, wait=False)
        self._until("all", lambda: self.active_nodes() >= self.knobs.nodes)

    def clear(self, timeout: float = 30.0) -> list[Application]:
        """Kill all applications and wait until their processes are gone; return those of ours that were left."""
        alive = [one for one in self.applications() if one.state not in ENDED]
        ours = [one for one in alive if one.is_ours and one.id not in self.foreign]
        deadline = time.monotonic() + timeout
        while left := [one for one in self.applications() if one.state not in ENDED]:
            for one in left:
                self.kill_application(one.id, user=one.user)
            if time.monotonic() > deadline:
                raise TimeoutError(f"still there after {timeout:g} s: {left}\n{self.logs()}")
            time.sleep(0.05)
        while alive and self.containers() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.foreign.clear()
        return ours
