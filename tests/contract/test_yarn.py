"""An application of YARN and its containers: what goes is told with its cause and comes back, and all of it ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from distributed import Client

import dask_steward as ds
from dask_steward.control import log_parts
from tests.contract.site import PATIENCE, Site, until
from tests.support import leaks

pytestmark = [
    pytest.mark.long,
    pytest.mark.parametrize("site", ["yarn"], indirect=True, scope="module"),
    pytest.mark.timeout(240),
]

APART = {
    "options.deploy_mode": "remote",
    "options.scheduler_memory": "600 MB",
    "options.scheduler_vcores": 3,
    "options.host": None,
}


@pytest.fixture(autouse=True)
def given_back(site: Site) -> Iterator[None]:
    """Whatever a test starts is gone after it."""
    yield
    site.assert_nothing_left()


def holding(cluster: Any, kind: str) -> list[dict[str, Any]]:
    """Return what a cluster holds of one kind."""
    return [one for one in cluster.state["holdings"] if one["kind"] == kind]


def masters(site: Site, application: str) -> list[leaks.Process]:
    """Return the Java process of an application's master."""
    assert site.yarn is not None
    found = site.yarn.containers(application)
    return [one for one in found if "ApplicationMaster" in one.command and "bash" not in one.command.split()[0]]


def test_what_is_lost_comes_back_and_nothing_computed_is_lost(site: Site) -> None:
    """Given two workers, when a container and then the master is killed, then all of it is there again."""
    assert site.yarn is not None
    with site.start(name="lost and found") as cluster, Client(cluster) as client:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        (application,) = holding(cluster, "application")
        containers = holding(cluster, "container")
        assert {one["state"] for one in containers} == {"connected"}
        assert all(one["id"].startswith("container_") and one["node"] for one in containers)
        assert application["link"].startswith("http")
        seen = site.yarn.application(application["id"])
        assert seen is not None
        assert cluster.state["tag"] in seen.tags
        # Held by YARN itself: it ends the application when nobody puts that off.
        (lifetime,) = [one for one in cluster.state["defences"] if one["name"] == "lifetime"]
        assert lifetime["in_force"]
        left = site.yarn.lifetime(application["id"])
        assert left is not None
        assert 200 < left <= 300
        kept = client.submit(lambda: 41, pure=False)
        assert kept.result(timeout=PATIENCE) == 41

        victim = containers[0]
        for process in site.yarn.containers(application["id"]):
            if process.environment.get("CONTAINER_ID") == victim["id"] and "dask_spec" in process.command:
                os.kill(process.pid, signal.SIGKILL)

        loss = until(lambda: cluster.state["losses"])[-1]
        assert loss["id"] == victim["id"]
        assert "ended by signal 9" in loss["reason"]
        until(lambda: cluster.state["workers"] == {"asked": 2, "queued": 0, "running": 2, "lost": 0})
        assert client.submit(lambda x: x + 1, kept).result(timeout=PATIENCE) == 42

        before = {one["id"] for one in holding(cluster, "container")}
        (master,) = masters(site, application["id"])
        os.kill(master.pid, signal.SIGKILL)

        until(lambda: not before & {one["id"] for one in holding(cluster, "container")})
        until(lambda: cluster.state["workers"]["running"] == 2)
        assert [one["id"] for one in holding(cluster, "application")] == [application["id"]]
        # YARN has started them again: no worker was lost by its own doing.
        assert len(cluster.state["losses"]) == 1
        assert client.submit(lambda x: x + 2, kept).result(timeout=PATIENCE) == 43
        names = set(cluster.get_logs())
        assert victim["id"] in names
    ended = site.yarn.application(application["id"])
    assert ended is not None
    assert (ended.state, ended.final_status) == ("FINISHED", "SUCCEEDED")
    # Still to be read when nothing is left.
    assert "distributed.worker" in "".join(ds.get(cluster.id).get_logs(job=victim["id"]).values())


def test_an_application_that_somebody_kills_ends_the_cluster_with_the_cause(site: Site) -> None:
    assert site.yarn is not None
    cluster = site.start(jobs=1)
    (application,) = holding(cluster, "application")

    site.yarn.kill_application(application["id"])

    until(lambda: cluster.state["state"] == "failed")
    assert application["id"] in cluster.state["reason"]
    assert "killed" in cluster.state["reason"].lower()


def test_containers_that_find_no_room_say_why(site: Site) -> None:
    """Given a node with room for two, when three are asked for, then one waits, and the cluster says for what."""
    memory = {"options.worker_memory": "2560 MiB"}  # asked for, never used
    with site.start(jobs=2, set=memory) as cluster:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        (group,) = cluster.state["groups"].values()
        assert group["containers"] == {"asked": 2, "allocated": 0, "running": 0, "connected": 2}

        cluster.scale(3)

        reason = until(lambda: "no node has" in str(cluster.state["reason"]) and cluster.state["reason"])
        assert "1 of 3 containers wait: " in reason
        assert "no node has 2.5 GiB and 2 vcores free" in reason
        assert cluster.state["workers"] == {"asked": 3, "queued": 1, "running": 2, "lost": 0}
        cluster.scale(2)
        until(lambda: cluster.state["reason"] is None)


