"""Modules that a person's computations will need, imported before the first one arrives.

A graph names the modules of its functions: the scheduler that unpickles it and each worker that runs it import them
then, one after the other, which takes more than a second each for xarray and what it reads files with. Who has them
in their kernel when they start a cluster is about to use them.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Iterable

logger = logging.getLogger(__name__)

#: Modules that take long and do nothing but define things; others are nobody's business to import unasked.
KNOWN = ("numpy", "pandas", "dask.array", "dask.dataframe", "xarray", "netCDF4", "h5netcdf", "zarr")


def imported() -> list[str]:
    """Return the known modules that this process has imported."""
    return [name for name in KNOWN if name in sys.modules]


def import_known(names: Iterable[str]) -> None:
    """Import the known ones among modules; what is not there, or broken, is left to the task that needs it."""
    for name in names:
        if name in KNOWN and name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception as error:  # noqa: BLE001 - whatever somebody's module does when it is imported
                logger.info("%s is not imported ahead: %s: %s", name, type(error).__name__, error)


def import_aside(names: Iterable[str]) -> None:
    """Do the same on a thread of its own; who needs a module meanwhile waits for it, as for an import of its own."""
    threading.Thread(target=import_known, args=(tuple(names),), name="imports", daemon=True).start()
