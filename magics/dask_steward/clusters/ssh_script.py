"""What is run on a host: the workers of one job, and what they need that may not be there, such as their keys."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Collection, Mapping
from typing import Any

import dask

from dask_steward.clusters.jobscript import JobShape
from dask_steward.clusters.ssh_survey import Found
from dask_steward.errors import StartFailed
from dask_steward.shell import node_quote

MODULE, CLASS = "distributed.cli.dask_spec", "distributed.Nanny"
#: Arguments of a worker that go to it as they are.
_PLAIN = ("interface", "host", "death_timeout", "preload")


def python_words(python: object) -> str:
    """Return an interpreter on a host as shell words; ``$VAR`` is expanded there.

    >>> python_words("/opt/my env/bin/python"), python_words("apptainer exec image.sif python")
    ('"/opt/my env/bin/python"', '"apptainer" "exec" "image.sif" "python"')

    Raises
    ------
    StartFailed
        If it is no command line.
    """
    text = str(python or sys.executable)
    if text.startswith("~/"):
        text = f"$HOME/{text[2:]}"
    if text.startswith(("/", "$")):
        return node_quote(text)
    try:
        return " ".join(node_quote(word) for word in shlex.split(text))
    except ValueError as error:
        raise StartFailed(
            f"options.remote_python: {text!r} is not a command line: {error}.",
            field="options.remote_python",
            value=text,
        ) from error


def shape_of(worker: Mapping[str, Any], found: Collection[Found]) -> JobShape:
    """Return what one job brings: what the smallest of the hosts gives where the profile does not say it."""
    processes = int(worker.get("n_workers") or 1)
    cores = min((one.cores for one in found), default=1)
    memory = min((one.memory for one in found), default=0)
    threads = int(worker.get("nthreads") or max(1, cores // processes))
    limit = worker.get("memory_limit")
    if limit == 0:
        memory = 0
    elif isinstance(limit, int):
        memory = limit * processes
    elif worker.get("nthreads"):
        memory = int(memory * min(1.0, threads * processes / max(1, cores)))
    return JobShape(processes, threads * processes, memory, "", "")


def worker_command(
    options: Mapping[str, Any], python: str, address: str, key: str, shape: JobShape, found: Found | None
) -> str:
    """Return the command line of a job's workers.

    Parameters
    ----------
    options : mapping
        The profile's ``options``.
    python : str
        Interpreter, as shell words.
    address : str
        The scheduler's, as hosts reach it.
    key : str
        Our key of the job, by which its workers are named.
    shape : JobShape
        What a job brings where its host is not known.
    found : Found or None
        What its host has.
    """
    worker = options.get("worker_options") or {}
    processes = shape.processes
    cores = found.cores if found is not None else shape.cores
    given: dict[str, Any] = {name: worker[name] for name in _PLAIN if worker.get(name) not in (None, [], ())}
    given["nthreads"] = int(worker.get("nthreads") or max(1, cores // processes))
    given.setdefault("death_timeout", 60)
    limit = worker.get("memory_limit")
    given["memory_limit"] = "auto" if limit is None else limit or None
    if worker.get("resources"):
        given["resources"] = dict(worker["resources"])
    cls = str(options.get("worker_class") or CLASS)
    if cls.startswith("distributed."):
        given["dashboard"] = False  # its pages would be one more open port of the host
    names = [key] if processes == 1 else [f"{key}-{number}" for number in range(processes)]
    spec = {name: {"cls": cls, "opts": {**given, "name": name}} for name in names}
    module = str(options.get("worker_module") or MODULE)
    return f"{python} -m {shlex.quote(module)} {shlex.quote(address)} --spec {shlex.quote(json.dumps(spec))}"


def tls_prologue(tls: Mapping[str, str]) -> tuple[str, ...]:
    """Return shell lines that bring Dask's configuration and the cluster's keys: a host need not share our files.

    The keys lie in the job's own folder, which only its owner can enter and which goes with it.
    """
    # As SSHCluster does: what is configured here holds there, too.
    inherited = dask.config.serialize(dask.config.global_config)
    lines = [
        f"export DASK_INTERNAL_INHERIT_CONFIG={shlex.quote(inherited)}",
        'export DASK_TEMPORARY_DIRECTORY="$steward_dir"',
    ]
    if not tls:
        return tuple(lines)
    written: dict[str, str] = {}
    for path in dict.fromkeys(tls.values()):
        name = os.path.basename(path)
        with open(path, encoding="ascii") as file:
            text = file.read().rstrip("\n")
        end = "steward_key_ends"
        # In a shell of its own: what tasks write is not to be private because this is.
        lines.append(f"( umask 077; cat > \"$steward_dir/{name}\" ) <<'{end}'\n{text}\n{end}")
        written[path] = f'"$steward_dir/{name}"'
    prefix = "DASK_DISTRIBUTED__COMM__TLS"
    lines.append(f"export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True {prefix}__CA_FILE={written[tls['ca']]}")
    for role in ("WORKER", "SCHEDULER", "CLIENT"):
        words = " ".join(f"{prefix}__{role}__{part.upper()}={written[tls[part]]}" for part in ("cert", "key"))
        lines.append(f"export {words}")
    return tuple(lines)
