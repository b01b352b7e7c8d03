"""The Python environment of workers on YARN: where it is, whether it fits, and how a container comes into it."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from dask_steward.clusters import yarn_archive, yarn_packing, yarn_uploads
from dask_steward.clusters.hadoop_files import FilesError, HadoopFiles
from dask_steward.clusters.yarn_settings import KERNEL
from dask_steward.errors import StartFailed
from dask_steward.interpreters import why_unfit
from dask_steward.managers.user import groups_of

logger = logging.getLogger(__name__)

#: The folder in a container into which YARN unpacks an archive.
FOLDER = "environment"
_SCHEMES = ("conda", "venv", "python")
#: A container's first line: bash's own words for a link to nowhere would name neither.
_HAS_PYTHON = (
    f"[ -x {FOLDER}/bin/python ] || "
    f'{{ echo "dask-steward: the Python of this environment, $(readlink -m {FOLDER}/bin/python),'
    ' is not on node $NM_HOST; pack one with conda-pack, or from a Python that all nodes have" >&2; exit 1; }'
)
_FIELD = "options.environment"
_WAY = "Pack it again from an environment like this one, or leave options.environment out: then this one is packed."
Result = TypeVar("Result")


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


@dataclass(frozen=True)
class Prepared:
    """An environment that has been looked at.

    Attributes
    ----------
    name : str
        As `activation` takes it; the address of an archive is where it is taken from.
    shared : bool
        Nodes may keep it for the user's next application, since it lies where it does not change.
    warning : str or None
        What may be wrong with it on the nodes, which only they can tell.
    """

    name: str
    shared: bool = False
    warning: str | None = None


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
    return Activation((_HAS_PYTHON, f"source {FOLDER}/bin/activate"), f'"$PWD"/{FOLDER}/bin/python', files)


async def prepare(environment: str, *, user: str, waiting: Callable[[str], None], kept: float = 0.0) -> Prepared:
    """Look at an environment, pack it if it is this one, and bring its archive to where YARN takes it from.

    Parameters
    ----------
    environment : str
        As a profile names it.
    user : str
        On whose behalf the application runs; empty for this one.
    waiting : callable
        Told in words for a person what takes its time; called on the event loop.
    kept : float
        Seconds without use after which archives that were brought before are deleted; 0 for never.

    Raises
    ------
    StartFailed
        If it is not there, cannot be read, or cannot run this cluster's workers.
    """
    kind, path = scheme_of(environment)
    if kind in _SCHEMES:
        await _aside(_check_path, kind, path)
        return Prepared(environment)
    files = HadoopFiles(os.environ)
    warning = None
    if kind == KERNEL:
        # What it holds is known: it is this one.
        local = await yarn_packing.packed(sys.prefix, waiting)
        digest = await _aside(yarn_archive.digest_of, local)
    else:
        found = _local(path)
        if found is None:
            return await _on_hadoop(path, files, user, waiting)
        local = found
        waiting(f"looking into {path}")
        facts, digest = await _aside(_look_into, local, path)
        _judge(facts, path)
        warning = _doubt(facts, path)
    # Another user's application could not read what lies in this one's folder: skein brings it along.
    address = None if user else await yarn_uploads.uploaded(local, digest, files, waiting, kept=kept)
    return Prepared(local, warning=warning) if address is None else Prepared(address, shared=True, warning=warning)


def glance(environment: str) -> str | None:
    """Look at an environment as far as this machine can tell, without packing or bringing anything; return a doubt.

    Raises
    ------
    StartFailed
        As `prepare`.
    """
    kind, path = scheme_of(environment)
    if kind in _SCHEMES:
        _check_path(kind, path)
        return None
    if kind == KERNEL:
        yarn_packing.check(sys.prefix)
        return None
    local = _local(path)
    if local is None:
        return None
    facts, _ = _look_into(local, path)
    _judge(facts, path)
    return _doubt(facts, path)


def check_files(sources: Iterable[str]) -> None:
    """Look for the files of this machine that a specification names.

    Raises
    ------
    StartFailed
        If one is not there or cannot be read.
    """
    for source in sources:
        path = _local(source)
        if path is not None:
            _check_local(path, source, field="options.specification")


def _local(path: str) -> str | None:
    """Return the path of an archive on this machine; None if it is on a file system of Hadoop's."""
    parts = urlsplit(path)
    if parts.scheme == "file":
        return os.path.abspath(unquote(parts.path))
    return None if parts.scheme and "://" in path else os.path.abspath(os.path.expanduser(path))


def _check_local(path: str, named: str, field: str = _FIELD) -> None:
    if not os.path.exists(path):
        raise StartFailed(f"{field}: {named} is not there: {path} does not exist.", field=field, value=named)
    if os.path.isdir(path):
        raise StartFailed(
            f"{field}: {named} is a folder, and no archive.",
            field=field,
            value=named,
            hint=f"A folder that every node has is written venv://{path} or conda://{path}.",
        )
    if not os.access(path, os.R_OK):
        raise StartFailed(f"{field}: {named} cannot be read: you have no permission for it.", field=field, value=named)


