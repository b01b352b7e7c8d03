"""Arguments that the shell command and the magics share, and a parser that raises instead of exiting."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from dask_steward.errors import UsageError

#: Units of a size.
UNITS = ("workers", "jobs", "cores", "memory")


class HelpShown(Exception):
    """Help was asked for and printed; there is nothing more to do."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are `UsageError`, one sentence each, and that never ends the process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Raise the error as a `UsageError` with one sentence."""
        raise UsageError(_sentence(message), hint=f"See: {self.prog} --help.")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raise `HelpShown`: after its help argparse would end the process, and that may be a kernel."""
        if message:
            self._print_message(message, sys.stderr)
        raise HelpShown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # Python < 3.14 has no nearest-match hint, and its list of choices reads badly.
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            near = difflib.get_close_matches(str(value), choices, n=1)
            ask = f"did you mean {near[0]}?" if near else f"choose from {', '.join(choices)}"
            if isinstance(action, argparse._SubParsersAction):
                raise argparse.ArgumentError(None, f"there is no command {value}; {ask}")
            raise argparse.ArgumentError(action, f"{value} is not known; {ask}")


def _sentence(message: str) -> str:
    """Write argparse's message as a sentence.

    Examples
    --------
    >>> _sentence("the following arguments are required: ID, N")
    'Missing: ID, N.'
    >>> _sentence("argument --jobs: must be a whole number, not x")
    '--jobs: must be a whole number, not x.'
    """
    message = re.sub(r"^the following arguments are required: ", "Missing: ", message)
    message = re.sub(r"^unrecognized arguments: ", "Not known here: ", message)
    message = re.sub(r"^argument ", "", message).strip()
    message = message[:1].upper() + message[1:]
    return message if message.endswith((".", "?", "!")) else f"{message}."


def whole(minimum: int = 0) -> Callable[[str], int]:
    """Return a type for argparse: a whole number of at least `minimum`."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text}") from None
        if number < minimum:
            raise argparse.ArgumentTypeError(f"must be {minimum} or more, not {text}")
        return number

    return convert


def seconds(text: str) -> float:
    """Read a time limit for argparse: a number of seconds, or a duration such as ``5 min``."""
    from dask_steward.units import parse_duration

    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def add_start_options(parser: argparse.ArgumentParser) -> None:
    """Add what a start takes in the shell and in the magics alike."""
    parser.add_argument("--name", metavar="NAME", help="name of the new cluster (default: the profile's)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--jobs", type=whole(), metavar="N", help="number of jobs (queue systems)")
    size.add_argument("--workers", type=whole(), metavar="N", help="number of workers")
    parser.add_argument(
        "--adapt",
        nargs=2,
        type=whole(),
        metavar=("MIN", "MAX"),
        help="grow and shrink with the work, between MIN and MAX",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="a field of the profile for this start only, e.g. --set options.queue=debug (may be repeated)",
    )


def add_attach_options(parser: argparse.ArgumentParser) -> None:
    """Add what an attach takes in the shell and in the magics alike."""
    parser.add_argument(
        "--scheduler-file", metavar="FILE", help="the file that dask scheduler --scheduler-file has written"
    )
    for part, words in (("ca", "certificate of the authority"), ("cert", "your certificate"), ("key", "your key")):
        parser.add_argument(f"--tls-{part}", metavar="FILE", help=f"{words}, for a scheduler with TLS")


def attach_tls(args: argparse.Namespace) -> dict[str, str]:
    """Return the TLS files among the options of `add_attach_options`."""
    found = {part: getattr(args, f"tls_{part}") for part in ("ca", "cert", "key")}
    return {part: path for part, path in found.items() if path is not None}


def duration(text: str) -> str:
    """Check a duration for argparse, and return it as it is written."""
    seconds(text)
    return text


def add_scale_options(parser: argparse.ArgumentParser) -> None:
    """Add what a change of size takes in the shell and in the magics alike."""
    parser.add_argument("n", metavar="N", help="how many; with --unit memory a size such as 64GB")
    unit = parser.add_mutually_exclusive_group()
    unit.add_argument(
        "--unit", choices=UNITS, default="workers", help="what N counts (default: workers); rounded up to whole jobs"
    )
    unit.add_argument("--jobs", action="store_const", const="jobs", dest="unit", help="same as --unit jobs")
    _add_group(parser)


