"""``%dask_cluster`` and ``%%dask_cluster``: what each of them does."""

from __future__ import annotations

import argparse
import ast
import html
import logging
import os
import sys
from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class
from traitlets import Unicode

import dask_steward as ds
from dask_steward.console import sentences
from dask_steward.console.arguments import HelpShown, adapt_arguments, scale_arguments, start_arguments
from dask_steward.console.held import held_text
from dask_steward.console.tables import table
from dask_steward.control import applications
from dask_steward.control.shown import show
from dask_steward.errors import ClusterNotFound, StewardError, UsageError, WrongState
from dask_steward.magics import discovery
from dask_steward.magics.announcing import ATTACHED, DETACHED, announce
from dask_steward.magics.attaching import attached
from dask_steward.magics.cells import Cells, Scope, bound, interruptible
from dask_steward.magics.completion import Completer
from dask_steward.magics.parser import cell_parser, line_parser, parse
from dask_steward.magics.progress import Progress, show_progress

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dask_steward import Cluster, OneMachine

_EXPLAINED = """Dask clusters from saved profiles.

    %dask_cluster start [PROFILE] [--jobs N | --workers N] [--adapt MIN MAX] [--set KEY=VALUE]... [--name NAME]
    %dask_cluster list | status | logs | dashboard | stop | attach NAME
    %dask_cluster attach ADDRESS | attach APPLICATION | attach --scheduler-file FILE | detach   (not yours)
    %dask_cluster scale N [--unit UNIT] [--group GROUP] | adapt MIN MAX [--hold TIME] [--group GROUP]
    %dask_cluster rename NAME | tenure TENURE [--idle-timeout TIME] | restart-workers
    %dask_cluster profiles | preview PROFILE | discover SYSTEM | held | sweep
    (%dask_cluster COMMAND --help says more)

    %%dask_cluster PROFILE [--jobs N | --workers N] [--adapt MIN MAX] [--set KEY=VALUE]... [--keep] [--name NAME]
                   [--progress auto|none|bar|widget]
    ds.mean("time").compute()

``client`` and ``cluster`` are bound, and Dask computes on the cluster by default. A cluster that a cell starts is
released when the cell ends, also after an error or an interrupt; ``--keep`` leaves it running. Where PROFILE is the
name or id of a running cluster, the cell runs on that one and leaves it.
"""


