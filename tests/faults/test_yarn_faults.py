"""Whatever dies of a cluster on a real YARN: nothing is left, and no application of anybody else is touched.

One application, whose master holds the line; its workers in containers; skein's driver beside the keeper. Each of them,
the node's daemon, and the ResourceManager are killed, while the application runs, waits, or is being submitted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

import dask_steward as ds
from dask_steward.ledger import holdings
from tests.faults.stage import NOISE, Stage, Started, frozen, wait_until
from tests.support import leaks
from tests.support.private_yarn import PrivateYarn
from tests.support.yarn import check_empty, use_yarn

pytestmark = [pytest.mark.requires("yarn", "procfs"), pytest.mark.timeout(240)]

GONE = 2.0
"""Seconds after a death in which the application must have ended, with every process of its containers."""

LEASE = 9.0
"""Seconds for which YARN keeps what nobody renews, of the profile `brief`."""

TWO = """\
title: two workers
system: yarn
options:
  environment: python://{python}
  worker_vcores: 1
  worker_memory: 512 MiB
  n_workers: 2
{more}
dashboard: "off"
"""


@pytest.fixture(scope="module")
def site_of_the_module(require: Callable[..., None]) -> Iterator[PrivateYarn]:
    """Two nodes that remember over a restart, and are soon called lost."""
    require("yarn")
    # Only nodes: what others run here never registers as a master.
    soon = {"yarn.nm.liveness-monitor.expiry-interval-ms": 6000}
    with PrivateYarn(nodes=2, memory=4096, recovery=True, site=soon) as made:
        yield made
    assert not made.leaked, f"processes outlived the private YARN: {made.leaked}"


@pytest.fixture
def site(site_of_the_module: PrivateYarn, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateYarn]:
    """The module's YARN with applications of others on it, and profiles for it."""
    use_yarn(site_of_the_module, monkeypatch)
    _profiles(stage)
    site_of_the_module.submit_foreign(2)
    yield site_of_the_module
    touched = site_of_the_module.touched_foreign()
    check_empty(site_of_the_module)
    assert touched == [], "an application of somebody else was touched"


def _profiles(stage: Stage) -> None:
    lease = f"lease: {{timeout: {LEASE:g} s, interval: 2 s}}"
    stage.profile("two", TWO.format(python=sys.executable, more=""))
    stage.profile("brief", TWO.format(python=sys.executable, more=lease))
    stage.profile("remote", TWO.format(python=sys.executable, more="  deploy_mode: remote"))


def running(stage: Stage, profile: str = "two") -> Started:
    started = stage.start(profile)
    try:
        wait_until("two workers", lambda: started.running == 2, 90)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{started.log()}\n{started.state['holdings']}") from None
    return started


def waiting(stage: Stage, site: PrivateYarn, profile: str = "two") -> tuple[Started, str]:
    """Start a cluster in a queue that is full; return it and what fills the queue."""
    # Of two users: how much one may have follows from how many there are, and room must not come of itself.
    full, other = (site.submit("exec sleep 900", memory=3584, user=user) for user in (None, "somebody"))
    site.foreign.update((full, other))
    wait_until("they have their nodes", lambda: all(_launched(site, one) for one in (full, other)))
    started = stage.start(profile)
    wait_until("it waits", lambda: [one.state for one in site.with_tag(started.tag)] == ["ACCEPTED"])
    wait_until("its id is in the ledger", lambda: _step(started) == holdings.HELD)
    return started, full


def _launched(site: PrivateYarn, id: str) -> bool:
    report = site.application(id)
    return report is not None and "is launched" in report.diagnostics


def make_room(site: PrivateYarn, full: str) -> None:
    site.foreign.discard(full)
    site.kill_application(full)


def _step(started: Started) -> str | None:
    found = [one.step for one in started.entry.holdings().values() if one.kind == "application"]
    return found[0] if found else None


def _driver(started: Started) -> list[leaks.Process]:
    return [one for one in leaks.marked(f"DASK_STEWARD_CLUSTER={started.id}") if "skein.Driver" in one.command]


def masters(site: PrivateYarn, id: str) -> list[leaks.Process]:
    """Return the Java of an application's master."""
    return [one for one in site.containers(id) if one.command.split(" ")[0].endswith("java")]


def is_worker(process: leaks.Process) -> bool:
    return "dask_spec" in process.command


def kill(started: Started, victim: str) -> float:
    """Kill something of a cluster; return when (monotonic)."""
    driver = _driver(started)
    if victim == "all":
        # Kernel and driver first, while the keeper stands still.
        os.kill(started.keeper, signal.SIGSTOP)
        os.kill(started.guard, signal.SIGSTOP)
        assert started.kernel is not None
        started.kernel.kill()
        leaks.kill(driver)
    now = time.monotonic()
    if victim == "kernel":
        assert started.kernel is not None
        started.kernel.kill()
    elif victim == "keeper":
        started.kill_keeper()
    else:
        started.kill_both()
    return now


