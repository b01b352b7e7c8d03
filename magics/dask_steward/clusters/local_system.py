"""Clusters of this host."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import tempfile
from collections.abc import Mapping
from typing import Any

import dask

from dask_steward.clusters import forkserver
from dask_steward.clusters.base import Site, Workforce
from dask_steward.clusters.systems import System
from dask_steward.imports import import_known

#: What every worker imports when it starts; imported once, before the workers are forked.
_WORKERS_NEED = (
    "dask_steward.clusters.preload",
    "distributed.http.health",
    "distributed.http.statics",
    "distributed.http.worker.prometheus",
    "multiprocessing.popen_forkserver",
    "multiprocessing.synchronize",
    "numpy.random",
    "tornado.platform.asyncio",
)


def _do_once() -> None:
    """Do what each worker would do again, and what is kept for the process: versions and the host's certificates."""
    import distributed.versions
    import tornado.netutil

    distributed.versions.get_versions()
    # Every TLS stream asks for these, also where it has a context of its own (tornado 6.6; a constant before): 20 ms,
    # which the first task's result would wait for on each worker.
    for name in ("_client_ssl_defaults", "_server_ssl_defaults"):
        defaults = getattr(tornado.netutil, name, None)
        if callable(defaults):
            defaults()


class LocalSystem(System):
    """Scheduler in the keeper, workers forked from a process that has Dask imported."""

    def prepare(self) -> None:
        import distributed.nanny
        import distributed.utils

        # Seconds between two looks of a nanny at whether its worker has come up: 0.05 in Dask.
        distributed.nanny.WorkerProcess._init_msg_interval = 0.02
        for module in _WORKERS_NEED:
            with contextlib.suppress(ImportError):  # numpy, and Dask's own layout, may be another one
                importlib.import_module(module)
        import_known(self.imports)
        _do_once()
        # What is there now stays for ever: a worker's garbage collector leaves it alone, and the pages stay shared.
        gc.freeze()
        if forkserver.start():
            # Else the first worker would make the keeper import pandas and all that it knows of.
            distributed.utils._forkserver_preload_set = True
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})

    @property
    def scratch(self) -> str:
        """The folder in which the workers spill; it is the cluster's own and goes with it."""
        parent = self.options.get("local_directory") or dask.config.get("temporary-directory", None)
        return os.path.join(os.path.abspath(os.path.expandvars(parent or tempfile.gettempdir())), self.tag)

    def facts(self) -> dict[str, Any]:
        return {"scratch": self.scratch}

    def scheduler_arguments(self) -> dict[str, Any]:
        given = {"interface": self.options.get("interface"), "port": self.options.get("scheduler_port")}
        host = self.options.get("host")
        if not given["interface"]:
            given["host"] = host or "127.0.0.1"
        return {key: value for key, value in given.items() if value is not None}

    def workforce(self, site: Site, ask: Mapping[str, Any]) -> tuple[Workforce, int]:
        from dask_steward.clusters.local import LocalWorkforce

        workers = ask.get("workers")
        made = LocalWorkforce(site, self.scratch, int(workers) if workers is not None else None)
        return made, made.units_for(ask) if ask else made.default
