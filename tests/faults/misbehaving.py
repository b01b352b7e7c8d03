"""Ways in which Slurm's commands misbehave, and lives of clusters that meet them through every face.

A `Play` has everything of its own (state folder, sockets, PATH), so that many of them, most of which only wait for a
command that hangs, are played at once.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dask_steward.control.client import Control
from dask_steward.errors import KeeperGone
from dask_steward.ledger import entries
from dask_steward.ledger.entries import Entry
from tests.faces.notebook import Notebook
from tests.faults.stage import wait_until
from tests.support import leaks
from tests.support.commands import Faults
from tests.support.private_slurm import Job, PrivateSlurm

MARK = "MISBEHAVING_PLAY"
"""In the environment of all that a play starts, its jobs included."""

FACES = ("python", "magic", "shell")

LIMITS = {
    "start": 15.0,  # without waiting
    "wait": 4.0 + 20.0,  # its own limit, and the time for giving everything back (`api.CANCEL_LIMIT`)
    "status": 3.0 + 5.0,  # `cluster.STATE_LIMIT`
    "list": 8.0,
    "held": 8.0,
    "scale": 25.0,  # one command's time limit, 15 s, and what Slurm is asked about its controller, 2 s
    "stop": 30.0 + 5.0,  # `ending.CLOSE_LIMIT`, `ending.ACKNOWLEDGE_LIMIT`
    "sweep": 40.0,  # a question, an order, a question
}
"""Seconds within which each call of a face must return, whatever the commands do."""

SLACK = 30.0
"""Seconds that are forgiven: several plays share two cores, and others may work on them, too."""

HEALED = 90.0
"""Seconds after which nothing may be left once the commands are well again: a submit without an answer is looked for
during a minute."""

PROFILE = """\
system: slurm
options: {{queue: debug, cores: 1, job_cpu: 1, memory: 300 MB, processes: 1, interface: lo, walltime: "00:20:00",
          job_extra_directives: [{directive}], local_directory: "{scratch}"}}
scale: {{jobs: 2}}
idle_timeout: 10 min
dashboard: "off"
"""

Kind = Callable[[Faults, str, random.Random], None]


# --- how commands misbehave -------------------------------------------------------------------------------------------


def _swallow(program: str) -> str:
    return "cat > /dev/null" if program == "sbatch" else ""


def _real(faults: Faults, program: str) -> str:
    return f'{faults.real(program)} "$@"'


def hangs(faults: Faults, program: str, moments: random.Random) -> None:
    """No answer, ever; SIGTERM is ignored."""
    faults.hang(program)


def does_it_and_hangs(faults: Faults, program: str, moments: random.Random) -> None:
    """The order is carried out, and no answer comes."""
    faults.script(program, "trap '' TERM", f"{_real(faults, program)} > /dev/null", "sleep 600 &", "sleep 600")


def fails(faults: Faults, program: str, moments: random.Random) -> None:
    """Exit status 1, with words."""
    faults.refuse(program, f"{program}: error: Access/permission denied by the site's plugin")


def fails_without_a_word(faults: Faults, program: str, moments: random.Random) -> None:
    """Exit status 1, and nothing else."""
    faults.script(program, _swallow(program), "exit 1")


def is_down(faults: Faults, program: str, moments: random.Random) -> None:
    """The controller is away."""
    faults.refuse(program, f"{program}: error: Unable to contact slurm controller (connect failure)")


def talks(faults: Faults, program: str, moments: random.Random) -> None:
    """Lines of a banner, one without an end, before the answer."""
    faults.script(
        program,
        "printf '*** Welcome to Hydra 2 ***\\nHours left of 12345:\\n2000\\n\\n'",
        f"{_real(faults, program)}; status=$?; echo 'Have a nice day'; exit $status"
        if program == "squeue"
        else f"exec {_real(faults, program)}",
    )


def half_a_line(faults: Faults, program: str, moments: random.Random) -> None:
    """Half a line that says nothing, and success."""
    half = {"sbatch": "Submitted batch jo", "squeue": "JOBID:", "sinfo": "debug*|4|"}.get(program, program[:4])
    faults.script(program, _swallow(program), f"printf %s {shlex.quote(half)}; exit 0")


def is_cut(faults: Faults, program: str, moments: random.Random) -> None:
    """What it says ends in the middle; of an id one digit is left, which is another job's id."""
    left = "-c 1" if program == "sbatch" else "-c -20"
    faults.script(program, f"{_real(faults, program)} | head {left}")