def ours(site: PrivateYarn, started: Started) -> list[object]:
    """Return what is left of a cluster: applications that have not ended, processes of containers, a driver."""
    alive = site.with_tag(started.tag)
    ids = [one.id for one in site.with_tag(started.tag, ended=True)]
    return [*alive, *(process for id in ids for process in site.containers(id)), *_driver(started)]


def gone(
    stage: Stage, site: PrivateYarn, started: Started, case: str, since: float, limit: float = GONE + NOISE
) -> None:
    left = limit + since - time.monotonic()
    try:
        wait_until("nothing of it is left", lambda: not ours(site, started), left)
    except AssertionError as error:
        raise AssertionError(f"{error}; left: {ours(site, started)}\n{started.log()}") from None
    stage.note(f"yarn: {case}", time.monotonic() - since)


def crossed_out(started: Started) -> None:
    """The entry is crossed out: by the guard, or by a sweep where there is none any more."""
    if not started.entry.guard_alive() and not started.entry.keeper_alive():
        report = ds.sweep()
        assert [id for id, _ in report.left] in ([], [started.id]), report
    wait_until(f"the entry is crossed out\n{started.log()}", started.ended)
    wait_until("keeper and guard have ended", lambda: not started.processes())


@pytest.mark.parametrize("victim", ["kernel", "keeper", "keeper and guard", "all"])
def test_a_running_application_ends(stage: Stage, site: PrivateYarn, victim: str) -> None:
    """Given workers at work, when any of kernel, keeper and guard are killed, then all is gone in two seconds."""
    started = running(stage)
    since = kill(started, victim)
    gone(stage, site, started, f"application runs; {victim}: kill", since)
    crossed_out(started)


@pytest.mark.parametrize("victim", ["kernel", "all"])
def test_an_application_with_the_scheduler_in_it_ends(stage: Stage, site: PrivateYarn, victim: str) -> None:
    """Given a scheduler in the application's master, then it ends as soon as one whose scheduler is in the keeper."""
    started = running(stage, "remote")
    since = kill(started, victim)
    gone(stage, site, started, f"application with the scheduler in it; {victim}: kill", since)
    crossed_out(started)


def test_a_cluster_ends_with_the_master_that_has_its_scheduler(stage: Stage, site: PrivateYarn) -> None:
    started = running(stage, "remote")
    id = site.with_tag(started.tag)[0].id
    now = time.monotonic()
    assert leaks.kill(masters(site, id))
    wait_until(f"it says so\n{started.log()}", lambda: started.ended() or started.state["state"] == "failed")
    gone(stage, site, started, "application with the scheduler in it; master: kill", now, 20.0)
    crossed_out(started)


@pytest.mark.parametrize("victim", ["kernel", "keeper"])
def test_an_application_that_waits_is_killed(stage: Stage, site: PrivateYarn, victim: str) -> None:
    """Given a full queue, when kernel or keeper is killed, then the application never starts, and leaves no keys."""
    started, _ = waiting(stage, site)
    since = kill(started, victim)
    gone(stage, site, started, f"application waits; {victim}: kill", since)
    crossed_out(started)
    assert site.staging() == []


def test_a_waiting_application_that_nobody_guards_is_swept(stage: Stage, site: PrivateYarn) -> None:
    started, _ = waiting(stage, site)
    kill(started, "all")
    assert [one.state for one in site.with_tag(started.tag)] == ["ACCEPTED"]
    now = time.monotonic()
    crossed_out(started)
    gone(stage, site, started, "application waits; all: kill, then sweep", now)
    assert site.staging() == []


def test_a_waiting_application_that_nobody_guards_or_sweeps_is_ended_by_yarn(stage: Stage, site: PrivateYarn) -> None:
    """Given a lease of some seconds and nobody left who could renew it or sweep, then the ResourceManager ends it."""
    started, _ = waiting(stage, site, "brief")
    wait_until("the lease is set", lambda: site.lifetime(site.with_tag(started.tag)[0].id) is not None)
    since = kill(started, "all")
    gone(
        stage,
        site,
        started,
        f"application waits; all: kill, no sweep, a lease of {LEASE:g} s",
        since,
        LEASE + 4 + NOISE,
    )
    assert "exceeded the lifetime" in site.with_tag(started.tag, ended=True)[0].diagnostics
    crossed_out(started)
    assert site.staging() == []


def test_a_waiting_application_that_nobody_wants_leaves_when_it_starts(stage: Stage, site: PrivateYarn) -> None:
    started, full = waiting(stage, site)
    kill(started, "all")
    now = time.monotonic()
    make_room(site, full)
    # Two masters, one after the other, each a Java that has to start before it can see that nobody is there.
    gone(stage, site, started, "application waits; all: kill, then room is made", now, 45.0)
    crossed_out(started)


