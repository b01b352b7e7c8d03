"""``dask-steward batch``: a script with a Dask cluster of its own, inside one allocation."""

from __future__ import annotations

import argparse

from dask_steward.cli import output
from dask_steward.console.arguments import Parser, parse_settings


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("profile", metavar="PROFILE", help="name of a profile of system: allocation")
    parser.add_argument("script", metavar="SCRIPT", help="a Python script, or a program")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="arguments of the script")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="a field of the profile"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--print", action="store_true", dest="show", help="print the job script and submit nothing")
    what.add_argument("--wait", action="store_true", help="wait until the job has ended, and end with its exit code")


def batch(args: argparse.Namespace) -> int:
    """Render the job script, submit it, wait for it."""
    from dask_steward.control.batch import batch as submit

    made = submit(args.profile, args.script, args.arguments, set=parse_settings(args.settings), submit=not args.show)
    if args.show:
        if args.json:
            output.print_json({"name": made.name, "script": made.script, "log": made.log})
        else:
            print(made.script, end="")
        return 0
    told = {"id": made.id, "name": made.name, "log": made.log}
    if not args.wait:
        if args.json:
            output.print_json(told)
        else:
            print(f"Job {made.id} ({made.name}) is submitted; its output goes to {made.log}")
        return 0
    output.note(f"Job {made.id} ({made.name}); its output goes to {made.log}")
    code, how = made.wait(on_change=None if args.json else output.note)
    if args.json:
        output.print_json({**told, "exit_code": code, "end": how})
    else:
        print(how)
    return code
