"""What each ``dask-steward`` command does.

Everything that is slow to import is imported where it is used: most commands need neither profiles nor Dask.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import dask_steward as ds
from dask_steward.cli import output
from dask_steward.cli.applications import agree, kill_all
from dask_steward.console import sentences
from dask_steward.console.arguments import (
    adapt_arguments,
    attach_tls,
    parse_settings,
    scale_arguments,
    start_arguments,
)
from dask_steward.console.held import held_text
from dask_steward.control import applications
from dask_steward.errors import StewardError, UsageError

if TYPE_CHECKING:
    from dask_steward import Cluster

#: Idle time after which a cluster that a shell started, and that says nothing about its end, is released.
SHELL_IDLE_TIMEOUT = "30 min"
#: Clusters that `stop --all` waits for together.
_STOPPED_AT_ONCE = 16
#: Systems that are schedulers of the calling process: nothing would be left of them when the command ends.
_IN_PROCESS = frozenset({"threads", "processes", "synchronous"})


def start(args: argparse.Namespace) -> int:
    """Start a cluster."""
    asked = start_arguments(args)
    asked["set"] = dict(asked.get("set", {}))
    asked["tenure"] = _tenure(args, asked["set"])
    asked["owner_pid"] = args.owner_pid
    asked["wait"] = False if args.no_wait else True if args.wait is None else args.wait
    return _start(args.profile, asked, args)


def attach(args: argparse.Namespace) -> int:
    """Attach to a scheduler that somebody else owns."""
    from dask_steward.control.attaching import fields_of

    settings, name = fields_of(args.address, args.scheduler_file, attach_tls(args), args.name)
    settings.update(parse_settings(args.settings))
    asked = {"name": name, "set": settings, "tenure": _tenure(args, settings), "owner_pid": args.owner_pid}
    return _start(args.profile, asked, args)


def _start(profile: str, asked: dict[str, Any], args: argparse.Namespace) -> int:
    progress = output.Progress()
    try:
        with _signals_interrupt() as interrupted:
            cluster = ds.start(profile, on_progress=progress, client_follows=False, **asked)
            if interrupted:
                cluster.close()
            state = dict(cluster.state)
    finally:
        progress.clear()
    if asked["set"].get("idle_timeout") is SHELL_IDLE_TIMEOUT:
        output.note(
            f"Nobody owns a cluster started from a shell: it is {'detached' if state['foreign'] else 'released'} after "
            f"{SHELL_IDLE_TIMEOUT} without work (--set idle_timeout=…, --set time_to_live=… or --owner-pid change "
            "that)."
        )
    if args.json:
        output.print_json(state)
        return 0
    print(f"{state['id']}  {sentences.progress(state, progress.elapsed, end=True)}")
    if state.get("state") == "running":
        output.note(f"Connect: dask-steward connect {state['id']}   Stop: dask-steward stop {state['id']}")
    return 0


def _tenure(args: argparse.Namespace, settings: dict[str, Any]) -> str:
    """Return the tenure of a start from a shell, which has no kernel that could own a cluster.

    Where nothing else would ever end it, an idle time-out is added to `settings`.
    """
    from dask_steward.profiles import ProfileStore

    tenure = args.tenure or ("process" if args.owner_pid else None)
    if args.tenure == "detached" and args.owner_pid:
        raise UsageError(
            "A detached cluster has no owner.", field="owner-pid", hint="Leave out --owner-pid or --tenure."
        )
    if args.tenure not in (None, "detached") and not args.owner_pid:
        raise UsageError(
            f"From a shell, tenure {args.tenure} needs the process that owns the cluster.",
            field="owner-pid",
            hint="Add --owner-pid PID.",
        )
    profile = ProfileStore().resolve(args.profile, settings)
    if profile.system in _IN_PROCESS:
        raise UsageError(
            f"{args.profile} is a scheduler inside one Python process; a shell command cannot start it.",
            field="profile",
            hint="Use it in Python or a notebook, or start local.",
        )
    if tenure is not None:
        return tenure
    if profile.tenure != "detached" and profile.idle_timeout is None and profile.time_to_live is None:
        settings["idle_timeout"] = SHELL_IDLE_TIMEOUT
    return "detached"


@contextmanager
def _signals_interrupt() -> Iterator[list[int]]:
    """Let a closed terminal or a ``kill`` cancel a start as Ctrl-C does, so that nothing is left of it.

    Yields the signals that came. Python may raise the interrupt where it becomes another error (before 3.12 a
    ``__set_name__`` turns it into a RuntimeError) or is lost (a destructor): who has started something looks there.
    """
    came: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    # SIGINT too: a command that a script starts in the background inherits it ignored.
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield came
    except Exception as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    else:
        if came:
            raise KeyboardInterrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def list_clusters(args: argparse.Namespace) -> int:
    """List clusters."""
    from dask_steward.control.api import problems

    states = sentences.states(ds.clusters(all=args.all))
    for problem in problems():
        output.note(problem)
    if args.json:
        output.print_json(states)
    elif states:
        output.print_table(*sentences.cluster_table(states, ended=args.all))
    else:
        print("no clusters")
    return 0


def status(args: argparse.Namespace) -> int:
    """Show one cluster."""
    return _show(ds.get(args.id), args)


def _show(cluster: Cluster, args: argparse.Namespace) -> int:
    state = dict(cluster.state)
    if args.json:
        output.print_json(state)
    else:
        print(sentences.cluster_text(state))
    return 0


def scale(args: argparse.Namespace) -> int:
    """Scale a cluster."""
    size = scale_arguments(args)
    cluster = ds.get(args.id)
    return _answer(cluster, args, cluster.scale(**size))


def adapt(args: argparse.Namespace) -> int:
    """Let a cluster adapt."""
    limits = adapt_arguments(args)
    cluster = ds.get(args.id)
    cluster.adapt(**limits)
    return _answer(cluster, args)


def _answer(cluster: Cluster, args: argparse.Namespace, note: str | None = None) -> int:
    state = dict(cluster.state)
    if args.json:
        output.print_json({**state, "note": note} if args.run is scale else state)
    else:
        print(sentences.resized(state, note, args.group))
    return 0


def detach(args: argparse.Namespace) -> int:
    """Let go of a scheduler of somebody else."""
    cluster = ds.get(args.id)
    cluster.detach()
    if args.json:
        output.print_json(dict(cluster.state))
    else:
        print(f"{cluster.id}  {sentences.ended(cluster.state)}")
    return 0


def stop(args: argparse.Namespace) -> int:
    """Stop clusters."""
    if bool(args.ids) == args.all:
        raise UsageError("Say which clusters to stop: their ids or names, or --all.", field="id")
    names, others = applications.split(args.ids)
    # All are found before the first is stopped: one that is misspelt stops nothing.
    clusters = ds.clusters() if args.all else [ds.get(name) for name in names]
    agree(others, args.yes)
    failed: dict[str, StewardError] = {}
    if clusters:
        # Each waits until everything is verified gone, so they wait together.
        with ThreadPoolExecutor(min(len(clusters), _STOPPED_AT_ONCE)) as pool:
            list(pool.map(lambda cluster: _stop_one(cluster, failed), clusters))
    answers = [failed[c.id].to_dict() | {"cluster": c.id} if c.id in failed else dict(c.state) for c in clusters]
    killed, refused = kill_all(others, say=not args.json)
    if args.json:
        output.print_json([*answers, *killed])
    for cluster, answer in zip(clusters, answers, strict=True):
        if cluster.id in failed:
            output.note(f"dask-steward: {cluster.id}: {failed[cluster.id]}")
        elif not args.json:
            print(f"{cluster.id}  {sentences.ended(answer)}")
    if not (clusters or others or args.json):
        print("no clusters")
    return max((error.exit_code for error in (*failed.values(), *refused)), default=0)


def _stop_one(cluster: Cluster, failed: dict[str, StewardError]) -> None:
    """Stop a cluster; one that cannot be stopped must not keep the others."""
    try:
        cluster.close()
    except StewardError as error:
        failed[cluster.id] = error


def logs(args: argparse.Namespace) -> int:
    """Show logs."""
    cluster = ds.get(args.id)
    if args.follow:
        if args.worker:
            raise UsageError("--follow works for jobs and the keeper.", field="follow", hint="Leave out --worker.")
        for source, line in cluster.follow_logs(job=args.job, keeper=args.keeper):
            if args.json:
                output.print_json({"source": source, "line": line})
            else:
                print(line)
            sys.stdout.flush()
        return 0
    found = cluster.get_logs(job=args.job, worker=args.worker, keeper=args.keeper, tail=args.tail)
    if args.json:
        output.print_json(found)
    else:
        print(sentences.logs_text(found, {} if found else cluster.state))
    return 0


def held(args: argparse.Namespace) -> int:
    """List what is held."""
    found = [one.to_dict() for one in ds.held()]
    if args.json:
        output.print_json(found)
    else:
        print(held_text(found))
    return 0


def sweep(args: argparse.Namespace) -> int:
    """Release what was left behind."""
    report = ds.sweep()
    if args.json:
        output.print_json(report.to_dict())
    else:
        print(report)
    return 1 if report.left else 0


def connect(args: argparse.Namespace) -> int:
    """Print what a Client needs."""
    info = ds.get(args.id).connect_info()
    if args.json:
        output.print_json(info)
    else:
        print(info["code"])
    return 0


def dashboard(args: argparse.Namespace) -> int:
    """Forward a port of this host to a cluster's dashboard, until Ctrl-C."""
    from dask_steward.cli import forward

    return forward.run(ds.get(args.id), port=args.port, as_json=args.json)


def doctor(args: argparse.Namespace) -> int:
    """Check what a cluster needs; with a probe, also how containers and this machine reach each other."""
    from dask_steward.cli import doctor as checks

    found = checks.run_all(args.probe, output.note)
    if args.json:
        output.print_json([check.to_dict() for check in found])
    else:
        output.print_table(("RESULT", "CHECK", "FOUND"), [[c.result, c.name, c.found] for c in found])
        for check in found:
            if check.advice:
                print(f"\n{check.name}: {check.advice}")
    return 1 if any(check.result == "fail" for check in found) else 0
