"""Tell the page in which a notebook is open which cluster the notebook uses.

A comm is opened and closed at once, with target ``dask-steward`` and what happened as its data. Who does not know the
target (a page without the extension, a terminal) hears nothing; nothing here fails.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import dask_steward as ds
from dask_steward.control.pages import in_page

if TYPE_CHECKING:
    from dask_steward import Cluster, OneMachine

logger = logging.getLogger(__name__)

TARGET = "dask-steward"
ATTACHED, DETACHED = "attached", "detached"


def announce(action: str, cluster: Cluster | OneMachine) -> None:
    """Tell that this kernel's notebook uses a cluster, or does so no more.

    Parameters
    ----------
    action : str
        `ATTACHED` or `DETACHED`.
    cluster : Cluster or OneMachine
        Which one; those of one machine are in no list that a page shows.
    """
    # Programs that run notebooks complain of every comm that they do not know.
    if not in_page() or not isinstance(cluster, ds.Cluster):
        return
    try:
        from comm import create_comm

        create_comm(target_name=TARGET, data={"action": action, "id": cluster.id, "name": cluster.name}).close()
    except Exception:  # it depends on the kernel's own parts; the cluster is there all the same
        logger.debug("the page was not told", exc_info=True)
