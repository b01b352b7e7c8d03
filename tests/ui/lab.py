"""A real JupyterLab on a private port, with everything that it keeps in folders of its own.

What it starts carries a mark in its environment, by which everything is found again: the server, its kernels, keepers,
guards and workers.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import leaks
from tests.support.installed import Installed

MARK = "DASK_STEWARD_TEST_LAB"
"""In the environment of everything that one JupyterLab started."""

UP = 120.0
"""Seconds until the server must answer; 1.5 s is usual."""

PATIENCE = 40.0
"""Seconds within which what must happen has to happen, on a busy machine."""

QUIET = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": False,
    },
    # A tour of the keyboard must not meet hints; pictures must not depend on the machine's own theme.
    "@jupyterlab/apputils-extension/themes.jupyterlab-settings": {"adaptive-theme": False},
    "@jupyterlab/docmanager-extension/plugin.jupyterlab-settings": {"autosave": False},
}
"""Settings without which JupyterLab asks a person questions, or asks the network."""

SMALL = """\
title: Small
system: local
description: Two workers of one thread each.
launcher: true
idle_timeout: 30 min
scale: {workers: 2}
options: {threads_per_worker: 1, memory_limit: 400 MB}
"""


def until(done: Callable[[], Any], timeout: float = PATIENCE, every: float = 0.05) -> Any:
    """Wait until `done` returns something true, and return that. Not for what happens in a page."""
    deadline = time.monotonic() + timeout
    while not (found := done()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {done}")
        time.sleep(every)
    return found


class Lab:
    """One JupyterLab.

    Parameters
    ----------
    installed : Installed
        Where it is installed.
    environment : dict of str to str, optional
        More environment variables.
    config : dict, optional
        More of ``jupyter_server_config.json``.
    profiles : dict of str to str, optional
        Profile files by name; a local one of two workers unless given.
    """

    def __init__(
        self,
        installed: Installed,
        environment: dict[str, str] | None = None,
        config: dict[str, dict[str, Any]] | None = None,
        profiles: dict[str, str] | None = None,
    ) -> None:
        self.installed = installed
        # Short, since a unix socket's path holds 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="dsk-u", dir="/tmp"))
        self.mark = uuid.uuid4().hex
        self.token = uuid.uuid4().hex
        self.port = 0
        self.notebooks = self.folder / "notebooks"
        self.log = self.folder / "lab.log"
        self.process: subprocess.Popen[bytes] | None = None
        folders = {
            "HOME": "home",
            "DASK_STEWARD_STATE_DIR": "state",
            "XDG_RUNTIME_DIR": "run",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "jupyter-run",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
            "DASK_CONFIG": "dask",
        }
        for folder in (*folders.values(), "notebooks"):
            (self.folder / folder).mkdir(mode=0o700)
        foreign = ("SLURM_", "JPY_", "JUPYTER", "VIRTUAL_ENV", "PYTHONPATH")
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
            "PATH": installed.path,
            **{name: str(self.folder / folder) for name, folder in folders.items()},
            **(environment or {}),
            MARK: self.mark,
        }
        self.profiles = self.folder / "config" / "dask_profiles"
        self.profiles.mkdir()
        for name, text in ({"small": SMALL} if profiles is None else profiles).items():
            (self.profiles / f"{name}.yaml").write_text(text)
        self._configure(config or {})

    def _configure(self, config: dict[str, dict[str, Any]]) -> None:
        ours: dict[str, dict[str, Any]] = {
            "ServerApp": {
                "ip": "127.0.0.1",
                "open_browser": False,
                "allow_root": True,
                "root_dir": str(self.notebooks),
                "port_retries": 0,
                # They look for language servers and shells, which takes longer than all the rest.
                "jpserver_extensions": {"jupyter_lsp": False, "jupyter_server_terminals": False},
            },
            "IdentityProvider": {"token": self.token},
        }
        for section, values in config.items():
            ours.setdefault(section, {}).update(values)
        folder = self.folder / "config"
        (folder / "jupyter_server_config.json").write_text(json.dumps(ours))
        # A test can then call commands in the page, and wait for what it cannot see.
        apps: dict[str, dict[str, dict[str, Any]]] = {
            # Nor is a registry of packages asked for extensions.
            "lab": {"LabApp": {"expose_app_in_browser": True, "extension_manager": "readonly"}},
            "notebook": {"JupyterNotebookApp": {"expose_app_in_browser": True}},
        }
        for name, values in apps.items():
            (folder / f"jupyter_{name}_config.json").write_text(json.dumps(values))
        for name, settings in QUIET.items():
            self.set_settings(name, settings)

    def set_settings(self, name: str, settings: dict[str, Any]) -> None:
        """Write a user's settings, as the settings editor does: ``dask-steward/plugin``."""
        path = self.folder / "settings" / f"{name.removesuffix('.jupyterlab-settings')}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))

    # --- life ---

    def start(self) -> Lab:
        """Start the server, on the port that it had before, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.installed.program("jupyter"), "lab", f"--ServerApp.port={self.port}"],
                env=self.env,
                cwd=self.notebooks,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + UP
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not come up:\n{self.words()[-4000:]}")
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        facts = self.folder / "jupyter-run" / f"jpserver-{self.process.pid}.json"
        try:
            self.port = json.loads(facts.read_text())["port"]
            self.ask("/api/status")
        except (OSError, ValueError):
            return False
        return True

    def kill(self) -> None:
        """End the server as a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self, limit: float = 15.0) -> None:
        """End the server as a person or a system does."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not end within {limit:g} s:\n{self.words()[-3000:]}") from None
        finally:
            self.process = None

    def close(self) -> None:
        """End everything that this JupyterLab started, and fail if something was left that should not have been."""
        try:
            self.stop()
            self.cli("stop", "--all", check=False)
            left = self.left()
        finally:
            leaks.kill_marked(f"{MARK}={self.mark}")
            shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, f"left behind (now killed): {left}"

    def left(self, limit: float = 10.0) -> list[str]:
        """Return the processes that are still there after a while."""
        deadline = time.monotonic() + limit
        while (found := leaks.marked(f"{MARK}={self.mark}")) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [str(process) for process in found]

    def interrupt(self) -> None:
        """Let the server stand still: it holds its port and answers nobody."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a server that stands still go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    # --- asking and telling ---

    def words(self) -> str:
        """Return what the server has logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def url(self, path: str) -> str:
        """Return an address of this server, with the right to use it."""
        return f"http://127.0.0.1:{self.port}{path}{'&' if '?' in path else '?'}token={self.token}"

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the server as a program does; the answer's JSON, or None where it has no body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.code} {error.read()[:2000]!r}") from None
        return json.loads(text) if text else None

    def api(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the extension: ``api("clusters")``."""
        return self.ask(f"/dask-steward/api/{path}", method, body)

    def cli(self, *arguments: str, check: bool = True) -> Any:
        """Run ``dask-steward … --json`` as a person does in a shell; return what it printed."""
        done = self.installed.run("dask-steward", *arguments, "--json", env=self.env, limit=90)
        if check:
            assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        with contextlib.suppress(ValueError):
            return json.loads(done.stdout)
        return None

    def stop_clusters(self) -> None:
        """End every cluster of this JupyterLab, so that the next test finds none."""
        if self.process is None:
            self.cli("stop", "--all", check=False)
        else:
            # By the server, which runs already: a command would take longer to begin than most have to do.
            until(self._none_is_left, every=0.1)

    def _none_is_left(self) -> bool:
        """Stop the clusters that live, take those that have ended off the list; return whether it is empty."""
        found = self.api("clusters")["clusters"]
        for one in found:
            if one["state"] != "stopping":
                self.api(f"clusters/{one['id']}", "DELETE")
        return not found
