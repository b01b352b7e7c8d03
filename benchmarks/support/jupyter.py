"""A Jupyter server for a measurement: with our extension, or with dask-labextension."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

REPO = Path(__file__).resolve().parents[2]
PEER = "dask-labextension"
PEER_VERSION = "7.0.0"
#: Workers of each side's clusters, of one thread.
WORKERS = 2


def peer_folder() -> Path:
    """Return a folder with dask-labextension alone, installed on the first call: all that it needs is here already."""
    folder = REPO / ".cache" / f"{PEER}-{PEER_VERSION}"
    if not (folder / "dask_labextension").is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        wanted = ["--no-deps", "--target", str(folder), f"{PEER}=={PEER_VERSION}"]
        uv = REPO / ".cache" / "uv-venv" / "bin" / "python"
        command = [str(uv), "-m", "uv", "pip"] if uv.exists() else ["uv", "pip"] if shutil.which("uv") else None
        command = command or [sys.executable, "-m", "pip"]
        subprocess.run([*command, "install", "--quiet", *wanted], check=True)
    return folder


def _labextensions() -> Path:
    return peer_folder() / "share" / "jupyter" / "labextensions"


class Server:
    """One Jupyter server, with a state of its own.

    Parameters
    ----------
    side : str
        ``ours`` or ``peer``.
    lab : bool
        Serve JupyterLab, too.
    """

    def __init__(self, side: str, *, lab: bool = False) -> None:
        self.side = side
        self.token = secrets.token_hex(8)
        self._folder = Path(tempfile.mkdtemp(prefix="dsk-b-", dir="/tmp"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self._folder / "server.log"
        self._process = self._start(lab)
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"token {self.token}"}, timeout=120, trust_env=False
        )

    def _start(self, lab: bool) -> subprocess.Popen[bytes]:
        ours = self.side == "ours"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "DASK_"))},
            "HOME": str(self._folder),
            "JUPYTER_CONFIG_DIR": str(self._folder / "config"),
            "JUPYTER_DATA_DIR": str(self._folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self._folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self._folder / "workspaces"),
            "DASK_STEWARD_STATE_DIR": str(self._folder / "state"),
            "XDG_RUNTIME_DIR": str(self._folder),
            "DASK_LABEXTENSION__DEFAULT__WORKERS": str(WORKERS),
            "DASK_LABEXTENSION__FACTORY__KWARGS": json.dumps({"threads_per_worker": 1, "n_workers": WORKERS}),
        }
        arguments = [f"--LabApp.extra_labextensions_path={_labextensions()}"] if lab and not ours else []
        if not ours:
            environment["PYTHONPATH"] = str(peer_folder())
        extensions = {"dask_steward": ours, "dask_labextension": not ours, "jupyterlab": lab}
        disabled = {} if ours else {"disabledExtensions": {"dask-steward": True}}
        (self._folder / "config" / "labconfig").mkdir(parents=True)
        (self._folder / "config" / "labconfig" / "page_config.json").write_text(json.dumps(disabled))
        settings = {"ServerApp": {"jpserver_extensions": extensions}}
        (self._folder / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
        (self._folder / "work").mkdir()
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyter",
                    "lab" if lab else "server",
                    "--no-browser",
                    "--allow-root",
                    f"--ServerApp.port={self.port}",
                    "--ServerApp.port_retries=0",
                    f"--IdentityProvider.token={self.token}",
                    f"--ServerApp.root_dir={self._folder / 'work'}",
                    *arguments,
                ],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        self.environment = environment
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/api/status?token={self.token}", trust_env=False).is_success:
                    return process
            except httpx.TransportError:
                time.sleep(0.05)
        process.kill()
        raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the answer of a call as JSON; raises what is no success."""
        answer = self.http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def start_cluster(self, number: int = 1) -> str:
        """Start a cluster and wait until all its workers are there; return its id."""
        if self.side == "peer":
            return str(self.call("PUT", "/dask/clusters")["id"])
        body = {
            "profile": "local",
            "name": f"bench-{number}",
            "tenure": "server",
            "scale": {"workers": WORKERS},
            "set": {"options.threads_per_worker": 1},
        }
        made = self.call("POST", "/dask-steward/api/clusters", body)
        while not (made["ready"] and made["workers"]["running"] == WORKERS):
            if made["state"] in ("failed", "stopped", "lost"):
                raise RuntimeError(f"the cluster is {made['state']}: {made['reason']}")
            time.sleep(0.01)
            made = self.call("GET", f"/dask-steward/api/clusters/{made['id']}")
        return str(made["id"])

    def stop_cluster(self, id: str) -> None:
        """Stop a cluster, and wait until it is gone."""
        if self.side == "peer":
            self.call("DELETE", f"/dask/clusters/{id}")
            return
        self.call("DELETE", f"/dask-steward/api/clusters/{id}")
        while self.call("GET", f"/dask-steward/api/clusters/{id}")["state"] not in ("stopped", "failed", "lost"):
            time.sleep(0.01)

    def client_code(self, id: str) -> str:
        """Return Python that makes ``client``, a client of a cluster."""
        if self.side == "peer":
            address = self.call("GET", f"/dask/clusters/{id}")["scheduler_address"]
            return f"from distributed import Client\nclient = Client({address!r})\n"
        return str(self.call("GET", f"/dask-steward/api/clusters/{id}/connect")["code"])

    def terminate(self) -> float:
        """End the server by SIGTERM; return the seconds until it was gone."""
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(180)
        return time.perf_counter() - began

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self._process.poll() is None:
            self.terminate()
        # The clusters' guards give back what the server had; their state goes when they are done with it.
        deadline = time.monotonic() + 20
        clusters = self._folder / "state" / "dask-steward" / "clusters"
        while time.monotonic() < deadline and any(not (one / "end.json").exists() for one in clusters.glob("[a-z]*")):
            time.sleep(0.05)
        shutil.rmtree(self._folder, ignore_errors=True)
