"""Clusters on YARN: an application that holds the line, and workers in its containers; the scheduler in the keeper."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from distributed.comm.addressing import get_address_host, get_address_host_port
from distributed.security import Security
from distributed.utils import get_ip

from dask_steward import managers
from dask_steward.clusters import defences, yarn_check, yarn_scheduler, yarn_script, yarn_spec, yarn_uploads
from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import MAIN, HoldingView, Site, Workforce, units_of
from dask_steward.clusters.defences import Defence
from dask_steward.clusters.foreign_pages import ForeignPages
from dask_steward.clusters.groups import Group
from dask_steward.clusters.line import Event
from dask_steward.clusters.lined import LinedSystem
from dask_steward.clusters.reach import contact_of
from dask_steward.clusters.remote import RemoteAgent
from dask_steward.clusters.scheduler import Pages
from dask_steward.clusters.systems import SchedulerStart
from dask_steward.clusters.tunnel import RemotePages
from dask_steward.clusters.yarn_application import YarnApplication
from dask_steward.clusters.yarn_containers import MOST_AT_ONCE, ContainerQueue, Containers
from dask_steward.clusters.yarn_driver import Driver, load_skein
from dask_steward.clusters.yarn_environment import Prepared
from dask_steward.clusters.yarn_logs import ContainerLogs
from dask_steward.clusters.yarn_settings import scheduler_arguments
from dask_steward.clusters.yarn_workforce import YarnWorkforce
from dask_steward.managers.yarn import Yarn

if TYPE_CHECKING:
    import skein

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
        self._manager = Yarn({**os.environ, **reached})
        self._driver = Driver(self.folder)
        self._application: YarnApplication | None = None
        self._logs: ContainerLogs | None = None
        self._remote: RemoteAgent | None = None
        self._ports: tuple[int, ...] = ()
        self._first = 0
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
        kept = float(self.profile.get("archives_kept") or 0.0)
        looking = asyncio.create_task(yarn_spec.prepare(self._plan, start.waiting, kept=kept))
        try:
            own = self.scheduler_arguments()
            agent: Agent | None = None
            if self._plan.scheduler is None:
                agent = await super().start_agent(start)
            self.open_line(get_address_host(agent.address) if agent else str(get_ip()), bind="interface" in own)
            await driver
            self._prepared = prepared = await looking
            if prepared is not None and prepared.shared:
                yarn_uploads.note_use(self.folder, prepared.name)
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
        ends = self.ends("", None)
        application.line = f"{ends.host}:{ends.port}"
        spec = self._with_workers_only(agent, start) if agent is not None else self._with_scheduler(start)
        start.waiting("the application is submitted to YARN")
        await application.submit(spec)
        if agent is None:
            self._changed = lambda: start.waiting(f"application {application.id}: {application.reason or 'it starts'}")
            self._remote = agent = await yarn_scheduler.arrive(application, self._ports, start.security)
        return agent

    def _with_workers_only(self, agent: Agent, start: SchedulerStart) -> skein.ApplicationSpec:
        """Return the application of a scheduler that is here."""
        address = contact_of(agent.address, self.scheduler_arguments().get("contact_address"))
        ends = self.ends(*get_address_host_port(address))
        self._shape = yarn_script.worker_shape(self._plan, shlex.quote(address), start.tls)
        self._first = first = min(self._units(self.ask), MOST_AT_ONCE)
        script = yarn_script.worker_script(
            self._shape, tag=self.tag, line=ends, environment=self._environment, first=first
        )
        master = yarn_script.master_script(tag=self.tag, line=ends)
        return yarn_script.completed(
            self._plan.spec,
            tag=self.tag,
            script=script,
            master=master,
            tls=start.tls,
            max_attempts=ATTEMPTS,
            first=first,
        )

    def _with_scheduler(self, start: SchedulerStart) -> skein.ApplicationSpec:
        """Return the application whose master is the scheduler; another one would know nothing of what it knew."""
        options = self.scheduler_arguments()
        self._ports = yarn_scheduler.ports_of(options)
        ends = self.ends("", None)
        self._shape = yarn_script.worker_shape(self._plan, f'"${yarn_scheduler.ADDRESS}"', start.tls)
        script = yarn_script.worker_script(
            self._shape, tag=self.tag, line=yarn_scheduler.worker_ends(ends), environment=self._environment
        )
        master = yarn_scheduler.master_script(
            self._plan,
            tag=self.tag,
            line=ends,
            ports=self._ports,
            options={key: value for key, value in options.items() if key not in ("host", "contact_address")},
            tls=start.tls,
            pages=str(self.profile.get("dashboard") or "socket") != "off",
        )
        spec = yarn_script.completed(
            self._plan.spec, tag=self.tag, script=script, master=master, tls=start.tls, max_attempts=1
        )
        spec.master.files = {**spec.master.files, **yarn_scheduler.files_of(self.folder, start.tls)}
        return spec

    @property
    def _environment(self) -> dict[str, str]:
        """Variables of the workers, as the profile gives them."""
        return {str(key): str(value) for key, value in (self.profile.get("environment") or {}).items()}

    async def pages(
        self, agent: Agent, security: Security, listen: str, path: str
    ) -> Pages | RemotePages | ForeignPages:
        if self._remote is None:
            return await super().pages(agent, security, listen, path)
        made = RemotePages(agent.address, security, listen, path, None)
        await made.start()
        return made

    def holdings(self) -> list[HoldingView]:
        return self._application.holdings() if self._application is not None else []

    def core_seconds(self) -> float:
        return self._application.core_seconds() if self._application is not None else 0.0

    def cores_held(self) -> int:
        return self._application.cores_held() if self._application is not None else 0

    def warnings(self) -> list[str]:
        prepared, application = self._prepared, self._application
        remote = self._remote
        found = (
            prepared and prepared.warning,
            application and application.lease.warning,
            remote and remote.warning,
        )
        return [one for one in found if one]

    def defences(self) -> list[Defence]:
        application = self._application
        if self._workforce is None or application is None:
            line = []
        elif self._remote is not None and not application.called:
            line = [defences.no_line(self.silence, application.line)]
        else:
            line = [defences.line(self.silence, "the application, and each container,")]
        return [*line, *(application.lease.defences() if application is not None else ())]

    async def bring_logs(self, job: str | None) -> None:
        if self._logs is not None:
            await self._logs.bring_all(None if job is None else [job])

    def heard(self, event: Event) -> None:
        if event.key == yarn_script.KEY and self._workforce is None and self._application is not None:
            self._application.heard(event)
        super().heard(event)

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        application = self._application
        if application is None:
            raise RuntimeError("no application was submitted")
        plan = self._plan
        containers = Containers(application, self.tag, plan.worker.resources.vcores, self._first)
        resources = dict(plan.worker_options.get("resources") or {})
        group = Group(MAIN, self._shape, lambda batch, count: "", resources=resources)
        made = YarnWorkforce(
            site, containers, ContainerQueue(containers), {MAIN: group}, line=self.line, log_of=self.log_of
        )
        if self._remote is not None:
            containers.environment = yarn_scheduler.variables(self._remote.address)
        made.belong(application, containers, plan.restarts, plan.spec.services[yarn_spec.WORKER])

        def mine() -> list[str]:
            # The scheduler's, where that is in the master; else there is only the line in it.
            return [application.id] if self._remote is not None and application.id is not None else []

        self._logs = logs = ContainerLogs(
            super().log_of,
            lambda id: application.node_web if id == application.id else containers.node_of(id),
            lambda: [*mine(), *(job.id for job in made.roster.holding if job.id and job.lives)],
            user=self._manager.user,
            scheme="https" if str(next(iter(self._manager.addresses), "")).startswith("https:") else "http",
            master=lambda: application.report.am_container if application.report is not None else None,
        )
        made.roster.log_of = containers.bring = logs.bring
        made.logs, made.folder = logs, self.folder
        self._workforce = made
        self._changed = made.news
        made.start()
        return made, self._units(ask)

    def _units(self, ask: Mapping[str, Any]) -> int:
        """Return how many containers to begin with."""
        shape, workers = self._shape, self._plan.workers
        if ask:
            return units_of({"workers": shape.processes, "cores": shape.cores, "memory": shape.memory}, ask)
        # Where nobody says a number it is one: with none, the first computation would wait for ever.
        return 1 if workers is None else workers

    async def release(self) -> str | None:
        if self._remote is not None:
            self._remote.hang_up()
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
