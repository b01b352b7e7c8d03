"""Whatever Slurm's commands do, through every face: no call hangs, nothing leaks, and the person gets one sentence.

Each case is a cluster's whole life in a world of its own. All are begun together, a few at once, since most of the time
is spent waiting for commands that hang; each test looks at the end of one. Which face does what changes from case to
case; ``DASK_STEWARD_SEED`` repeats what is random.
"""

from __future__ import annotations

import os
import queue
import signal
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faces.notebook import Notebook
from tests.faults import misbehaving as bad
from tests.faults.conftest import SEED
from tests.faults.misbehaving import FACES, KINDS, LANDS, Kind, Play, playing
from tests.faults.stage import wait_until
from tests.support.private_slurm import PrivateSlurm

pytestmark = [pytest.mark.long, pytest.mark.requires("slurm"), pytest.mark.timeout(240)]

PLAYERS = 8
"""Plays at once: two cores, but nearly all of the time is waiting."""

ASKED = 2
MIXES = 3


@dataclass(frozen=True)
class Case:
    """One life: which command misbehaves, how, and when."""

    life: str
    program: str
    kind: Kind
    number: int

    def __str__(self) -> str:
        return f"{self.program} {self.kind.__name__.replace('_', ' ')}, {self.life}"

    def face(self, call: int) -> str:
        """Return the face for the n-th call: over all cases each face makes each call under each fault of a command."""
        return FACES[(self.number + call) % len(FACES)]


def says_anothers_id(faults: object, program: str, moments: object) -> None:
    """Stands for `bad.somebody_elses_id`, which needs to know the job."""


def only_says_anothers_id(faults: object, program: str, moments: object) -> None:
    """Stands for the same where nothing was submitted."""


def _cases() -> list[Case]:
    # The longest come first: the rest is played meanwhile.
    anothers = (says_anothers_id, only_says_anothers_id)
    found = [("from the start", "sbatch", kind) for kind in (*KINDS["sbatch"], *anothers)]
    awaited = (bad.hangs, bad.fails, bad.is_down, bad.is_slow, bad.garbage_and_fails, bad.says_nothing, bad.alternates)
    found += [("awaited", "sbatch", kind) for kind in (*awaited, *anothers)]
    found += [("awaited", program, bad.hangs) for program in ("squeue", "scancel")]
    found += [("from the start", program, kind) for program in list(KINDS)[1:] for kind in KINDS[program]]
    found += [
        ("keeper and guard killed", program, kind)
        for program in ("squeue", "scancel")
        for kind in (bad.hangs, bad.garbage_and_fails, bad.says_nothing, bad.alternates)
    ]
    found += [("a mix", f"mix {number}:", bad.alternates) for number in range(MIXES)]
    return [Case(*each, number) for number, each in enumerate(found)]


CASES = _cases()


# --- lives ------------------------------------------------------------------------------------------------------------


def misbehave(play: Play, case: Case) -> None:
    kind = case.kind
    if kind in (says_anothers_id, only_says_anothers_id):
        kind = bad.somebody_elses_id(play.moments.choice(play.others), kind is says_anothers_id)
    kind(play.faults, case.program, play.moments)


def lands(case: Case) -> bool:
    return case.program != "sbatch" or case.kind in LANDS or case.kind is says_anothers_id


def look(play: Play, case: Case, first: int) -> None:
    """Each way of looking answers in time."""
    for call, what in enumerate(("status", "list", "held"), first):
        said = play.call(case.face(call), what)
        assert said.error is None, said.error


def from_the_start(play: Play, case: Case) -> None:
    """Start, look, scale up and down, stop and sweep, with a command that misbehaves from the first moment."""
    misbehave(play, case)
    profile = "runs" if case.number % 4 == 0 else "waits"
    assert play.call(case.face(0), "start", profile, "--no-wait").error is None
    most = ASKED
    if lands(case):
        play.until("its jobs are in the queue", lambda: len(play.jobs()) == ASKED)
    else:
        play.until("a submit was tried", lambda: play.faults.calls(case.program))
        if case.kind is not only_says_anothers_id:
            play.until("it says why there are no jobs", lambda: "sbatch" in play.reason())
    look(play, case, 1)
    grown = play.call(case.face(1), "scale", "3")
    if lands(case) and grown.error is None:
        most = 3
        play.until("the third job is in the queue", lambda: len(play.jobs()) == 3)
    play.call(case.face(2), "scale", "1")
    look(play, case, 2)
    stopped = play.call(case.face(0), "stop")
    assert stopped.error is None or play.name in stopped.error, stopped.error
    play.call(case.face(1), "sweep")
    play.nothing_leaks()
    if lands(case):
        # A submit without an answer is not made a second time, nor one whose job a faulty squeue does not show.
        assert len(play.jobs(ended=True)) <= most, play.story()


