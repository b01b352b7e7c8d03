"""Clusters on Slurm: dask-jobqueue says what to run; Steward submits, watches, cancels."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from typing import Any

from distributed.comm.addressing import get_address_host, get_address_host_port
from distributed.security import Security
from distributed.utils import get_ip, get_ip_interface

from dask_steward import managers
from dask_steward.clusters import jobqueue, scheduler_script
from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import MAIN, HoldingView, Site, Workforce
from dask_steward.clusters.foreign_pages import ForeignPages
from dask_steward.clusters.groups import Group
from dask_steward.clusters.line import Event
from dask_steward.clusters.lined import LinedSystem
from dask_steward.clusters.queue import QueueWorkforce
from dask_steward.clusters.reach import contact_of
from dask_steward.clusters.remote import RemoteAgent
from dask_steward.clusters.scheduler import Pages
from dask_steward.clusters.scheduler_job import KEY as SCHEDULER_KEY
from dask_steward.clusters.scheduler_job import SchedulerJob
from dask_steward.clusters.shapes import groups_of, of_config, options_of
from dask_steward.clusters.systems import SchedulerStart
from dask_steward.clusters.tunnel import RemotePages
from dask_steward.ledger import entries, paths
from dask_steward.managers.base import Unknown
from dask_steward.managers.fit import unfit
from dask_steward.managers.shared import SharedQueue


class SlurmSystem(LinedSystem):
    """Scheduler in the keeper, workers in jobs that hold the line to it."""

    def prepare(self) -> None:
        super().prepare()
        self._scheduler_job: SchedulerJob | None = None
        self._scheduler_facts: dict[str, Any] = {}
        self._remote: RemoteAgent | None = None
        jobqueue.load_jobqueue()
        self._manager = managers.get("slurm", dict(os.environ))

    def facts(self) -> dict[str, Any]:
        return {"manager": self._manager.remembered()}

    def scheduler_arguments(self) -> dict[str, Any]:
        import dask

        section = f"jobqueue.{self.options.get('config_name') or 'slurm'}"
        given = dict(dask.config.get(f"{section}.scheduler-options", None) or {})
        # A profile names all arguments; those that are not set must hide neither interface nor Dask's configuration.
        own = self.options.get("scheduler_options") or {}
        given.update({key: value for key, value in own.items() if value not in (None, [])})
        interface = self.options.get("interface") or dask.config.get(f"{section}.interface", None)
        if interface and not {"host", "interface"} & set(given):
            given["interface"] = interface
        return given

    async def start_agent(self, start: SchedulerStart) -> Agent:
        place = scheduler_script.place_of(self.profile)
        if place is None:
            agent = await super().start_agent(start)
            own = {"host", "interface"} & set(self.scheduler_arguments())
            self._listen(get_address_host(agent.address), bind=bool(own))
            return agent
        host, chosen = self._own_host()
        self._listen(host, bind=chosen)
        script, cores = scheduler_script.render(
            self.options,
            place,
            folder=self.folder,
            tag=self.tag,
            log_file=self.log_of("%j"),
            scheduler=self.scheduler_arguments(),
            tls=start.tls,
            pages=str(self.profile.get("dashboard") or "socket") != "off",
            line=self.ends("", None),
            local_directory=self.options.get("local_directory") or self._config("local-directory"),
        )
        self._scheduler_job = job = SchedulerJob(
            self._manager,
            SharedQueue(self._manager, paths.runtime_dir()),
            start.log,
            tag=self.tag,
            folder=self.folder,
            script=script,
            cores=cores,
            log_of=self.log_of,
            waiting=start.waiting,
            lost=start.lost,
        )
        self._scheduler_facts = facts = await job.start()
        self._remote = remote = RemoteAgent(facts["address"], start.security, job.doubt)
        await remote.arrive(job.id or "", job.node)
        return remote

    def _own_host(self) -> tuple[str, bool]:
        """Return this host's address as the nodes reach it, and whether the profile chose it by an interface."""
        interface = self.options.get("interface") or self._config("interface")
        if interface:
            with contextlib.suppress(ValueError):  # a name that only the nodes have
                return str(get_ip_interface(interface)), True
        return str(get_ip()), False

    def _listen(self, host: str, *, bind: bool) -> None:
        outside = self.options.get("log_directory") or self._config("log-directory")
        self.open_line(host, bind=bind, outside=str(outside) if outside else None)

    def heard(self, event: Event) -> None:
        if event.key == SCHEDULER_KEY and self._scheduler_job is not None:
            self._scheduler_job.heard(event)
        else:
            super().heard(event)

    def holdings(self) -> list[HoldingView]:
        return self._scheduler_job.holdings() if self._scheduler_job is not None else []

    def core_seconds(self) -> float:
        return self._scheduler_job.core_seconds() if self._scheduler_job is not None else 0.0

    def cores_held(self) -> int:
        return self._scheduler_job.cores_held() if self._scheduler_job is not None else 0

    def warnings(self) -> list[str]:
        found = (self._scheduler_job and self._scheduler_job.warning, self._remote and self._remote.warning)
        return [one for one in found if one]

    async def pages(
        self, agent: Agent, security: Security, listen: str, path: str
    ) -> Pages | RemotePages | ForeignPages:
        if self._scheduler_job is None:
            return await super().pages(agent, security, listen, path)
        made = RemotePages(agent.address, security, listen, path, self._scheduler_facts.get("pages"))
        await made.start()
        return made

    async def release(self) -> str | None:
        if self._remote is not None:
            self._remote.hang_up()
        left = await self._scheduler_job.release() if self._scheduler_job is not None else None
        await super().release()
        return left

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        # Another address than the scheduler's own where the profile says so: a forwarded port, an outer name.
        address = contact_of(site.agent.address, self.scheduler_arguments().get("contact_address"))
        groups = groups_of(
            self.profile,
            tag=self.tag,
            scheduler=address,
            python=site.python,
            tls=site.tls,
            line=self.ends(*get_address_host_port(address)),
            logs=os.path.join(self.folder, entries.LOGS),
        )
        queue = SharedQueue(self._manager, paths.runtime_dir())
        workforce = QueueWorkforce(site, self._manager, queue, groups, line=self.line, log_of=self.log_of)
        self._workforce = workforce
        workforce.start()
        self._checking = asyncio.create_task(self._check_sizes(workforce, groups))
        # Without a size it is one job: dask-jobqueue would start none, and the first computation would wait for ever.
        return workforce, workforce.units_for(ask) if ask else 1

    async def _check_sizes(self, workforce: QueueWorkforce, groups: Mapping[str, Group]) -> None:
        """Warn of jobs that no node can hold: some sites queue them for ever."""
        sizes = await asyncio.to_thread(self._manager.node_sizes)
        if isinstance(sizes, Unknown):
            return
        for name, group in groups.items():
            options = options_of(self.profile, name)
            cores = options.get("job_cpu") or group.shape.cores
            memory = None if options.get("job_mem") else group.shape.memory
            why = unfit(sizes, options.get("queue") or of_config(options, "queue"), cores=cores, memory=memory)
            if why is not None:
                workforce.warnings.append(why if name == MAIN else f"group {name}: {why}")
        workforce.site.changed()

    def _config(self, key: str) -> Any:
        import dask

        return dask.config.get(f"jobqueue.{self.options.get('config_name') or 'slurm'}.{key}", None)
