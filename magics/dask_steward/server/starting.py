"""From the body of a start to a cluster that is starting."""

from __future__ import annotations

import asyncio
import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from dask_steward.control import api
from dask_steward.control.cluster import Cluster as Handle
from dask_steward.control.one_machine import SYSTEMS as ONE_MACHINE
from dask_steward.errors import UsageError, WrongState
from dask_steward.ledger.entries import Entry
from dask_steward.profiles import ProfileStore
from dask_steward.server.kernels import Kernel, kernel_of
from dask_steward.server.kernelspecs import Interpreters
from dask_steward.server.models import Cluster, Size, Start, StartLimits
from dask_steward.server.registry import Registry
from dask_steward.server.threads import in_thread

#: Keys of which the body is remembered.
KEYS_KEPT = 1000


class Starter:
    """Start clusters for one server.

    Parameters
    ----------
    registry : Registry
        Takes up what is started.
    settings : dict
        Of the server's web application: it knows kernels and kernelspecs.
    """

    def __init__(self, registry: Registry, settings: dict[str, Any]) -> None:
        self._registry = registry
        self._settings = settings
        # One after the other: two starts at once would take the same default name.
        self._one = asyncio.Lock()
        self._bodies: OrderedDict[str, str] = OrderedDict()

    async def start(self, body: Start, key: str | None = None) -> tuple[Cluster, bool]:
        """Start a cluster; returns as soon as its keeper is being started.

        Parameters
        ----------
        body : Start
            What is asked for.
        key : str, optional
            The same key starts one cluster only, whatever becomes of it.

        Returns
        -------
        Cluster, bool
            Its card, and whether it is new.

        Raises
        ------
        StewardError
            As `dask_steward.start`; nothing was started then.
        """
        async with self._one:
            if key is not None:
                again = await self._again(key, body)
                if again is not None:
                    return again, False
            handle = await self._start(body, key)
            if key is not None:
                self._remember(key, body)
            return await self._registry.started(handle), True

    async def _again(self, key: str, body: Start) -> Cluster | None:
        known = self._bodies.get(key)
        if known is not None and known != _text(body):
            raise WrongState(
                "This Idempotency-Key has started another cluster already.", hint="Take a new key for a new start."
            )
        handle = await in_thread(api.started_with, key)
        return await self._registry.find(handle.id) if handle is not None else None

    def _remember(self, key: str, body: Start) -> None:
        self._bodies[key] = _text(body)
        while len(self._bodies) > KEYS_KEPT:
            self._bodies.popitem(last=False)

    async def _start(self, body: Start, key: str | None) -> Handle:
        given = dict(body.set or {})
        plain = await in_thread(_resolve, body.profile, given)
        if plain["system"] in ONE_MACHINE:
            raise UsageError(
                f"profile: {body.profile} is Dask's {plain['system']} scheduler, which runs in the process that "
                "computes; there is no cluster to start.",
                field="profile",
                value=body.profile,
            )
        kernel = await kernel_of(self._settings, body.kernel_id) if body.kernel_id is not None else None
        python = await self._python(body, plain, kernel)
        if python is not None:
            given["python"] = python
        tenure = _tenure(body, plain, kernel)
        size: dict[str, Any] = body.scale.units() if body.scale is not None else {}
        found = await in_thread(
            api.start,
            body.profile,
            name=body.name,
            **size,
            adapt=body.adapt.given() if body.adapt is not None else None,
            set=given,
            tenure=tenure,
            owner_pid=kernel.pid if tenure == "kernel" and kernel is not None else None,
            owner_facts=kernel.facts if tenure == "kernel" and kernel is not None else None,
            idempotency_key=key,
            wait=False,
            client_follows=False,
        )
        if not isinstance(found, Handle):  # a profile that has changed since it was resolved
            raise WrongState(f"The profile {body.profile} has just changed.", hint="Start it again.")
        return found

    async def _python(self, body: Start, plain: Mapping[str, Any], kernel: Kernel | None) -> str | None:
        """Return the interpreter to set over the profile; None where its own, or this server's, is the one."""
        interpreters = Interpreters.of(self._settings)
        if body.environment is not None:
            if "python" in (body.set or {}):
                raise UsageError("environment: set names a python, too.", field="environment", hint="Give one of them.")
            return await interpreters.python_of(body.environment)
        if plain.get("python"):
            return None
        if kernel is not None:
            # Versions of the client and its cluster are then the same.
            return await interpreters.python_of(kernel.spec)
        return await interpreters.default()


def _resolve(profile: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return ProfileStore().resolve(profile, dict(given)).expanded(os.environ).to_json()


def _tenure(body: Start, plain: Mapping[str, Any], kernel: Kernel | None) -> str:
    """Return whom a new cluster ends with."""
    if body.tenure == "process":
        raise UsageError(
            "tenure: a server starts no cluster of tenure process.",
            field="tenure",
            value="process",
            hint="Take server.",
        )
    if body.tenure == "kernel" and kernel is None:
        raise UsageError("kernel_id: a cluster of tenure kernel needs the kernel that it ends with.", field="kernel_id")
    if body.tenure is not None:
        return body.tenure
    wanted = str(plain.get("tenure") or "kernel")
    # A profile cannot know who starts it: what is to end with its starter ends with the server here.
    return "server" if wanted == "process" or (wanted == "kernel" and kernel is None) else wanted


def _text(body: Start) -> str:
    return json.dumps(body.model_dump(mode="json", exclude_none=True), sort_keys=True)


def asked_for(entry: Entry, name: str | None, kernel: Kernel | None) -> Start:
    """Return the body of a start that asks for what an ended cluster was asked for.

    The profile is taken as it is saved now: whoever tries again has often put it right.

    Parameters
    ----------
    entry : Entry
        The ended cluster.
    name : str or None
        Its name, if that is free.
    kernel : Kernel or None
        Its owner, if that still runs.
    """
    request = entry.request
    ask, limits, given = (_mapping(request.get(one)) for one in ("ask", "adapt", "set"))
    tenure = entry.tenure if entry.tenure in ("server", "detached") else None
    return Start(
        profile=str(entry.profile.get("name") or ""),
        name=name,
        scale=Size(**ask) if ask else None,
        adapt=StartLimits(**limits) if limits else None,
        tenure=tenure,  # type: ignore[arg-type]
        kernel_id=kernel.id if kernel is not None else None,
        set=given or None,
    )


def _mapping(found: Any) -> dict[str, Any]:
    return {str(name): value for name, value in found.items() if value is not None} if isinstance(found, dict) else {}