def test_an_application_that_waits_says_why_and_is_given_back(site: Site) -> None:
    """Given a YARN that is full, when a cluster is started and stopped, then nothing of it is left."""
    assert site.yarn is not None
    other = site.yarn.submit(memory=site.yarn.knobs.memory - 256)
    try:
        until(lambda: site.yarn.application(other).containers == 1)
        cluster = site.start(wait=False)
        reason = until(lambda: "YARN: ACCEPTED" in str(cluster.state["reason"]) and cluster.state["reason"])
        assert "master" in reason
        assert cluster.state["state"] == "pending"
        (application,) = holding(cluster, "application")
        assert application["state"] == "queued"

        cluster.close()

        assert cluster.state["state"] == "stopped"
        ended = site.yarn.application(application["id"])
        assert ended is not None
        assert ended.state == "KILLED"
    finally:
        site.yarn.kill_application(other)


def test_containers_that_cannot_call_the_keeper_say_what_to_change(site: Site) -> None:
    with pytest.raises(ds.StartFailed) as caught:
        site.start(jobs=1, set={"line.host": "240.0.0.1"})  # an address that nobody has

    assert "cannot reach this machine on 240.0.0.1:" in str(caught.value)
    assert "deploy_mode: remote" in str(caught.value)


@pytest.fixture
def apart(site: Site) -> Iterator[Callable[..., Any]]:
    """Start clusters whose scheduler is in the application's master."""
    started: list[Any] = []

    def begin(**options: Any) -> Any:
        started.append(site.start(jobs=1, set=APART, **options))
        return started[-1]

    yield begin
    for one in started:
        one._close(PATIENCE, "the test is over")


def test_a_scheduler_in_the_applications_master(site: Site, apart: Callable[..., Any]) -> None:
    """Given a scheduler in the master, then client, size, logs and end are as with any other place."""
    assert site.yarn is not None
    cluster = apart()
    (application,) = holding(cluster, "application")
    with Client(cluster) as client:
        assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3
        where = client.run_on_scheduler(os.getenv, "CONTAINER_ID")
        assert where.endswith("_000001")
        # Scheduler and one worker, and nothing besides; memory in steps of 64 MiB.
        raw = site.yarn.ask(f"/apps/{application['id']}")[1]["app"]
        assert (raw["allocatedMB"], raw["allocatedVCores"]) == (2 * 576, 3 + 2)

        cluster.scale(2)
        cluster.wait_for_workers(2, timeout=PATIENCE)
        until(lambda: {one["state"] for one in holding(cluster, "container")} == {"connected"})
        cluster.scale(1)
        until(lambda: len(holding(cluster, "container")) == 1)
        assert client.submit(sum, [3, 4]).result(timeout=PATIENCE) == 7
    assert "Scheduler at" in cluster.get_logs(job=application["id"])[application["id"]]

    cluster.close()

    ended = site.yarn.application(application["id"])
    assert ended is not None
    assert ended.state in ("FINISHED", "KILLED")


def test_a_scheduler_in_the_master_goes_with_its_keeper(site: Site, apart: Callable[..., Any]) -> None:
    """Given nobody who could bring logs before the end, then faces show what YARN has gathered after it."""
    assert site.yarn is not None
    cluster = apart()
    state = cluster.state
    (application,) = holding(cluster, "application")
    (container,) = holding(cluster, "container")
    began = time.monotonic()
    os.kill(state["guard"]["pid"], signal.SIGSTOP)
    os.kill(state["keeper"]["pid"], signal.SIGKILL)
    os.kill(state["guard"]["pid"], signal.SIGKILL)

    site.yarn.wait_state(application["id"], "FINISHED", "FAILED", "KILLED", timeout=PATIENCE)

    # By the line in its master alone.
    assert time.monotonic() - began < 20
    ds.sweep()
    # Whatever was there when the keeper died is no help.
    for path in (site.state / "dask-steward" / "clusters" / cluster.id / "logs").iterdir():
        path.unlink()
    until(lambda: site.yarn.ask(f"/apps/{application['id']}")[1]["app"]["logAggregationStatus"] == "SUCCEEDED")
    listed = log_parts.logs_of(cluster.id)
    assert listed.missing is None
    assert {application["id"], container["id"]} < {one.name for one in listed.logs}
    logs = cluster.get_logs(tail=1000)
    assert "Scheduler at" in logs[application["id"]]
    assert "distributed.worker" in logs[container["id"]]
    assert "LogType" not in logs[container["id"]]
