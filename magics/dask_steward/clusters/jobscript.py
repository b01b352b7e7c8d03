"""Job scripts: what a job runs, with the line to its keeper rendered around it (``job.sh`` beside this file)."""

from __future__ import annotations

import functools
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template

from dask_steward.errors import StartFailed
from dask_steward.shell import node_quote

#: Exit status of a job that cannot reach its scheduler (EX_UNAVAILABLE of sysexits.h).
UNREACHABLE = 69


@dataclass(frozen=True)
class JobShape:
    """What one job asks for.

    Attributes
    ----------
    processes : int
        Worker processes of a job.
    cores : int
        Threads of a job, over all its processes.
    memory : int
        Memory of a job in bytes.
    header : str
        Shebang and directives.
    command : str
        The worker's command line.
    prologue : tuple of str
        Shell lines that run before it.
    """

    processes: int
    cores: int
    memory: int
    header: str
    command: str
    prologue: tuple[str, ...] = field(default=())


class ShellWord(str):
    """A word of the shell as it is, such as one with a variable in it."""


def _word(value: str) -> str:
    return value if isinstance(value, ShellWord) else shlex.quote(value)


@dataclass(frozen=True)
class LineEnds:
    """What a job must know to hold the line.

    Attributes
    ----------
    host : str
        The keeper's host as the nodes reach it.
    port : int
        The line's port.
    scheduler_host : str
        The scheduler's host as the nodes reach it.
    scheduler_port : int or None
        The scheduler's port: a job that cannot reach it ends with `UNREACHABLE`; it is watched where the line's cannot
        be reached. None for the job that is the scheduler.
    silence : float
        Seconds without a beat after which the job leaves.
    keeper_secret, job_secret : str
        What either side says to be known.
    """

    host: str
    port: int
    scheduler_host: str
    scheduler_port: int | ShellWord | None
    silence: float
    keeper_secret: str
    job_secret: str


def render(
    shape: JobShape,
    *,
    tag: str,
    key: str,
    name: str | None,
    line: LineEnds,
    environment: Mapping[str, str],
    local_directory: str | None,
    job_id: str = "SLURM_JOB_ID",
    array_id: str = "SLURM_ARRAY_JOB_ID",
    task: str = "SLURM_ARRAY_TASK_ID",
    node: str = "SLURMD_NODENAME",
) -> str:
    """Return the whole job script of one job.

    Parameters
    ----------
    shape : JobShape
        What is run; what dask-jobqueue rendered has `name` in its command.
    tag, key : str
        The cluster's tag and our key of this job, or of the array whose tasks run the script: the task's number is
        added on the node. The key is the worker's name, too.
    name : str or None
        The placeholder in the command that the key replaces; None where the command names its workers itself.
    line : LineEnds
        The keeper's ends of the line.
    environment : mapping
        Variables of the workers, as they are: what a profile writes as ``$NAME`` was expanded at the start.
    local_directory : str or None
        Where the workers spill; ``$TMPDIR`` and the like are expanded on the node.
    job_id, array_id, task, node : str
        Names of the manager's own variables; those of an array are not set in a single job.
    """
    exports = [f"  export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return shell("job.sh").substitute(
        header=shape.header,
        tag=tag,
        key=key,
        host=shlex.quote(line.host),
        port=line.port,
        scheduler_host=_word(line.scheduler_host),
        scheduler_port="" if line.scheduler_port is None else line.scheduler_port,
        unreachable=UNREACHABLE,
        silence=math.ceil(line.silence),
        keeper_secret=line.keeper_secret,
        job_secret=line.job_secret,
        job_id=job_id,
        array_id=array_id,
        task=task,
        node=node,
        parent=node_quote(local_directory) if local_directory else '"${TMPDIR:-/tmp}"',
        exports="\n".join(exports) or "  :",
        prologue="\n".join(shape.prologue) or ":",
        command=shape.command if name is None else _rename(shape.command, name),
    )


def _rename(command: str, name: str) -> str:
    before, found, after = command.partition(f"--name {name} ")
    if not found:
        raise StartFailed("dask-jobqueue rendered a worker without a name; this version is not known.")
    return f'{before}--name "$steward_key" {after}'


class _Shell(Template):
    """``@{name}``: the file stays plain shell, in which ``$`` is the shell's own."""

    delimiter = "@"


@functools.cache
def shell(name: str) -> Template:
    """Return one of the scripts beside this file, with ``@{name}`` in it for what is filled in."""
    return _Shell(files("dask_steward.clusters").joinpath(name).read_text(encoding="utf-8"))
