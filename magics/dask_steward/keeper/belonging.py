"""What a cluster is called and to whom it belongs: both can change while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any

from dask_steward.errors import StartFailed, StateFolderError, StewardError, UsageError
from dask_steward.keeper.ends import Ends
from dask_steward.keeper.facts import Facts
from dask_steward.keeper.guardian import Guardian
from dask_steward.keeper.request import Request
from dask_steward.ledger.entries import TENURES, list_entries, owner_json
from dask_steward.ledger.identity import ALIVE, ProcessIdentity, host
from dask_steward.ledger.names import check_name

logger = logging.getLogger(__name__)


class Belonging:
    """Name, tenure and owner of one cluster.

    Parameters
    ----------
    request : Request
        What they were at the start.
    facts : Facts
        Where a change is written down.
    guardian : Guardian
        Its guard watches the owner.
    ends : Ends
        A cluster that belongs to nobody must end by one of its limits.

    Attributes
    ----------
    name, tenure : str
        As they are now.
    """

    def __init__(self, request: Request, facts: Facts, guardian: Guardian, ends: Ends) -> None:
        self.name, self.tenure = request.name, request.tenure
        self._owner = request.owner
        self._id, self._folder = request.id, request.folder
        self._facts, self._guardian, self._ends = facts, guardian, ends
        self._giving = asyncio.Lock()

    def owner_json(self) -> dict[str, Any] | None:
        """Return the owner as every face shows it; None for a detached cluster."""
        return owner_json(self._owner)

    async def rename(self, given: object) -> None:
        """Take another name.

        Raises
        ------
        UsageError
            If it is no name, or another living cluster has it.
        StateFolderError
            If it cannot be written down.
        """
        found, _ = await asyncio.to_thread(list_entries, os.path.dirname(self._folder))
        name = check_name(given, {one.name for one in found if not one.ended and one.id != self._id})
        self._write(name=name)
        self.name = name

    async def give(self, given: Mapping[str, Any]) -> None:
        """Give the cluster to another owner; one of the two guards watches at every moment.

        Parameters
        ----------
        given : mapping
            ``tenure``; ``owner``, a process with ``kernel_id`` and ``session``, or None for ``detached``;
            ``idle_timeout`` in seconds, instead of the one that it has.

        Raises
        ------
        UsageError
            If one of them is wrong, or nothing would ever end the cluster.
        StateFolderError, StewardError
            If it cannot be written down, or no other guard comes up: the cluster stays whose it was.
        """
        tenure, owner, idle_timeout = self._checked(given)
        async with self._giving:
            before = {"tenure": self.tenure, "owner": self._owner or None}
            self._write(tenure=tenure, owner=owner or None)
            try:
                await self._guardian.renew()
            except (OSError, StartFailed, ProcessLookupError) as error:
                logger.error("no guard for the new owner: %s", error)
                self._write(**before)
                raise StewardError(
                    f"{self.name} stays whose it was: no guard could be started for its new owner ({error}).",
                    cluster=self._id,
                ) from error
            self.tenure, self._owner = tenure, owner
            if idle_timeout is not None:
                self._ends.idle_timeout = idle_timeout
        logger.info("belongs to %s (%s) now", owner.get("pid", "nobody"), tenure)

    def _checked(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any], float | None]:
        tenure, idle_timeout = given.get("tenure"), given.get("idle_timeout")
        if tenure not in TENURES:
            raise UsageError(f"tenure: {tenure!r} is none of {', '.join(TENURES)}.", field="tenure", value=tenure)
        number = isinstance(idle_timeout, int | float) and not isinstance(idle_timeout, bool) and idle_timeout > 0
        if idle_timeout is not None and not number:
            raise UsageError(
                f"idle_timeout: {idle_timeout!r} is no number of seconds.", field="idle_timeout", value=idle_timeout
            )
        if tenure == "detached":
            if given.get("owner") is not None:
                raise UsageError("A detached cluster has no owner.", field="owner")
            if not (idle_timeout or self._ends.idle_timeout or self._ends.time_to_live):
                raise UsageError(
                    "tenure: detached needs idle_timeout or time_to_live: nothing else would ever end the cluster.",
                    field="tenure",
                    value=tenure,
                    hint='For example give an idle_timeout of "30 min", too.',
                )
            return tenure, {}, idle_timeout
        return tenure, _owner(tenure, given.get("owner")), idle_timeout

    def _write(self, **values: Any) -> None:
        try:
            self._facts.change(**values)
        except OSError as error:
            raise StateFolderError(
                f"The state folder cannot be written ({error.strerror or error}), so nothing was changed.",
                hint="Make room, then try again.",
                cluster=self._id,
            ) from error


def _owner(tenure: str, given: object) -> dict[str, Any]:
    """Return an owner as the ledger holds it: a process that lives on this host, where a guard can watch it."""
    found = given if isinstance(given, Mapping) else {}
    process = ProcessIdentity.from_json(found)
    if process is None:
        raise UsageError("owner: must be a process: host, boot_id, pid and start_time.", field="owner")
    if process.state() != ALIVE:
        raise UsageError(
            f"owner: no such process, {process.pid} of {process.host}, runs on {host()}, where the cluster is kept.",
            field="owner",
            value=process.pid,
        )
    for name in ("kernel_id", "session"):
        if not isinstance(found.get(name), str | None):
            raise UsageError(f"owner.{name} must be text.", field=f"owner.{name}")
    return {"kind": tenure, **process.to_json(), **{name: found.get(name) for name in ("kernel_id", "session")}}
