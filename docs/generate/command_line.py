"""The reference of the shell command, from its parser."""

from __future__ import annotations

from generate.parser_page import sections

INTRODUCTION = """# The command `dask-steward`

Every subcommand takes `--json`. The same commands are there as `dask steward …`, a plugin of the `dask` command.

Exit codes
: 0 done · 1 failed · 2 wrong usage or profile · 3 no such cluster · 4 time limit · 130 interrupted
"""


def page() -> str:
    """Return the page."""
    from dask_steward.cli.parser import build_parser

    return "\n".join([INTRODUCTION, *sections(build_parser())])
