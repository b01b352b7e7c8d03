"""Have a profile's own interpreter render what a start would submit."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from dask_steward.control import launch
from dask_steward.control.previewed import Jobs, Preview
from dask_steward.errors import StartFailed, StewardError, TimeLimit, UsageError

#: Seconds that rendering may take: it imports Dask, perhaps from a file server that has slept.
RENDER_LIMIT = 60.0

_PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop(1)); from dask_steward.keeper.preview import main; sys.exit(main())"
)


def one_machine(plain: Mapping[str, Any], ask: Mapping[str, Any]) -> Preview | StewardError:
    """Return what a profile of Dask's one-machine schedulers starts: nothing, but in so many threads or processes."""
    if set(ask) - {"workers"}:
        return UsageError(f"The {plain['system']} scheduler has no such size; it runs in this process.", field="scale")
    number = ask.get("workers") or (plain.get("options") or {}).get("num_workers") or os.cpu_count() or 1
    number = 1 if plain["system"] == "synchronous" else int(number)
    return Preview(plain["name"], plain["system"], workers=0, threads=number)


def render(python: str | None, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Have a short-lived process of the profile's interpreter say what would be submitted.

    Raises
    ------
    StartFailed
        If the interpreter cannot be run, or lacks what a cluster needs.
    TimeLimit
        If it does not answer.
    """
    interpreter = launch.find_interpreter(python)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if python is not None:
        environment.pop("PYTHONHOME", None)
    with tempfile.TemporaryDirectory(prefix="dask-steward-") as folder:
        try:
            done = subprocess.run(
                [interpreter, "-c", _PROGRAM, launch.importable_root(folder)],
                input=json.dumps(requests),
                capture_output=True,
                text=True,
                timeout=RENDER_LIMIT,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise TimeLimit(f"{interpreter} did not render the jobs within {RENDER_LIMIT:g} s.") from error
        except OSError as error:
            raise StartFailed(f"{interpreter} cannot be started: {error.strerror or error}.", field="python") from error
    try:
        answers = json.loads(done.stdout)
    except ValueError:
        answers = None
    if not isinstance(answers, list) or len(answers) != len(requests):
        said = " ".join((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1].split())
        raise StartFailed(
            f"This cluster's Python, {interpreter}, cannot render its jobs: {said}.", field="python", value=python
        )
    return answers


def read(plain: Mapping[str, Any], answer: Mapping[str, Any]) -> Preview | StewardError:
    """Return what the rendering process answered for a profile."""
    error = answer.get("error")
    if error is not None:
        return StartFailed(str(error.get("message")), field=error.get("field"), hint=error.get("hint"))
    if "groups" not in answer:
        workers = int(answer["workers"])
        total = workers * int(answer["memory"] or 0)
        return Preview(
            plain["name"], plain["system"], workers=workers, threads=workers * int(answer["threads"]), memory=total
        )
    groups = tuple(
        Jobs(
            name=one["name"],
            jobs=one["jobs"],
            processes=one["processes"],
            threads=one["threads"],
            cores=one["cores"],
            memory=one["memory"],
            partition=one["partition"],
            walltime=one["walltime"],
            script=one["script"],
            job_name=one["job_name"],
            asks_memory=one["asks_memory"],
            key=one["key"],
            gpus=one.get("gpus", 0),
        )
        for one in answer["groups"]
    )
    workers = sum(one.jobs * one.processes for one in groups)
    threads = sum(one.jobs * one.processes * one.threads for one in groups)
    total = sum(one.jobs * one.memory for one in groups)
    warnings = tuple(str(one) for one in answer.get("warnings") or ())
    return Preview(plain["name"], plain["system"], groups, workers, threads, total, warnings)
