"""``dask-steward discover``."""

from __future__ import annotations

import argparse
import sys

import dask_steward as ds
from dask_steward.cli import output
from dask_steward.console.discovery import discover_arguments


def discover(args: argparse.Namespace) -> int:
    """Write profiles from what a site offers; what an earlier discovery wrote is shown before it is overwritten."""
    found = ds.discover(**discover_arguments(args), write=False, on_progress=output.note)
    if not args.json:
        print(found.text(whole=args.dry_run))
    if not args.dry_run:
        found.write(overwrite=args.yes or (not args.json and _agreed(len(found.changed))))
        if not args.json and found.written_text():
            print(f"\n{found.written_text()}")
    if args.json:
        output.print_json(found.to_dict())
    return 0


def _agreed(number: int) -> bool:
    """Ask whether files may be overwritten, where somebody can answer."""
    if not number or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    question = f"Overwrite {number} file{'s' * (number != 1)} of an earlier discovery? [y/N] "
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
