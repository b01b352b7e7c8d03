"""The systems on which clusters can be built, and what a keeper asks of each."""

from __future__ import annotations

import abc
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from dask_steward.clusters.base import HoldingView, Site, Workforce
from dask_steward.clusters.defences import Defence
from dask_steward.errors import StartFailed
from dask_steward.imports import import_aside
from dask_steward.ledger.holdings import HoldingsLog

if TYPE_CHECKING:
    from distributed.security import Security

    from dask_steward.clusters.agent import Agent
    from dask_steward.clusters.foreign_pages import ForeignPages
    from dask_steward.clusters.scheduler import Pages
    from dask_steward.clusters.tunnel import RemotePages

#: Module and class of each system; imported only in the keeper that needs it.
_SYSTEMS = {
    "address": ("dask_steward.clusters.address", "AddressSystem"),
    "local": ("dask_steward.clusters.local_system", "LocalSystem"),
    "ssh": ("dask_steward.clusters.ssh", "SshSystem"),
    "slurm": ("dask_steward.clusters.slurm", "SlurmSystem"),
    "yarn": ("dask_steward.clusters.yarn", "YarnSystem"),
}


@dataclass
class SchedulerStart:
    """What a scheduler is started with.

    Attributes
    ----------
    security : Security
        For its comms.
    tls : mapping
        Paths of ``ca``, ``cert`` and ``key``; empty without TLS.
    log : HoldingsLog
        What is taken for it is written there first.
    waiting : callable
        Told in words for a person why it is not there yet.
    lost : callable
        Told the cause when it has gone.
    note : callable
        Writes further facts of the cluster into the ledger, durably.
    """

    security: Security
    tls: Mapping[str, str]
    log: HoldingsLog
    waiting: Callable[[str], None]
    lost: Callable[[str], None]
    note: Callable[..., None]


@dataclass
class System(abc.ABC):
    """How a cluster of one system is built.

    Attributes
    ----------
    profile : mapping
        The resolved profile.
    folder, tag : str
        The cluster's folder in the ledger and its tag.
    imports : tuple of str
        Modules that it will compute with.
    ask : mapping
        The size to begin with, as far as it is known before the workers' side is there.
    """

    profile: Mapping[str, Any]
    folder: str
    tag: str
    imports: tuple[str, ...] = ()
    ask: Mapping[str, Any] = field(default_factory=dict)

    #: Whether somebody else owns the scheduler: it is looked at, and nothing is done to it.
    foreign: ClassVar[bool] = False

    @property
    def tls(self) -> dict[str, str]:
        """Paths of ``ca``, ``cert`` and ``key`` of a foreign scheduler; our own have the cluster's."""
        return {}

    @property
    def options(self) -> Mapping[str, Any]:
        """The arguments of the Dask class."""
        found = self.profile.get("options")
        return found if isinstance(found, Mapping) else {}

    @abc.abstractmethod
    def prepare(self) -> None:
        """Do what must be done on the main thread before any other thread is there."""

    @abc.abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what the ledger must hold before anything is taken."""

    @abc.abstractmethod
    def scheduler_arguments(self) -> dict[str, Any]:
        """Return the arguments of the scheduler."""

    async def start_agent(self, start: SchedulerStart) -> Agent:
        """Start the scheduler, here unless a system has another place for it, and return who speaks to it.

        Raises
        ------
        StartFailed
            With the cause in one sentence.
        """
        from dask_steward.clusters.local_agent import LocalAgent
        from dask_steward.clusters.scheduler import start_scheduler

        scheduler = await start_scheduler(self.scheduler_arguments(), start.security, tls=bool(start.tls))
        import_aside(self.imports)  # here graphs are unpickled
        return LocalAgent(scheduler, f"{self.tag}-summary")

    async def pages(
        self, agent: Agent, security: Security, listen: str, path: str
    ) -> Pages | RemotePages | ForeignPages:
        """Return Dask's pages, listening.

        Parameters
        ----------
        agent : Agent
            What `start_agent` returned.
        security : Security
            For the cluster's comms.
        listen : str
            ``off``, ``socket``, ``tcp`` or ``tcp:PORT``.
        path : str
            Path of the private socket.
        """
        from dask_steward.clusters.scheduler import Pages

        made = Pages(agent.scheduler, listen, path)  # type: ignore[attr-defined]
        made.start()
        return made

    def holdings(self) -> list[HoldingView]:
        """Return what is held for the scheduler."""
        return []

    def defences(self) -> list[Defence]:
        """Return what would give the workers back without keeper and guard, and until when."""
        return []

    async def bring_logs(self, job: str | None) -> None:  # noqa: B027  # most systems have nothing to bring
        """Bring logs into the cluster's folder that do not come there by themselves: of one job, or of all."""

    def core_seconds(self) -> float:
        """Return core-seconds held for the scheduler so far."""
        return 0.0

    def cores_held(self) -> int:
        """Return the cores that are held for the scheduler now."""
        return 0

    def warnings(self) -> list[str]:
        """Return sentences about the scheduler that a person should see."""
        return []

    async def release(self) -> str | None:
        """Give back what is held for the scheduler; return what may still be held, None when all was verified gone."""
        return None

    @abc.abstractmethod
    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        """Return the workers' side and the number of units to begin with."""


def get(name: str, profile: Mapping[str, Any], folder: str, tag: str) -> System:
    """Return the system of a profile.

    Raises
    ------
    StartFailed
        If this version cannot build it.
    """
    if name not in _SYSTEMS:
        raise StartFailed(
            f"system: {name!r} cannot be started by this version.",
            field="system",
            value=name,
            hint=f"It knows {', '.join(sorted(_SYSTEMS))}.",
        )
    module, cls = _SYSTEMS[name]
    found: System = getattr(importlib.import_module(module), cls)(profile, folder, tag)
    return found
