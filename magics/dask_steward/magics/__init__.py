"""The notebook's face: ``%dask_cluster`` and ``%%dask_cluster``.

Loading it imports IPython and the standard library only; Dask is imported by the first command that needs it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dask_steward.magics.commands import DaskClusterMagics

_ATTRIBUTE = "_dask_steward_magics"


def load(ip: InteractiveShell) -> None:
    """Register the magics with a shell, and look in the background for what dead clusters left behind.

    Parameters
    ----------
    ip : InteractiveShell
        The shell; loading twice is the same as once.
    """
    from dask_steward.magics.commands import DaskClusterMagics

    unload(ip)
    magics = DaskClusterMagics(ip)
    ip.register_magics(magics)
    magics.cells.install()
    magics.completer.install()
    setattr(ip, _ATTRIBUTE, magics)
    threading.Thread(target=_sweep, name="dask-steward-sweep", daemon=True).start()


def unload(ip: InteractiveShell) -> None:
    """Remove what `load` registered. Clusters go on until they are stopped or the kernel ends."""
    magics: DaskClusterMagics | None = getattr(ip, _ATTRIBUTE, None)
    if magics is None:
        return
    magics.cells.uninstall()
    magics.completer.uninstall()
    for kind in ("line", "cell"):
        ip.magics_manager.magics[kind].pop("dask_cluster", None)
    delattr(ip, _ATTRIBUTE)


def _sweep() -> None:
    """Release what dead clusters left; quietly, since nobody asked: ``%dask_cluster sweep`` says it aloud."""
    import dask_steward as ds
    from dask_steward.errors import StewardError

    try:
        ds.sweep()
    except StewardError:
        pass
