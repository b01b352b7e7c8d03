"""Run a script with a Dask cluster of its own, inside one allocation of Slurm."""

from __future__ import annotations

import difflib
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dask_steward.control.batch.render import render
from dask_steward.errors import ManagerUnreachable, SubmitRefused, SubmitUncertain, UsageError
from dask_steward.interpreters import interpreter_of, why_unfit

if TYPE_CHECKING:
    from dask_steward.managers.base import JobStatus
    from dask_steward.managers.slurm import Slurm

__all__ = ["Batch", "batch"]

ALLOCATION = "allocation"
"""The system whose profiles run scripts."""

#: Seconds between two questions about a job that is waited for.
PAUSE = 5.0
#: Seconds for which a job that was submitted without an answer is looked for.
FIND_LIMIT = 20.0
#: Code of a job that ended without one of its own: its node failed, it was cancelled.
NO_CODE = 1


@dataclass(frozen=True)
class Batch:
    """A job that runs a script.

    Attributes
    ----------
    id : str or None
        The job's; None where the script was only rendered.
    name : str
        Name of the job.
    script : str
        The job script.
    log : str
        Where its output goes; ``%j`` stands for the job's id while there is none.
    """

    id: str | None
    name: str
    script: str
    log: str

    def wait(self, on_change: Callable[[str], None] | None = None) -> tuple[int, str]:
        """Wait until the job has ended; asked every few seconds, a controller that is down only delays it.

        Parameters
        ----------
        on_change : callable, optional
            Given in words what the job does, whenever that changes.

        Returns
        -------
        int
            Its exit code: the script's own, 128 + N after a signal, 1 where the job has none.
        str
            How it ended, in words.
        """
        from dask_steward.managers.base import JobState, Unknown
        from dask_steward.managers.slurm import Slurm

        manager, said, pause, last = Slurm(), "", 0.2, None
        appears = time.monotonic() + FIND_LIMIT
        while True:
            answer = manager.jobs()
            if isinstance(answer, Unknown):
                found, words = None, answer.reason
            else:
                found = _job(answer, self.id)
                # Never seen: a controller may show a job a moment after it has taken it.
                gone = found is None and (last is not None or time.monotonic() > appears)
                if gone or (found is not None and found.state is JobState.ENDED):
                    return _end(manager, found or last, self.id)
                words = manager.explain(found) if found is not None else said
            if words != said and on_change is not None:
                on_change(words)
            said, last = words, found or last
            time.sleep(pause)
            pause = min(PAUSE, pause * 1.5)


def batch(
    profile: str,
    script: str,
    arguments: Sequence[str] = (),
    *,
    set: Mapping[str, Any] | None = None,
    submit: bool = True,
) -> Batch:
    """Run a script with a Dask cluster inside one allocation; the job ends when the script ends, with its exit code.

    Parameters
    ----------
    profile : str
        Name of a profile of system ``allocation``.
    script : str
        A Python script, or a program; it finds the cluster by itself (``distributed.Client()``).
    arguments : sequence of str
        Its arguments.
    set : mapping, optional
        Fields set over the profile, by dotted path.
    submit : bool
        False: only render the job script.

    Raises
    ------
    ProfileNotFound, ProfileError, UsageError
        Something that was asked for is wrong; nothing was submitted.
    SubmitRefused, ManagerUnreachable
        Slurm refused the job, or did not answer.
    """
    from dask_steward.profiles import ProfileStore

    plain = ProfileStore().resolve(profile, dict(set or {})).expanded(os.environ).to_json()
    if plain["system"] != ALLOCATION:
        raise UsageError(
            f"{profile} is a profile of system: {plain['system']}; a script runs in one of system: allocation.",
            field="profile",
            value=profile,
            hint=f"To use a cluster of {profile} from a script: dask_steward.start({profile!r}).",
        )
    for field in ("cores", "memory"):
        if plain["options"].get(field) is None:
            raise UsageError(
                f"options.{field} is missing in {profile}: what each node of the allocation gives.",
                field=f"options.{field}",
                hint=f"Write it into the profile, or add --set options.{field}=…",
            )
    path = _path_of(script)
    python = _python_of(plain)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.splitext(os.path.basename(path))[0]).strip("-.") or "batch"
    text = render(plain, [path, *arguments], python)
    folder = plain["options"].get("log_directory")
    log = os.path.join(folder, f"{name}-%j.log") if folder else os.path.join(os.getcwd(), "slurm-%j.out")
    if not submit:
        return Batch(None, name, text, log)
    if folder:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"options.log_directory: {folder} cannot be made: {error.strerror or error}.",
                field="options.log_directory",
                value=folder,
            ) from error
    id = _submitted(text, name)
    return Batch(id, name, text, log.replace("%j", id))


