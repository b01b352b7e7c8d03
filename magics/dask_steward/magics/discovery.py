"""``%dask_cluster preview`` and ``%dask_cluster discover``."""

from __future__ import annotations

import argparse

import dask_steward as ds
from dask_steward.console.arguments import Parser
from dask_steward.console.discovery import (
    add_discover_options,
    add_preview_options,
    compared,
    discover_arguments,
    preview_arguments,
)
from dask_steward.console.tables import table


def add_parsers(sub: argparse._SubParsersAction[Parser]) -> None:
    """Add both commands to the parser of the line magic."""
    preview = sub.add_parser("preview", help="show the jobs of a profile, and what they would hold; submit nothing")
    preview.add_argument("profile", metavar="PROFILE", help="name of a profile")
    add_preview_options(preview)
    add_discover_options(sub.add_parser("discover", help="write profiles from what a site offers"))


def preview_text(args: argparse.Namespace) -> str:
    """Return what ``%dask_cluster preview`` prints."""
    asked, comparison = preview_arguments(args), compared(args)
    if comparison is None:
        return str(ds.preview(args.profile, test_only=args.test_only, **asked))
    from dask_steward.control.preview_text import CANDIDATE_HEADERS, candidates_rows

    return table(CANDIDATE_HEADERS, candidates_rows(ds.compare(**comparison, **asked)))


def discover_text(args: argparse.Namespace) -> str:
    """Discover, write what may be written, and return what ``%dask_cluster discover`` prints.

    A notebook is asked nothing: files of an earlier discovery are overwritten only with ``--yes``.
    """
    found = ds.discover(**discover_arguments(args), write=False)
    told = [found.text(whole=args.dry_run)]
    if not args.dry_run:
        found.write(overwrite=args.yes)
        told.append(found.written_text())
    return "\n\n".join(part for part in told if part)
