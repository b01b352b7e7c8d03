"""What is in an archive of an environment, read without unpacking it and remembered by its content."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import IO

#: Packages that must be the same on both sides; Dask's own messages change with each release.
SAME = ("distributed", "dask")
#: What YARN unpacks: https://hadoop.apache.org/docs/stable/api (FSDownload.unpack), by the file's name alone.
SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
_PACKAGE = re.compile(r"lib/python(\d+\.\d+)/site-packages/(\w+)-([^/-]+)\.dist-info(?:/|$)")
_CHUNK = 2**20


class NotAnArchive(Exception):
    """A file cannot be read as an archive; the message says why."""


@dataclass(frozen=True)
class Facts:
    """What an archive holds.

    Attributes
    ----------
    python : str or None
        Version of its Python, such as ``3.11``.
    link : str or None
        Where its ``bin/python`` leads to outside of it: the interpreter that every node must have.
    runs, activates : bool
        Whether it has ``bin/python`` and ``bin/activate``.
    packages : dict
        Versions of `SAME`.
    """

    python: str | None = None
    link: str | None = None
    runs: bool = False
    activates: bool = False
    packages: dict[str, str] = field(default_factory=dict)

    def wrong(self) -> str | None:
        """Return what is wrong with it for this process's cluster, in words that follow its name; None if nothing."""
        if not self.activates or not self.runs:
            what = "bin/activate" if not self.activates else "bin/python"
            return f"holds no {what}, as an archive of venv-pack or conda-pack does"
        own = f"{sys.version_info[0]}.{sys.version_info[1]}"
        if self.python is not None and self.python != own:
            return f"holds Python {self.python}, and this cluster runs {own}: one cannot run what the other pickles"
        missing = [name for name in SAME if name not in self.packages]
        ours = ", ".join(f"{name} {version(name)}" for name in SAME)
        if missing:
            return f"has no {missing[0]}; workers need {ours}"
        other = [f"{name} {self.packages[name]}" for name in SAME if self.packages[name] != version(name)]
        return f"has {', '.join(other)}, and this cluster {ours}" if other else None


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def facts_of(name: str, file: IO[bytes]) -> Facts:
    """Return what is in an archive.

    Parameters
    ----------
    name : str
        Its name, by whose end its kind is known, as to YARN.
    file : binary file
        Read once, from its beginning.

    Raises
    ------
    NotAnArchive
        If it is none.
    """
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(file) as archive:
                return _gather((one.filename, None) for one in archive.infolist())
        with tarfile.open(fileobj=file, mode="r|" if name.endswith(".tar") else "r|gz") as archive:
            return _gather((one.name, one.linkname if one.issym() else None) for one in archive)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise NotAnArchive(str(error) or "it cannot be read") from error


def _gather(members: Iterable[tuple[str, str | None]]) -> Facts:
    python = None
    links: dict[str, str | None] = {}
    packages: dict[str, str] = {}
    for given, link in members:
        name = posixpath.normpath(given)
        if name.startswith("bin/"):
            links[name] = link
        found = _PACKAGE.match(name)
        if found is not None:
            python = found[1]
            if found[2] in SAME:
                packages[found[2]] = found[3]
    return Facts(python, _outside(links), "bin/python" in links, "bin/activate" in links, packages)


def _outside(links: dict[str, str | None]) -> str | None:
    """Return where ``bin/python`` leads to, over links within the archive; None if it stays inside."""
    name = "bin/python"
    for _ in range(len(links)):
        link = links.get(name)
        if link is None:
            return None
        if link.startswith("/"):
            return link
        name = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return None


def cache_folder() -> str:
    """Return the folder for what can be made again."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dask-steward")


def remembered(key: str) -> Facts | None:
    """Return what an archive of this content was found to hold before."""
    try:
        with open(os.path.join(cache_folder(), "archives", f"{key}.json"), encoding="utf-8") as file:
            found = json.load(file)
        return Facts(**found)
    except (OSError, TypeError, ValueError):
        return None


def remember(key: str, facts: Facts) -> None:
    """Write down what an archive holds; that it cannot be written is no fault."""
    folder = os.path.join(cache_folder(), "archives")
    aside = os.path.join(folder, f".{key}.{os.getpid()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(asdict(facts), file)
        os.replace(aside, os.path.join(folder, f"{key}.json"))
    except OSError:
        return
