"""Values in shell scripts that run on other machines."""

from __future__ import annotations

import re


def node_quote(value: str) -> str:
    r"""Quote a value for the job's shell so that only ``$NAME`` and ``${NAME}`` are expanded, on the node.

    >>> node_quote("$TMPDIR/a b")
    '"$TMPDIR/a b"'
    >>> node_quote("$(rm -rf x)`y`")
    '"\\\\$(rm -rf x)\\\\`y\\\\`"'
    """
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
    # Not $_, which is the shell's own and nobody's variable.
    quoted = re.sub(r"\$(?![A-Za-z]|_[A-Za-z0-9_]|\{(?:[A-Za-z]|_[A-Za-z0-9_])[A-Za-z0-9_]*\})", r"\\$", quoted)
    return f'"{quoted}"'
