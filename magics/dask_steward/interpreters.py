"""The Python that a profile names: a path, a command, a folder of a virtual environment, the name of a conda one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

#: Seconds for a look at an interpreter: a network file system that is asleep needs some.
LOOK_LIMIT = 20.0
#: conda writes the path of each environment of a user there.
CONDA_ENVIRONMENTS = "~/.conda/environments.txt"
_LOOK = "import importlib.util as u; print('steward', u.find_spec('distributed') is not None)"


def interpreter_of(text: str) -> str:
    """Return the interpreter that a text names; what is neither a folder nor the name of an environment stays.

    Parameters
    ----------
    text : str
        ``/opt/envs/dask`` (a folder that has ``bin/python``), ``dask`` (an environment that conda knows), or a path or
        command, which is returned as it is.
    """
    folder = os.path.expanduser(text)
    if os.path.isdir(folder):
        inside = os.path.join(folder, "bin", "python")
        return inside if os.path.exists(inside) else text
    if not text or "/" in text or len(text.split()) != 1:
        return text
    for environment in _conda_environments():
        inside = os.path.join(environment, "bin", "python")
        if os.path.basename(environment) == text and os.path.exists(inside):
            return inside
    return text


def _conda_environments() -> list[str]:
    try:
        with open(os.path.expanduser(CONDA_ENVIRONMENTS), encoding="utf-8") as file:
            return [line.strip() for line in file if line.strip()]
    except (OSError, ValueError):
        return []


def why_unfit(text: str, environment: Mapping[str, str] | None = None, *, needs_dask: bool = True) -> str | None:
    """Return why workers cannot run in an interpreter; None when they can, or when that cannot be found out here.

    Only a path that exists here is looked at: another one may exist on the nodes, and a command (of a container, of a
    module) means what it means there.

    Parameters
    ----------
    text : str
        As `interpreter_of` returns it.
    environment : mapping, optional
        Variables that the workers will have besides ours.
    needs_dask : bool
        Whether `distributed` must be found; not where a prologue may still bring it.
    """
    path = os.path.expanduser(text)
    if "/" not in path or not os.path.exists(path):
        return None
    if os.path.isdir(path):
        return "is a folder without bin/python in it"
    if not os.access(path, os.X_OK):
        return "cannot be executed: it has no permission for that"
    try:
        words = output_of(path, _LOOK, environment).split()
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        return f"cannot be executed: {error.strerror or error}"
    if words[-2:-1] != ["steward"]:
        return "is no Python: it did not run a line of it"
    return "has no distributed, which workers need" if needs_dask and words[-1] != "True" else None


def output_of(python: str, code: str, environment: Mapping[str, str] | None = None) -> str:
    """Run lines of Python in an interpreter and return what it printed, whatever it thought of them.

    Parameters
    ----------
    python : str
        A path or command.
    code : str
        What it runs.
    environment : mapping, optional
        Variables besides ours.

    Raises
    ------
    subprocess.TimeoutExpired
        After `LOOK_LIMIT` seconds.
    OSError
        If it cannot be run.
    """
    return subprocess.run(
        [python, "-c", code],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LOOK_LIMIT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    ).stdout
