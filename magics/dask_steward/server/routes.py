"""All routes under ``dask-steward/api/``; a module with handlers exports its own as ``ROUTES``."""

from __future__ import annotations

from dask_steward.server import clusters, kernelspecs, profiles, rows
from dask_steward.server.base import PREFIX, Handler, NotFound

#: Modules with handlers, in the order of the document.
MODULES = (clusters, rows, profiles, kernelspecs)


def routes() -> list[tuple[str, type[Handler]]]:
    """Return every route as ``(pattern under PREFIX, handler)``, the first match wins."""
    return [route for module in MODULES for route in module.ROUTES]


def handlers() -> list[tuple[str, type[Handler]]]:
    """Return the routes as Jupyter's server takes them, with a last one for what is none."""
    found = [(rf"{PREFIX}/{pattern}", handler) for pattern, handler in routes()]
    return [*found, (rf"{PREFIX}(?:/.*)?", NotFound)]
