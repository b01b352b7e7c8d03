"""Whatever dies of a cluster on a real YARN: nothing is left, and no application of anybody else is touched.

One application, whose master holds the line, or the scheduler, too; its workers in containers; skein's driver beside
the keeper. Each of them, the node's daemon, and the ResourceManager are killed, while the application runs, waits, or
is being submitted. Where a case is one of both deploy modes, one kernel has a cluster of each.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time

import pytest

import dask_steward as ds
from tests.faults.stage import NOISE, Stage, frozen, wait_until
from tests.faults.yarn_stage import (
    LEASE,
    REMOTE,
    crossed_out,
    driver,
    gone,
    is_worker,
    kill,
    make_room,
    masters,
    pair,
    running,
    site,
    site_of_the_module,
    step,
    until_at_work,
    waiting,
)
from tests.support import leaks
from tests.support.private_yarn import ENDED, PrivateYarn
from tests.support.yarn import use_yarn

__all__ = ["site", "site_of_the_module"]

pytestmark = [pytest.mark.long, pytest.mark.requires("yarn", "procfs"), pytest.mark.timeout(240)]


@pytest.mark.parametrize("victim", ["kernel", "keeper", "keeper and guard", "all"])
def test_a_running_application_ends(stage: Stage, site: PrivateYarn, victim: str) -> None:
    """Given workers at work, when any of kernel, keeper and guard are killed, then all is gone in two seconds."""
    started = pair(stage)
    until_at_work(*started)
    since = kill(victim, *started)
    gone(stage, site, f"application runs; {victim}: kill", since, *started)
    crossed_out(*started)


def test_a_cluster_whose_line_nobody_reaches_ends_with_its_master(stage: Stage, site: PrivateYarn) -> None:
    """Given containers that cannot call the keeper, then deploy_mode: remote works, and says what is not in force."""
    started = running(stage, "remote-afar")
    (line,) = [one for one in started.state["defences"] if one["name"] == "line"]
    assert not line["in_force"]
    assert line["words"].startswith("containers do not reach this machine on no-such-host.invalid:")

    id = site.with_tag(started.tag)[0].id
    now = time.monotonic()
    assert leaks.kill(masters(site, id))
    wait_until(f"it says so\n{started.log()}", lambda: started.ended() or started.state["state"] == "failed")
    gone(stage, site, "master: kill", now, started, limit=20.0)
    crossed_out(started)


def test_a_port_that_is_taken(stage: Stage, site: PrivateYarn) -> None:
    """Given a port of the scheduler's node, or of the line, that another has, then a sentence says so, and no more."""
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        stage.profile("taken", REMOTE.format(more=f"  port: {port}"))
        stage.profile("taken-line", REMOTE.format(more=f"line: {{ports: {port}}}"))
        with pytest.raises(ds.StartFailed, match=rf"cannot listen on port {port} of \S+: something else does\. Choose"):
            ds.start("taken")
        with pytest.raises(ds.StartFailed, match=f"No of the ports {port}-{port} is free"):
            ds.start("taken-line")
    assert (ds.held(), ds.clusters(), site.staging()) == ([], [], [])
    assert [one for one in site.applications() if one.is_ours and one.state not in ENDED] == []


@pytest.mark.parametrize("victim", ["kernel", "keeper"])
def test_an_application_that_waits_is_killed(stage: Stage, site: PrivateYarn, victim: str) -> None:
    """Given a full queue, when kernel or keeper is killed, then the application never starts, and leaves no keys."""
    started, _ = waiting(stage, site)
    since = kill(victim, *started)
    gone(stage, site, f"application waits; {victim}: kill", since, *started)
    crossed_out(*started)
    assert site.staging() == []