def only_for_scripts(profile: str) -> UsageError:
    """Return what is said to whoever would start, or look at, a profile of this system as a cluster."""
    return UsageError(
        f"{profile} is a profile for scripts: its allocation begins and ends with one.",
        field="profile",
        value=profile,
        hint=f"In a shell: dask-steward batch {profile} SCRIPT.py, or with --print before it to see the job.",
    )


def _path_of(script: str) -> str:
    path = os.path.abspath(os.path.expanduser(script))
    if not os.path.isfile(path):
        beside = os.path.dirname(path)
        others = os.listdir(beside) if os.path.isdir(beside) else []
        near = difflib.get_close_matches(os.path.basename(path), others, 1)
        raise UsageError(
            f"script: there is no file {script}.",
            field="script",
            value=script,
            hint=f"Did you mean {os.path.join(os.path.dirname(script), near[0])}?" if near else None,
        )
    if not path.endswith(".py") and not os.access(path, os.X_OK):
        raise UsageError(
            f"script: {script} is neither Python (.py) nor a program that may be executed.",
            field="script",
            value=script,
            hint=f"chmod +x {script}",
        )
    return path


def _python_of(plain: Mapping[str, Any]) -> str:
    import sys

    given = plain.get("python")
    python = interpreter_of(given) if given else sys.executable
    # A prologue may load the module that brings Dask.
    why = why_unfit(python, needs_dask=not plain["options"].get("job_script_prologue"))
    if why is not None:
        raise UsageError(f"python: {given or python} {why}.", field="python", value=given or python)
    return python


def _submitted(script: str, name: str) -> str:
    from dask_steward.managers import available
    from dask_steward.managers.slurm import Slurm

    if not available()["slurm"]:
        raise ManagerUnreachable(
            "There is no sbatch on the PATH.", hint="Run this on a login node, perhaps after `module load slurm`."
        )
    manager = Slurm()
    # Not a tag: no cluster of ours owns this job, and nothing releases it but its own end.
    comment = f"dask-steward batch {secrets.token_hex(6)}"
    try:
        (id,) = manager.submit(script, job_name=name, comment=comment, cwd=os.getcwd())
    except SubmitUncertain as error:
        found = _found(manager, comment)
        if found is None:
            raise SubmitUncertain(
                f"{error.message.rstrip('.')}; the job may still appear as {name} in `squeue --me`."
            ) from error
        return found
    except SubmitRefused as error:
        raise SubmitRefused(f"The job was not submitted: {error.message}") from error
    return id


def _found(manager: Slurm, comment: str) -> str | None:
    from dask_steward.managers.base import Unknown

    deadline = time.monotonic() + FIND_LIMIT
    while time.monotonic() < deadline:
        answer = manager.jobs()
        if not isinstance(answer, Unknown):
            return next((one.id for one in answer if one.comment == comment), None)
        time.sleep(1.0)
    return None


def _job(jobs: Sequence[JobStatus], id: str | None) -> JobStatus | None:
    return next((one for one in jobs if one.id == id), None)


def _end(manager: Slurm, status: JobStatus | None, id: str | None) -> tuple[int, str]:
    if status is None:
        return NO_CODE, f"job {id} is not in the queue any more"
    words = manager.causes([status]).get(status.id) or f"job {id} has ended"
    code = status.exit_code or ""
    if code.isdecimal():
        number = int(code)
        return (number if number or status.native == "COMPLETED" else NO_CODE), words
    signal = code.removeprefix("signal ")
    return (128 + int(signal) if signal.isdecimal() else 0 if status.native == "COMPLETED" else NO_CODE), words
