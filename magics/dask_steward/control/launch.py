"""Write a request into the ledger and start its keeper."""

from __future__ import annotations

import os
import secrets
import shutil
import string
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from dask_steward import imports
from dask_steward.errors import StartFailed, StateFolderError
from dask_steward.interpreters import interpreter_of
from dask_steward.ledger import entries, files, paths

#: Adds only our own package to the interpreter that a profile names, behind all that it has itself.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from dask_steward.keeper.main import main; sys.exit(main(sys.argv[1]))"
)

#: Set before Dask's workers import numpy; the keeper's fork of itself would otherwise miss Dask's own settings
#: (``distributed.nanny.pre-spawn-environ``).
_WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "PYTHONHASHSEED": "6640",
}


def new_id() -> str:
    """Return an id that no other cluster has: a letter and nine of letters and digits."""
    letters = string.ascii_lowercase
    return secrets.choice(letters) + "".join(secrets.choice(letters + string.digits) for _ in range(9))


def write_request(request: Mapping[str, Any]) -> str:
    """Make the cluster's folder with its request, durably.

    Returns
    -------
    str
        The folder.

    Raises
    ------
    StateFolderError
        If it cannot be written: nothing is started then.
    """
    root = paths.clusters_dir()
    folder = folder_of(str(request["id"]))
    # Under another name until it is whole: whatever ends this process leaves no entry without a request.
    aside = os.path.join(root, entries.UNBORN + str(request["id"]))
    try:
        # Each folder of ours is private, also the one above (makedirs gives its mode to the last one only).
        os.makedirs(os.path.dirname(root), mode=0o700, exist_ok=True)
        os.makedirs(root, mode=0o700, exist_ok=True)
        os.mkdir(aside, 0o700)
        files.write_json(os.path.join(aside, entries.REQUEST), {"format": entries.FORMAT, **request})
        os.rename(aside, folder)
        files.fsync_folder(root)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise unwritable(root, error) from error
    return folder


def folder_of(id: str) -> str:
    """Return the folder of a cluster's entry."""
    return os.path.join(paths.clusters_dir(), id)


def unwritable(root: str, error: OSError) -> StateFolderError:
    """Return the sentence for a state folder that cannot be written."""
    return StateFolderError(
        f"The state folder {root} cannot be written ({error.strerror or error}), so nothing was started.",
        hint="Make room, or set DASK_STEWARD_STATE_DIR to a folder that you can write.",
    )


def start_keeper(folder: str, id: str, python: str | None, system: str) -> subprocess.Popen[bytes]:
    """Start the keeper in its own session, so that no interrupt of a kernel or terminal reaches it.

    Raises
    ------
    StartFailed
        If the interpreter cannot be run.
    """
    found = find_interpreter(python)
    # setproctitle, which Dask uses where it is installed, would otherwise overwrite the mark in the environment.
    environment = {**os.environ, "DASK_STEWARD_CLUSTER": id, "PYTHONUNBUFFERED": "1", "SPT_NOENV": "1"}
    # Another interpreter's modules must not be found through ours.
    if python is not None:
        environment.pop("PYTHONHOME", None)
    if system == "local":
        environment = {**_WORKER_ENVIRONMENT, **environment}
    try:
        root = importable_root(folder)
        log = os.open(os.path.join(folder, entries.LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise unwritable(paths.clusters_dir(), error) from error
    try:
        process = subprocess.Popen(
            [found, "-c", _PROGRAM, root, folder],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment,
        )
        # Collected as soon as it ends, also when nobody holds the handle any more: no zombie stays in a long notebook.
        threading.Thread(target=process.wait, name=f"dask-steward-{id}", daemon=True).start()
        return process
    except OSError as error:
        raise StartFailed(f"The keeper cannot be started: {error}.") from error
    finally:
        os.close(log)


def find_interpreter(python: str | None) -> str:
    """Return the path of the interpreter that a profile names; None stands for our own.

    Raises
    ------
    StartFailed
        If it cannot be run here.
    """
    interpreter = interpreter_of(python) if python else sys.executable
    found = shutil.which(os.path.expanduser(interpreter))
    if found is None:
        raise StartFailed(
            f"python: {interpreter!r} is not an interpreter that can be run here.", field="python", value=interpreter
        )
    return found


def importable_root(folder: str) -> str:
    """Return a folder that holds our package and nothing else: a link to it in the entry."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    root = os.path.join(folder, "python")
    os.makedirs(root, mode=0o700, exist_ok=True)
    link = os.path.join(root, "dask_steward")
    if not os.path.islink(link):
        os.symlink(package, link)
    return root


def default_name(profile: str, taken: set[str]) -> str:
    """Return the profile's name, numbered when a living cluster has it already."""
    name, number = profile, 2
    while name in taken:
        name, number = f"{profile}-{number}", number + 1
    return name


def request_of(
    *,
    id: str,
    name: str,
    profile: Mapping[str, Any],
    tenure: str,
    owner: Mapping[str, Any] | None,
    ask: Mapping[str, Any],
    adapt: Mapping[str, Any] | None,
    set: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """Return a request as the keeper reads it."""
    return {
        "id": id,
        "name": name,
        "created": time.time(),
        "profile": dict(profile),
        "tenure": tenure,
        "owner": dict(owner) if owner is not None else None,
        "ask": dict(ask),
        "adapt": dict(adapt) if adapt is not None else None,
        "set": dict(set or {}),
        "idempotency_key": idempotency_key,
        "cwd": os.getcwd(),
        "imports": imports.imported(),
    }
