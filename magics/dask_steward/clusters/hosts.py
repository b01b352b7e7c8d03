"""Workers' processes on hosts: where the next one goes, how it is started over ssh, and its log.

A process is started by one ``ssh`` that stays to carry its log here. What runs does not hang on that connection: it has
a session of its own and writes to a file that has no name any more. It holds the line, as jobs of a queue do.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dask_steward.errors import SubmitRefused, SubmitUncertain
from dask_steward.managers import ssh_words
from dask_steward.managers.base import JobStatus, Unknown
from dask_steward.managers.ssh import Host, Ssh

#: Seconds until a process that was started must have said so.
START_LIMIT = 20.0
#: First and longest pause (seconds) before a host that failed is tried again.
PAUSES = (5.0, 120.0)
#: Where jobs make their folders, unless the profile says it; a shell word.
PARENT = '"${TMPDIR:-/tmp}"'
_STARTED = re.compile(r"^steward-started (\d+) (\d+)$", re.MULTILINE)
_REFUSED = re.compile(r"^steward-refused (.*)$", re.MULTILINE)

# The job's script comes by a descriptor: it holds secrets, which must stand neither in a file nor on a command line.
# Its log is a file without a name; only the connection, and the job itself, hold it.
_LAUNCH = """\
for program in bash setsid mktemp tail grep; do
  command -v "$program" >/dev/null || { echo "steward-refused there is no $program"; exit 0; }
