"""The front end of the widgets: one file of JavaScript, built from ``labextension/src/widget``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

#: What the build writes: views, styles and React in one ES module.
BUNDLE = Path(__file__).parent / "static" / "widget.js"


def missing() -> str | None:
    """Return one sentence about what a live display needs and is not there; None where all of it is."""
    if importlib.util.find_spec("anywidget") is None:
        return "A live display needs anywidget: pip install 'dask-steward[lab]'."
    if not BUNDLE.is_file():
        return (
            f"A live display needs {BUNDLE.name}, which is not in this installation: install a wheel of dask-steward, "
            "or run scripts/setup.sh lab in its source tree."
        )
    return None
