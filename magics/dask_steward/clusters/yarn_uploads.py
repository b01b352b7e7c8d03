"""Archives of environments on Hadoop's file system: each is brought once, by its content, and deleted when it was not
used for long.

YARN refuses an archive whose time has changed since the submit, so its last use is the time of a file beside it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import posixpath
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from dask_steward.clusters.hadoop_files import FilesError, HadoopFiles
from dask_steward.clusters.yarn_archive import SUFFIXES
from dask_steward.ledger import entries, paths

logger = logging.getLogger(__name__)

#: Folder below a user's own on the default file system.
UPLOADS = ".dask-steward/environments"
#: Beside an archive: its time is that of the last use.
MARK = "last-used"
#: Seconds after which the mark is renewed: a use costs no more than it did, but once a day.
MARK_AGAIN = 86400.0
#: In a cluster's folder of the ledger: the address of the archive that it runs from.
USED = "archive"
#: Archives that are deleted at a time; the next one is with the next archive that is brought.
MOST = 50
_OURS = re.compile(r"[0-9a-f]{32}")
Result = TypeVar("Result")


async def uploaded(
    path: str, digest: str, files: HadoopFiles, waiting: Callable[[str], None], *, kept: float = 0.0
) -> str | None:
    """Return where an archive lies on the default file system, bringing it there if it does not lie there yet.

    Parameters
    ----------
    path, digest : str
        The archive on this machine, and the SHA-256 of its content.
    files : HadoopFiles
        Hadoop's file systems.
    waiting : callable
        Told in words for a person what takes its time; called on the event loop.
    kept : float
        Seconds without use after which others are deleted when one is brought; 0 for never.

    Returns
    -------
    str or None
        None where that cannot be done: then skein brings it there, for each application anew.
    """
    name = os.path.basename(path)
    size = os.path.getsize(path)
    try:
        home = files.home()
        if home is None:
            return None
        base = f"{home}/{UPLOADS}"
        folder = f"{base}/{digest[:32]}"
        address, mark = f"{folder}/{name}", f"{folder}/{MARK}"
        stat, marked = await _aside(files.stat_all, address, mark)
        there = stat is not None and stat.size == size
        if not there:
            waiting(f"bringing {name} ({size / 1e6:.0f} MB) to {home}, once")
            await _aside(files.put, path, address)
        if not there or marked is None or time.time() - marked.modified / 1000 > MARK_AGAIN:
            await _aside(_note, files, mark)
    except FilesError as error:
        logger.info("%s is not kept on the default file system: %s", name, error)
        return None
    if not there and kept > 0:
        await _aside(prune, files, base, kept)
    return address


def _note(files: HadoopFiles, mark: str) -> None:
    try:
        files.touch(mark)
    except FilesError as error:
        logger.info("that an archive was used cannot be noted at %s: %s", mark, error)


def note_use(folder: str, address: str) -> None:
    """Write into a cluster's folder of the ledger from which archive it runs."""
    try:
        with open(os.path.join(folder, USED), "w", encoding="utf-8") as file:
            file.write(address)
    except OSError as error:
        logger.warning("from which archive this cluster runs cannot be noted: %s", error)


def in_use() -> set[str]:
    """Return the archives that clusters of the ledger which have not ended run from."""
    found = set()
    root = paths.clusters_dir()
    for id in os.listdir(root) if os.path.isdir(root) else ():
        folder = os.path.join(root, id)
        # Not by reading the entry: that of a newer version counts as well.
        if not os.path.exists(os.path.join(folder, entries.END)):
            try:
                with open(os.path.join(folder, USED), encoding="utf-8") as file:
                    found.add(file.read().strip())
            except OSError:
                continue
    return found


def prune(files: HadoopFiles, base: str, kept: float) -> list[str]:
    """Delete the archives below a folder that nobody has used for so many seconds; return their folders.

    Only folders that are named as ours are, that hold nothing else, and that no cluster of the ledger runs from.
    """
    try:
        listed = files.listing(base)
    except FilesError as error:
        logger.info("archives at %s that nobody uses are not looked for: %s", base, error)
        return []
    used = {posixpath.basename(posixpath.dirname(address)) for address in in_use()}
    old = [f"{base}/{name}" for name in unused(base, listed, time.time() - kept) if name not in used][:MOST]
    if not old:
        return []
    try:
        files.remove(old)
    except FilesError as error:
        logger.info("archives that nobody uses are not deleted: %s", error)
        return []
    logger.info("archives that nobody has used for %.0f days are deleted: %s", kept / 86400, ", ".join(old))
    return old


def unused(base: str, listed: Iterable[Mapping[str, str]], before: float) -> list[str]:
    """Return the names of the folders below `base` in which nothing is newer than a time, and all of it is ours."""
    newest: dict[str, float] = {}
    strange: set[str] = set()
    for one in listed:
        name, _, file = one["path"].removeprefix(f"{base}/").partition("/")
        if _OURS.fullmatch(name) is None or not one["path"].startswith(f"{base}/"):
            continue
        try:
            at = datetime.strptime(f"{one['day']} {one['time']}", "%Y-%m-%d %H:%M").timestamp()
        except ValueError:
            at = time.time()  # another way to write it: nothing is known of its age
        newest[name] = max(at, newest.get(name, 0.0))
        # A copy that was cut off has a dot before its name, and letters after it.
        if file and (one["mode"][0] != "-" or not (file == MARK or file.endswith(SUFFIXES) or file.startswith("."))):
            strange.add(name)
    return sorted(name for name, at in newest.items() if at < before and name not in strange)


async def _aside(function: Callable[..., Result], *given: object) -> Result:
    return await asyncio.to_thread(functools.partial(function, *given))
