"""The shell command ``dask-steward``.

The exit code is 0 (done), 1 (failed), 2 (wrong usage or profile), 3 (no such cluster), 4 (time limit) or 130
(interrupted). An expected error is one sentence on stderr, or with ``--json`` one object on stdout.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence

from dask_steward.errors import StewardError

#: What a shell reports for a process that Ctrl-C ended: 128 + SIGINT.
INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the name of the program; default: those of the process.
    """
    from dask_steward.cli.parser import build_parser
    from dask_steward.console.arguments import HelpShown

    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        args = build_parser(arguments).parse_args(arguments)
        run: Callable[..., int] = args.run
        code = run(args)
        sys.stdout.flush()
    except HelpShown:
        return 0
    except StewardError as error:
        return _report(error, as_json)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone. Python would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _report(error: StewardError, as_json: bool) -> int:
    """Show an expected error and return its exit code: the one place where errors become codes."""
    if as_json:
        print(json.dumps(error.to_dict()))
    else:
        print(f"dask-steward: {error}", file=sys.stderr)
    return error.exit_code
