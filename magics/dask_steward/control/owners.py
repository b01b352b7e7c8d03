"""What a cluster belongs to."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from dask_steward.errors import UsageError
from dask_steward.ledger.entries import TENURES
from dask_steward.ledger.identity import ProcessIdentity


def owner_of(
    tenure: str, pid: int | None, *, limited: bool, facts: Mapping[str, str | None] | None = None
) -> dict[str, Any] | None:
    """Return the owner as the ledger holds it; None for a detached cluster.

    Parameters
    ----------
    tenure : str
        ``kernel``, ``server``, ``process`` or ``detached``.
    pid : int or None
        The owning process; by default the calling one.
    limited : bool
        Whether the profile has an idle time-out or a time to live.
    facts : mapping, optional
        What else is known of it: ``kernel_id``, ``session``; by default what this process knows of itself where it is
        the owner.

    Raises
    ------
    UsageError
        If the tenure is unknown, a detached cluster has no limit, or the process is not there.
    """
    if tenure not in TENURES:
        raise UsageError(f"tenure: {tenure!r} is none of {', '.join(TENURES)}.", field="tenure", value=tenure)
    if tenure == "detached":
        if pid is not None:
            raise UsageError("A detached cluster has no owner; leave out the owner's process.", field="owner_pid")
        if not limited:
            raise UsageError(
                "tenure: detached needs idle_timeout or time_to_live: nothing else would ever end the cluster.",
                field="tenure",
                value=tenure,
                hint='For example set idle_timeout to "30 min".',
            )
        return None
    try:
        identity = ProcessIdentity.of(os.getpid() if pid is None else pid)
    except (ProcessLookupError, ValueError) as error:
        raise UsageError(f"owner_pid: no process {pid} runs on this host.", field="owner_pid", value=pid) from error
    if facts is None:
        facts = kernel_facts() if identity.pid == os.getpid() else {}
    known = {name: facts.get(name) for name in ("kernel_id", "session")}
    return {"kind": tenure, **identity.to_json(), **known}


def kernel_facts() -> dict[str, str | None]:
    """Return ``kernel_id`` and ``session`` (the notebook's path) of this process, where it is a kernel of a server."""
    application = getattr(sys.modules.get("ipykernel.kernelapp"), "IPKernelApp", None)
    if application is None or not application.initialized():
        return {}
    # Jupyter's servers name the file after the kernel's id; a kernel that somebody started by hand has another name.
    name = os.path.basename(str(application.instance().connection_file))
    id = name.removeprefix("kernel-").removesuffix(".json")
    return {"kernel_id": id if name == f"kernel-{id}.json" else None, "session": os.environ.get("JPY_SESSION_NAME")}