def awaited(play: Play, case: Case) -> None:
    """A start that waits ends in time: ready, or with one sentence, and then nothing is held."""
    misbehave(play, case)
    said = play.call(case.face(0), "start", "runs", "--wait", "4")
    if said.error is not None:
        assert play.call(case.face(1), "list").error is None
        assert play.entry.ended or play.entry.guard_alive() or play.entry.keeper_alive(), play.story()
    else:
        play.call(case.face(1), "stop")
    look(play, case, 2)
    play.nothing_leaks()


def keeper_and_guard_killed(play: Play, case: Case) -> None:
    """A sweep ends in time, says what it could not do, and what is left is given back once that is possible."""
    assert play.call(case.face(0), "start", "waits", "--no-wait").error is None
    play.until("its jobs are in the queue", lambda: len(play.jobs()) == ASKED)
    play.until("the keeper knows them", lambda: len(play.entry.holdings()) == ASKED)
    misbehave(play, case)
    keeper, guard = play.entry.keeper, play.entry.guard
    assert keeper is not None
    assert guard is not None
    os.kill(keeper.pid, signal.SIGSTOP)
    os.kill(guard.pid, signal.SIGKILL)
    os.kill(keeper.pid, signal.SIGKILL)
    wait_until("both are dead", lambda: not play.entry.keeper_alive() and not play.entry.guard_alive())
    play.call(case.face(1), "sweep")
    assert play.entry.ended == (not play.jobs()), play.story()
    look(play, case, 2)
    play.faults.clear()
    play.call(case.face(2), "sweep")
    play.nothing_leaks()


def a_mix(play: Play, case: Case) -> None:
    """Any command may misbehave in any way at any moment."""

    def shuffle() -> None:
        for program, kinds in KINDS.items():
            kind = play.moments.choice((None, None, *kinds))
            play.told.append(f"{program}: {kind.__name__ if kind else 'well'}")
            if kind is None:
                play.faults.clear(program)
            else:
                kind(play.faults, program, play.moments)

    shuffle()
    assert play.call(play.moments.choice(FACES), "start", "runs", "--no-wait").error is None
    for what in play.moments.choices(["status", "held", "list", "scale", "sweep"], k=6):
        shuffle()
        sizes = [str(play.moments.randrange(5))] if what == "scale" else []
        play.call(play.moments.choice(FACES), what, *sizes)
    shuffle()
    play.call(play.moments.choice(FACES), "stop")
    look(play, case, 0)
    play.nothing_leaks()


LIVES: dict[str, Callable[[Play, Case], None]] = {
    "from the start": from_the_start,
    "awaited": awaited,
    "keeper and guard killed": keeper_and_guard_killed,
    "a mix": a_mix,
}


# --- all of them together ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, slurm_of_the_run: PrivateSlurm) -> Iterator[dict[Case, Future[str | None]]]:
    """All lives that were asked for, a few at once; what went wrong with each, or None."""
    wanted = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec") and "case" in item.callspec.params
    ]
    notebooks: queue.SimpleQueue[Notebook] = queue.SimpleQueue()
    made = [Notebook() for _ in range(min(PLAYERS, len(wanted)))]
    for notebook in made:
        notebooks.put(notebook)

    def play(case: Case) -> str | None:
        notebook = notebooks.get()
        try:
            with playing(slurm_of_the_run, notebook, f"c{case.number}", SEED) as world:
                try:
                    LIVES[case.life](world, case)
                except (AssertionError, TimeoutError, OSError, RuntimeError):
                    return f"DASK_STEWARD_SEED={SEED}\n{traceback.format_exc()}\n" + "\n".join(world.told)
            return None
        finally:
            notebooks.put(notebook)

    with ThreadPoolExecutor(PLAYERS) as pool:
        yield {case: pool.submit(play, case) for case in wanted}
        pool.shutdown(cancel_futures=True)
    for notebook in made:
        notebook.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_face_hangs_nothing_leaks_and_one_sentence_is_said(
    played: dict[Case, Future[str | None]], case: Case
) -> None:
    wrong = played[case].result()
    assert wrong is None, wrong


def test_every_face_meets_every_command() -> None:
    """The turns of the faces leave none out."""
    for program in ("sbatch", "squeue", "scancel"):
        lives = [case for case in CASES if case.program == program]
        for call in range(len(FACES)):
            assert {case.face(call) for case in lives} == set(FACES), (program, call)
