"""Slurm, asked through sbatch, squeue, scancel and scontrol."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from dask_steward.errors import SubmitRefused, SubmitUncertain
from dask_steward.managers import command, slurm_parse, slurm_words
from dask_steward.managers.base import JobStatus, Manager, NodeSize, TestAnswer, Unknown

if TYPE_CHECKING:
    from dask_steward.managers import slurm_ends

COMMANDS = ("sbatch", "squeue", "scancel")
"""What must be on the PATH for Slurm to be usable."""

BATCH = 100
"""Ids per scancel: a site's audit log and the controller's lock stand it, and 1,000 jobs are ten commands."""

PING_TIMEOUT = 2.0
"""Seconds for ``scontrol ping``, which answers at once where the other commands wait nine seconds for a controller."""

CONNECTION = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS")
"""Environment variables that say which controller is asked."""

PATHS = ("PATH", "LD_LIBRARY_PATH")
"""Search paths by which the commands are found and start."""

# Everything else that begins so changes what the commands do behind our back. SQUEUE_PARTITION would hide jobs,
# SCANCEL_STATE spare some, SBATCH_WAIT keep sbatch until the job's end, SBATCH_ARRAY_INX make one job many; and a
# keeper that itself runs in a Slurm job would hand that job's SLURM_MEM_PER_NODE on to srun in ours. The mark of the
# keeper's processes must not reach the jobs, either: where a node is also the keeper's host, a guard that ends marked
# processes would kill a job's script before it has cleaned up after its workers.
_MEDDLING = re.compile(
    r"SQUEUE_|SCANCEL_|SLURM_|SLURMD_|SBATCH_(?:WAIT$|ARRAY_INX$|CLUSTERS$|TEST_ONLY$)|DASK_STEWARD_(?:CLUSTER|GUARD)$"
)
_KEPT = (*CONNECTION, "SLURM_JWT")
_OTHER_CLUSTER = re.compile(r"^#SBATCH\s+(?:.*\s)?(?:-M|--clusters?(?=[=\s]))", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def submit_command(job_name: str, comment: str, count: int = 1) -> list[str]:
    """Return the command that submits the script on its standard input `count` times."""
    return [
        "sbatch",
        "--parsable",
        f"--job-name={job_name}",
        f"--comment={comment}",
        # A job that Slurm starts again by itself (a node failed) is the same job; its first log must not be lost.
        "--open-mode=append",
        *([f"--array=0-{count - 1}"] if count > 1 else []),
    ]


class Slurm(Manager):
    """The Slurm whose controller this user's commands ask.

    Parameters
    ----------
    environment : mapping, optional
        What `remembered` gave to another process. Its connection wins over this process's own; its search paths
        are looked at behind our own.
    timeout : float
        Seconds that one command may take unless a call says otherwise. Slurm's own commands give up on a controller
        that is down after about nine.
    """

    system = "slurm"

    def __init__(self, environment: Mapping[str, str] | None = None, timeout: float = 15.0) -> None:
        self.timeout = timeout
        self._environment = _environment(environment or {})
        self._most_at_once: int | None = None
        self._archive: slurm_ends.Archive | None = None

    def remembered(self) -> dict[str, str]:
        return {name: self._environment[name] for name in (*CONNECTION, *PATHS) if name in self._environment}

    def connection(self) -> dict[str, str]:
        # Not the whole PATH: two environments that find the same squeue ask the same controller.
        found = {name: self._environment[name] for name in CONNECTION if name in self._environment}
        return {**found, "squeue": command.find("squeue", self._environment.get("PATH", os.defpath)) or ""}

    def submit(
        self,
        script: str,
        *,
        job_name: str,
        comment: str,
        count: int = 1,
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> tuple[str, ...]:
        if count < 1:
            raise ValueError(f"not a number of jobs: {count}")
        self._check_one_cluster(script)
        if cwd is not None and not os.path.isdir(cwd):
            raise SubmitRefused(f"the folder {cwd} from which the job is to be submitted does not exist.")
        _, *arguments = submit_command(job_name, comment, count)
        seconds = self.timeout if timeout is None else timeout
        try:
            done = self._run("sbatch", *arguments, timeout=seconds, text=script, cwd=cwd)
        except OSError as error:
            raise SubmitRefused(f"sbatch cannot be started: {_os_words(error)}.") from error
        # An id is an id, whatever the exit status says: the job is there and has to be given back.
        job = slurm_parse.parse_sbatch(done.out)
        if job is None:
            raise _not_submitted(done, seconds, count)
        return (job,) if count == 1 else tuple(f"{job}_{task}" for task in range(count))

    def most_at_once(self) -> int:
        if self._most_at_once is None:
            done = self.ask(("scontrol", "show", "config"))
            if isinstance(done, Unknown) or done.status != 0:
                return 1  # asked again next time
            self._most_at_once = slurm_parse.parse_most_at_once(done.out)
        return self._most_at_once

    def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...] | Unknown:
        mark = os.urandom(6).hex()
        done = self.ask(
            # The header stays: it is the proof that an empty list is a list.
            ("squeue", "--me", "--states=all", f"--Format={slurm_parse.squeue_format(mark)}"),
            timeout,
            SLURM_TIME_FORMAT="%s",
            SLURM_BITSTR_LEN="0",  # array expressions whole, not cut at 64 letters
        )
        if isinstance(done, Unknown):
            return done
        if done.status != 0:
            return Unknown(f"squeue: {slurm_parse.words(done.err, done.out) or f'exit status {done.status}'}")
        try:
            return slurm_parse.parse_squeue(done.out, mark)
        except ValueError as error:
            return Unknown(f"{error}")

    def cancel(self, ids: Sequence[str], *, timeout: float | None = None, commands: int = 0) -> Unknown | None:
        wrong = [job for job in ids if not slurm_parse.is_id(job)]
        if wrong:
            raise ValueError(f"not a Slurm job id: {wrong[0]!r}")
        unique = list(dict.fromkeys(ids))
        failure: Unknown | None = None
        batch = max(BATCH, math.ceil(len(unique) / commands)) if commands else BATCH
        for first in range(0, len(unique), batch):
            done = self.ask(("scancel", *unique[first : first + batch]), timeout)
            if isinstance(done, Unknown):
                return done  # the next batch would only wait for the same silence
            failure = _judge_scancel(done) or failure
        return failure

    def cancel_tag(self, tag: str, *, timeout: float | None = None) -> Unknown | None:
        if not _NAME.fullmatch(tag):
            # --name takes a list with commas; an empty one would mean every job.
            raise ValueError(f"not a tag: {tag!r}")
        done = self.ask(("scancel", "--me", f"--name={tag}"), timeout)
        return done if isinstance(done, Unknown) else _judge_scancel(done)

    # What follows is asked for by keepers only: the guard, which stays small, never reads those modules.

    def explain(self, status: JobStatus, facts: object = None) -> str:
        if facts is None:
            return slurm_words.explain(status)
        from dask_steward.managers import slurm_reasons

        return slurm_words.explain(status, numbers=slurm_reasons.sentence(status, facts))

    def explained_by(self, status: JobStatus) -> str | None:
        from dask_steward.managers import slurm_reasons

        return slurm_reasons.question(status)

    def facts(self, question: str, *, timeout: float | None = None) -> object | Unknown:
        from dask_steward.managers import slurm_reasons

        answer: object = slurm_reasons.facts(self.ask, question, os.urandom(6).hex(), timeout)
        return answer

    def causes(self, statuses: Collection[JobStatus], *, timeout: float | None = None) -> dict[str, str]:
        from dask_steward.managers import slurm_ends

        if self._archive is None:
            self._archive = slurm_ends.Archive(self.ask)
        return self._archive.causes(statuses, timeout)

    def test_only(self, script: str, *, cwd: str | None = None, timeout: float | None = None) -> TestAnswer | Unknown:
        try:
            self._check_one_cluster(script)
        except SubmitRefused as error:
            return TestAnswer(refusal=str(error))
        done = self.ask(("sbatch", "--test-only"), timeout, text=script, cwd=cwd, SLURM_TIME_FORMAT="%s")
        if isinstance(done, Unknown):
            return done
        answer = slurm_parse.parse_test_only(done.status or 0, done.err, time.time())
        said = slurm_parse.words(done.err, done.out) or f"exit status {done.status} without a word"
        if answer is None or (answer.refusal is not None and slurm_words.is_unreachable(said)):
            return Unknown(f"sbatch --test-only: {said}")
        return answer

    def node_sizes(self, *, timeout: float | None = None) -> tuple[NodeSize, ...] | Unknown:
        done = self.ask(("sinfo", "--noheader", "--exact", "--format=%P|%c|%m"), timeout)
        if isinstance(done, Unknown):
            return done
        if done.status != 0:
            return Unknown(f"sinfo: {slurm_parse.words(done.err, done.out) or f'exit status {done.status}'}")
        return slurm_parse.parse_sinfo(done.out)

    def _check_one_cluster(self, script: str) -> None:
        """Refuse what would put the job where `jobs` does not look."""
        clusters = self._environment.get("SLURM_CLUSTERS", "")
        if "," in clusters or clusters == "all":
            raise SubmitRefused(
                f"SLURM_CLUSTERS names several clusters ({clusters}).", hint="Set it to the one that is to be used."
            )
        if _OTHER_CLUSTER.search(script):
            raise SubmitRefused(
                "the job script chooses another Slurm cluster (#SBATCH --clusters).",
                hint="Set SLURM_CLUSTERS in the environment instead.",
            )

    def ask(
        self,
        arguments: Sequence[str],
        timeout: float | None = None,
        *,
        text: str = "",
        cwd: str | None = None,
        **variables: str,
    ) -> command.Finished | Unknown:
        """Run a command of Slurm that asks or orders; an answer that did not come is `Unknown`.

        Parameters
        ----------
        arguments : sequence of str
            The command's name and its arguments.
        timeout : float, optional
            Seconds; None means this manager's own.
        text : str
            What the command reads on its standard input.
        cwd : str, optional
            Folder that it runs in.
        variables : str
            What the command's environment holds besides.
        """
        seconds = self.timeout if timeout is None else timeout
        try:
            done = self._run(*arguments, timeout=seconds, text=text, cwd=cwd, **variables)
        except OSError as error:
            return Unknown(f"{arguments[0]} cannot be started: {_os_words(error)}")
        if done.status is None:
            said = slurm_parse.words(done.err) or self._ping()
            return Unknown(f"{arguments[0]} did not answer within {seconds:g} s{f' ({said})' if said else ''}")
        return done

    def _ping(self) -> str:
        """Return what Slurm says about its controllers that are down, or nothing."""
        try:
            done = self._run("scontrol", "ping", timeout=PING_TIMEOUT)
        except OSError:
            return ""
        return "; ".join(line.strip() for line in done.out.splitlines() if line.rstrip().endswith("is DOWN"))

    def _run(
        self, program: str, *arguments: str, timeout: float, text: str = "", cwd: str | None = None, **variables: str
    ) -> command.Finished:
        path = command.find(program, self._environment.get("PATH", os.defpath))
        if path is None:
            raise FileNotFoundError(f"{program} is not on the PATH")
        environment = {**self._environment, **variables}
        return command.run((path, *arguments), environment=environment, timeout=timeout, text=text, cwd=cwd)


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of all commands: this process's own, cleaned, with the remembered connection."""
    found = {name: value for name, value in os.environ.items() if name in _KEPT or not _MEDDLING.match(name)}
    found.update({name: given[name] for name in CONNECTION if name in given})
    for name in PATHS:
        folders = [*found.get(name, "").split(os.pathsep), *given.get(name, "").split(os.pathsep)]
        joined = os.pathsep.join(dict.fromkeys(folder for folder in folders if folder))
        if joined:
            found[name] = joined
    return found


