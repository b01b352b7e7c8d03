"""The extension: what a site can set, and what runs while the server runs."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Coroutine
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float

from dask_steward.server.acting import Acts
from dask_steward.server.events import Events
from dask_steward.server.leaving import release_own
from dask_steward.server.registry import Registry
from dask_steward.server.routes import handlers
from dask_steward.server.starting import Starter
from dask_steward.server.tables import Tables
from dask_steward.server.timers import look_at_profiles, sweep_again


class DaskSteward(ExtensionApp):
    """Dask clusters in Jupyter's server."""

    name = "dask_steward"
    description = "Dask clusters for people who work in Jupyter"

    sweep_interval = Float(
        600.0,
        min=0.0,
        help="Seconds between two sweeps, which give back what clusters left whose keeper and guard both died; "
        "the first is made when the server starts. 0 for none.",
    ).tag(config=True)

    registry: Registry
    acts: Acts
    starter: Starter
    tables: Tables
    events: Events

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        #: Another one after each start of the server.
        self.server_id = uuid.uuid4().hex
        self._background: set[asyncio.Task[None]] = set()

    def initialize_settings(self) -> None:
        """Make the parts; nothing runs before the server's loop does."""
        server = self.serverapp
        if server is None or server.event_logger is None:
            raise RuntimeError("Dask Steward is an extension of Jupyter's server, and has none.")
        # Registered here, before a page can subscribe: a subscriber hears the schemas that are known then.
        self.events = Events(server.event_logger, self.server_id)
        self.registry = Registry(self.events.cluster, self.log)
        self.acts = Acts(self.registry)
        self.tables = Tables(self.events.rows, self.log)
        self.starter = Starter(self.registry, server.web_app.settings)
        # Jupyter's own hook for this is younger than the oldest server that JupyterLab 4.4 takes.
        server.io_loop.add_callback(self._begin)

    def initialize_handlers(self) -> None:
        """Mount the REST interface."""
        self.handlers.extend(handlers())

    def _begin(self) -> None:
        """Begin to watch, once the loop runs."""
        self.registry.start()
        self._in_background(self.events.beat())
        self._in_background(look_at_profiles(self.events.profiles))
        if self.sweep_interval > 0:
            self._in_background(sweep_again(self.sweep_interval, self.log))

    async def stop_extension(self) -> None:
        """Give back what belongs to this server, without waiting for it: the guards see to the rest."""
        if "registry" not in vars(self):
            return  # the server is ended before it has come up
        own = [card.id for card in self.registry.cards() if card.owner is not None and card.owner.pid == os.getpid()]
        for task in self._background:
            task.cancel()
        self.tables.stop()
        self.registry.stop()
        await release_own(own)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error("A part of Dask Steward failed.", exc_info=task.exception())
