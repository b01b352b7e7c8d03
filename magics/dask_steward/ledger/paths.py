"""Where the ledger and the control sockets live."""

from __future__ import annotations

import os
import stat

from dask_steward.errors import StateFolderError

#: A unix socket's path holds 107 bytes (``sun_path`` of Linux, less the final zero).
SOCKET_PATH_LIMIT = 107


def state_dir() -> str:
    """Return the folder for state: ``$DASK_STEWARD_STATE_DIR``, ``$XDG_STATE_HOME`` or ``~/.local/state``."""
    base = os.environ.get("DASK_STEWARD_STATE_DIR") or os.environ.get("XDG_STATE_HOME")
    return os.path.abspath(base or os.path.join(os.path.expanduser("~"), ".local", "state"))


def clusters_dir() -> str:
    """Return the ledger's folder, one sub-folder for each cluster (it may not exist yet)."""
    return os.path.join(state_dir(), "dask-steward", "clusters")


def runtime_dir(create: bool = True) -> str:
    """Return the short, private folder for sockets, and make it when it is not there.

    Homes may be on NFS and their paths long, so sockets live in ``$XDG_RUNTIME_DIR/dask-steward``, else in
    ``/tmp/dask-steward-<uid>``.

    Raises
    ------
    StateFolderError
        If the folder belongs to somebody else, is a link, or is open to others: a stranger could then answer for a
        keeper.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = os.path.join(base, "dask-steward") if base and os.path.isdir(base) else ""
    # "<id>.dashboard.sock" is the longest name that we put there.
    if not folder or len(os.fsencode(folder)) + len("/abcdefghij.dashboard.sock") > SOCKET_PATH_LIMIT:
        folder = f"/tmp/dask-steward-{os.getuid()}"
    if create:
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise StateFolderError(f"The folder for sockets cannot be made: {error}.") from error
    try:
        found = os.lstat(folder)
    except FileNotFoundError:
        return folder
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StateFolderError(
            f"The folder for sockets, {folder}, is not a folder of yours.",
            hint="Set XDG_RUNTIME_DIR to a private folder, or remove it.",
        )
    if found.st_mode & 0o077:
        raise StateFolderError(f"The folder for sockets, {folder}, is open to others.", hint=f"Run chmod 700 {folder}.")
    return folder
