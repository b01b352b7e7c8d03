"""A running cluster gets another name, another owner, and new processes for its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from distributed import Client

import dask_steward as ds
from dask_steward.ledger.identity import ProcessIdentity
from tests.contract.site import PATIENCE, Site, until

Begin = Callable[..., Any]
#: Seconds for which a cluster that must not end is watched.
CALM = 3.0


@pytest.fixture
def person() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Processes that a cluster can belong to."""
    made: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return made[-1]

    yield begin
    for one in made:
        one.kill()
        one.wait()
        if one.stdin is not None:
            one.stdin.close()


# --- name -------------------------------------------------------------------------------------------------------------


@pytest.mark.only_on("local")
def test_a_new_name_holds_in_every_face_and_after_the_end(site: Site, begin: Begin) -> None:
    cluster = begin(name=f"first of {site.system}", workers=0)
    other = ds.get(cluster.id)

    cluster.rename(f"second of {site.system}")

    assert (cluster.name, other.name, cluster.state["name"]) == (f"second of {site.system}",) * 3
    assert ds.get(f"second of {site.system}").id == cluster.id
    with pytest.raises(ds.ClusterNotFound):
        ds.get(f"first of {site.system}")
    assert "second of" in cluster.connect_info()["code"]
    cluster.close()
    assert cluster.state["name"] == f"second of {site.system}"


@pytest.mark.only_on("local")
@pytest.mark.parametrize("name", ["", " x", "a/b", "-x", "x" * 65, "line\nbreak", 7], ids=str)
def test_a_name_that_is_none_is_refused(site: Site, cluster: Any, name: Any) -> None:
    with pytest.raises(ds.UsageError, match="1 to 64 printable characters"):
        cluster.rename(name)
    assert cluster.name == f"shared {site.system}"


@pytest.mark.only_on("local")
def test_a_name_that_another_one_has_is_refused(site: Site, cluster: Any, begin: Begin) -> None:
    other = begin(name=f"other {site.system}", workers=0)

    with pytest.raises(ds.UsageError, match="is there already"):
        other.rename(cluster.name)
    other.rename(other.name)  # its own it may keep


# --- owner ------------------------------------------------------------------------------------------------------------


def test_only_the_death_of_the_new_owner_ends_it(
    site: Site, begin: Begin, person: Callable[[], subprocess.Popen[bytes]]
) -> None:
    old, new = person(), person()
    cluster = begin(workers=1, tenure="process", owner_pid=old.pid)
    before = cluster.state["guard"]["pid"]

    cluster.set_tenure("server", owner_pid=new.pid, owner_facts={"kernel_id": None, "session": "a <b>.ipynb"})

    state = cluster.state
    assert (state["tenure"], state["owner"]["kind"], state["owner"]["pid"]) == ("server", "server", new.pid)
    assert state["owner"]["session"] == "a <b>.ipynb"
    entry = cluster._entry()
    assert (entry.tenure, entry.owner) == ("server", ProcessIdentity.of(new.pid))
    # One guard, another one, and it is the one that the ledger names.
    assert state["guard"]["pid"] != before
    assert entry.guard == ProcessIdentity.of(state["guard"]["pid"])
    assert not os.path.exists(f"/proc/{before}")
    old.kill()
    old.wait()
    time.sleep(CALM)
    assert cluster.state["state"] == "running"
    assert cluster.state["guard"] == state["guard"]
    new.kill()
    new.wait()
    until(cluster._ended)
    assert str(new.pid) in cluster.state["reason"]
    site.assert_nothing_left(of=cluster.id)


def test_the_keepers_death_is_met_by_the_guard_of_the_new_owner(
    site: Site, begin: Begin, person: Callable[[], subprocess.Popen[bytes]]
) -> None:
    cluster = begin(workers=1)
    new = person()
    cluster.set_tenure("process", owner_pid=new.pid)

    os.kill(cluster.state["keeper"]["pid"], signal.SIGKILL)

    until(cluster._ended)
    assert cluster.state["owner"]["pid"] == new.pid
    site.assert_nothing_left(of=cluster.id)


def test_a_guard_that_dies_after_the_change_is_replaced_by_one_that_knows_the_new_owner(
    site: Site, begin: Begin, person: Callable[[], subprocess.Popen[bytes]]
) -> None:
    new = person()
    cluster = begin(workers=1)
    cluster.set_tenure("process", owner_pid=new.pid)
    guard = cluster.state["guard"]["pid"]

    os.kill(guard, signal.SIGKILL)
    until(lambda: cluster.state["guard"]["pid"] != guard)
    new.kill()
    new.wait()

    until(cluster._ended)
    site.assert_nothing_left(of=cluster.id)


def test_a_detached_cluster_outlives_its_owner_until_its_limit(
    site: Site, begin: Begin, person: Callable[[], subprocess.Popen[bytes]]
) -> None:
    old = person()
    cluster = begin(workers=1, tenure="process", owner_pid=old.pid)
    with pytest.raises(ds.UsageError, match="needs idle_timeout or time_to_live"):
        cluster.set_tenure("detached")

    cluster.set_tenure("detached", idle_timeout="8 s")
    old.kill()
    old.wait()

    state = cluster.state
    assert (state["tenure"], state["owner"], state["ends_by"]) == ("detached", None, "idle_timeout")
    assert state["ends_at"] == pytest.approx(state["idle_since"] + 8.0)
    time.sleep(1.0)
    assert cluster.state["state"] == "running"
    until(cluster._ended)
    assert "idle_timeout" in cluster.state["reason"]


@pytest.mark.only_on("local")
def test_an_owner_that_cannot_be_watched_is_refused_and_nothing_changes(site: Site, cluster: Any) -> None:
    before = cluster.state
    call = cluster._call()
    away = {**ProcessIdentity.of().to_json(), "host": "elsewhere"}
    with pytest.raises(ds.UsageError, match="no process 99999999 runs on this host"):
        cluster.set_tenure("process", owner_pid=99999999)
    with pytest.raises(ds.UsageError, match="where the cluster is kept"):
        call.give("process", away)
    with pytest.raises(ds.UsageError, match="must be a process"):
        call.give("process", None)
    with pytest.raises(ds.UsageError, match="is none of kernel"):
        call.give("friend", ProcessIdentity.of().to_json())
    with pytest.raises(ds.UsageError, match="no number of seconds"):
        call.give("detached", None, -1.0)
    after = cluster.state
    assert [after[key] for key in ("tenure", "owner", "guard")] == [before[key] for key in ("tenure", "owner", "guard")]


# --- workers' processes -----------------------------------------------------------------------------------------------


@pytest.mark.also_on("ssh")
def test_workers_start_again_and_jobs_stay(site: Site, begin: Begin) -> None:
    cluster = begin()
    cluster.wait_for_workers(2, timeout=PATIENCE)
    with Client(cluster) as client:
        before = set(client.run(os.getpid).values())
        held = {one["id"] for one in cluster.state["holdings"]}
        future = client.submit(sum, [1, 2])
        assert future.result(timeout=PATIENCE) == 3

        assert cluster.restart_workers() is None

        after = set(client.run(os.getpid).values())
        assert len(after) == 2
        assert not after & before
        assert {one["id"] for one in cluster.state["holdings"]} == held
        until(lambda: cluster.state["state"] == "running" and cluster.state["workers"]["running"] == 2)
        # What only they held is computed again for who still wants it.
        assert client.submit(lambda x: x + 1, future).result(timeout=PATIENCE) == 4
        assert cluster.state["losses"] == []
