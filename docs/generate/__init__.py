"""Pages that the code writes about itself, so that they cannot say anything else than it does."""

from __future__ import annotations

from pathlib import Path


def write_all(out: Path) -> None:
    """Write every generated page into the folder `out`, leaving alone the files that are right already."""
    # Imported here: the pages need the product, and a page's own test only that page's.
    from generate import command_line, magics, notebooks, profiles, rest

    out.mkdir(exist_ok=True)
    write(out / "tutorial.md", notebooks.tutorial())
    notebooks.write_all(out / "examples", write)
    write(out / "cli.md", command_line.page())
    write(out / "magics.md", magics.page())
    write(out / "rest.md", rest.page())
    (out / "profiles").mkdir(exist_ok=True)
    profiles.main(out / "profiles")


def write(path: Path, text: str) -> None:
    """Write `text` unless the file holds it: Sphinx rebuilds what has a new time of change."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
