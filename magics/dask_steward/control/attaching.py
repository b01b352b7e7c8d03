"""Attach to a scheduler that somebody else owns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dask_steward.control import api, launch
from dask_steward.control.applications import cluster_of, is_application
from dask_steward.control.cluster import Cluster
from dask_steward.errors import UsageError

#: The profile that is there without any file.
PROFILE = "address"


def attach(
    address: str | None = None,
    *,
    scheduler_file: str | None = None,
    tls: Mapping[str, str] | None = None,
    profile: str = PROFILE,
    name: str | None = None,
    set: Mapping[str, Any] | None = None,
    **options: Any,
) -> Cluster:
    """Attach to a scheduler that somebody else owns: it is used and shown, and never stopped, scaled or restarted.

    Parameters
    ----------
    address : str, optional
        Its address, such as ``tcp://localhost:8786``, or the application of YARN that it runs in
        (``application_1795256476310_0001``), as dask-yarn and programs like it start one.
    scheduler_file : str, optional
        The file in which it has written its address, instead.
    tls : mapping, optional
        Paths of ``ca``, ``cert`` and ``key``, where it speaks TLS; by default those of Dask's configuration.
    profile : str
        A saved profile of ``system: address``, which may say all of this.
    name : str, optional
        Name for people; by default the address without its scheme.
    set : mapping, optional
        Further fields over the profile, as for `start`.
    **options
        ``tenure``, ``owner_pid``, ``wait``, ``asynchronous``, ``on_progress`` … as for `start`.

    Returns
    -------
    Cluster
        Its ``close``, and the end of its owner, detaches: the scheduler itself goes on.

    Raises
    ------
    UsageError, ProfileError
        Something that was given is wrong.
    StartFailed
        Nobody listens there, something else does, its TLS or its Dask is another one: in one sentence.
    """
    given, name = fields_of(address, scheduler_file, tls, name)
    found = api.start(profile, name=name, set={**given, **(set or {})}, **options)
    if not isinstance(found, Cluster) or not found.foreign:
        if isinstance(found, Cluster):
            found.close()
        raise UsageError(
            f"profile: {profile} is no scheduler of somebody else.", field="profile", value=profile, hint="Start it."
        )
    return found


def refuse_own(application: str) -> None:
    """Raise where an application is one of our clusters: it is not somebody else's.

    Raises
    ------
    UsageError
        That says which one it is.
    """
    own = cluster_of(application)
    if own is not None:
        raise UsageError(
            f"{application} is your own cluster {own.name}.",
            field="address",
            value=application,
            hint=f"Use that one: ds.get({own.id!r}), or `dask-steward connect {own.id}`.",
        )


def fields_of(
    address: str | None,
    scheduler_file: str | None,
    tls: Mapping[str, str] | None = None,
    name: str | None = None,
) -> tuple[dict[str, Any], str | None]:
    """Return what an attach sets over its profile, and the name that people see.

    Raises
    ------
    UsageError
        If both places are given, or a part of `tls` is not known, or the application is a cluster of ours.
    """
    if address is not None and scheduler_file is not None:
        raise UsageError("A scheduler has one place: give its address or its scheduler file.", field="address")
    if is_application(address):
        refuse_own(str(address))
    given: dict[str, Any] = {}
    if address is not None:
        given["options.application" if is_application(address) else "options.address"] = address
    if scheduler_file is not None:
        # Relative to whoever asks: a keeper may have another folder.
        given["options.scheduler_file"] = os.path.abspath(os.path.expanduser(scheduler_file))
    for part, path in (tls or {}).items():
        if part not in ("ca", "cert", "key"):
            raise UsageError(f"tls: {part!r} is none of ca, cert, key.", field="tls", value=part)
        given[f"options.tls.{part}"] = os.path.abspath(os.path.expanduser(path))
    if name is None and given:
        plain = address.partition("://")[2] or address if address else os.path.basename(scheduler_file or "")
        name = launch.default_name(plain[:60].replace("/", "-"), {one.name for one in api._living()})
    return given, name
