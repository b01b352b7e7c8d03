"""How clusters begin and end, each way through the public face."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from distributed import Client
from distributed.core import Status

import dask_steward as ds
from tests.contract.site import PATIENCE, Site, until

Begin = Callable[..., Any]


@pytest.mark.also_on("ssh")
def test_with_block_gives_everything_back(site: Site) -> None:
    with site.start() as cluster, Client(cluster) as client:
        assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3

    assert cluster.state["state"] == "stopped"
    assert "with" in cluster.state["reason"]
    assert cluster.status is Status.closed
    site.assert_nothing_left()


@pytest.mark.also_on("ssh", "yarn")
def test_with_block_gives_back_on_an_error(site: Site) -> None:
    with pytest.raises(ZeroDivisionError), site.start() as cluster:
        cluster.scale(1 // 0)

    assert cluster.state["state"] == "stopped"
    site.assert_nothing_left()


@pytest.mark.only_on("local")
@pytest.mark.asyncio
async def test_async_with(site: Site) -> None:
    async with site.start(asynchronous=True) as cluster, Client(cluster, asynchronous=True) as client:
        assert await client.submit(sum, [1, 2]) == 3

    assert cluster.state["state"] == "stopped"
    site.assert_nothing_left()


@pytest.mark.only_on("local")
@pytest.mark.asyncio
async def test_await_then_close(site: Site) -> None:
    cluster = await site.start(asynchronous=True)
    assert cluster.state["state"] == "running"

    await cluster.close()

    assert cluster.state["state"] == "stopped"


@pytest.mark.asyncio
async def test_an_awaited_start_that_is_cancelled_leaves_nothing(site: Site) -> None:
    import asyncio

    cluster = site.start(asynchronous=True)
    starting = asyncio.ensure_future(cluster._arrive())
    await asyncio.sleep(0.3)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert cluster.state["state"] in ("stopped", "failed", "lost")
    site.assert_nothing_left()


@pytest.mark.also_on("ssh", "yarn")
def test_client_shutdown_ends_the_cluster(site: Site, begin: Begin) -> None:
    cluster = begin()
    with Client(cluster) as client:
        client.shutdown()

    assert cluster.state["state"] == "stopped"
    site.assert_nothing_left()


@pytest.mark.only_on("local")
def test_close_twice_and_from_another_handle(begin: Begin) -> None:
    cluster = begin()
    other = ds.get(cluster.id)

    other.close()
    cluster.close()
    other.stop()

    assert cluster.state["state"] == "stopped"


@pytest.mark.only_on("local")
def test_two_close_at_once(site: Site, begin: Begin) -> None:
    cluster = begin()
    handles = [cluster, ds.get(cluster.id), ds.get(cluster.id)]
    threads = [threading.Thread(target=handle.close) for handle in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()

    assert cluster.state["state"] == "stopped"
    site.assert_nothing_left()


@pytest.mark.only_on("local")
def test_letting_go_of_the_handle_does_not_end_the_cluster(begin: Begin) -> None:
    cluster = begin()
    id = cluster.id
    del cluster

    assert ds.get(id).state["state"] == "running"


def test_after_the_end(site: Site, begin: Begin) -> None:
    """Logs, state and list still answer; size and connections say in a sentence that it is over."""
    cluster = begin(name=f"ended {site.system}")
    tls = cluster.connect_info()["security"]
    cluster.close()

    assert "Scheduler at" in cluster.get_logs()["keeper"]
    if site.on_queue:
        assert any(name.startswith("job ") for name in cluster.get_logs())
    assert cluster.id not in [one.id for one in ds.clusters()]
    assert cluster.id in [one.id for one in ds.clusters(all=True)]
    assert ds.get(f"ended {site.system}").id == cluster.id
    assert [state["state"] for state in cluster.stream()] == ["stopped"]
    assert cluster.dashboard_link == ""
    for act in (lambda: cluster.scale(1), lambda: cluster.adapt(0, 1), lambda: cluster.wait_for_workers(1)):
        with pytest.raises(ds.WrongState, match="stopped"):
            act()
    assert tls
    assert not any(os.path.exists(path) for path in tls.values())


@pytest.mark.only_on("local")
def test_stream_ends_with_the_final_state(begin: Begin) -> None:
    cluster = begin()
    seen: list[str] = []
    reading = threading.Thread(target=lambda: seen.extend(state["state"] for state in cluster.stream()))
    reading.start()
    until(lambda: seen)

    ds.get(cluster.id).close()
    reading.join(PATIENCE)

    assert seen[0] == "running"
    assert seen[-1] == "stopped"


@pytest.mark.only_on("local")
def test_default_names_are_numbered(site: Site, begin: Begin) -> None:
    first, second = begin(wait=False), begin(wait=False)

    assert (first.name, second.name) == (site.system, f"{site.system}-2")


def test_start_without_waiting_shows_itself_at_once(begin: Begin) -> None:
    cluster = begin(wait=False)

    assert cluster.state["state"] in ("starting", "pending", "running")
    cluster.wait_for_workers(1, timeout=PATIENCE)


def test_a_client_of_a_cluster_that_is_still_starting(begin: Callable[..., Any]) -> None:
    cluster = begin(wait=False)

    with cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3


@pytest.mark.also_on("ssh", "yarn")
def test_stop_by_somebody_else_while_it_starts(site: Site, begin: Begin) -> None:
    cluster = begin(wait=False)

    ds.get(cluster.id).close()

    assert cluster.state["state"] in ("stopped", "lost")
    site.assert_nothing_left()


def test_progress_is_told(site: Site, begin: Begin) -> None:
    told: list[dict[str, Any]] = []

    begin(on_progress=told.append)

    assert told[0]["state"] in ("starting", "pending")
    assert told[-1]["ready"]
    assert told[-1]["workers"]["asked"] == 2


@pytest.mark.only_on("local")
def test_an_error_while_progress_is_shown_leaves_nothing(site: Site) -> None:
    def fail(state: dict[str, Any]) -> None:
        raise ArithmeticError(state["state"])

    with pytest.raises(ArithmeticError):
        site.start(on_progress=fail)

    site.assert_nothing_left()


def test_set_overrides_the_profile(begin: Begin) -> None:
    cluster = begin(workers=1, set={"environment.STEWARD_WORD": "spoken $HOME", "dashboard": "tcp"})

    with Client(cluster) as client:
        word = client.submit(os.getenv, "STEWARD_WORD").result(timeout=PATIENCE)
    assert word is not None
    assert word.startswith("spoken /")
    link = until(lambda: cluster.dashboard_link)
    assert link.startswith("http://127.0.0.1:")


@pytest.mark.only_on("local")
def test_dashboard_off(begin: Begin) -> None:
    cluster = begin(workers=1, set={"dashboard": "off"})

    until(lambda: cluster.state["scheduler"]["dashboard_reason"])
    assert cluster.dashboard_link == ""


def test_without_tls(begin: Begin) -> None:
    cluster = begin(workers=1, set={"security": "none"})

    assert cluster.scheduler_address.startswith("tcp://")
    with Client(cluster.scheduler_address) as client:
        assert client.submit(sum, [2, 3]).result(timeout=PATIENCE) == 5


# --- what it belongs to -----------------------------------------------------------------------------------------------


@pytest.mark.only_on("local")
def test_owner_is_another_process(site: Site, begin: Begin) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        cluster = begin(tenure="process", owner_pid=owner.pid)
        assert cluster.state["owner"]["pid"] == owner.pid
        assert cluster.state["owner"]["kind"] == "process"
        assert owner.stdin is not None
        owner.stdin.close()
        owner.wait()

    until(lambda: cluster.state["state"] == "stopped")
    assert "owner" in cluster.state["reason"]
    site.assert_nothing_left()


@pytest.mark.only_on("local")
def test_an_owner_that_is_not_there_is_refused(site: Site) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    before = len(site.entries())

    with pytest.raises(ds.UsageError, match="no process"):
        site.start(owner_pid=gone.pid)

    assert len(site.entries()) == before


@pytest.mark.only_on("local")
def test_detached_needs_a_limit(site: Site) -> None:
    with pytest.raises(ds.UsageError, match="idle_timeout or time_to_live"):
        site.start(tenure="detached")


def test_detached_outlives_its_starter_and_ends_when_idle(site: Site) -> None:
    code = (
        "import dask_steward as ds, sys\n"
        "print(ds.start(sys.argv[1], workers=1, tenure='detached', set={'idle_timeout': '3 s'}).id)"
    )
    done = subprocess.run([sys.executable, "-c", code, site.system], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    cluster = ds.get(done.stdout.strip())

    assert cluster.state["owner"] is None
    assert cluster.state["state"] == "running"
    until(lambda: cluster.state["state"] == "stopped")
    assert "idle_timeout" in cluster.state["reason"]
    site.assert_nothing_left()


def test_work_keeps_an_idle_limit_away_and_time_to_live_ends_it_all_the_same(site: Site, begin: Begin) -> None:
    cluster = begin(workers=1, set={"idle_timeout": "1 s", "time_to_live": "15 s"})
    client = Client(cluster)
    try:
        kept = client.submit(time.sleep, 60)
        until(lambda: cluster.state["state"] == "stopped")
        assert "time_to_live" in cluster.state["reason"]
        del kept
    finally:
        client.close(timeout=2)
    site.assert_nothing_left()
