"""Clusters on Slurm: dask-jobqueue says what to run; Steward submits, watches, cancels."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from distributed.comm.addressing import get_address_host

from dask_steward import managers
from dask_steward.clusters import jobqueue, jobscript
from dask_steward.clusters.base import Site, Workforce
from dask_steward.clusters.line import Line
from dask_steward.clusters.queue import QueueWorkforce
from dask_steward.clusters.systems import System
from dask_steward.ledger import entries
from dask_steward.managers.base import Unknown
from dask_steward.managers.fit import unfit

#: Stands for the worker's name in what dask-jobqueue renders.
_NAME = "steward-worker"


class SlurmSystem(System):
    """Scheduler in the keeper, workers in jobs that hold the line to it."""

    def prepare(self) -> None:
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

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        scheduler = site.scheduler
        host = get_address_host(scheduler.address)
        own = {"host", "interface"} & set(self.scheduler_arguments())
        line_options = self.profile.get("line") or {}
        logs = os.path.join(self.folder, entries.LOGS)
        os.makedirs(logs, mode=0o700, exist_ok=True)
        shape = jobqueue.shape_of_slurm(
            {**self.options, "interface": self.options.get("interface") or self._interface()},
            scheduler=scheduler.address,
            name=_NAME,
            python=site.python,
            log_file=os.path.join(logs, "%j.log"),
            tls=site.tls,
        )
        made: list[QueueWorkforce] = []
        line = Line(
            site.tag,
            host if own else "",
            _ports(line_options.get("ports")),
            lambda event: scheduler.loop.add_callback(made[0].heard, event),
        )
        ends = jobscript.LineEnds(
            host=host,
            port=line.port,
            scheduler_host=host,
            scheduler_port=scheduler.port,
            silence=float(line_options.get("silence") or 120.0),
            keeper_secret=line.keeper_secret,
            job_secret=line.job_secret,
        )

        def script(key: str) -> str:
            return jobscript.render(
                shape,
                tag=site.tag,
                key=key,
                name=_NAME,
                line=ends,
                # Without pages of metrics, which every user of a node could read; a profile's own word holds.
                environment={"DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]", **site.environment},
                local_directory=self.options.get("local_directory") or self._config("local-directory"),
            )

        workforce = QueueWorkforce(
            site,
            self._manager,
            script,
            processes=shape.processes,
            cores=shape.cores,
            memory=shape.memory,
            line=line,
            log_of=lambda id: os.path.join(logs, f"{id}.log"),
        )
        made.append(workforce)
        line.start()
        workforce.start()
        self._checking = asyncio.create_task(self._check_size(workforce, shape))
        # Without a size it is one job: dask-jobqueue would start none, and the first computation would wait for ever.
        return workforce, workforce.units_for(ask) if ask else 1

    async def _check_size(self, workforce: QueueWorkforce, shape: jobscript.JobShape) -> None:
        """Warn of jobs that no node can hold: some sites queue them for ever."""
        sizes = await asyncio.to_thread(self._manager.node_sizes)
        if isinstance(sizes, Unknown):
            return
        cores = self.options.get("job_cpu") or shape.cores
        memory = None if self.options.get("job_mem") else shape.memory
        why = unfit(sizes, self.options.get("queue") or self._config("queue"), cores=cores, memory=memory)
        if why is not None:
            workforce.warnings.append(why)
            workforce.site.changed()

    def _config(self, key: str) -> Any:
        import dask

        return dask.config.get(f"jobqueue.{self.options.get('config_name') or 'slurm'}.{key}", None)

    def _interface(self) -> Any:
        return self._config("interface")


def _ports(given: Any) -> tuple[int, int] | None:
    """Return a range of ports from ``40000-40100``, ``[40000, 40100]`` or one port."""
    if not given:
        return None
    if isinstance(given, str):
        first, _, last = given.partition("-")
        return int(first), int(last or first)
    if isinstance(given, int):
        return given, given
    return int(given[0]), int(given[-1])
