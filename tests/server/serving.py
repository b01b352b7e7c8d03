"""A real Jupyter server with our extension, in a process and folders of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

#: Seconds for a server to come up on a busy machine, and for an answer.
LIMIT = 60.0
#: Seconds for a server to come up: beside other tests its imports alone take a minute.
UP_LIMIT = 200.0

#: Extensions that happen to be installed; they take seconds to load.
_OTHERS = ("jupyter_lsp", "jupyter_server_proxy", "jupyter_server_terminals", "jupyterlab", "notebook", "notebook_shim")


class Server:
    """A running Jupyter server.

    Parameters
    ----------
    folder : Path
        For its configuration and its log; short, since sockets may be beside it.
    config : mapping, optional
        Traits over the usual ones, such as ``{"ServerApp": {"allow_unauthenticated_access": True}}``.
    extensions : sequence of str
        Server extensions beside ours.
    python : str, optional
        The interpreter that it runs in.
    base_url : str
        Where it is mounted.
    environment : mapping, optional
        Variables over those of the test.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        extensions: Sequence[str] = (),
        python: str = sys.executable,
        base_url: str = "/user/ann/",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.token = secrets.token_hex(8)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{base_url}"
        self.log = folder / "server.log"
        traits: dict[str, dict[str, Any]] = {
            "ServerApp": {
                "port": self.port,
                "port_retries": 0,
                "open_browser": False,
                "allow_root": True,
                "base_url": base_url,
                "root_dir": str(folder),
                "jpserver_extensions": {
                    **dict.fromkeys(_OTHERS, False),
                    **dict.fromkeys((*extensions, "dask_steward"), True),
                },
                "allow_unauthenticated_access": False,
            },
            "IdentityProvider": {"token": self.token},
        }
        for name, values in (config or {}).items():
            traits.setdefault(name, {}).update(values)
        file = folder / "jupyter_server_config.json"
        file.write_text(json.dumps(traits))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [python, "-m", "jupyter_server", f"--config={file}", "--debug"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self.http = self.client()
        self._wait()

    def client(self, *, token: str | None = None, **headers: str) -> httpx.Client:
        """Return a client of the interface; an empty `token` for somebody whom nobody knows."""
        token = self.token if token is None else token
        if token:
            headers["Authorization"] = f"token {token}"
        return httpx.Client(base_url=f"{self.url}dask-steward/api/", headers=headers, timeout=LIMIT, trust_env=False)

    def text(self) -> str:
        """Return what the server has logged."""
        return self.log.read_text(errors="replace")

    def _wait(self) -> None:
        deadline = time.monotonic() + UP_LIMIT
        while True:
            try:
                if self.http.get(f"{self.url}api/status").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise AssertionError(f"the server did not come up:\n{self.text()}")
            time.sleep(0.05)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End the server, and wait until it has ended."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(by)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def folder_for(name: str) -> Path:
    """Return a new folder with a short path."""
    return Path(tempfile.mkdtemp(prefix=f"dsk-{name}-", dir="/tmp"))