def is_slow(faults: Faults, program: str, moments: random.Random) -> None:
    """The real answer, 3 to 8 seconds late."""
    seconds = moments.uniform(3, 8)
    if program == "sbatch":
        faults.slow_sbatch(**{moments.choice(["before", "after"]): seconds})
    else:
        faults.script(program, f"sleep {seconds:.1f}", f"exec {_real(faults, program)}")


def garbage(faults: Faults, program: str, moments: random.Random) -> None:
    """Bytes that are no text, with a terminal's own orders among them, and success."""
    raw = bytes(moments.randrange(256) for _ in range(200)) + b"\x1b[2J\x1b]0;owned\x07\xff\xfe\x00"
    path = faults.folder / f"{program}.garbage"
    path.write_bytes(raw)
    faults.script(program, _swallow(program), f"cat {shlex.quote(str(path))}; cat {shlex.quote(str(path))} >&2; exit 0")


def garbage_and_fails(faults: Faults, program: str, moments: random.Random) -> None:
    """The same, and exit status 1: these are the words that a person would be told."""
    garbage(faults, program, moments)
    path = faults.folder / program
    path.write_text(path.read_text().replace("exit 0", "exit 1"))


def says_nothing(faults: Faults, program: str, moments: random.Random) -> None:
    """The order is carried out (a question is not asked), and nothing said: for sbatch success without an id."""
    if program == "sbatch":
        faults.silent_sbatch()
    else:
        faults.nothing(program)


def alternates(faults: Faults, program: str, moments: random.Random) -> None:
    """Every other call fails."""
    count = shlex.quote(str(faults.folder / f"{program}.count"))
    faults.script(
        program,
        f"n=$(( $(cat {count} 2>/dev/null || echo 0) + 1 )); echo $n > {count}",
        f'if (( n % 2 )); then {_swallow(program) or ":"}; echo "{program}: error: Resource temporarily unavailable"'
        " >&2; exit 1; fi",
        f"exec {_real(faults, program)}",
    )


def somebody_elses_id(job: str, landed: bool) -> Kind:
    """Return a fault: sbatch prints the id of a job that is not ours, whether or not it has submitted one."""

    def fault(faults: Faults, program: str, moments: random.Random) -> None:
        act = f"{_real(faults, program)} > /dev/null" if landed else _swallow(program)
        faults.script(program, act, f"echo {job}")

    return fault


ASKING: tuple[Kind, ...] = (
    hangs,
    fails,
    fails_without_a_word,
    is_down,
    talks,
    half_a_line,
    is_cut,
    is_slow,
    garbage,
    garbage_and_fails,
    says_nothing,
    alternates,
)
KINDS: dict[str, tuple[Kind, ...]] = {
    "sbatch": (*ASKING, does_it_and_hangs),
    "squeue": ASKING,
    # It prints nothing that could be cut.
    "scancel": tuple(kind for kind in (*ASKING, does_it_and_hangs) if kind not in (is_cut, half_a_line, is_down)),
    "sinfo": (hangs, garbage),
    "scontrol": (hangs, garbage, fails),
}
LANDS = {talks, is_cut, is_slow, says_nothing, does_it_and_hangs, alternates}
"""Ways of sbatch in which each job gets into the queue, sooner or later."""


# --- a cluster's life under them --------------------------------------------------------------------------------------


@dataclass
class Said:
    """What a call came back with.

    Attributes
    ----------
    seconds : float
        How long it took.
    error : str or None
        The one sentence of its failure.
    text : str
        What it printed.
    """

    seconds: float
    error: str | None
    text: str


