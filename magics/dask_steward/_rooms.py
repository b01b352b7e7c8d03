"""Rooms of the package that share their name with a function of its public face."""

from __future__ import annotations

import importlib
import types
from typing import Any


class CallableRoom(types.ModuleType):
    """A sub-package that can be called: ``dask_steward.profiles()`` works whether or not the room was imported.

    Importing ``dask_steward.profiles`` binds that name in ``dask_steward`` to the room; without this the function of
    the same name would then be gone.
    """

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function of the public face."""
        function = getattr(importlib.import_module("dask_steward.control.api"), self.__name__.rpartition(".")[2])
        return function(*arguments, **options)
