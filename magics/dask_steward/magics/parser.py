"""The arguments of ``%dask_cluster`` and ``%%dask_cluster``."""

from __future__ import annotations

import argparse
import shlex
from functools import cache

from dask_steward.console.arguments import (
    Parser,
    add_adapt_options,
    add_attach_options,
    add_idle_timeout,
    add_scale_options,
    add_start_options,
    seconds,
    whole,
)
from dask_steward.errors import UsageError
from dask_steward.magics import discovery

_START = "start a cluster from a profile, and bind client and cluster"


@cache
def line_parser() -> Parser:
    """Return the parser of ``%dask_cluster``."""
    parser = Parser(prog="%dask_cluster", description="Dask clusters from saved profiles.")
    sub = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, title="commands")

    start = sub.add_parser("start", help=_START, description=f"{_START[:1].upper()}{_START[1:]}.")
    start.add_argument(
        "profile", metavar="PROFILE", nargs="?", help="name of a profile (default: that of %%config, else local)"
    )
    add_start_options(start)
    start.add_argument(
        "--tenure", choices=("kernel", "detached"), help="to whom it belongs (default: the profile's, else this kernel)"
    )
    start.add_argument(
        "--wait", type=seconds, metavar="SECONDS", help="give up, and give everything back, after this time"
    )
    start.add_argument("--no-wait", action="store_true", help="do not wait until it runs")

    attach = sub.add_parser("attach", help="bind client and cluster to a running cluster, or to somebody's scheduler")
    attach.add_argument(
        "cluster",
        metavar="CLUSTER",
        nargs="?",
        help="id or name, a scheduler's address such as tcp://localhost:8786, or an application of YARN",
    )
    add_attach_options(attach)
    attach.add_argument("--name", metavar="NAME", help="what somebody's scheduler is called here")
    _cluster(sub.add_parser("detach", help="let go of a scheduler that somebody else owns; it goes on"))

    listing = sub.add_parser("list", help="list the clusters")
    listing.add_argument("--all", action="store_true", help="also those that have ended")

    _cluster(sub.add_parser("status", help="show a cluster"))

    scale = sub.add_parser("scale", help="set the size, in workers or another unit")
    add_scale_options(scale)
    _cluster_option(scale)

    adapt = sub.add_parser("adapt", help="let a cluster grow and shrink with its work")
    add_adapt_options(adapt)
    _cluster_option(adapt)

    rename = sub.add_parser("rename", help="give a cluster another name")
    rename.add_argument("name", metavar="NAME", help="the new name")
    _cluster_option(rename)

    tenure = sub.add_parser("tenure", help="let a cluster belong to this kernel, or to nobody")
    tenure.add_argument("tenure", metavar="TENURE", choices=("kernel", "detached"), help="kernel or detached")
    add_idle_timeout(tenure)
    _cluster_option(tenure)

    _cluster(sub.add_parser("restart-workers", help="start all workers' processes again; jobs stay"))

    logs = _cluster(sub.add_parser("logs", help="show the logs of a cluster"))
    which = logs.add_mutually_exclusive_group()
    which.add_argument("--job", metavar="J", help="of one job")
    which.add_argument("--worker", metavar="W", help="of one worker")
    which.add_argument("--keeper", action="store_true", help="of the cluster's own process (and its scheduler)")
    logs.add_argument("--tail", type=whole(1), default=200, metavar="N", help="the last N lines of each (default: 200)")

    stop = sub.add_parser("stop", help="stop clusters and wait until nothing is held")
    stop.add_argument(
        "clusters", metavar="CLUSTER", nargs="*", help="ids, names, or applications (default: the one in use)"
    )
    stop.add_argument("--all", action="store_true", help="every cluster of yours on this host")
    stop.add_argument("--yes", action="store_true", help="also an application of YARN that no cluster of yours has")

    discovery.add_parsers(sub)
    sub.add_parser("profiles", help="list the profiles")
    sub.add_parser("held", help="list every job and process that is held")
    sub.add_parser("sweep", help="release what clusters left whose processes are gone")
    _cluster(sub.add_parser("dashboard", help="show where a cluster's dashboard is"))
    return parser


@cache
def cell_parser() -> Parser:
    """Return the parser of ``%%dask_cluster``."""
    parser = Parser(
        prog="%%dask_cluster",
        description="Run this cell on a cluster, which is released when the cell ends if it was started here.",
    )
    parser.add_argument(
        "profile", metavar="PROFILE", help="name of a profile, or of a running cluster, which is left running"
    )
    add_start_options(parser)
    parser.add_argument(
        "--progress",
        choices=("auto", "none", "bar", "widget"),
        default="auto",
        help="how computations are shown that take longer than 2 s (default: auto, a widget or else text)",
    )
    parser.add_argument("--keep", action="store_true", help="leave the cluster running when the cell ends")
    return parser


def parse(parser: Parser, line: str) -> argparse.Namespace:
    """Parse a magic's line.

    Raises
    ------
    UsageError
        If it is wrong.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"The line of the magic cannot be read: {error}.", hint="Close the quotation.") from None
    return parser.parse_args(words)


def _cluster(parser: Parser) -> Parser:
    parser.add_argument("cluster", metavar="CLUSTER", nargs="?", help="id or name (default: the one in use)")
    return parser


def _cluster_option(parser: Parser) -> None:
    parser.add_argument("--cluster", metavar="CLUSTER", help="id or name (default: the one in use)")
