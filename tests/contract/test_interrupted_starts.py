"""A start that is cut off at any moment leaves nothing: by Ctrl-C, or by the death of the process that started it.

The moments are random; the seed is shown with a failure, and ``DASK_STEWARD_SEED=<seed>`` repeats them.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

import dask_steward as ds
from tests.contract.site import PATIENCE, Site

SEED = os.environ.get("DASK_STEWARD_SEED") or str(random.SystemRandom().randrange(10**6))
STARTER = """\
import sys
import dask_steward as ds
from dask_steward.profiles import ProfileStore
sys.stdout.write("go\\n")
sys.stdout.flush()
cluster = ds.start(sys.argv[1], client_follows=False)
sys.stdout.write("started\\n")
sys.stdout.flush()
sys.stdin.read()
"""
#: Parts of a start's usual time in which one random moment each is taken.
SLICES = ((0.0, 0.1), (0.1, 0.5), (0.5, 1.0), (1.0, 2.0))


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> random.Random:
    print(f"DASK_STEWARD_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.nodeid}")


@pytest.fixture(autouse=True)
def nothing_left(site: Site) -> Iterator[None]:
    yield
    site.assert_nothing_left()


def begin(site: Site) -> subprocess.Popen[bytes]:
    """Start a process that is about to start a cluster."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, site.system],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"go\n"
    return starter


@pytest.mark.parametrize("part", SLICES, ids=str)
def test_interrupt(site: Site, moments: random.Random, part: tuple[float, float]) -> None:
    starter = begin(site)
    time.sleep(moments.uniform(*part))

    starter.send_signal(signal.SIGINT)
    out, err = starter.communicate(timeout=PATIENCE)

    assert b"KeyboardInterrupt" in err
    if b"started" not in out:
        # It ends only after it has given everything back.
        assert not [entry.id for entry in site.entries() if not entry.ended]


@pytest.mark.parametrize("part", SLICES, ids=str)
def test_kill(site: Site, moments: random.Random, part: tuple[float, float]) -> None:
    starter = begin(site)
    time.sleep(moments.uniform(*part))

    starter.kill()
    starter.communicate(timeout=PATIENCE)


def test_a_second_interrupt_while_the_first_is_given_back(site: Site, moments: random.Random) -> None:
    starter = begin(site)
    time.sleep(moments.uniform(0.6, 1.2))

    starter.send_signal(signal.SIGINT)
    time.sleep(moments.uniform(0.0, 0.2))
    starter.send_signal(signal.SIGINT)
    starter.communicate(timeout=PATIENCE)


def test_an_interrupt_of_the_whole_terminal_reaches_no_keeper(site: Site) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, site.system],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert starter.stdout is not None
    assert [starter.stdout.readline(), starter.stdout.readline()] == [b"go\n", b"started\n"]
    (cluster,) = ds.clusters()

    # What a terminal does on Ctrl-C; the starter itself is spared by a handler that a notebook has, too.
    keeper, guard = cluster.state["keeper"]["pid"], cluster.state["guard"]["pid"]
    assert os.getsid(keeper) != os.getsid(starter.pid) != os.getsid(guard)
    assert len({os.getpgid(keeper), os.getpgid(guard), os.getpgid(starter.pid)}) == 3

    starter.communicate(timeout=PATIENCE)
