"""``%dask_cluster attach`` of a scheduler that somebody else owns."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import dask_steward as ds
from dask_steward.console.arguments import attach_tls
from dask_steward.control.applications import cluster_of, is_application
from dask_steward.errors import UsageError

if TYPE_CHECKING:
    from dask_steward import Cluster


def attached(args: argparse.Namespace) -> Cluster | None:
    """Attach to the scheduler that the arguments name; None where they name a cluster of ours.

    Raises
    ------
    UsageError
        If they name nothing, or two places.
    StewardError
        As `dask_steward.attach`.
    """
    tls = attach_tls(args)
    place = args.cluster
    own = cluster_of(place) if is_application(place) else None
    if own is not None:
        args.cluster = own.id
        return None
    address = place if place is not None and ("://" in place or is_application(place)) else None
    if place is None and args.scheduler_file is None:
        raise UsageError("Missing: CLUSTER, an address, or --scheduler-file FILE.", field="cluster")
    if address is None and args.scheduler_file is None:
        if tls or args.name is not None:
            raise UsageError(
                f"{place} is taken for a cluster of yours; --name and --tls-… are for somebody's scheduler.",
                field="cluster",
                value=place,
                hint=f"Write its address, such as tcp://{place}.",
            )
        return None
    if place is not None and address is None:
        raise UsageError("Give a cluster, an address, or --scheduler-file FILE, not two of them.", field="cluster")
    return ds.attach(address, scheduler_file=args.scheduler_file, tls=tls, name=args.name)
