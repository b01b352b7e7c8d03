"""Probe jobs: one of a few seconds in each partition, which tells how nodes reach this machine and their scratch.

A process of its own, run as ``python -m dask_steward.keeper.probe FOLDER``, that keeps an entry of the ledger as any
keeper does: with a guard up before the first submit, every job written down before it is submitted and cancelled at
the end, whatever happens. It ends when its standard input does.

On its standard output come lines of JSON: ``{"progress": sentence}``, and at last ``{"seen": {partition: text},
"problems": {partition: phrase}}``, where the text is what the job printed; of YARN see `probe_yarn`.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from dask_steward import managers
from dask_steward.errors import StewardError, SubmitRefused, SubmitUncertain
from dask_steward.keeper.facts import Facts
from dask_steward.keeper.guardian import Guardian
from dask_steward.ledger import entries, holdings, paths
from dask_steward.ledger.entries import Entry
from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown
from dask_steward.managers.shared import SharedQueue
from dask_steward.release.releaser import live, write_end

#: Seconds between two looks at the queue.
LOOK = 1.0
#: Seconds for which the log of a job that has ended may still be on its way through a file server.
LOG_LIMIT = 10.0
#: Seconds for which this process tries to verify that all jobs are gone; then its guard goes on.
RELEASE_LIMIT = 20.0
#: Last line of a whole report.
LAST = "steward-probe end"


@dataclass
class _Job:
    partition: str
    key: str
    id: str | None = None
    over: bool = False
    status: JobStatus | None = None


@dataclass
class Probing:
    """What is probed for one entry, and given back.

    Parameters
    ----------
    entry : Entry
        Its request holds ``probe``: what is asked for.
    manager : Manager
        Knows what carries the entry's tag.
    log : HoldingsLog
        Where it is written down first.
    stop : Event
        Set when all is to end.
    """

    entry: Entry
    manager: Manager
    log: holdings.HoldingsLog
    stop: threading.Event = field(default_factory=threading.Event)
    seen: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Submit, wait, read."""
        raise NotImplementedError

    def release(self) -> str | None:
        """Cancel whatever carries the tag until nothing does; return what is left where that takes too long."""
        deadline = time.monotonic() + RELEASE_LIMIT
        pause, left = 0.05, "the queue was not asked"
        by_name_at = time.monotonic() + 2.0
        while True:
            answer = self.manager.find_by_tag([self.entry.tag])
            if isinstance(answer, Unknown):
                left = answer.reason
            else:
                ids = live(answer.get(self.entry.tag, ()))
                unanswered = [one for one in self.log.known.values() if one.step == holdings.INTENT]
                if not ids and not unanswered:
                    self._cross_out()
                    return None
                left = f"{len(ids)} jobs are still in the queue" if ids else "a submit may still be in flight"
                if ids:
                    self.manager.cancel(ids)
                    if time.monotonic() > by_name_at:
                        self.manager.cancel_tag(self.entry.tag)
                else:
                    return left  # its guard looks for as long as it may still land
            if time.monotonic() > deadline:
                return left
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _cross_out(self) -> None:
        for one in list(self.log.known.values()):
            if one.open:
                self.log.write(one.kind, one.key, holdings.RELEASED, one.id, reason="the probe is over")


