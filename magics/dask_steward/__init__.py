"""Dask clusters for people who work in Jupyter: from saved profiles, with everything given back.

>>> import dask_steward as ds
>>> with ds.start("local", workers=2) as cluster:  # doctest: +SKIP
...     client = cluster.get_client()

Nothing of Dask is imported until it is needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dask_steward.errors import (
    ClusterNotFound,
    KeeperGone,
    ManagerUnreachable,
    NewerFormat,
    ProfileError,
    ProfileNotFound,
    StartCancelled,
    StartFailed,
    StartTimeout,
    StateFolderError,
    StewardError,
    SubmitRefused,
    TimeLimit,
    UsageError,
    WrongState,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dask_steward.control.api import clusters, get, held, profiles, start, sweep
    from dask_steward.control.attaching import attach
    from dask_steward.control.batch import Batch, batch
    from dask_steward.control.cluster import Cluster
    from dask_steward.control.discover import Discovery, discover
    from dask_steward.control.held import Held
    from dask_steward.control.one_machine import OneMachine
    from dask_steward.control.preview import compare, preview
    from dask_steward.control.previewed import Candidate, Preview
    from dask_steward.control.yarn_cluster import YarnCluster
    from dask_steward.release.sweep import SweepReport

__all__ = [
    "Batch",
    "Candidate",
    "Cluster",
    "ClusterNotFound",
    "Discovery",
    "Held",
    "KeeperGone",
    "ManagerUnreachable",
    "NewerFormat",
    "OneMachine",
    "Preview",
    "ProfileError",
    "ProfileNotFound",
    "StartCancelled",
    "StartFailed",
    "StartTimeout",
    "StateFolderError",
    "StewardError",
    "SubmitRefused",
    "SweepReport",
    "TimeLimit",
    "UsageError",
    "WrongState",
    "YarnCluster",
    "attach",
    "batch",
    "clusters",
    "compare",
    "discover",
    "get",
    "held",
    "load_ipython_extension",
    "preview",
    "profiles",
    "start",
    "sweep",
    "unload_ipython_extension",
]

_LAZY = {
    **dict.fromkeys(("clusters", "get", "held", "profiles", "start", "sweep"), "dask_steward.control.api"),
    **dict.fromkeys(("compare", "preview"), "dask_steward.control.preview"),
    **dict.fromkeys(("Discovery", "discover"), "dask_steward.control.discover"),
    **dict.fromkeys(("Candidate", "Preview"), "dask_steward.control.previewed"),
    "attach": "dask_steward.control.attaching",
    "Batch": "dask_steward.control.batch",
    "batch": "dask_steward.control.batch",
    "_jupyter_server_extension_points": "dask_steward.server",
    "Cluster": "dask_steward.control.cluster",
    "Held": "dask_steward.control.held",
    "OneMachine": "dask_steward.control.one_machine",
    "SweepReport": "dask_steward.release.sweep",
    "YarnCluster": "dask_steward.control.yarn_cluster",
}


def __getattr__(name: str) -> Any:
    if name == "profiles":
        # The room of the same name would otherwise take the function's place once it is imported.
        return importlib.import_module(_LAZY[name]).profiles
    if name == "widgets":
        return importlib.import_module("dask_steward.widgets")
    if name not in _LAZY:
        if name == "__version__":
            from importlib.metadata import version

            return version("dask-steward")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics: ``%load_ext dask_steward``."""
    from dask_steward.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away again; clusters go on."""
    from dask_steward.magics import unload

    unload(shell)