def test_a_waiting_application_that_nobody_guards_is_swept(stage: Stage, site: PrivateYarn) -> None:
    started, _ = waiting(stage, site)
    kill("all", *started)
    assert [one.state for each in started for one in site.with_tag(each.tag)] == ["ACCEPTED"] * 2
    now = time.monotonic()
    crossed_out(*started)
    gone(stage, site, "application waits; all: kill, then sweep", now, *started)
    assert site.staging() == []


def test_a_waiting_application_that_nobody_guards_or_sweeps_is_ended_by_yarn(stage: Stage, site: PrivateYarn) -> None:
    """Given a lease of some seconds and nobody left who could renew it or sweep, then the ResourceManager ends it."""
    started, _ = waiting(stage, site, ("brief", "remote-brief"))
    ids = [one.id for each in started for one in site.with_tag(each.tag)]
    wait_until("the leases are set", lambda: None not in [site.lifetime(id) for id in ids])
    since = kill("all", *started)
    case = f"application waits; all: kill, no sweep, a lease of {LEASE:g} s"
    gone(stage, site, case, since, *started, limit=LEASE + 4 + NOISE)
    found = [site.application(id) for id in ids]
    assert all(one is not None and "exceeded the lifetime" in one.diagnostics for one in found), found
    crossed_out(*started)
    assert site.staging() == []


def test_a_waiting_application_that_nobody_wants_leaves_when_it_starts(stage: Stage, site: PrivateYarn) -> None:
    started, full = waiting(stage, site, ("two", "remote-silent"))
    kill("all", *started)
    now = time.monotonic()
    make_room(site, full)
    # Two masters, one after the other, each a Java that has to start before it can see that nobody is there; of the
    # other mode a scheduler, to which nobody speaks.
    gone(stage, site, "application waits; all: kill, then room is made", now, *started, limit=60.0)
    crossed_out(*started)


@pytest.mark.parametrize("victim", ["kernel", "keeper", "all"])
def test_a_submit_in_flight_is_given_back(stage: Stage, site: PrivateYarn, victim: str) -> None:
    """Given submits that were announced a moment ago, when the clusters die at any point of it, then nothing stays."""
    started = pair(stage)
    wait_until("one is announced", lambda: any(step(one) is not None for one in started))
    stage.pause(1.0)
    since = kill(victim, *started)
    crossed_out(*started)
    gone(stage, site, f"submit in flight; {victim}: kill, until it is crossed out", since, *started, limit=60.0)
    assert site.staging() == []


def test_a_driver_that_died_and_a_master_that_stands_still(stage: Stage, site: PrivateYarn) -> None:
    """Given no driver and a frozen master, then the state says so, it goes on with the master, and ends without it."""
    started = running(stage)
    assert leaks.kill(driver(started))
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
    gone(stage, site, "driver: kill, master: stop, then an orderly end", now, started, limit=15.0)
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
    since = kill("keeper and guard", started)
    gone(stage, site, "second master; keeper and guard: kill", since, started)
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
    kept = pair(stage)
    use_yarn(yarn, monkeypatch)
    lost = pair(stage)
    until_at_work(*kept, *lost)
    workers = {one.pid for one in site.containers() if is_worker(one)}
    assert len(workers) == 3
    for one in (site, yarn):
        one.kill("rm")
    with contextlib.suppress(AssertionError):
        wait_until("nothing: 20 s are the test", lambda: False, 20.0, 1.0)
    for one in (site, yarn):
        one.start("rm")

    for each in lost:
        what = f"it is lost\n{each.log()}"
        wait_until(what, lambda each=each: each.ended() or each.state["state"] in ("lost", "failed"), 60)
    gone(stage, yarn, "RM: kill, back after 20 s without memory", time.monotonic(), *lost, limit=30.0)
    crossed_out(*lost)
    until_at_work(*kept)
    assert {one.pid for one in site.containers() if is_worker(one)} == workers
    since = kill("kernel", *kept)
    gone(stage, site, "RM: kill, back after 20 s; then kernel: kill", since, *kept)
    crossed_out(*kept)