def _not_submitted(done: command.Finished, seconds: float, count: int) -> SubmitRefused:
    """Return the error for a submit that brought no id."""
    said = slurm_parse.words(done.err, done.out)
    limits = {"too_many": slurm_words.is_too_many(said, count), "arrays": slurm_words.refuses_arrays(said, count)}
    appear = "the job may still appear" if count == 1 else "the jobs may still appear"
    if done.status is None:
        return SubmitUncertain(
            f"sbatch did not answer within {seconds:g} s{f' ({said})' if said else ''}; {appear}.",
            retryable=True,
            **limits,
        )
    if done.status < 0:
        return SubmitUncertain(f"sbatch was ended by signal {-done.status}; {appear}.", retryable=True)
    if done.status == 0:
        return SubmitUncertain(f"sbatch reported success without a job id{f': {said}' if said else ''}.")
    message = f"sbatch: {said or f'exit status {done.status} without a word'}"
    if slurm_words.may_have_landed(said):
        return SubmitUncertain(f"{message}; {appear}.", retryable=True)
    return SubmitRefused(message, retryable=slurm_words.is_retryable(said), **limits)


def _judge_scancel(done: command.Finished) -> Unknown | None:
    said = slurm_parse.words(done.err, done.out)
    if done.status == 0 or (said and slurm_words.is_gone_already(said)):
        return None
    return Unknown(f"scancel: {said or f'exit status {done.status}'}")


def _os_words(error: OSError) -> str:
    return error.strerror or str(error)
