"""A scheduler that somebody else owns: nothing is held, so nothing is ever stopped, scaled or given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distributed.security import Security

from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import MAIN, Counts, HoldingView, Site, UnitView, Workforce, refusal
from dask_steward.clusters.foreign import ForeignAgent
from dask_steward.clusters.foreign_pages import ForeignPages
from dask_steward.clusters.foreign_reach import Place, place_of, reach, security_for, tls_files
from dask_steward.clusters.systems import SchedulerStart, System


class ForeignWorkforce(Workforce):
    """Workers of somebody else, counted."""

    @property
    def agent(self) -> ForeignAgent:
        """Looks at their scheduler."""
        found: ForeignAgent = self.site.agent  # type: ignore[assignment]
        return found

    @property
    def unit(self) -> dict[str, float]:
        return {"workers": 1, "cores": 0, "memory": 0}

    @property
    def needs_all(self) -> bool:
        return False

    def counts(self) -> Counts:
        there = self.agent.workers_there
        # While nothing is heard of them it is not known whether they run: they are asked for, and not there.
        return Counts(there, 0, 0, there) if self.agent.away and there else Counts(there, 0, there, 0)

    def holdings(self) -> list[HoldingView]:
        return []

    def reason(self) -> str | None:
        return self.agent.away or ("it has no worker" if not self.agent.workers_there else None)

    def core_seconds(self) -> float:
        return 0.0

    def cores_held(self) -> int:
        return 0

    def group_views(self) -> dict[str, dict[str, Any]]:
        return {}

    def size(self, group: str = MAIN) -> int:
        return self.agent.workers_there

    def supply(self, group: str = MAIN) -> list[UnitView]:
        return []

    async def scale(self, units: int, group: str = MAIN, *, renew: bool = False) -> None:
        if renew:
            raise refusal(f"The scheduler at {self.agent.address}")

    async def release(self, urgent: bool) -> str | None:
        return None


class AddressSystem(System):
    """Attach to a scheduler by its address, or by its scheduler file."""

    foreign = True

    def prepare(self) -> None:
        self._files = tls_files(self.options)
        if not self.options.get("application"):
            self._at(place_of(self.options))

    def _at(self, place: Place) -> None:
        self._place = place
        self._security: Security = security_for(place, self._files)

    def facts(self) -> dict[str, Any]:
        return {}

    def scheduler_arguments(self) -> dict[str, Any]:
        return {}

    @property
    def tls(self) -> dict[str, str]:
        """The files by which clients speak to it; they are somebody else's, and stay where they are."""
        place = getattr(self, "_place", None)  # an application tells it only once it is asked
        return self._files if place is not None and place.scheme in ("tls", "wss") else {}

    async def start_agent(self, start: SchedulerStart) -> Agent:
        application = self.options.get("application")
        if application:
            from dask_steward.clusters import foreign_application

            start.waiting(f"asking {application} where its scheduler is")
            self._at(await foreign_application.place_of(str(application)))
        reached = await reach(self._place, self._security)
        agent = ForeignAgent(self._place, self._security, reached, start.lost)
        await agent.arrive()
        return agent

    async def pages(self, agent: Agent, security: Security, listen: str, path: str) -> ForeignPages:
        services = agent.services if isinstance(agent, ForeignAgent) else {}
        made = ForeignPages(self._place.host, services.get("dashboard"), listen, path)
        await made.start()
        return made

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        return ForeignWorkforce(site), 0