class Prober(Probing):
    """Probe jobs of Slurm: ``partitions`` (directives of each), ``addresses``, ``limit`` (seconds), ``python``."""

    def run(self) -> None:
        """Submit, wait, read."""
        asked: Mapping[str, Any] = self.entry.request["probe"]
        logs = os.path.join(self.entry.folder, entries.LOGS)
        os.makedirs(logs, mode=0o700, exist_ok=True)
        with Doorbell() as doorbell:
            jobs = []
            for number, (partition, directives) in enumerate(asked["partitions"].items(), start=1):
                if self.stop.is_set():
                    return
                script = render(directives, os.path.join(logs, "%j.log"), asked, doorbell)
                jobs.append(_Job(partition, f"j{number}"))
                self._submit(jobs[-1], script)
            self._wait(jobs, logs, time.monotonic() + float(asked["limit"]))

    def _submit(self, job: _Job, script: str) -> None:
        self.log.write("job", job.key, holdings.INTENT)
        try:
            ids = self.manager.submit(script, job_name=self.entry.tag, comment=f"{self.entry.tag}:{job.key}")
        except SubmitUncertain as error:
            job.over = True  # the end looks for it by its tag
            self.problems[job.partition] = error.message.rstrip(".")
        except SubmitRefused as error:
            job.over = True
            self.problems[job.partition] = error.message.rstrip(".")
            self.log.write("job", job.key, holdings.REFUSED, reason=error.message)
        else:
            job.id = ids[0]
            self.log.write("job", job.key, holdings.HELD, job.id)

    def _wait(self, jobs: list[_Job], logs: str, deadline: float) -> None:
        told, queue = "", SharedQueue(self.manager, paths.runtime_dir())
        while not self.stop.is_set():
            waiting = [job for job in jobs if not job.over]
            if not waiting:
                return
            answer = queue.jobs(LOOK)
            if not isinstance(answer, Unknown):
                by_id = {status.id: status for status in answer if status.name == self.entry.tag}
                for job in waiting:
                    job.status = by_id.get(str(job.id), job.status)
                    if job.status is not None and job.status.state in (JobState.ENDING, JobState.ENDED):
                        job.over = True
                        self._read(job, os.path.join(logs, f"{job.id}.log"))
            left = [job.partition for job in jobs if not job.over]
            text = f"probes wait or run in: {', '.join(left)}" if left else ""
            if text and text != told:
                told = text
                say({"progress": text})
            if time.monotonic() > deadline:
                for job in jobs:
                    if not job.over:
                        self.problems[job.partition] = f"its probe did not run in time ({self._why(job)})"
                return
            self.stop.wait(LOOK)

    def _read(self, job: _Job, path: str) -> None:
        deadline = time.monotonic() + LOG_LIMIT
        text = ""
        while not self.stop.is_set():
            try:
                os.listdir(os.path.dirname(path))  # on NFS, a look-up that failed before would be believed for 30 s
                with open(path, encoding="utf-8", errors="replace") as file:
                    text = file.read()
            except OSError:
                text = ""
            if LAST in text or time.monotonic() > deadline:
                break
            self.stop.wait(0.2)
        if LAST in text:
            self.seen[job.partition] = text
        else:
            last = text.strip().splitlines()[-1:]
            self.problems[job.partition] = f"its probe told nothing ({self._why(job)}{': ' + last[0] if last else ''})"

    def _why(self, job: _Job) -> str:
        return self.manager.explain(job.status) if job.status is not None else "the queue does not show it"


class Doorbell:
    """A TCP port of this machine that says a word to whoever comes: the probes knock at it."""

    def __init__(self) -> None:
        self.word = secrets.token_hex(8)
        self._socket = socket.create_server(("", 0), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Doorbell:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        # A blocked accept does not notice a close.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(5.0)
                    connection.sendall(f"{self.word}\n".encode())
                except OSError:
                    continue


def render(directives: list[str], log_file: str, asked: Mapping[str, Any], doorbell: Doorbell) -> str:
    """Return the script of a probe."""
    import shlex
    from string import Template

    class Shell(Template):
        delimiter = "@"

    shown = f'"{log_file}"' if " " in log_file else log_file
    head = ["#!/usr/bin/env bash", *(f"#SBATCH {one}" for one in directives), f"#SBATCH --output={shown}"]
    body = files("dask_steward.keeper").joinpath("probe.sh").read_text(encoding="utf-8")
    return Shell(body).substitute(
        header="\n".join(head),
        addresses=" ".join(shlex.quote(str(address)) for address in asked["addresses"]),
        port=doorbell.port,
        word=doorbell.word,
        python=shlex.quote(str(asked.get("python") or sys.executable)),
        last=LAST,
    )


def say(message: Mapping[str, Any]) -> None:
    """Tell whoever started this process; it may be gone."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        pass


def _prober(system: str) -> type[Probing]:
    if system == "yarn":
        from dask_steward.keeper.probe_yarn import YarnProber

        return YarnProber
    return Prober


def main(folder: str) -> int:
    """Probe for one entry of the ledger."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    entry = entries.read_entry(folder)
    if entry.ended:
        return 1
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())

    def listen() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        facts = Facts(folder, entry.id)
        guardian = Guardian(folder, entry.id)
        reached = managers.environment_of(entry.system, entry.profile)
        manager = managers.get(entry.system, {**os.environ, **reached})
        facts.update(manager=manager.remembered())
        guardian.confirm()
    except (StewardError, OSError) as error:
        write_end(entries.read_entry(folder), state="failed", reason=str(error), by="keeper")
        say({"error": str(error)})
        return 1
    facts.to("running", "probe jobs look at the nodes")
    prober = _prober(entry.system)(entries.read_entry(folder), manager, holdings.HoldingsLog(folder), stop)
    error_words: str | None = None
    try:
        prober.run()
    except (StewardError, OSError) as error:
        error_words = str(error)
    facts.update(stopping="the probe is over")
    left = prober.release()
    if left is None:
        write_end(entries.read_entry(folder), state="stopped", reason="the probe is over", by="keeper")
    # Where something is left, this process ends without crossing the entry out, and its guard goes on.
    say({"error": error_words} if error_words else {"seen": prober.seen, "problems": prober.problems, "left": left})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
