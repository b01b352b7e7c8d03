"""The arguments of every ``dask-steward`` command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from dask_steward.cli import batch, commands, discover, managing, preview
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
from dask_steward.console.discovery import add_discover_options, add_preview_options

_EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong usage or profile, 3 no such cluster, 4 time limit, 130 interrupted."


def build_parser(arguments: Sequence[str] | None = None) -> Parser:
    """Return the parser of the whole command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What will be parsed. The ``profiles`` commands are looked up in their own module only when they may be meant.
    """
    parser = Parser(
        prog="dask-steward",
        description="Dask clusters from saved profiles; everything that they take is given back.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and stop")
    sub = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")

    start = _add(sub, "start", commands.start, "start a cluster from a profile and wait until it runs")
    start.add_argument(
        "profile", metavar="PROFILE", nargs="?", default="local", help="name of a profile (default: local)"
    )
    add_start_options(start)
    start.add_argument(
        "--tenure",
        choices=("kernel", "server", "process", "detached"),
        help="to whom the cluster belongs (default: detached, or the process of --owner-pid)",
    )
    start.add_argument(
        "--owner-pid", type=whole(1), metavar="PID", help="the cluster is released when this process ends"
    )
    wait = start.add_mutually_exclusive_group()
    wait.add_argument(
        "--wait", type=seconds, metavar="SECONDS", help="give up, and give everything back, after this time"
    )
    wait.add_argument("--no-wait", action="store_true", help="do not wait until it runs")

    words = "attach to a scheduler that somebody else owns, by its address or its scheduler file"
    attach = _add(sub, "attach", commands.attach, words)
    attach.add_argument(
        "address", metavar="ADDRESS", nargs="?", help="such as tcp://localhost:8786, or an application of YARN"
    )
    add_attach_options(attach)
    attach.add_argument("--profile", default="address", metavar="PROFILE", help="a profile of system: address")
    attach.add_argument("--name", metavar="NAME", help="what it is called here (default: its address)")
    attach.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="a field of the profile"
    )
    attach.add_argument(
        "--tenure",
        choices=("process", "detached"),
        help="with whom the attachment ends (default: detached, or the process of --owner-pid)",
    )
    attach.add_argument("--owner-pid", type=whole(1), metavar="PID", help="detach when this process ends")
    _cluster(_add(sub, "detach", commands.detach, "let go of a scheduler that somebody else owns; it goes on"))

    listing = _add(sub, "list", commands.list_clusters, "list the clusters")
    listing.add_argument("--all", action="store_true", help="also those that have ended")

    _cluster(_add(sub, "status", commands.status, "show one cluster"))

    shown = _cluster(_add(sub, "top", _top, "show one cluster and what it computes, live; Ctrl-C leaves"))
    shown.add_argument("--once", action="store_true", help="print what is known now and stop")

    add_scale_options(_cluster(_add(sub, "scale", commands.scale, "set the size, in workers or another unit")))
    add_adapt_options(_cluster(_add(sub, "adapt", commands.adapt, "let a cluster grow and shrink with its work")))

    rename = _cluster(_add(sub, "rename", managing.rename, "give a cluster another name"))
    rename.add_argument("name", metavar="NAME", help="the new name")

    tenure = _cluster(_add(sub, "tenure", managing.tenure, "give a cluster to another owner, or to nobody"))
    tenure.add_argument(
        "tenure", metavar="TENURE", choices=("kernel", "server", "process", "detached"), help="whom it is to end with"
    )
    tenure.add_argument("--owner-pid", type=whole(1), metavar="PID", help="the process that it is to end with")
    add_idle_timeout(tenure)

    words = "start the processes of all workers again; jobs stay"
    _cluster(_add(sub, "restart-workers", managing.restart_workers, words))

    stop = _add(sub, "stop", commands.stop, "stop clusters and wait until nothing is held")
    stop.add_argument("ids", metavar="ID", nargs="*", help="ids or names, or applications of YARN")
    stop.add_argument("--all", action="store_true", help="every cluster of yours on this host")
    stop.add_argument(
        "--yes", action="store_true", help="kill an application that no cluster of yours has without asking"
    )

    logs = _cluster(_add(sub, "logs", commands.logs, "show the logs of a cluster"))
    which = logs.add_mutually_exclusive_group()
    which.add_argument("--job", metavar="J", help="of one job")
    which.add_argument("--worker", metavar="W", help="of one worker")
    which.add_argument("--keeper", action="store_true", help="of the cluster's own process (and its scheduler)")
    logs.add_argument("--tail", type=whole(1), default=200, metavar="N", help="the last N lines of each (default: 200)")
    logs.add_argument("--follow", "-f", action="store_true", help="go on with new lines until the cluster ends")

    _add(sub, "held", commands.held, "list every job and process that is held")
    _add(sub, "sweep", commands.sweep, "release what clusters left whose processes are gone (for cron)")
    _cluster(_add(sub, "connect", commands.connect, "print what a distributed.Client needs"))

    dashboard = _cluster(
        _add(sub, "dashboard", commands.dashboard, "open a cluster's dashboard on a port of this host")
    )
    dashboard.add_argument(
        "--port", type=whole(0), default=0, metavar="N", help="port on 127.0.0.1 (default: any free one)"
    )

    words = "show the jobs of a profile, and what they would hold; submit nothing"
    shown = _add(sub, "preview", preview.preview, words)
    shown.add_argument("profile", metavar="PROFILE", help="name of a profile")
    add_preview_options(shown)
    add_discover_options(_add(sub, "discover", discover.discover, "write profiles from what a site offers"))

    words = "run a script with a cluster of its own inside one allocation of Slurm"
    batch.add_arguments(_add(sub, "batch", batch.batch, words))

    checked = _add(sub, "doctor", commands.doctor, "check what a cluster needs, and say what to do")
    words = "also submit a YARN application of some seconds, to find out which deploy_mode a profile needs from here"
    checked.add_argument("--probe", nargs="?", const="", metavar="PROFILE", help=words)
    _add_profiles(sub, arguments)
    return parser


def _top(args: argparse.Namespace) -> int:
    from dask_steward.cli.top import top

    return top(args)


class _Version(argparse.Action):
    """``--version``, read only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from dask_steward import __version__

        print(f"dask-steward {__version__}")
        parser.exit()


def _add(
    sub: argparse._SubParsersAction[Parser], name: str, run: Callable[[argparse.Namespace], int], words: str
) -> Parser:
    parser = sub.add_parser(name, help=words, description=f"{words[:1].upper()}{words[1:]}.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _cluster(parser: Parser) -> Parser:
    parser.add_argument("id", metavar="ID", help="id or name of a cluster")
    return parser


def _add_profiles(sub: argparse._SubParsersAction[Parser], arguments: Sequence[str] | None) -> None:
    if arguments is not None and "profiles" not in arguments:
        # Named for the help and the nearest-match hint; its models take longer to import than a listing takes.
        sub.add_parser("profiles", help="list, check, write profiles")
        return
    from dask_steward.cli import profiles

    profiles.add_parser(sub)
    sub.choices["profiles"].set_defaults(run=profiles.run)