def scale_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_scale_options` as keyword arguments of `Cluster.scale`.

    Raises
    ------
    UsageError
        If N is no size in its unit.
    """
    from dask_steward.units import parse_size

    try:
        number = parse_size(args.n) if args.unit == "memory" else whole()(args.n)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise UsageError(f"N = {args.n}: {error}.", field="n", value=args.n) from None
    return {args.unit: number, "group": args.group}


def add_adapt_options(parser: argparse.ArgumentParser) -> None:
    """Add what an adaptive size takes in the shell and in the magics alike."""
    parser.add_argument("minimum", metavar="MIN", type=whole(), nargs="?", help="never fewer jobs (or local workers)")
    parser.add_argument("maximum", metavar="MAX", type=whole(), nargs="?", help="never more")
    parser.add_argument("--off", action="store_true", help="end it; the size stays as it is")
    for option, words in (
        ("--hold", "give nothing back for a pause shorter than this, e.g. 5min"),
        ("--queue-patience", "how long a job that is not needed any more may wait in the queue"),
        ("--target-duration", "the work at hand should take about this long"),
        ("--interval", "how often the work is looked at"),
    ):
        parser.add_argument(option, type=duration, metavar="TIME", help=words)
    _add_group(parser)


def add_idle_timeout(parser: argparse.ArgumentParser) -> None:
    """Add what a change of owner takes in the shell and in the magics alike."""
    parser.add_argument(
        "--idle-timeout",
        type=duration,
        metavar="TIME",
        help="release it after so long without work, e.g. 30min (a detached one needs this or a time to live)",
    )


def adapt_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_adapt_options` as keyword arguments of `Cluster.adapt`.

    Raises
    ------
    UsageError
        If they contradict each other, or a bound is missing.
    """
    times = {
        name: value
        for name in ("hold", "queue_patience", "target_duration", "interval")
        if (value := getattr(args, name)) is not None
    }
    if args.off:
        if args.minimum is not None or times:
            raise UsageError("--off ends adapting; it goes with --group only.", field="off")
        return {"active": False, "group": args.group}
    if args.minimum is None or args.maximum is None:
        raise UsageError("Missing: MIN and MAX, or --off.", field="adapt")
    minimum, maximum = checked_range(args.minimum, args.maximum)
    return {"minimum": minimum, "maximum": maximum, **times, "group": args.group}


def _add_group(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--group", metavar="GROUP", help="a group of the profile (default: the profile's own jobs)")


def start_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_start_options` as keyword arguments of `dask_steward.start`.

    Raises
    ------
    UsageError
        If they contradict each other.
    """
    found: dict[str, Any] = {
        name: getattr(args, name) for name in ("name", "jobs", "workers") if getattr(args, name) is not None
    }
    if args.adapt is not None:
        found["adapt"] = checked_range(*args.adapt)
    if args.settings:
        found["set"] = parse_settings(args.settings)
    return found


def parse_settings(pairs: Sequence[str]) -> Mapping[str, str]:
    """Read ``KEY=VALUE`` pairs.

    Examples
    --------
    >>> parse_settings(["options.cores=4", "environment.A=b=c"])
    {'options.cores': '4', 'environment.A': 'b=c'}
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"--set takes KEY=VALUE, not {pair}.", field="set", hint="For example: --set options.cores=4."
            )
        if key.strip() in found:
            raise UsageError(f"--set gives {key.strip()} twice.", field=key.strip())
        found[key.strip()] = value.strip()
    return found


def checked_range(minimum: int, maximum: int) -> tuple[int, int]:
    """Return ``(minimum, maximum)``; an error if they are the wrong way round."""
    if minimum > maximum:
        raise UsageError(f"The minimum ({minimum}) is above the maximum ({maximum}).", field="adapt")
    return minimum, maximum
