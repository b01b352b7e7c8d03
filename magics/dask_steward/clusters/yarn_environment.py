"""The Python environment of workers on YARN: where it is, and how a container comes into it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from dask_steward.clusters.yarn_settings import KERNEL

#: The folder in a container into which YARN unpacks an archive.
FOLDER = "environment"
_SCHEMES = ("conda", "venv", "python")


@dataclass(frozen=True)
class Activation:
    """How a container comes into an environment.

    Attributes
    ----------
    prologue : tuple of str
        Shell lines (bash), run in the container's folder.
    python : str
        Its interpreter, as shell words.
    files : mapping
        Archives that YARN brings, by their name in the container's folder.
    """

    prologue: tuple[str, ...]
    python: str
    files: Mapping[str, str] = field(default_factory=dict)


def scheme_of(environment: str) -> tuple[str, str]:
    """Return what kind of environment a text names, and its path.

    >>> scheme_of("conda:///opt/dask"), scheme_of("environment.tar.gz"), scheme_of("kernel")
    (('conda', '/opt/dask'), ('archive', 'environment.tar.gz'), ('kernel', ''))
    """
    scheme, colon, path = environment.partition("://")
    if colon and scheme in _SCHEMES:
        return scheme, path
    return (KERNEL, "") if environment == KERNEL else ("archive", environment)


def activation(environment: str) -> Activation:
    """Return how a container comes into an environment, as dask-yarn does it.

    Parameters
    ----------
    environment : str
        As a profile names it; ``kernel`` as the name of its archive, once it is packed.
    """
    kind, path = scheme_of(environment)
    quoted = shlex.quote(path)
    if kind == "conda":
        # A shell that nobody typed into has no `conda activate` until conda gives it.
        hook = 'type -t conda | grep -q function || eval "$(conda shell.bash hook)"'
        python = shlex.quote(f"{path}/bin/python") if path.startswith("/") else "python"
        return Activation((hook, f"conda activate {quoted}"), python)
    if kind == "venv":
        return Activation((f"source {shlex.quote(f'{path}/bin/activate')}",), shlex.quote(f"{path}/bin/python"))
    if kind == "python":
        return Activation((), quoted)
    files = {FOLDER: path or KERNEL}
    return Activation((f"source {FOLDER}/bin/activate",), f'"$PWD"/{FOLDER}/bin/python', files)
