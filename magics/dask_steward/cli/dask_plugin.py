"""``dask steward …``: the same command as a plugin of Dask's own."""

from __future__ import annotations

import sys

import click

from dask_steward.cli import main


@click.command(
    name="steward",
    # Everything belongs to our own parser: also --help and options that click does not know.
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    short_help="Start, watch and release Dask clusters (dask-steward).",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def steward(arguments: tuple[str, ...]) -> None:
    """Start, watch and release Dask clusters."""
    sys.exit(main(arguments))
