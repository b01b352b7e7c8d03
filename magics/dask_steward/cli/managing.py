"""Another name, another owner, and workers whose processes start again."""

from __future__ import annotations

import argparse

import dask_steward as ds
from dask_steward.cli import output
from dask_steward.console import sentences
from dask_steward.errors import UsageError


def rename(args: argparse.Namespace) -> int:
    """Give a cluster another name."""
    cluster = ds.get(args.id)
    before = cluster.name
    cluster.rename(args.name)
    return _answer(args, cluster.state, sentences.renamed(before, cluster.state))


def tenure(args: argparse.Namespace) -> int:
    """Give a cluster to another owner."""
    cluster = ds.get(args.id)
    if args.tenure != "detached" and not args.owner_pid:
        raise UsageError(
            f"From a shell, tenure {args.tenure} needs the process that owns the cluster.",
            field="owner-pid",
            hint="Add --owner-pid PID.",
        )
    cluster.set_tenure(args.tenure, owner_pid=args.owner_pid, idle_timeout=args.idle_timeout)
    return _answer(args, cluster.state, sentences.belongs(cluster.state))


def restart_workers(args: argparse.Namespace) -> int:
    """Start all workers' processes again."""
    cluster = ds.get(args.id)
    note = cluster.restart_workers()
    state = {**cluster.state, "note": note}
    return _answer(args, state, sentences.restarted(state, note)) or (1 if note else 0)


def _answer(args: argparse.Namespace, state: dict[str, object], words: str) -> int:
    if args.json:
        output.print_json(state)
    else:
        print(words)
    return 0
