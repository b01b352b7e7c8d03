"""The shapes of a Slurm cluster's jobs: what dask-jobqueue renders for the profile's own options and for each group."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dask

from dask_steward.clusters import jobqueue, jobscript
from dask_steward.clusters.base import MAIN
from dask_steward.clusters.fitness import check_python, check_script
from dask_steward.clusters.groups import Group
from dask_steward.interpreters import interpreter_of
from dask_steward.units import parse_walltime

#: Stands for the worker's name in what dask-jobqueue renders.
NAME = "steward-worker"
#: Slurm's patterns for the log of a single job, and of an array's task: its id as the queue shows it.
ONE_LOG, TASK_LOG = "%j.log", "%A_%a.log"


def of_config(options: Mapping[str, Any], key: str) -> Any:
    """Return what the user's ``jobqueue.yaml`` says for a key, in the section that the options name."""
    return dask.config.get(f"jobqueue.{options.get('config_name') or 'slurm'}.{key}", None)


def options_of(profile: Mapping[str, Any], group: str = MAIN) -> dict[str, Any]:
    """Return the options of a group: what it says itself, else what the profile says."""
    options = dict(profile.get("options") or {})
    if group != MAIN:
        own = ((profile.get("groups") or {}).get(group) or {}).get("options") or {}
        options.update({key: value for key, value in own.items() if value not in (None, [], {})})
    return options


def resources_of(arguments: Iterable[object]) -> dict[str, float]:
    """Return the resources that arguments of ``dask worker`` give each worker.

    >>> resources_of(["--nthreads 2", "--resources 'GPU=1 bigmem=2.5'"])
    {'GPU': 1.0, 'bigmem': 2.5}
    >>> resources_of(["--resources=GPU=2,FPGA=1"])
    {'GPU': 2.0, 'FPGA': 1.0}
    """
    words = [word for text in arguments for word in shlex.split(str(text))]
    found: dict[str, float] = {}
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--resources" or word.startswith("--resources="):
            text = word.partition("=")[2] if "=" in word else following
            # As distributed.cli.dask_worker reads it.
            pairs = [pair.partition("=") for pair in text.replace(",", " ").split()]
            found = {name: float(amount) for name, _, amount in pairs if amount.replace(".", "", 1).isdecimal()}
    return found


def groups_of(
    profile: Mapping[str, Any],
    *,
    tag: str,
    scheduler: str,
    python: str | None,
    tls: Mapping[str, str],
    line: jobscript.LineEnds,
    logs: str,
) -> dict[str, Group]:
    """Return all groups of a profile by name; ``main``, of the profile's own options, comes first.

    Parameters
    ----------
    profile : mapping
        The resolved profile.
    tag : str
        The cluster's tag.
    scheduler : str
        The scheduler's address as the nodes reach it.
    python : str or None
        Interpreter of the workers; by default that of the keeper.
    tls : mapping
        Paths of ``ca``, ``cert`` and ``key``; empty without TLS.
    line : LineEnds
        The keeper's ends of the line.
    logs : str
        Folder for the jobs' logs.

    Raises
    ------
    StartFailed
        If an argument is missing or dask-jobqueue refuses one, with its own words.
    """
    # Without pages of metrics, which every user of a node could read; a profile's own word holds.
    environment = {"DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]"}
    environment.update((str(key), str(value)) for key, value in (profile.get("environment") or {}).items())
    found = {}
    for name in (MAIN, *(profile.get("groups") or {})):
        options = options_of(profile, name)
        own = (profile.get("groups") or {}).get(name) or {}
        given = options.get("worker_extra_args") or of_config(options, "worker-extra-args") or []
        resources = resources_of(given)
        resources.update((str(key), float(value)) for key, value in (own.get("resources") or {}).items())
        if own.get("resources"):
            words = " ".join(f"{key}={value:g}" for key, value in resources.items())
            # The last word holds: what stood there before is among these.
            options["worker_extra_args"] = [*given, f"--resources '{words}'"]
        options["interface"] = options.get("interface") or of_config(options, "interface")
        shapes = {
            pattern: jobqueue.shape_of_slurm(
                options,
                scheduler=scheduler,
                name=NAME,
                python=python,
                log_file=os.path.join(logs, pattern),
                tls=tls,
            )
            for pattern in (ONE_LOG, TASK_LOG)
        }
        local_directory = options.get("local_directory") or of_config(options, "local-directory")
        limit = parse_walltime(options.get("walltime") or of_config(options, "walltime") or "UNLIMITED")
        script = _script(shapes, tag=tag, line=line, environment=environment, local_directory=local_directory)
        _check(shapes[ONE_LOG], script("j1", 1), profile, name, python, environment)
        found[name] = Group(
            name,
            shapes[ONE_LOG],
            script,
            walltime=None if limit is None else float(limit),
            resources=resources,
        )
    return found


def _check(
    shape: jobscript.JobShape,
    script: str,
    profile: Mapping[str, Any],
    name: str,
    python: str | None,
    environment: Mapping[str, str],
) -> None:
    """Find out, before a submit, what can be found out about a group's script and interpreter.

    Raises
    ------
    StartFailed
        With the field that is wrong.
    """
    options = options_of(profile, name)
    of_group = {} if name == MAIN else ((profile.get("groups") or {}).get(name) or {}).get("options") or {}

    def field(option: str) -> str:
        return f"groups.{name}.options.{option}" if of_group.get(option) else f"options.{option}"

    check_script(script, shape.prologue, field("job_script_prologue"))
    own = options.get("python") or of_config(options, "python")
    interpreter = interpreter_of(str(own or python or sys.executable))
    if not _is_ours(interpreter):
        where = field("python") if own else "python"
        check_python(interpreter, environment, prologue=bool(shape.prologue), field=where)


def _is_ours(interpreter: str) -> bool:
    """Tell whether an interpreter is the keeper's own, which runs Dask already."""
    return os.path.abspath(os.path.expanduser(interpreter)) == os.path.abspath(sys.executable)


def _script(
    shapes: Mapping[str, jobscript.JobShape],
    *,
    tag: str,
    line: jobscript.LineEnds,
    environment: Mapping[str, str],
    local_directory: str | None,
) -> Callable[[str, int], str]:
    def script(batch: str, count: int) -> str:
        return jobscript.render(
            shapes[ONE_LOG if count == 1 else TASK_LOG],
            tag=tag,
            key=batch,
            name=NAME,
            line=line,
            environment=environment,
            local_directory=local_directory,
        )

    return script