@dataclass
class Play:
    """One world for one cluster.

    Parameters
    ----------
    slurm : PrivateSlurm
        Shared by all plays.
    notebook : Notebook
        The kernel for magics and Python; nobody else uses it meanwhile.
    name : str
        Of the cluster.
    moments : random.Random
        What is left to chance.
    """

    slurm: PrivateSlurm
    notebook: Notebook
    name: str
    moments: random.Random
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="dsk-p", dir="/tmp")))
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for part in ("state", "run", "profiles"):
            (self.folder / part).mkdir(mode=0o700)
        for profile, directive in (("runs", ""), ("waits", "--hold")):
            text = PROFILE.format(directive=directive, scratch=self.folder / "scratch")
            (self.folder / "profiles" / f"{profile}.yaml").write_text(text)
        self.faults = Faults(self.folder / "faults")
        self.environment = {
            "DASK_STEWARD_STATE_DIR": str(self.folder / "state"),
            "DASK_STEWARD_PROFILES": str(self.folder / "profiles"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "SLURM_CONF": str(self.slurm.conf),
            "PATH": f"{self.faults.folder}{os.pathsep}{self.slurm.env['PATH']}",
            MARK: self.folder.name,
        }
        held = ("--hold", "--mem=100")
        self.others = [self.slurm.submit("exec sleep 900", *held, name="somebody", user=user) for user in self._users()]

    @staticmethod
    def _users() -> list[str | None]:
        return [None, "nobody"] if os.geteuid() == 0 else [None]

    # -- the faces --

    def call(self, face: str, what: str, *arguments: str) -> Said:
        """Have a face do something, within its time limit, and look at what it said."""
        began = time.monotonic()
        limit = LIMITS["wait" if "--wait" in arguments else what] + SLACK
        said = self._shell(what, arguments, limit) if face == "shell" else self._kernel(face, what, arguments)
        said.seconds = time.monotonic() - began
        self.told.append(f"{face} {what} {' '.join(arguments)}: {said.seconds:.1f} s; {said.error or said.text[-200:]}")
        assert said.seconds < limit, f"{limit:g} s were given to {self.told[-1]}"
        shown = said.text + (said.error or "")
        assert "Traceback" not in shown, shown
        unprintable = {one for one in shown if not one.isprintable() and one not in "\n\t"}
        assert not unprintable, f"{unprintable!r} in {shown!r}"
        assert said.error is None or "\n" not in said.error.strip(), said.error
        return said

    def _shell(self, what: str, arguments: Sequence[str], limit: float) -> Said:
        words = [what, *self._named(what), *arguments]
        if what == "start":
            words = [what, arguments[0], "--name", self.name, *arguments[1:]]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "dask_steward.cli", *words],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit,
                # As in a terminal of its own, which has its share of a busy machine.
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise AssertionError(f"dask-steward {' '.join(words)} hangs") from None
        notes = done.stderr.strip()
        failed = done.returncode not in (0, 1) or (done.returncode == 1 and what != "sweep")
        return Said(0.0, notes.splitlines()[-1] if failed and notes else None, done.stdout + notes)

    def _kernel(self, face: str, what: str, arguments: Sequence[str]) -> Said:
        code = self._magic(what, arguments) if face == "magic" else self._python(what, arguments)
        lines = [
            "import os, dask_steward as ds",
            f"os.environ.update({self.environment!r})",
            "for _name in ('client', 'cluster'):",
            "    globals().pop(_name, None)",
        ]
        assert self.notebook.run("\n".join(lines)).status == "ok"
        ran = self.notebook.run(code)
        if face == "magic":
            error = ran.traceback if ran.errors else None
        else:
            assert ran.status == "ok", ran.outputs
            said = [line for line in ran.stdout.splitlines() if line.startswith("SAID ")]
            error = said[-1].removeprefix("SAID ").encode().decode("unicode_escape") if said else None
        return Said(0.0, error, ran.stdout + ran.stderr + "".join(ran.displayed))

    def _named(self, what: str) -> list[str]:
        return [self.name] if what in ("status", "scale", "stop") else []

    def _magic(self, what: str, arguments: Sequence[str]) -> str:
        if what == "start":
            return f"%dask_cluster start {arguments[0]} --name {self.name} {' '.join(arguments[1:])}"
        named = ["--cluster", self.name] if what == "scale" else self._named(what)
        return f"%dask_cluster {what} {' '.join([*arguments, *named])}"

    def _python(self, what: str, arguments: Sequence[str]) -> str:
        if what == "start":
            wait = float(arguments[-1]) if "--wait" in arguments else False
            act = f"ds.start({arguments[0]!r}, name={self.name!r}, wait={wait})"
        else:
            act = {
                "status": f"print(ds.get({self.name!r}).state)",
                "list": "print([one.state for one in ds.clusters(all=True)])",
                "held": "print(ds.held())",
                "scale": f"ds.get({self.name!r}).scale(int({(*arguments, '0')[0]!r}))",
                "stop": f"ds.get({self.name!r}).close()",
                "sweep": "print(ds.sweep())",
            }[what]
        # The sentence on one line, so that one that had several would still be seen.
        return f"try:\n    {act}\nexcept ds.StewardError as error:\n    print('SAID', ascii(str(error))[1:-1])"

    # -- what there really is --

    @property
    def entry(self) -> Entry:
        """The cluster's entry in this play's ledger."""
        found, problems = entries.list_entries(str(self.folder / "state" / "dask-steward" / "clusters"))
        assert not problems, problems
        assert len(found) == 1, [one.id for one in found]
        return found[0]

    def reason(self) -> str:
        """Return why the cluster is in its state: the keeper's word, else the ledger's."""
        entry = self.entry
        if entry.ended or entry.socket is None:
            return str((entry.end or entry.facts).get("reason"))
        try:
            with Control(entry.socket, entry.id) as keeper:
                return str(keeper.state()["reason"])
        except KeeperGone:
            return ""

    def jobs(self, *, ended: bool = False) -> list[Job]:
        """Return the cluster's jobs, asked of the real queue; ending ones are on their way out."""
        found = self.slurm.jobs_with_tag(self.entry.tag, ended=ended)
        return found if ended else [job for job in found if job.state != "COMPLETING"]

    def processes(self, *, guards: bool = False) -> list[leaks.Process]:
        """Return what the play has started and still runs, on this host and on the nodes."""
        found = leaks.marked(f"{MARK}={self.folder.name}")
        return [one for one in found if guards or "DASK_STEWARD_GUARD" not in one.environment]

    def until(self, what: str, done: Callable[[], Any], limit: float = HEALED) -> None:
        """Wait for something."""
        wait_until(f"{what}\n{self.story()}", done, limit, 0.3)

    def story(self) -> str:
        """Return all that was said, and the last words of keeper and guard."""
        logs = [Path(self.entry.folder) / name for name in ("keeper.log", "guard.log", "end.json")]
        texts = [f"{path.name}: {path.read_text(errors='replace')[-2500:]}" for path in logs if path.exists()]
        return "\n".join([*self.told, *texts])

    def nothing_leaks(self) -> None:
        """Once the commands are well again, everything of ours goes, and nothing of others was touched."""
        self.faults.clear()
        entry = self.entry
        assert entry.ended or entry.keeper_alive() or entry.guard_alive(), f"nobody looks after it\n{self.story()}"
        self.until("the cluster has ended", lambda: self.entry.ended)
        assert self.jobs() == [], f"crossed out, and not gone\n{self.story()}"
        self.until("no process is left", lambda: not self.processes(guards=True), 20)
        untouched = {job.id for job in self.slurm.queue() if job.state == "PENDING"}
        assert set(self.others) <= untouched, f"jobs of others are gone: {set(self.others) - untouched}\n{self.story()}"

    def end(self) -> None:
        """Leave nothing of a play that failed."""
        self.faults.clear()
        leaks.kill_marked(f"{MARK}={self.folder.name}")
        found, _ = entries.list_entries(str(self.folder / "state" / "dask-steward" / "clusters"))
        for entry in found:
            self.slurm.run("scancel", f"--name={entry.tag}", check=False)
        self.slurm.run("scancel", *self.others, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def playing(slurm: PrivateSlurm, notebook: Notebook, name: str, seed: str) -> Iterator[Play]:
    """A play that leaves nothing, however it ends."""
    play = Play(slurm, notebook, name, random.Random(f"{seed} {name}"))
    try:
        yield play
    finally:
        play.end()
