"""Files that stay whole on local disks and on NFS: one writer each, written aside and renamed.

The rules come from measurements on NFS v3 and v4.2 with two clients: a replaced file is always read whole; a new file
stays invisible for up to 30 s after a failed look-up unless its folder is listed first; ``O_EXCL`` and ``link`` have
exactly one winner; appends from two hosts lose lines.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable
from typing import Any

#: Errors that a reader on NFS meets for an instant while a file is being replaced.
_PASSING = (errno.ENOENT, errno.ESTALE, errno.ETXTBSY)


class TornFile(ValueError):
    """A file of the ledger holds no whole JSON object."""


def fsync_folder(folder: str) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_aside(path: str, text: str, durable: bool) -> str:
    aside = f"{path}.{os.getpid()}.{time.monotonic_ns():x}.tmp"
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except OSError:
        os.unlink(aside)
        raise
    return aside


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def write_json(path: str, value: dict[str, Any], *, durable: bool = True) -> None:
    """Replace a JSON file as a whole (temporary file, fsync, rename, fsync of the folder)."""
    aside = _write_aside(path, _dumps(value), durable)
    try:
        os.replace(aside, path)
    except OSError:
        os.unlink(aside)
        raise
    if durable:
        fsync_folder(os.path.dirname(path))


def create_json(path: str, value: dict[str, Any], *, durable: bool = True) -> bool:
    """Create a JSON file; return False when it is there already. Of several writers exactly one wins."""
    aside = _write_aside(path, _dumps(value), durable)
    try:
        os.link(aside, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(aside)
    if durable:
        fsync_folder(os.path.dirname(path))
    return True


def read_json(path: str) -> dict[str, Any]:
    """Read one JSON object.

    Raises
    ------
    FileNotFoundError
        If it is not there (the folder was listed first, so this holds on NFS too).
    TornFile
        If it is empty, torn, or not an object.
    """
    for attempt in range(4):
        try:
            with open(path, encoding="utf-8") as file:
                value = json.load(file)
        except OSError as error:
            if error.errno not in _PASSING or attempt == 3:
                raise
            # Listing refreshes what an NFS client believes about the folder.
            if error.errno == errno.ENOENT and os.path.basename(path) not in os.listdir(os.path.dirname(path)):
                raise
            time.sleep(0.01 * 2**attempt)
        except (ValueError, RecursionError) as error:
            raise TornFile(f"{path} holds no whole JSON object: {error}") from error
        else:
            if not isinstance(value, dict):
                raise TornFile(f"{path} holds no JSON object")
            return value
    raise FileNotFoundError(path)  # pragma: no cover - the loop returns or raises


def append_lines(path: str, values: Iterable[dict[str, Any]]) -> None:
    """Append JSON lines and fsync them: they are on disk before the act that they announce. One writer only.

    Raises
    ------
    OSError
        If it cannot be written; nothing of it is left then, so that the next line does not join a torn half.
    """
    lines = "".join(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n" for value in values)
    new = not os.path.exists(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        whole = os.fstat(descriptor).st_size
        try:
            data = lines.encode()
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, whole)
            raise
    finally:
        os.close(descriptor)
    if new:
        fsync_folder(os.path.dirname(path))


def read_lines(path: str) -> list[dict[str, Any]]:
    """Read a file of JSON lines; a torn or foreign line is passed over (a crash tears only the last one)."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
