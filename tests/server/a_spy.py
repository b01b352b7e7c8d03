"""A server extension of the tests: says what the server's process has imported, and can hide Dask from it.

Its name sorts before ours, so that it is loaded first.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

HIDDEN = ("dask", "distributed", "bokeh", "dask_jobqueue")


class Modules(APIHandler):
    @web.authenticated
    def get(self) -> None:
        self.finish({"modules": sorted(sys.modules)})


class WithoutDask(importlib.machinery.PathFinder):
    """Finds every module but those of Dask, as an environment in which nobody has installed it."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return None if fullname.partition(".")[0] in HIDDEN else super().find_spec(fullname, path, target)


if os.environ.get("SPY_HIDES_DASK"):
    sys.meta_path[:] = [WithoutDask if one is importlib.machinery.PathFinder else one for one in sys.meta_path]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "a_spy"}]


def _load_jupyter_server_extension(server: Any) -> None:
    server.web_app.add_handlers(".*$", [(f"{server.base_url}spy/modules", Modules)])
