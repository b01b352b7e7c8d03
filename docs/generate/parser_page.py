"""An argument parser as a page of Markdown; the shell's commands and the magics' share it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator


def sections(parser: argparse.ArgumentParser, level: int = 2, summary: str = "") -> Iterator[str]:
    """Yield a section for `parser` and one for each of its subcommands, depth first."""
    yield f"{'#' * level} `{parser.prog}`\n"
    if parser.description or summary:
        yield prose(parser.description or f"{summary[:1].upper()}{summary[1:]}.")
    yield f"```text\n{usage(parser)}\n```\n"
    rows = list(_rows(parser))
    if rows:
        yield "\n".join(rows) + "\n"
    if parser.epilog:
        yield prose(parser.epilog)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            # Aliases are not among the listed ones.
            for listed in action._choices_actions:
                yield from sections(action.choices[listed.dest], min(level + 1, 5), listed.help or "")


def usage(parser: argparse.ArgumentParser) -> str:
    """Return the usage line as ``--help`` prints it, without colours."""
    text = re.sub(r"^usage: ", "", plain(parser.format_usage()), flags=re.IGNORECASE).rstrip()
    return re.sub(r"^ {7}", "", text, flags=re.MULTILINE)


def plain(text: str) -> str:
    """Return `text` without the colours that newer Pythons put into help."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def prose(text: str) -> str:
    """Return help text as Markdown: indented lines are examples, the rest is prose."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        if all(line.startswith("  ") for line in lines):
            blocks.append("```text\n" + "\n".join(line.strip() for line in lines) + "\n```")
        else:
            blocks.append(escape(" ".join(line.strip() for line in lines)))
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Keep Markdown from reading ``<id>`` as HTML or ``$VAR`` and ``*`` as markup; what is in back-ticks stays."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<>*_$\\])", r"\\\1", part) for part in parts)


def _rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a definition list: one term for each argument."""
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)) or action.help == argparse.SUPPRESS:
            continue
        formatter = parser._get_formatter()
        if action.option_strings:
            value = "" if action.nargs == 0 else " " + formatter._format_args(action, action.dest.upper())
            term = ", ".join(f"`{option}{value}`" for option in action.option_strings)
        else:
            term = f"`{formatter._format_args(action, action.dest)}`"
        help_text = formatter._expand_help(action) if action.help else ""
        yield f"{plain(term)}\n: {escape(' '.join(help_text.split()))}\n" if help_text else f"{plain(term)}\n"
