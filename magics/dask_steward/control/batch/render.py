"""The job script of an allocation: directives, and a program that needs nothing but Dask."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from dask_steward.shell import node_quote

#: Memory that the first node keeps for scheduler and script where the profile says nothing: this share, and at most.
KEPT_SHARE, KEPT_MOST = 8, 16 * 10**9
_END = "END_OF_PROGRAM"


@dataclass(frozen=True)
class Share:
    """How the workers of one node share it.

    Attributes
    ----------
    workers : int
        Worker processes.
    threads : int
        Threads of each.
    memory : int
        Memory of each, in bytes.
    """

    workers: int
    threads: int
    memory: int


def shares(options: Mapping[str, Any]) -> tuple[Share, Share]:
    """Return how the first node is shared, and each other one.

    The scheduler and the script run on the first node, so its workers get less memory, and in an allocation of several
    nodes one core less: with that many workers the scheduler needs it.

    Examples
    --------
    >>> first, other = shares({"nodes": 4, "cores": 24, "processes": 4, "memory": 96 * 10**9})
    >>> first
    Share(workers=3, threads=7, memory=28000000000)
    >>> other
    Share(workers=4, threads=6, memory=24000000000)
    """
    cores, memory = int(options["cores"]), int(options["memory"])
    workers = int(options.get("processes") or _processes(cores))
    other = Share(workers, cores // workers, memory // workers)
    left = cores if int(options["nodes"]) == 1 else max(1, cores - 1)
    # Workers of one node are alike: one more or less than elsewhere may leave fewer cores without work.
    near = [number for number in (workers, workers - 1, workers + 1) if 0 < number <= left] or [left]
    fewer = max(near, key=lambda number: left - left % number)
    kept = int(options.get("scheduler_memory") or min(memory // KEPT_SHARE, KEPT_MOST))
    return Share(fewer, left // fewer, (memory - kept) // fewer), other


def _processes(cores: int) -> int:
    """Return about the square root, as dask-jobqueue takes it, and a divisor of the cores."""
    return min((number for number in range(1, cores + 1) if cores % number == 0), key=lambda n: abs(n - cores**0.5))


def render(profile: Mapping[str, Any], command: Sequence[str], python: str) -> str:
    """Return the job script.

    Parameters
    ----------
    profile : mapping
        A resolved profile of system ``allocation``.
    command : sequence of str
        The script and its arguments; what ends with ``.py`` is run by the same Python.
    python : str
        Interpreter on the nodes; it needs Dask, and cryptography for TLS.
    """
    options = profile["options"]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in (profile.get("environment") or {}).items()]
    words = " ".join(shlex.quote(word) for word in (json.dumps(_plan(profile, python)), *command))
    lines = [
        "#!/usr/bin/env bash",
        *(f"#SBATCH {directive}" for directive in _directives(options)),
        "",
        *(str(block) for block in options.get("job_script_prologue") or ()),
        *exports,
        # The job is this program: when it ends, or is killed, the job ends, and with it every process on every node.
        f"exec {node_quote(python)} - {words} <<'{_END}'",
        program().rstrip("\n"),
        _END,
    ]
    return "\n".join(lines) + "\n"


def program() -> str:
    """Return the text of the program that the job runs."""
    return files("dask_steward.control.batch").joinpath("job.py").read_text(encoding="utf-8")


def _directives(options: Mapping[str, Any]) -> list[str]:
    found = [
        f"--nodes={options['nodes']}",
        f"--ntasks={options['nodes']}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={options['cores']}",
        f"--mem={math.ceil(options['memory'] / 1024**2)}M",
    ]
    for field, name in (("queue", "partition"), ("account", "account"), ("walltime", "time")):
        if options.get(field):
            found.append(f"--{name}={options[field]}")
    if options.get("log_directory"):
        found.append(f"--output={_quoted(os.path.join(options['log_directory'], '%x-%j.log'))}")
    return [*found, *(options.get("job_extra_directives") or ())]


def _quoted(path: str) -> str:
    # sbatch reads directives as a shell would, without expanding anything.
    return f'"{path}"' if any(letter.isspace() for letter in path) else path


def _plan(profile: Mapping[str, Any], python: str) -> dict[str, Any]:
    options = profile["options"]
    tls = profile.get("security") != "none"
    common = ["--protocol", "tls" if tls else "tcp"]
    if options.get("interface"):
        common += ["--interface", options["interface"]]
    first, other = shares(options)
    nodes = int(options["nodes"])
    shell = f"exec {_worker(options, first, python, common)}"
    words: list[str] = []
    if nodes > 1:
        # The scheduler's node is the first one of the allocation, where the batch script runs: node 0.
        whole = f"exec {_worker(options, other, python, common)}"
        shell = f'if [ "$SLURM_NODEID" = 0 ]; then {shell}; else {whole}; fi'
        words = [
            "srun",
            f"--nodes={nodes}",
            f"--ntasks={nodes}",
            "--ntasks-per-node=1",
            f"--cpus-per-task={options['cores']}",
            "--input=none",
            # A worker that does not come up ends the step, and so the job, at once: else the script would run for its
            # whole walltime on fewer nodes than are paid for.
            "--kill-on-bad-exit=1",
        ]
    return {
        "scheduler": ["-m", "distributed.cli.dask_scheduler", *common, "--port", "0", "--no-dashboard"],
        "workers": [*words, "sh", "-c", shell],
        "count": first.workers + (nodes - 1) * other.workers,
        "limit": float(options.get("workers_timeout") or 300.0),
        "tls": tls,
    }


def _worker(options: Mapping[str, Any], share: Share, python: str, common: Sequence[str]) -> str:
    words = [
        *(python, "-m", "distributed.cli.dask_worker", *common),
        *("--nworkers", str(share.workers), "--nthreads", str(share.threads), "--memory-limit", str(share.memory)),
        *("--no-dashboard", "--death-timeout", "60"),
    ]
    if options.get("local_directory"):
        words += ["--local-directory", options["local_directory"]]
    return " ".join(node_quote(str(word)) for word in (*words, *(options.get("worker_extra_args") or ())))
