"""The extension: what a site can set, and what runs while the server runs."""

from __future__ import annotations

import uuid
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float

from dask_steward.server.routes import handlers


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

    @property
    def server_id(self) -> str:
        """Another one after each start of the server."""
        return self._server_id

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._server_id = uuid.uuid4().hex

    def initialize_handlers(self) -> None:
        """Mount the REST interface."""
        self.handlers.extend(handlers())
