"""What this process is to a notebook: a kernel, with a page behind it or a program, or marimo."""

from __future__ import annotations

import os
import sys
from typing import Any


def kernel_shell() -> Any:
    """Return the shell of a kernel; None in a terminal or a script, which show text."""
    ipython = sys.modules.get("IPython")
    found = ipython.get_ipython() if ipython is not None else None
    return found if getattr(found, "kernel", None) is not None else None


def in_page() -> bool:
    """Tell whether a page is behind the cell that runs, and not a program such as nbclient or papermill.

    These save the state of every widget with the notebook: a quarter of a megabyte of code, and addresses of the site.
    Pages say which of their cells they run; Voilà, which runs notebooks by nbclient, shows them in a page, too.
    """
    found = kernel_shell()
    if found is None:
        return False
    if any(name.startswith("VOILA_") for name in os.environ):
        return True
    return "cellId" in (found.kernel.get_parent().get("metadata") or {})


def in_marimo() -> bool:
    """Tell whether a cell of a marimo notebook runs in this thread."""
    running = getattr(sys.modules.get("marimo"), "running_in_notebook", None)
    return bool(running is not None and running())
