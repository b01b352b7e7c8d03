"""``dask-steward preview``."""

from __future__ import annotations

import argparse

import dask_steward as ds
from dask_steward.cli import output
from dask_steward.console.discovery import compared, preview_arguments


def preview(args: argparse.Namespace) -> int:
    """Show what a start would submit and hold, or which of several would start first."""
    asked = preview_arguments(args)
    comparison = compared(args)
    if comparison is None:
        found = ds.preview(args.profile, test_only=args.test_only, **asked)
        if args.json:
            output.print_json(found.to_dict())
        else:
            print(found)
        return 1 if found.refusal else 0
    candidates = ds.compare(**comparison, **asked)
    if args.json:
        output.print_json([one.to_dict() for one in candidates])
    else:
        from dask_steward.control.preview_text import CANDIDATE_HEADERS, candidates_rows

        output.print_table(CANDIDATE_HEADERS, candidates_rows(candidates))
    return 1 if all(one.refusal for one in candidates) else 0
