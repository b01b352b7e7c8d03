"""Arguments of ``preview`` and ``discover`` that the shell command and the magics share."""

from __future__ import annotations

import argparse
from typing import Any

from dask_steward.console.arguments import parse_settings, whole
from dask_steward.errors import UsageError


def add_preview_options(parser: argparse.ArgumentParser) -> None:
    """Add what a preview takes."""
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--jobs", type=whole(), metavar="N", help="number of jobs (queue systems)")
    size.add_argument("--workers", type=whole(), metavar="N", help="number of workers")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="a field of the profile for this preview only, e.g. --set options.queue=debug (may be repeated)",
    )
    parser.add_argument(
        "--test-only", action="store_true", help="ask when and on which nodes the first job would start"
    )
    parser.add_argument(
        "--compare", nargs="+", metavar="PROFILE", default=[], help="which of these would start first, too"
    )
    parser.add_argument("--partitions", metavar="A,B", help="in which of these partitions it would start first")


def preview_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_preview_options` as keyword arguments of `dask_steward.preview`."""
    found: dict[str, Any] = {
        name: getattr(args, name) for name in ("jobs", "workers") if getattr(args, name) is not None
    }
    if args.settings:
        found["set"] = parse_settings(args.settings)
    return found


def compared(args: argparse.Namespace) -> dict[str, Any] | None:
    """Return the keyword arguments of `dask_steward.compare` that say what to compare, or None for a plain preview.

    Raises
    ------
    UsageError
        If the list of partitions names none.
    """
    if args.partitions is None and not args.compare:
        return None
    partitions = tuple(part.strip() for part in (args.partitions or "").split(",") if part.strip())
    if args.partitions is not None and not partitions:
        raise UsageError("--partitions takes names with commas between.", field="partitions", value=args.partitions)
    return {"profiles": list(dict.fromkeys([args.profile, *args.compare])), "partitions": partitions}


def add_discover_options(parser: argparse.ArgumentParser) -> None:
    """Add what a discovery takes."""
    parser.add_argument("system", metavar="SYSTEM", choices=("slurm", "yarn"), help="what to discover: slurm or yarn")
    parser.add_argument(
        "--probe",
        action="store_true",
        help="also run one short job in each partition of Slurm, to find the network interface and the scratch folder",
    )
    parser.add_argument("--dry-run", action="store_true", help="write nothing, only show what would be written")
    parser.add_argument("--yes", action="store_true", help="overwrite files of an earlier discovery without asking")
    parser.add_argument(
        "--level", choices=("user", "env"), default="user", help="whose profiles: yours, or the environment's"
    )


def discover_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_discover_options` as keyword arguments of `dask_steward.discover`."""
    level = {"env": "environment"}.get(args.level, args.level)
    return {"system": args.system, "probe": args.probe, "level": level}