@magics_class
class DaskClusterMagics(Magics):  # type: ignore[misc, unused-ignore]
    """The magics of one shell.

    Its traits can be set with ``%config DaskClusterMagics``, or for good in ``ipython_config.py``.
    """

    default_profile = Unicode("local", help="Profile of a start that names none.").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._ip: InteractiveShell = shell
        self.cells = Cells(shell)
        self.completer = Completer(shell)
        #: The cluster that commands without a name mean: the last one started or attached here.
        self._current: Cluster | OneMachine | None = None
        #: Clients that the line magics opened, by cluster.
        self._clients: dict[str, Any] = {}

    @line_cell_magic  # type: ignore[misc, unused-ignore]
    def dask_cluster(self, line: str, cell: str | EllipsisType | None = None) -> Any:
        """Start, use and release Dask clusters."""
        try:
            if cell is None:
                args = parse(line_parser(), line)
                word = args.command.replace("-", "_")
                command: Callable[[argparse.Namespace], None] = getattr(self, f"_{word}")
                return command(args)
            if isinstance(cell, str) and not cell.strip():
                raise UsageError(
                    "This cell has nothing to run.", hint=f"Did you mean %dask_cluster start {line}?".strip()
                )
            scope = self._open_scope(parse(cell_parser(), line))
        except HelpShown:
            return None
        if cell is ...:
            # The statements that follow are a plain cell: see dask_steward.magics.cells.
            self.cells.begin(scope)
            return None
        with scope:
            return self._run_text(str(cell))

    dask_cluster.__doc__ = _EXPLAINED

    # -- cells ---------------------------------------------------------------------------------------------------------

    def _open_scope(self, args: argparse.Namespace) -> Scope:
        """Find or start the cluster of a cell, connect to it, bind the names; return what gives all of that back."""
        asked = start_arguments(args)
        scope = Scope()
        try:
            with interruptible():
                cluster = None if asked else self._running(args.profile)
                keep = args.keep and cluster is None
                if cluster is None:
                    cluster = self._launch(args.profile, asked)
                    scope.callback(_release, cluster)
                client = _client(cluster)
                names = {"client": client, "cluster": cluster}
                if keep:
                    scope.pop_all()
                    self._use(cluster, client)
                else:
                    announce(ATTACHED, cluster)
                    scope.callback(announce, DETACHED, cluster)
                    scope.callback(_disconnect, client)
                    scope.enter_context(bound(self._ip.user_ns, names))
                show_progress(scope, client, args.progress)
        except BaseException:
            scope.close()
            raise
        return scope

    def _running(self, name: str) -> Cluster | OneMachine | None:
        """Return the running cluster that a cell means by this name or id, if it means one.

        A cluster is called after its profile unless it is named, so where a profile has this name, too, only a cluster
        of this kernel is meant: that of another notebook is none of our business.
        """
        current = self._current
        if current is not None and name in (current.name, current.id) and _alive(current):
            return current
        for cluster in ds.clusters():
            if cluster.id == name and _alive(cluster):
                return cluster
            if cluster.name == name and _alive(cluster):
                ours = (cluster.state.get("owner") or {}).get("pid") == os.getpid()
                if ours or name not in {info.name for info in ds.profiles()}:
                    return cluster
        return None

    def _run_text(self, cell: str) -> Any:
        """Run a cell that was handed over as text (``run_cell_magic`` in a program), and return its last expression."""
        shell = self._ip
        source = shell.transform_cell(cell)
        name = shell.compile.cache(source, shell.execution_count)
        tree = shell.transform_ast(shell.compile.ast_parse(source, filename=name))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), shell.user_global_ns, shell.user_ns)
        if last is None:
            return None
        return eval(compile(ast.Expression(last.value), name, "eval"), shell.user_global_ns, shell.user_ns)

    # -- lines ---------------------------------------------------------------------------------------------------------

    def _start(self, args: argparse.Namespace) -> None:
        asked = start_arguments(args)
        if args.no_wait and args.wait is not None:
            raise UsageError("--wait and --no-wait exclude each other.")
        asked |= {"wait": False} if args.no_wait else {} if args.wait is None else {"wait": args.wait}
        if args.tenure:
            asked["tenure"] = args.tenure
        with interruptible():
            cluster = self._launch(args.profile or self.default_profile, asked)
            if args.no_wait:
                # A Client would wait for the scheduler.
                self._use(cluster, None)
                return
            try:
                client = _client(cluster)
            except BaseException:
                _release(cluster)
                raise
        self._use(cluster, client)

    def _launch(self, profile: str, asked: dict[str, Any]) -> Cluster | OneMachine:
        progress = Progress(self._ip)
        try:
            cluster = ds.start(profile, on_progress=progress, **asked)
        except BaseException:
            progress.failed(asked.get("name") or profile)
            raise
        progress.done(cluster.state)
        return cluster

    def _use(self, cluster: Cluster | OneMachine, client: Any) -> None:
        """Make a cluster the one that names and later commands mean."""
        self._current = cluster
        names = {"cluster": cluster}
        if client is not None:
            names["client"] = self._clients[cluster.id] = client
        self._ip.user_ns.update(names)
        announce(ATTACHED, cluster)

    def _attach(self, args: argparse.Namespace) -> None:
        foreign = attached(args)
        with interruptible():
            cluster = foreign if foreign is not None else ds.get(args.cluster)
            self._use(cluster, cluster.get_client())
        _say(f"{sentences.label(cluster.state)}: {sentences.workers(cluster.state)}")

    def _list(self, args: argparse.Namespace) -> None:
        headers, rows = sentences.cluster_table(sentences.states(ds.clusters(all=args.all)), ended=args.all)
        _say(table(headers, rows) if rows else "no clusters")

    def _status(self, args: argparse.Namespace) -> None:
        cluster = self._chosen(args.cluster)
        text = sentences.cluster_text(cluster.state)
        if not (isinstance(cluster, ds.Cluster) and show(cluster, text)):
            _say(text)

    def _scale(self, args: argparse.Namespace) -> None:
        size = scale_arguments(args)
        cluster = self._remote(args.cluster)
        note = cluster.scale(**size)
        _say(sentences.resized(cluster.state, note, args.group))

    def _adapt(self, args: argparse.Namespace) -> None:
        limits = adapt_arguments(args)
        cluster = self._remote(args.cluster)
        cluster.adapt(**limits)
        _say(sentences.resized(cluster.state, None, args.group))

    def _rename(self, args: argparse.Namespace) -> None:
        cluster = self._remote(args.cluster)
        before = cluster.name
        cluster.rename(args.name)
        _say(sentences.renamed(before, cluster.state))

    def _tenure(self, args: argparse.Namespace) -> None:
        cluster = self._remote(args.cluster)
        cluster.set_tenure(args.tenure, idle_timeout=args.idle_timeout)
        _say(sentences.belongs(cluster.state))

    def _restart_workers(self, args: argparse.Namespace) -> None:
        cluster = self._remote(args.cluster)
        with interruptible():
            note = cluster.restart_workers()
        _say(sentences.restarted(cluster.state, note))

    def _logs(self, args: argparse.Namespace) -> None:
        cluster = self._remote(args.cluster)
        found = cluster.get_logs(job=args.job, worker=args.worker, keeper=args.keeper, tail=args.tail)
        _say(sentences.logs_text(found, {} if found else cluster.state))

    def _stop(self, args: argparse.Namespace) -> None:
        if args.all and args.clusters:
            raise UsageError("Give names or --all, not both.")
        named, others = applications.split(args.clusters)
        if others and not args.yes:
            raise UsageError(f"{', '.join(others)}: no cluster of yours has it.", hint="--yes kills it all the same.")
        names: Sequence[str | None] = named if args.clusters else [None]
        clusters = list(ds.clusters()) if args.all else [self._chosen(name) for name in names]
        with interruptible():
            for other in others:
                _say(applications.ended_text(applications.kill(other)))
            for cluster in clusters:
                self._forget(cluster)
                cluster.close()
                _say(sentences.ended(cluster.state))
        if not clusters and not others:
            _say("no clusters")

    def _detach(self, args: argparse.Namespace) -> None:
        cluster = self._remote(args.cluster)
        with interruptible():
            cluster.detach()
            self._forget(cluster)
        _say(sentences.ended(cluster.state))

    def _forget(self, cluster: Cluster | OneMachine) -> None:
        """Close the client that was opened for a cluster, and take both names back."""
        client = self._clients.pop(cluster.id, None)
        _disconnect(client)
        namespace = self._ip.user_ns
        if client is not None and namespace.get("client") is client:
            del namespace["client"]
        if getattr(namespace.get("cluster"), "id", None) == cluster.id:
            del namespace["cluster"]
        if self._current is not None and self._current.id == cluster.id:
            self._current = None
        announce(DETACHED, cluster)

    def _profiles(self, args: argparse.Namespace) -> None:
        infos = ds.profiles()
        rows = [[info.name, info.system, info.level, info.title] for info in infos]
        problems = [str(problem) for info in infos for problem in info.problems]
        _say("\n".join([table(("NAME", "SYSTEM", "FROM", "TITLE"), rows), *problems]))

    def _preview(self, args: argparse.Namespace) -> None:
        with interruptible():
            _say(discovery.preview_text(args))

    def _discover(self, args: argparse.Namespace) -> None:
        with interruptible():
            _say(discovery.discover_text(args))

    def _held(self, args: argparse.Namespace) -> None:
        _say(held_text([one.to_dict() for one in ds.held()]))

    def _sweep(self, args: argparse.Namespace) -> None:
        with interruptible():
            _say(str(ds.sweep()))

    def _dashboard(self, args: argparse.Namespace) -> None:
        cluster = self._remote(args.cluster)
        link = cluster.dashboard_link
        if not link.startswith("http"):
            raise UsageError(
                f"The dashboard of {sentences.label(cluster.state)} has no address in the browser.",
                hint=f"In a shell: dask-steward dashboard {cluster.id}.",
            )
        from IPython.display import display

        text = html.escape(link)
        display(
            {"text/plain": link, "text/html": f'<a href="{text}" target="_blank" rel="noopener">{text}</a>'}, raw=True
        )

    def _remote(self, name: str | None) -> Cluster:
        """Return the chosen cluster, which must be one that runs outside this process."""
        cluster = self._chosen(name)
        if isinstance(cluster, ds.Cluster):
            return cluster
        raise WrongState(f"{cluster.name} computes in this process: it has no workers, logs or dashboard of its own.")

    def _chosen(self, name: str | None) -> Cluster | OneMachine:
        """Return the cluster of that name, or the one that is in use."""
        current = self._current
        if name is not None:
            return current if current is not None and name in (current.name, current.id) else ds.get(name)
        if current is not None and _alive(current):
            return current
        found = ds.clusters()
        if len(found) == 1:
            return found[0]
        if current is not None and not found:
            return current  # it has ended: its logs may be wanted, and anything else says why it cannot be
        if not found:
            raise ClusterNotFound("There is no cluster.", hint="Start one: %dask_cluster start.")
        names = ", ".join(sorted(cluster.name for cluster in found))
        raise UsageError("Several clusters are running.", hint=f"Say which: {names}.")


def _client(cluster: Cluster | OneMachine) -> Any:
    """Return a new client, or None where Dask computes in this process."""
    return cluster.get_client() if isinstance(cluster, ds.Cluster) else None


def _disconnect(client: Any) -> None:
    """Close a client, quietly: where its scheduler has gone first, Dask logs tracebacks of looking for it again."""
    if client is None:
        return
    logger = logging.getLogger("distributed.client")

    def drop(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        client.close()
    finally:
        logger.removeFilter(drop)


def _alive(cluster: Cluster | OneMachine) -> bool:
    return cluster.state.get("state") not in (sentences.ENDED | {"stopping"})


def _release(cluster: Cluster | OneMachine) -> None:
    """Stop a cluster and wait until nothing is held; what goes wrong is said, and never hides the cell's own error."""
    try:
        cluster.close()
    except StewardError as error:
        _warn(f"{cluster.name}: {error}")
    except KeyboardInterrupt:
        _warn(f"{cluster.name} is being released in the background; see %dask_cluster held.")


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


def _warn(text: str) -> None:
    sys.stderr.write(text + "\n")
