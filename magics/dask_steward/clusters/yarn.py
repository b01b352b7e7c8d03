"""Clusters on YARN: an application that holds the line, and workers in its containers; the scheduler in the keeper."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from distributed.comm.addressing import get_address_host, get_address_host_port

from dask_steward import managers
from dask_steward.clusters import defences, yarn_check, yarn_script, yarn_spec
from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import MAIN, HoldingView, Site, Workforce
from dask_steward.clusters.defences import Defence
from dask_steward.clusters.groups import Group
from dask_steward.clusters.line import Event
from dask_steward.clusters.lined import LinedSystem
from dask_steward.clusters.reach import contact_of
from dask_steward.clusters.systems import SchedulerStart
from dask_steward.clusters.yarn_application import YarnApplication
from dask_steward.clusters.yarn_containers import ContainerQueue, Containers
from dask_steward.clusters.yarn_driver import Driver, load_skein
from dask_steward.clusters.yarn_environment import Prepared
from dask_steward.clusters.yarn_logs import ContainerLogs
from dask_steward.clusters.yarn_settings import scheduler_arguments
from dask_steward.clusters.yarn_workforce import YarnWorkforce

logger = logging.getLogger(__name__)

#: Masters that an application may have one after the other where the scheduler is here: another one costs seconds and
#: nothing computed.
ATTEMPTS = 2


class YarnSystem(LinedSystem):
    """An application of YARN."""

    def prepare(self) -> None:
        super().prepare()
        load_skein(self.folder)
        self._plan = yarn_spec.plan(self.options)
        self._prepared: Prepared | None = None
        reached = managers.environment_of("yarn", self.profile)
        self._manager: Any = managers.get("yarn", {**os.environ, **reached})
        self._driver = Driver(self.folder)
        self._application: YarnApplication | None = None
        self._logs: ContainerLogs | None = None
        self._changed: Callable[[], None] = lambda: None

    def facts(self) -> dict[str, Any]:
        return {"manager": self._manager.remembered()}

    def scheduler_arguments(self) -> dict[str, Any]:
        return scheduler_arguments(self.options)

    async def start_agent(self, start: SchedulerStart) -> Agent:
        # First, since it is quick: whatever else there is to wait for would be in vain.
        await asyncio.to_thread(yarn_check.check, self._plan, self._manager)
        start.waiting("the driver that speaks to YARN is starting")
        driver = asyncio.create_task(self._driver.start())
        looking = asyncio.create_task(yarn_spec.prepare(self._plan, start.waiting))
        try:
            agent = await super().start_agent(start)
            own = self.scheduler_arguments()
            self.open_line(get_address_host(agent.address), bind=bool({"interface"} & set(own)))
            await driver
            self._prepared = await looking
        except BaseException:
            driver.cancel()
            looking.cancel()
            raise
        self._plan = yarn_spec.plan(self.options, self._prepared)
        lease = self.profile.get("lease") or {}
        self._application = application = YarnApplication(
            self._driver,
            self._manager,
            start.log,
            tag=self.tag,
            changed=lambda: self._changed(),
            timeout=float(lease.get("timeout", 300.0)),
            interval=float(lease.get("interval") or 20.0),
        )
        address = contact_of(agent.address, own.get("contact_address"))
        ends = self.ends(*get_address_host_port(address))
        self._shape = yarn_script.worker_shape(self._plan, address, start.tls)
        environment = {str(key): str(value) for key, value in (self.profile.get("environment") or {}).items()}
        script = yarn_script.worker_script(self._shape, tag=self.tag, line=ends, environment=environment)
        spec = yarn_script.completed(
            self._plan.spec,
            tag=self.tag,
            script=script,
            master=yarn_script.master_script(tag=self.tag, line=ends),
            tls=start.tls,
            max_attempts=ATTEMPTS,
        )
        start.waiting("the application is submitted to YARN")
        await application.submit(spec)
        return agent

    def holdings(self) -> list[HoldingView]:
        return self._application.holdings() if self._application is not None else []

    def core_seconds(self) -> float:
        return self._application.core_seconds() if self._application is not None else 0.0

    def cores_held(self) -> int:
        return self._application.cores_held() if self._application is not None else 0

    def warnings(self) -> list[str]:
        prepared, application = self._prepared, self._application
        found = (prepared and prepared.warning, application and application.lease.warning)
        return [one for one in found if one]

    def defences(self) -> list[Defence]:
        application = self._application
        line = [defences.line(self.silence, "the application, and each container,")] if self._workforce else []
        return [*line, *(application.lease.defences() if application is not None else ())]

    async def bring_logs(self, job: str | None) -> None:
        if self._logs is not None:
            await self._logs.bring_all(None if job is None else [job])

    def heard(self, event: Event) -> None:
        if event.key == yarn_script.KEY and self._workforce is None and self._application is not None:
            self._application.doubt()
        super().heard(event)

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        application = self._application
        if application is None:
            raise RuntimeError("no application was submitted")
        plan = self._plan
        containers = Containers(application, self.tag, plan.worker.resources.vcores)
        resources = dict(plan.worker_options.get("resources") or {})
        group = Group(MAIN, self._shape, lambda batch, count: "", resources=resources)
        made = YarnWorkforce(
            site, containers, ContainerQueue(containers), {MAIN: group}, line=self.line, log_of=self.log_of
        )
        made.belong(application, containers, plan.restarts)
        self._logs = logs = ContainerLogs(
            super().log_of,
            containers.node_of,
            lambda: [job.id for job in made.roster.holding if job.id and job.lives],
            user=self._manager.user,
            scheme="https" if str(next(iter(self._manager.addresses), "")).startswith("https:") else "http",
        )
        made.roster.log_of = logs.bring
        made.logs = logs
        self._workforce = made
        self._changed = made.news
        made.start()
        if ask:
            return made, made.units_for(ask)
        # Where nobody says a number it is one: with none, the first computation would wait for ever.
        return made, 1 if plan.workers is None else plan.workers

    async def release(self) -> str | None:
        left = await self._application.release() if self._application is not None else None
        await super().release()
        await asyncio.to_thread(self._driver.stop)
        application = self._application
        if left is None and application is not None:
            # Its master removes its folder when it ends; one that never started, or was killed, could not.
            ids = [application.id] if application.id is not None else []
            why = await asyncio.to_thread(self._manager.tidy, self.folder, ids)
            if why is not None:
                logger.warning("%s", why)
        return left
