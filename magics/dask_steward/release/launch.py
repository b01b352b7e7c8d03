"""Start a guard: with the plain interpreter, in its own session, with nothing of the caller's open."""

from __future__ import annotations

import os
import subprocess
import sys

#: ``-I -S``: no site-packages, no user's environment: only our own folder is added, behind the standard library.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from dask_steward.release.guard import main; main(sys.argv[1], int(sys.argv[2]))"
)


def package_root() -> str:
    """Return the folder that holds the package."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def start_guard(folder: str, id: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a guard for an entry.

    Returns
    -------
    process, ready
        The process, and the reading end of a pipe on which it writes one line when it watches.
    """
    ready, theirs = os.pipe()
    environment = {key: value for key, value in os.environ.items() if key != "DASK_STEWARD_CLUSTER"}
    environment["DASK_STEWARD_GUARD"] = id
    log = os.open(os.path.join(folder, "guard.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, package_root(), folder, str(theirs)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(theirs,),
            start_new_session=True,
            env=environment,
            cwd="/",
        )
    except OSError:
        os.close(ready)
        raise
    finally:
        os.close(theirs)
        os.close(log)
    return process, ready
