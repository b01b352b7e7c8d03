"""What a page asks first: who answers, what this person may do, what was found here."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from typing import Any

from dask_steward import managers
from dask_steward._version import __version__
from dask_steward.errors import StewardError
from dask_steward.ledger.identity import host
from dask_steward.managers.base import Unknown
from dask_steward.profiles import ProfileStore
from dask_steward.server.base import Handler, in_thread
from dask_steward.server.models import Told
from dask_steward.server.operations import operation
from dask_steward.server.permissions import may
from dask_steward.server.profile_models import SystemOption
from dask_steward.server.profiles import systems_of

#: Seconds for which the answer of a resource manager is good: partitions come and go once a year.
FOUND_KEPT = 300.0
#: Seconds for which a page waits for a resource manager; the next one gets what it has said by then.
FOUND_WAIT = 1.0
#: Profiles that "New" starts where nobody has chosen one.
DEFAULT = "local"


class Permissions(Told):
    """What this person may do, beside looking."""

    write: bool
    execute: bool


class FoundSystem(Told):
    """A resource manager that answers here."""

    system: str
    partitions: int
    profiles: int


class Status(Told):
    """The server."""

    version: str
    server_id: str
    permissions: Permissions
    host: str
    user: str
    found: tuple[FoundSystem, ...]
    systems: tuple[SystemOption, ...]
    default_profile: str


class Sites:
    """Asks resource managers what they have, now and then."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._known: dict[str, int] = {}
        self._asking: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Sites:
        """Return the ones of a server, by the settings of its web application."""
        found = settings.get("dask_steward_sites")
        if not isinstance(found, cls):
            found = settings["dask_steward_sites"] = cls()
        return found

    async def partitions(self) -> dict[str, int]:
        """Return how many partitions each resource manager has that was found, as far as that is known."""
        if time.monotonic() - self._at > FOUND_KEPT and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=FOUND_WAIT)
        return self._known

    async def _ask(self) -> None:
        self._known = await in_thread(_partitions)
        self._at = time.monotonic()


class Here(Handler):
    """The server."""

    @operation("read", "Who answers, what you may do, which resource managers were found.", answers={200: Status})
    async def get(self) -> None:
        """Tell it."""
        partitions = await Sites.of(self.settings).partitions()
        systems, profiles, default = await in_thread(_profiles, ProfileStore())
        self.reply(
            Status(
                version=__version__,
                server_id=self.steward.server_id,
                permissions=Permissions(write=await may(self, "write"), execute=await may(self, "execute")),
                host=host(),
                user=_user(),
                found=tuple(
                    FoundSystem(system=system, partitions=number, profiles=profiles.get(system, 0))
                    for system, number in partitions.items()
                ),
                systems=tuple(systems),
                default_profile=default,
            )
        )


def _profiles(store: ProfileStore) -> tuple[list[SystemOption], dict[str, int], str]:
    """Return systems, how many profiles each has that somebody wrote, and the profile to begin with."""
    systems = systems_of(store)
    count: dict[str, int] = {}
    usable = []
    for info in store.infos():
        if info.system is not None and info.level != "builtin":
            count[info.system] = count.get(info.system, 0) + 1
        if not info.problems:
            usable.append(info.name)
    return systems, count, DEFAULT if DEFAULT in usable or not usable else usable[0]


def _partitions() -> dict[str, int]:
    """Ask every resource manager whose commands are here; one that does not answer is none."""
    found = {}
    for system, there in managers.available().items():
        if not there:
            continue
        try:
            sizes = managers.get(system, dict(os.environ)).node_sizes()
        except StewardError:
            continue
        if not isinstance(sizes, Unknown):
            found[system] = len({size.partition for size in sizes})
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as containers have
        return str(os.getuid())


ROUTES: list[tuple[str, type[Handler]]] = [("status", Here)]