done
[ -r /proc/self/environ ] || { echo 'steward-refused there is no /proc'; exit 0; }
log=$(mktemp "${TMPDIR:-/tmp}/@{tag}.XXXXXXXX") || { echo 'steward-refused no file can be made'; exit 0; }
exec 6<"$log" 7>>"$log"
rm -f "$log"
DASK_STEWARD_SSH_FOLDER=@{parent}
export DASK_STEWARD_SSH_FOLDER
setsid /bin/sh -c '
  read -r line </proc/$$/stat
  set -- ${line##*) }
  DASK_STEWARD_SSH="@{tag} @{key} $$ ${20} @{at} @{host}"
  DASK_STEWARD_SSH_JOB="@{host}:$$:${20}" DASK_STEWARD_SSH_HOST="@{host}"
  DASK_STEWARD_SSH_FOLDER="$DASK_STEWARD_SSH_FOLDER/@{tag}.$DASK_STEWARD_SSH_JOB"
  export DASK_STEWARD_SSH DASK_STEWARD_SSH_JOB DASK_STEWARD_SSH_HOST
  echo "steward-started $$ ${20}"
  exec bash /dev/fd/8' </dev/null >&7 2>&1 6<&- 8<<'@{end}' &
@{script}
@{end}
job=$!
exec 7>&-
# GNU's tail ends by itself once it has read all that a process wrote that has gone; another one is ended.
ends=
if tail --pid=$$ /dev/null >/dev/null 2>&1; then ends="--pid=$job -s 0.2"; fi
tail -n +1 -f $ends <&6 &
log=$!
# The shell waits: a job that nobody collects would look as if it were there.
wait "$job"
code=$?
if [ -z "$ends" ]; then sleep 1; kill "$log"; fi
wait "$log"
echo "steward-ended $code"
"""


@dataclass
class Slot:
    """A place for one job: an entry of ``options.hosts``.

    Attributes
    ----------
    host : Host
        Where.
    python : str
        The workers' interpreter there, as shell words.
    key : str or None
        Our key of the job that has it.
    failed : str or None
        Why the last try failed.
    retry_at : float
        Monotonic seconds before which it is not tried again.
    """

    host: Host
    python: str
    key: str | None = None
    failed: str | None = None
    retry_at: float = 0.0
    pause: float = PAUSES[0]
    again: bool = True

    def fail(self, why: str, again: bool) -> None:
        """Note that a try failed."""
        self.failed, self.again, self.key = why, again, None
        self.retry_at = time.monotonic() + self.pause
        self.pause = min(self.pause * 2, PAUSES[1])


class HostManager(Ssh):
    """The hosts of the cluster that this process keeps.

    Parameters
    ----------
    slots : sequence of Slot
        The places for jobs.
    logs : str
        Folder for the jobs' logs.
    taking : callable
        Told before something is started on a host for the first time; it must be on disk when this returns.
    holding : callable
        Returns the keys of the jobs that hold a place.
    environment : mapping
        As for `Ssh`.
    """

    def __init__(self, slots: list[Slot], logs: str, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self.slots = slots
        self.parent = PARENT
        self.known = True
        self.taking: Callable[[], None] = lambda: None
        self.holding: Callable[[], set[str]] = set
        self._logs = logs
        self._choosing = threading.Lock()
        self._followers: dict[str, subprocess.Popen[bytes]] = {}

    # -- places --

    def reserve(self, key: str) -> Slot:
        """Return a place for a job.

        Raises
        ------
        SubmitRefused
            If none is free now, with the reason.
        """
        with self._choosing:
            here = self.holding() | {key}
            for slot in self.slots:
                if slot.key is not None and slot.key not in here:
                    slot.key = None
            free = [slot for slot in self.slots if slot.key is None]
            able = [slot for slot in free if slot.failed is None or time.monotonic() >= slot.retry_at]
            if able:
                # One that has worked comes before one that has failed.
                chosen = min(able, key=lambda slot: slot.failed is not None)
                chosen.key = key
                return chosen
        failed = [slot.failed for slot in free if slot.failed is not None]
        why = failed[0] if failed else f"all {len(self.slots)} places of options.hosts are taken"
        more = f" (and {len(failed) - 1} more hosts)" if len(failed) > 1 else ""
        raise SubmitRefused(f"{why}{more}", retryable=True)

    def slot_of(self, key: str) -> Slot | None:
        """Return the place of a job."""
        return next((slot for slot in self.slots if slot.key == key), None)

    # -- starting --

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
        key = comment.rpartition(":")[2]
        slot = self.slot_of(key) or self.reserve(key)
        if all(one.name != slot.host.name for one in self.hosts):
            self.hosts = (*self.hosts, slot.host)
            self.taking()
        try:
            id = self._start(slot, script, job_name, key, START_LIMIT if timeout is None else timeout)
        except SubmitUncertain as error:
            slot.fail(error.message, True)
            slot.key = key  # it may be there
            raise
        except SubmitRefused as error:
            slot.fail(error.message, error.retryable)
            raise
        slot.failed, slot.pause = None, PAUSES[0]
        return (id,)

    def _start(self, slot: Slot, script: str, tag: str, key: str, limit: float) -> str:
        host = slot.host
        aside = os.path.join(self._logs, f".{key}.log")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            follower = subprocess.Popen(
                self.arguments(host),
                stdin=subprocess.PIPE,
                stdout=descriptor,
                stderr=descriptor,
                env=self.environment,
            )
        except OSError as error:
            raise SubmitRefused(f"ssh cannot be started: {error.strerror or error}.") from error
        finally:
            os.close(descriptor)
        text = launcher(script, host=host.name, tag=tag, key=key, parent=self.parent)
        writing = threading.Thread(target=_feed, args=(follower, text.encode()), daemon=True)
        writing.start()
        deadline = time.monotonic() + limit
        try:
            while True:
                ended = follower.poll()
                said = _read(aside)
                started = _STARTED.search(said)
                if started is not None:
                    id = f"{host.name}:{started[1]}:{started[2]}"
                    os.rename(aside, os.path.join(self._logs, f"{id}.log"))
                    self._followers[id] = follower
                    return id
                if ended is not None:
                    raise _not_started(host, said, ended, limit)
                if time.monotonic() > deadline:
                    raise SubmitUncertain(
                        f"host {host.name} did not say within {limit:g} s whether the worker was started; it may be.",
                        retryable=True,
                    )
                time.sleep(0.02)
        except BaseException:
            follower.kill()
            follower.wait()
            raise

    def jobs_by_host(self, timeout: float | None = None) -> dict[str, tuple[JobStatus, ...] | Unknown]:
        for id, follower in list(self._followers.items()):
            if follower.poll() is not None:  # collected: no zombie stays
                del self._followers[id]
        return super().jobs_by_host(timeout)

    def hang_up(self) -> None:
        """End the connections that only carry logs."""
        for follower in self._followers.values():
            if follower.poll() is None:
                follower.send_signal(signal.SIGTERM)
        for follower in self._followers.values():
            try:
                follower.wait(1.0)
            except subprocess.TimeoutExpired:
                follower.kill()
                follower.wait()
        self._followers.clear()


def launcher(script: str, *, host: str, tag: str, key: str, parent: str) -> str:
    """Return what a host's shell reads to start a job's script.

    Parameters
    ----------
    script : str
        The script.
    host, tag, key : str
        Of safe characters.
    parent : str
        Folder in which the job makes its own, as a shell word.
    """
    end = f"steward_{os.urandom(8).hex()}"
    values = {"tag": tag, "key": key, "at": str(int(time.time())), "host": host, "end": end, "script": script}
    values["parent"] = parent
    return re.sub(r"@\{(\w+)\}", lambda found: values[found[1]], _LAUNCH)


def _feed(process: subprocess.Popen[bytes], text: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(text)
        process.stdin.close()
    except OSError:  # it has ended, and its words say why
        pass


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(1_000_000).decode(errors="replace")


def _not_started(host: Host, said: str, status: int, limit: float) -> SubmitRefused:
    refused = _REFUSED.search(said)
    if refused is not None:
        return SubmitRefused(f"host {host.name}: {refused[1]}.")
    what, way, again = ssh_words.sentence(host.name, said, status, limit)
    return SubmitRefused(f"{what}. {way}".rstrip("."), retryable=again)


class HostQueue:
    """What runs on the hosts now; a host that does not answer is taken to be as it was.

    Parameters
    ----------
    manager : HostManager
        Asks them.
    """

    def __init__(self, manager: HostManager) -> None:
        self.began = 0.0
        self.missing: str | None = None
        self._manager = manager
        self._last: dict[str, tuple[JobStatus, ...]] = {}

    def jobs(self, max_age: float) -> tuple[JobStatus, ...] | Unknown:
        """Ask all hosts; what one that does not answer said last stands for it."""
        began = time.time()
        answers = self._manager.jobs_by_host()
        away = [answer for answer in answers.values() if isinstance(answer, Unknown)]
        if away and len(away) == len(answers):
            return Unknown("; ".join(one.reason for one in away))
        self.began = began
        self.missing = "; ".join(one.reason for one in away) or None
        for name, answer in answers.items():
            if not isinstance(answer, Unknown):
                self._last[name] = answer
        return tuple(job for jobs in self._last.values() for job in jobs)

    def explain(self, status: JobStatus) -> str:
        """Return where it runs."""
        return self._manager.explain(status)
