"""All routes under ``dask-steward/api/``; a module with handlers exports its own as ``ROUTES``."""

from __future__ import annotations

from tornado.web import RequestHandler

from dask_steward.server import clusters, dashboard, held, kernelspecs, logs, openapi, profiles, rows, status
from dask_steward.server.base import PREFIX, NotFound

#: Modules with handlers, in the order of the document.
MODULES = (status, openapi, clusters, rows, logs, dashboard, profiles, held, kernelspecs)


def routes() -> list[tuple[str, type[RequestHandler]]]:
    """Return every route as ``(pattern under PREFIX, handler)``, the first match wins."""
    return [route for module in MODULES for route in module.ROUTES]


def handlers() -> list[tuple[str, type[RequestHandler]]]:
    """Return the routes as Jupyter's server takes them, with a last one for what is none."""
    found = [(rf"{PREFIX}/{pattern}", handler) for pattern, handler in routes()]
    return [*found, (rf"{PREFIX}(?:/.*)?", NotFound)]
