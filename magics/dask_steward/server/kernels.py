"""The kernels of this server, as owners of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from dask_steward.errors import UsageError


@dataclass(frozen=True)
class Kernel:
    """One kernel of this server.

    Attributes
    ----------
    id : str
        Its id.
    pid : int
        Its process: a cluster that belongs to it goes with that process, however it ends.
    spec : str
        Name of its kernelspec.
    session : str or None
        Path of the notebook that it runs for, where it runs for one.
    """

    id: str
    pid: int
    spec: str
    session: str | None

    @property
    def facts(self) -> dict[str, str | None]:
        """What faces show of it."""
        return {"kernel_id": self.id, "session": self.session}


async def kernel_of(settings: dict[str, Any], id: str) -> Kernel:
    """Return a kernel of this server.

    Parameters
    ----------
    settings : dict
        Of the server's web application.
    id : str
        The kernel's id.

    Raises
    ------
    UsageError
        If there is no such kernel, or it runs where this server does not see its process.
    """
    manager = settings["kernel_manager"]
    try:
        known = manager.get_kernel(id) if id in manager else None
    except KeyError:
        known = None
    if known is None:
        raise UsageError(
            f"kernel_id: no kernel {id!r} runs in this server.", field="kernel_id", value=id, hint="Start it first."
        )
    # A kernel of a remote provisioner or of a gateway has no process on this host.
    pid = getattr(getattr(known, "provisioner", None), "pid", None)
    if not isinstance(pid, int) or pid <= 0:
        raise UsageError(
            f"kernel_id: the process of kernel {id!r} is not on this host, so its end would not be seen.",
            field="kernel_id",
            value=id,
            hint="Take the tenure server or detached.",
        )
    return Kernel(id, pid, str(getattr(known, "kernel_name", "")), await _session(settings, id))


async def _session(settings: dict[str, Any], id: str) -> str | None:
    try:
        found = await ensure_async(settings["session_manager"].get_session(kernel_id=id))
    except (HTTPError, KeyError):
        return None  # a kernel that nobody opened a notebook for
    path = found.get("path") if isinstance(found, dict) else None
    return str(path) if path else None
