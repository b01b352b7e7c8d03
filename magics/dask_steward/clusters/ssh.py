"""Clusters on hosts that are reached by ssh: the scheduler in the keeper, on each host a job that holds the line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from distributed.comm.addressing import get_address_host, get_address_host_port

from dask_steward.clusters import jobscript
from dask_steward.clusters.agent import Agent
from dask_steward.clusters.base import MAIN, Site, Workforce
from dask_steward.clusters.groups import Group
from dask_steward.clusters.hosts import HostManager, HostQueue, Slot
from dask_steward.clusters.lined import LinedSystem
from dask_steward.clusters.queue import QueueWorkforce
from dask_steward.clusters.reach import contact_of
from dask_steward.clusters.ssh_script import python_words, shape_of, tls_prologue, worker_command
from dask_steward.clusters.ssh_survey import Found, survey, unfit
from dask_steward.clusters.systems import SchedulerStart
from dask_steward.errors import StartFailed, UsageError
from dask_steward.ledger import entries
from dask_steward.managers import command
from dask_steward.managers.ssh import hosts_of
from dask_steward.shell import node_quote

#: What is held, as every face shows it.
KIND = "process on host"
#: Seconds between two questions to all hosts while nothing seems to be amiss.
ASK_INTERVAL = 5.0


class SshWorkforce(QueueWorkforce):
    """Jobs on hosts: no more than there are places."""

    def limit(self, places: int) -> None:
        """Take over how many places there are."""
        self._places = places
        self.roster.kind = KIND
        # dask_spec tells a cause in a chain of errors, each with its stack.
        self.roster.frames = False

    def _interval(self) -> float:
        """Ask seldom: that something has come or gone is told by its line at once, and a question is a connection."""
        usual = super()._interval()
        sought = any(job.missed or job.leaving for job in self.roster.holding)
        return usual if sought or len(self.roster.holding) < self.roster.wanted else max(usual, ASK_INTERVAL)

    async def scale(self, units: int, group: str = MAIN, *, renew: bool = False) -> None:
        if units > self._places and renew:
            raise too_many(units, self._places)
        await super().scale(min(units, self._places), group, renew=renew)


def too_many(units: int, places: int) -> UsageError:
    """Return the error for more jobs than there are hosts."""
    return UsageError(
        f"scale: {units} jobs are more than the {places} of options.hosts.",
        field="scale",
        value=units,
        hint="Add hosts, or more workers on each with options.worker_options.n_workers.",
    )


class SshSystem(LinedSystem):
    """Scheduler in the keeper, workers on hosts."""

    def prepare(self) -> None:
        super().prepare()
        hosts = hosts_of(self.options)
        if not hosts:
            raise StartFailed("options.hosts is not set: no host is named for workers.", field="options.hosts")
        if command.find("ssh", os.environ.get("PATH", os.defpath)) is None:
            raise StartFailed(
                "ssh is not on the PATH of the machine that starts this cluster.",
                field="system",
                hint="Install OpenSSH's client.",
            )
        pythons = list(self.options.get("remote_python") or [self.profile.get("python")])
        if len(pythons) == 1:
            pythons *= len(hosts)
        slots = [Slot(host, python_words(python)) for host, python in zip(hosts, pythons, strict=True)]
        self._manager = HostManager(slots, os.path.join(self.folder, entries.LOGS), dict(os.environ))
        self._found: dict[int, Found] = {}

    def facts(self) -> dict[str, Any]:
        # Nothing is taken yet, so nothing can be anywhere.
        return {"manager": self._manager.remembered()}

    def scheduler_arguments(self) -> dict[str, Any]:
        own = self.options.get("scheduler_options") or {}
        return {key: value for key, value in own.items() if value not in (None, [])}

    async def start_agent(self, start: SchedulerStart) -> Agent:
        loop = asyncio.get_running_loop()
        manager = self._manager

        async def note() -> None:
            start.note(manager=manager.remembered())

        # On disk before anything is started there, as each thing that is taken.
        manager.taking = lambda: asyncio.run_coroutine_threadsafe(note(), loop).result()
        start.waiting(f"asking {len(manager.slots)} hosts")
        looking = asyncio.to_thread(survey, manager, manager.slots)
        agent, found = await asyncio.gather(super().start_agent(start), looking)
        self._found = {index: one for index, one in enumerate(found) if isinstance(one, Found)}
        why = unfit(found)
        if not self._found and why:
            raise why[0]
        self._unfit = [error.message for error in why]
        own = {"host", "interface"} & set(self.scheduler_arguments())
        self.open_line(get_address_host(agent.address), bind=bool(own))
        return agent

    def warnings(self) -> list[str]:
        return [slot.failed for slot in self._manager.slots if slot.failed is not None]

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        manager = self._manager
        address = contact_of(site.agent.address, self.scheduler_arguments().get("contact_address"))
        worker = self.options.get("worker_options") or {}
        shape = shape_of(worker, self._found.values())
        ends = self.ends(*get_address_host_port(address))
        prologue = tls_prologue(site.tls)
        environment = {
            "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
            "PYTHONUNBUFFERED": "1",
            # Dask's setproctitle would otherwise overwrite the mark in the environment.
            "SPT_NOENV": "1",
            **site.environment,
        }

        def script(batch: str, count: int) -> str:
            slot = manager.reserve(batch)
            found = self._found.get(manager.slots.index(slot))
            text = worker_command(self.options, slot.python, address, batch, shape, found)
            return jobscript.render(
                jobscript.JobShape(shape.processes, shape.cores, shape.memory, "#!/usr/bin/env bash", text, prologue),
                tag=self.tag,
                key=batch,
                name=None,
                line=ends,
                environment=environment,
                local_directory=worker.get("local_directory"),
                job_id="DASK_STEWARD_SSH_JOB",
                array_id="DASK_STEWARD_SSH_JOB",
                task="DASK_STEWARD_SSH_TASK",
                node="DASK_STEWARD_SSH_HOST",
            )

        group = Group(MAIN, shape, script, resources=dict(worker.get("resources") or {}))
        made = SshWorkforce(site, manager, HostQueue(manager), {MAIN: group}, line=self.line, log_of=self.log_of)
        made.limit(len(manager.slots))
        if worker.get("local_directory"):
            manager.parent = node_quote(str(worker["local_directory"]))
        manager.holding = lambda: {job.key for job in made.roster.holding}
        self._workforce = made
        made.start()
        units = made.units_for(ask) if ask else len(manager.slots)
        if units > len(manager.slots):
            raise too_many(units, len(manager.slots))
        return made, units

    async def release(self) -> str | None:
        await super().release()
        await asyncio.to_thread(self._manager.hang_up)
        return None
