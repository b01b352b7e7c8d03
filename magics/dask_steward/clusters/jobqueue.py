"""What dask-jobqueue says to run: its job classes render header and command from the arguments that users know.

Nothing else of it is used. It is imported inside functions, and only in the keeper's process: version 0.9.0 replaces
the process's SIGINT handler when it is imported, and cannot be imported off the main thread (dask-jobqueue#667;
fixed on its main by #697, no release yet).
"""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from dask_steward.clusters.jobscript import JobShape
from dask_steward.errors import StartFailed
from dask_steward.interpreters import interpreter_of
from dask_steward.shell import node_quote

#: Names of ``jobqueue.yaml`` before dask-jobqueue 0.8; files of sites still have them.
_OLD_NAMES = {
    "worker-extra-args": "extra",
    "job-extra-directives": "job-extra",
    "job-script-prologue": "env-extra",
}


def load_jobqueue() -> None:
    """Import dask-jobqueue without its side effect on SIGINT; to be called on the main thread."""
    before = signal.getsignal(signal.SIGINT)
    try:
        import dask_jobqueue  # noqa: F401  (imported for its configuration and classes)
    finally:
        signal.signal(signal.SIGINT, before)


def _python_command(python: str) -> str:
    """Return the interpreter as shell words; ``apptainer exec image python`` stays several, a path with a blank one."""
    if os.path.exists(python):
        return node_quote(python)
    try:
        words = shlex.split(python)
    except ValueError as error:
        raise StartFailed(
            f"python: {python!r} is not a command line: {error}.", field="python", value=python
        ) from error
    return " ".join(node_quote(word) for word in words)


def shape_of_slurm(
    options: Mapping[str, Any],
    *,
    scheduler: str,
    name: str,
    python: str | None,
    log_file: str,
    tls: Mapping[str, str],
) -> JobShape:
    """Return what dask-jobqueue renders for a Slurm job.

    Parameters
    ----------
    options : mapping
        Arguments of ``SLURMCluster``; what is missing comes from the user's ``jobqueue.yaml``.
    scheduler : str
        The scheduler's address as the nodes reach it.
    name : str
        Placeholder for the worker's name.
    python : str or None
        Interpreter of the workers; by default that of the keeper.
    log_file : str
        Where the job's output goes, with Slurm's own patterns (``%j``).
    tls : mapping
        Paths of ``ca``, ``cert`` and ``key``; empty without TLS.

    Raises
    ------
    StartFailed
        If an argument is missing or dask-jobqueue refuses one, with its own words.
    """
    from dask import config
    from dask.utils import parse_bytes
    from dask_jobqueue.slurm import SLURMJob
    from distributed.deploy.utils import nprocesses_nthreads

    # Arguments of the cluster rather than of its jobs, and those that the line renders itself.
    taken = {
        "scheduler_options",
        "shared_temp_directory",
        "job_script_prologue",
        "python",
        "local_directory",
        "worker_extra_args",
        "log_directory",
    }
    # A profile names all arguments; an empty list says no more than a null, and hides nothing of the configuration.
    arguments = {key: value for key, value in options.items() if value not in (None, [], ()) and key not in taken}
    section = f"jobqueue.{arguments.get('config_name') or 'slurm'}"

    def given(key: str, option: str | None = None) -> Any:
        found = options.get(option or key.replace("-", "_"))
        if found not in (None, [], ()):
            return found
        found = config.get(f"{section}.{key}", None)
        return config.get(f"{section}.{_OLD_NAMES[key]}", None) if not found and key in _OLD_NAMES else found

    cores, memory = given("cores"), given("memory")
    for option, value in (("cores", cores), ("memory", memory)):
        if value is None:
            raise StartFailed(
                f"options.{option} is not set: a Slurm job needs it.",
                field=f"options.{option}",
                hint=f"Set it in the profile or as {section}.{option} in Dask's configuration.",
            )
    cores, memory = int(cores), parse_bytes(memory)
    # Always passed by keyword: dask-jobqueue names the workers of a job wrongly when it comes from its own default.
    processes = int(given("processes") or nprocesses_nthreads(cores)[0])
    # A worker's own pages are one more open port of its node, and loading bokeh for them takes 0.6 s of a core before
    # it connects. The keeper has all of Dask's other pages; who wants these adds --dashboard: the last word holds.
    extra = ["--no-dashboard"]
    extra += [node_quote(word) for text in given("worker-extra-args") or [] for word in shlex.split(str(text))]
    for flag, path in (("--tls-ca-file", "ca"), ("--tls-cert", "cert"), ("--tls-key", "key")):
        if path in tls:
            extra += [flag, shlex.quote(tls[path])]
    if arguments.get("job_mem") is None and config.get(f"{section}.job-mem", None) is None:
        # Exactly what was asked: dask-jobqueue 0.9 rounds 1500 MB up to 2 GiB. Slurm's M is a MiB.
        arguments["job_mem"] = f"{math.ceil(memory / 2**20)}M"
    directives = [*(given("job-extra-directives") or []), f"--output={_directive_path(log_file)}"]
    arguments.update(
        cores=cores, memory=memory, processes=processes, worker_extra_args=extra, job_extra_directives=directives
    )
    try:
        # What stands under a name of old has been taken above; dask-jobqueue would take it once more.
        unsaid = {f"{section}.{old}": None for old in _OLD_NAMES.values() if config.get(section, None)}
        with warnings.catch_warnings(), config.set(unsaid):
            warnings.simplefilter("ignore", FutureWarning)
            job = SLURMJob(
                scheduler=scheduler,
                name=name,
                job_name=None,  # given on sbatch's own command line: nothing can override the tag
                python=_python_command(interpreter_of(given("python") or python or sys.executable)),
                local_directory='"$steward_dir"',
                job_script_prologue=[],
                log_directory=None,
                **arguments,
            )
            header, _, command = job.job_script().rstrip().rpartition("\n")
            _check_header(header)
    except (TypeError, ValueError) as error:
        raise StartFailed(f"dask-jobqueue refuses these options: {error}", field="options") from error
    prologue = tuple(str(line) for line in given("job-script-prologue") or [])
    return JobShape(processes, cores, memory, header.rstrip(), command.strip(), prologue)


def _check_header(header: str) -> None:
    """Refuse what is no directive: a line break in a value would make the rest of it a command."""
    for line in header.splitlines():
        if line.strip() and not line.startswith("#"):
            raise StartFailed(f"An option holds a line break, and {line!r} would be run as a command.", field="options")


def _directive_path(path: str) -> str:
    # sbatch reads quotes in a directive, and a backslash or quote in a path of the state folder would end them.
    if any(character in path for character in '"\\\n'):
        raise StartFailed(f"The state folder's path, {path!r}, cannot stand in a job script.", field="state folder")
    return f'"{path}"' if " " in path else path