def _look_into(path: str, named: str) -> tuple[yarn_archive.Facts, str]:
    """Return what an archive on this machine holds, and the digest of its content."""
    _check_local(path, named)
    _check_suffix(path, named)
    try:
        digest = yarn_archive.digest_of(path)
        facts = yarn_archive.remembered(digest)
        if facts is None:
            with open(path, "rb") as file:
                facts = yarn_archive.facts_of(path, file)
            yarn_archive.remember(digest, facts)
    except (OSError, yarn_archive.NotAnArchive) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise StartFailed(
            f"{_FIELD}: {named} is no archive that can be read: {why}.", field=_FIELD, value=named
        ) from error
    return facts, digest


def _check_suffix(path: str, named: str) -> None:
    if not path.endswith(yarn_archive.SUFFIXES):
        known = ", ".join(yarn_archive.SUFFIXES)
        raise StartFailed(
            f"{_FIELD}: {named} is no archive that YARN unpacks: its name must end with one of {known}.",
            field=_FIELD,
            value=named,
        )


def _judge(facts: yarn_archive.Facts, named: str) -> None:
    wrong = facts.wrong()
    if wrong is not None:
        raise StartFailed(f"{_FIELD}: {named} {wrong}.", field=_FIELD, value=named, hint=_WAY)


def _doubt(facts: yarn_archive.Facts, named: str) -> str | None:
    """Return what only the nodes can tell: whether they have the interpreter that a virtual environment leads to."""
    if facts.link is None or os.path.exists(facts.link):
        return None
    return (
        f"{named} runs with {facts.link}, which is not on this machine: where the nodes do not have it either, no "
        "worker starts (venv-pack packs no interpreter; conda-pack does)"
    )


async def _on_hadoop(uri: str, files: HadoopFiles, user: str, waiting: Callable[[str], None]) -> Prepared:
    """Look at an archive that lies on a file system of Hadoop's."""
    _check_suffix(uri, uri)
    waiting(f"looking for {uri}")
    doubt = await _aside(_check_rights, uri, files, user)
    facts = await _aside(_facts_on_hadoop, uri, files)
    warning = None
    if facts is not None:
        _judge(facts, uri)
        warning = _doubt(facts, uri)
    return Prepared(uri, shared=True, warning=warning or doubt)


def _check_rights(uri: str, files: HadoopFiles, user: str) -> str | None:
    """Look whether the application's user may read an archive; return a doubt where only the file system knows."""
    if not user:
        return None  # this one, who reads it anyhow
    try:
        rights = files.rights(uri)
    except FilesError as error:
        logger.info("whether %s may read %s is not known: %s", user, uri, error)
        return None
    if user == rights[-1].owner:
        return None  # whoever owns the root of HDFS may do everything
    groups = groups_of(user)
    for one in rights:
        if one.allow(user, groups) is False:
            what = f"{one.path} is {one.mode} of {one.owner}:{one.group}"
            raise StartFailed(
                f"{_FIELD}: {uri} cannot be read by {user}, the application's user: {what}.",
                field=_FIELD,
                value=uri,
                hint=f"Give {user} the right to read it (hdfs dfs -chmod), or name one that all may read.",
            )
    unknown = next((one for one in rights if one.allow(user, groups) is None), None)
    if unknown is None:
        return None
    return (
        f"whether {user}, the application's user, can read {uri} is not certain: {unknown.path} is {unknown.mode} of "
        f"{unknown.owner}:{unknown.group}"
    )


def _facts_on_hadoop(uri: str, files: HadoopFiles) -> yarn_archive.Facts | None:
    try:
        stat = files.stat(uri)
        if stat is None or stat.folder:
            what = "is not there" if stat is None else "is a folder, and no archive"
            raise StartFailed(f"{_FIELD}: {uri} {what}.", field=_FIELD, value=uri)
        if uri.endswith(".zip"):  # its table of contents is at its end
            return None
        key = hashlib.sha256(f"{uri} {stat.size} {stat.modified}".encode()).hexdigest()
        facts = yarn_archive.remembered(key)
        if facts is None:
            with files.reading(uri) as file:
                facts = yarn_archive.facts_of(uri, file)
            yarn_archive.remember(key, facts)
        return facts
    except FilesError as error:
        raise StartFailed(f"{_FIELD}: {uri} cannot be read: {error}.", field=_FIELD, value=uri) from error
    except yarn_archive.NotAnArchive as error:
        raise StartFailed(
            f"{_FIELD}: {uri} is no archive that can be read: {error}.", field=_FIELD, value=uri
        ) from error


def _check_path(kind: str, path: str) -> None:
    """Look at an environment that every node must have, where this machine has it, too."""
    if not path.startswith("/"):
        return  # a name, or a command; it means what it means on the nodes
    python = path if kind == "python" else os.path.join(path, "bin", "python")
    why = why_unfit(python)
    if why is not None:
        named = f"{kind}://{path}"
        raise StartFailed(
            f"{_FIELD}: {named} {why}.", field=_FIELD, value=named, hint="Name one that has dask and distributed."
        )


async def _aside(function: Callable[..., Result], *given: object) -> Result:
    return await asyncio.to_thread(functools.partial(function, *given))