@pytest.mark.parametrize("victim", ["kernel", "keeper", "all"])
def test_a_submit_in_flight_is_given_back(stage: Stage, site: PrivateYarn, victim: str) -> None:
    """Given a submit that was announced a moment ago, when its cluster dies at any point of it, then nothing stays."""
    started = stage.start("two")
    wait_until("it is announced", lambda: _step(started) is not None)
    stage.pause(0.7)
    since = kill(started, victim)
    crossed_out(started)
    gone(stage, site, started, f"submit in flight; {victim}: kill, until it is crossed out", since, 60.0)
    assert site.staging() == []


def test_a_driver_that_died_and_a_master_that_stands_still(stage: Stage, site: PrivateYarn) -> None:
    """Given no driver and a frozen master, then the state says so, it goes on with the master, and ends without it."""
    started = running(stage)
    assert leaks.kill(_driver(started))
    assert started.kernel is not None
    assert "42" in started.kernel.run("print(c.get_client().submit(lambda: 42).result())")
    id = site.with_tag(started.tag)[0].id
    (master,) = masters(site, id)

    with frozen(master.pid):
        started.kernel.run("c.scale(3)")
        wait_until("it says so", lambda: "does not answer: it stands still" in (started.state["reason"] or ""))
        assert started.running == 2
    wait_until(f"there are three\n{started.log()}", lambda: started.running == 3)
    assert started.state["reason"] is None
    # What was asked for without an answer is not there twice.
    wait_until("three containers", lambda: len([one for one in site.containers(id) if is_worker(one)]) == 3)
    assert [one.pid for one in masters(site, id)] == [master.pid]

    os.kill(master.pid, signal.SIGSTOP)
    now = time.monotonic()
    ds.get(started.id).close()
    gone(stage, site, started, "driver: kill, master: stop, then an orderly end", now, 15.0)
    assert started.ended()
    assert site.staging() == []


def test_another_master_takes_the_place_of_one_that_died(stage: Stage, site: PrivateYarn) -> None:
    """Given a killed application master, then YARN starts another one, and the workers come back by themselves."""
    started = running(stage)
    id = site.with_tag(started.tag)[0].id
    before = {one.pid for one in site.containers(id)}
    now = time.monotonic()
    assert leaks.kill(masters(site, id))

    def again() -> bool:
        fresh = [one for one in site.containers(id) if one.pid not in before and is_worker(one)]
        return len(fresh) >= 2 and started.running == 2

    wait_until("two new workers", again, 90)
    stage.note("yarn: master: kill, until two workers are there again", time.monotonic() - now)
    since = kill(started, "keeper and guard")
    gone(stage, site, started, "second master; keeper and guard: kill", since)
    crossed_out(started)


def test_what_a_lost_node_still_runs_is_ended_too(stage: Stage, site: PrivateYarn) -> None:
    """Given a node whose daemon is killed, whose containers run on, then an orderly end ends those, too."""
    started = running(stage)
    id = site.with_tag(started.tag)[0].id
    site.foreign.clear()  # what ran there is lost with it, others' as ours
    site.kill("nm1")
    wait_until("the node is lost", lambda: "LOST" in site.nodes().values())
    site.submit_foreign(2)
    now = time.monotonic()
    ds.get(started.id).close()
    wait_until("nothing runs on either node", lambda: not site.containers(id), 20)
    stage.note("yarn: a node's daemon: kill, node lost, then an orderly end", time.monotonic() - now)
    assert started.ended()
    site.start("nm1")


def test_a_resourcemanager_that_is_away_for_20_s(
    stage: Stage, site: PrivateYarn, yarn: PrivateYarn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given two sites whose ResourceManagers die and come back after 20 s, one with and one without its memory.

    Where it remembers the cluster goes on, and its workers are the same ones. Where it does not the cluster is lost,
    and says so; its nodes have ended what ran.
    """
    use_yarn(site, monkeypatch)
    kept = running(stage)
    use_yarn(yarn, monkeypatch)
    lost = running(stage)
    workers = {one.pid for one in site.containers() if is_worker(one)}
    for one in (site, yarn):
        one.kill("rm")
    with contextlib.suppress(AssertionError):
        wait_until("nothing: 20 s are the test", lambda: False, 20.0, 1.0)
    for one in (site, yarn):
        one.start("rm")

    wait_until(f"it is lost\n{lost.log()}", lambda: lost.ended() or lost.state["state"] == "lost", 60)
    gone(stage, yarn, lost, "RM: kill, back after 20 s without memory", time.monotonic(), 30.0)
    crossed_out(lost)
    wait_until("the other one goes on", lambda: kept.state["state"] == "running" and kept.running == 2, 60)
    assert {one.pid for one in site.containers() if is_worker(one)} == workers
    since = kill(kept, "kernel")
    gone(stage, site, kept, "RM: kill, back after 20 s; then kernel: kill", since)
    crossed_out(kept)
