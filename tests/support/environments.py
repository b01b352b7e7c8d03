"""Small Python environments with Dask and nothing else, as a person would pack for a site's nodes."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path


def make_venv(folder: Path, *packages: str) -> Path:
    """Make a virtual environment with copies of packages of this one, and of all that they need.

    Nothing is fetched, and nothing of ours is left out of the copies but tests, which are half of Dask's files.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    site = next((folder / "lib").glob("python*/site-packages"))
    for name in sorted(closure(packages)):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if file.parts[0] == ".." or "tests" in file.parts[:-1] or not source.is_file():
                continue
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def closure(packages: tuple[str, ...]) -> set[str]:
    """Return names of distributions and of all that they require here."""
    found: set[str] = set()
    pending = list(packages)
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name in found:
            continue
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        pending += [re.split(r"[ ;<>=!~\[(]", one, maxsplit=1)[0] for one in required if "extra ==" not in one]
    return found


def pack(folder: Path, archive: Path) -> Path:
    """Pack a virtual environment as venv-pack's documentation says."""
    program = os.path.join(os.path.dirname(sys.executable), "venv-pack")
    command = [program, "-q", "-p", str(folder), "-o", str(archive), "--compress-level", "1", "-f"]
    subprocess.run(command, check=True, timeout=120)
    return archive
