"""How the documentation is built: MyST pages, and reference pages written from the code at each build."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generate import write_all  # noqa: E402

project = "Dask Steward"
author = "Dask Steward contributors"
project_copyright = "2026, Dask Steward contributors"
version = release = metadata.version("dask-steward")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
smartquotes = False  # it would make a dash of the two in --option
exclude_patterns = ["_build", "generate"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
napoleon_use_rtype = False

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"Dask Steward {release}"
html_static_path = ["_static"]
html_show_sourcelink = False

write_all(HERE / "generated")
