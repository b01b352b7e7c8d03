"""Workers that go without being asked to: shown with a reason, and replaced while they are wanted."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from distributed import Client

import dask_steward as ds
from tests.contract.site import PATIENCE, Site, until
from tests.support import leaks


@pytest.mark.only_on("slurm")
def test_a_job_that_somebody_cancels_is_told_with_a_reason_and_replaced(site: Site) -> None:
    assert site.slurm is not None
    with site.start() as cluster:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        victim, other = sorted(one.id for one in ds.held())

        site.slurm.run("scancel", victim)

        loss = until(lambda: cluster.state["losses"])[-1]
        assert loss["id"] == victim
        assert re.search(rf"job {victim}: .*(?i:cancel)", loss["reason"])
        assert loss["node"].startswith("n")
        until(lambda: cluster.state["workers"] == {"asked": 2, "queued": 0, "running": 2, "lost": 0})
        assert cluster.state["state"] == "running"
        assert cluster.state["reason"] is None
        held = [one.id for one in ds.held()]
        assert other in held
        assert victim not in held
        with Client(cluster) as client:
            assert client.submit(sum, [1]).result(timeout=PATIENCE) == 1


@pytest.mark.only_on("slurm")
def test_all_jobs_lost_is_no_end_of_the_cluster(site: Site) -> None:
    assert site.slurm is not None
    with site.start(jobs=1) as cluster:
        victim = ds.held()[0].id
        with Client(cluster) as client:
            future = client.submit(lambda: 41 + 1)
            assert future.result(timeout=PATIENCE) == 42

            site.slurm.run("scancel", victim)

            until(lambda: cluster.state["losses"])
            until(lambda: cluster.state["workers"]["running"] == 1)
            # The scheduler is where it was: what was lost is computed again.
            assert future.result(timeout=PATIENCE) == 42


@pytest.mark.only_on("slurm")
def test_a_node_that_fails(site: Site) -> None:
    """Slurm starts its job again, where it is the same job, or it is lost and replaced; work goes on either way."""
    assert site.slurm is not None
    with site.start(jobs=1) as cluster:
        lost = ds.held()[0]
        node = next(job.node for job in site.slurm.queue() if job.id == lost.id)
        failed = time.time()
        try:
            site.slurm.fail_node(node)

            until(
                lambda: (
                    [one for one in cluster.state["holdings"] if one["state"] == "queued"] or cluster.state["losses"]
                )
            )
            until(lambda: [one for one in cluster.state["holdings"] if one["state"] == "connected"])
            (held,) = cluster.state["holdings"]
            assert held["since"] > failed
            with Client(cluster) as client:
                assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3
        finally:
            site.slurm.mend_node(node)


@pytest.mark.only_on("slurm")
def test_a_requeued_job_is_the_same_job(site: Site) -> None:
    assert site.slurm is not None
    with site.start(jobs=1) as cluster:
        (held,) = ds.held()
        before = {one["name"] for one in cluster.scheduler_info["workers"].values()}

        site.slurm.run("scontrol", "requeue", held.id)

        until(lambda: not cluster.scheduler_info["workers"])
        until(lambda: cluster.state["workers"]["running"] == 1)
        assert [one.id for one in ds.held()] == [held.id]
        assert {one["name"] for one in cluster.scheduler_info["workers"].values()} == before
        assert cluster.state["losses"] == []


@pytest.mark.only_on("slurm")
def test_jobs_that_die_at_once_end_the_cluster_with_their_last_words(site: Site) -> None:
    assert site.slurm is not None
    with pytest.raises(ds.StartFailed) as caught:
        site.start(jobs=1, set={"options.job_script_prologue": ["echo no such module: dusk >&2", "exit 3"]})

    assert "3 jobs died within a minute of their start" in str(caught.value)
    assert "exit code 3" in str(caught.value)
    assert "no such module: dusk" in str(caught.value)
    site.assert_nothing_left()


@pytest.mark.only_on("slurm")
def test_jobs_that_begin_to_die_end_a_cluster_that_ran(site: Site) -> None:
    """Any number of processes a job: each job of two processes counts once."""
    assert site.slurm is not None
    stop = site.state / "stop"
    prologue = f"if [ -e {stop} ]; then echo out of licences >&2; exit 3; fi"
    cluster = site.start(
        jobs=1, set={"options.job_script_prologue": [prologue], "options.cores": 2, "options.processes": 2}
    )
    try:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        stop.touch()
        site.slurm.run("scancel", ds.held()[0].id)

        until(lambda: cluster.state["state"] == "failed", timeout=2 * PATIENCE)
        assert "out of licences" in cluster.state["reason"]
        assert ds.held() == []
    finally:
        stop.unlink()
        cluster.close()


@pytest.mark.only_on("slurm")
def test_a_queued_job_that_somebody_cancels_is_replaced(site: Site) -> None:
    assert site.slurm is not None
    with site.start(jobs=1) as cluster:
        site.slurm.run("scontrol", "update", "partition=debug", "state=down")
        try:
            cluster.scale(2)
            queued = until(lambda: [one for one in ds.held() if one.state == "queued"])
            assert queued[0].reason
            state = cluster.state
            assert state["workers"] == {"asked": 2, "queued": 1, "running": 1, "lost": 0}
            assert "1 of 2 jobs wait" in state["reason"]

            site.slurm.run("scancel", queued[0].id)

            until(lambda: [one for one in ds.held() if one.state == "queued" and one.id != queued[0].id])
            assert cluster.state["losses"][-1]["id"] == queued[0].id
        finally:
            site.slurm.run("scontrol", "update", "partition=debug", "state=up")


@pytest.mark.only_on("slurm")
def test_a_foreign_job_is_never_touched(site: Site) -> None:
    assert site.slurm is not None
    foreign = site.slurm.submit("exec sleep 600", name="somebody-else")
    try:
        with site.start(jobs=1):
            pass
        ds.sweep()
        assert foreign in [job.id for job in site.slurm.queue()]
    finally:
        site.slurm.run("scancel", foreign)


@pytest.mark.also_on("ssh", "yarn")
def test_a_worker_process_that_dies_comes_back(site: Site) -> None:
    with site.start(workers=1) as cluster:
        with Client(cluster) as client:
            before = client.submit(os.getpid).result(timeout=PATIENCE)
        os.kill(before, signal.SIGKILL)

        def another() -> bool:
            workers = cluster.scheduler_info["workers"].values()
            return bool(workers) and all(one["pid"] != before for one in workers if "pid" in one)

        until(lambda: before not in [process.pid for process in leaks.everything().values()])
        until(lambda: cluster.state["workers"]["running"] == 1 and another())
        with Client(cluster) as client:
            assert client.submit(os.getpid).result(timeout=PATIENCE) != before


@pytest.mark.also_on("ssh", "yarn")
def test_a_lost_keeper_is_shown_and_released(site: Site) -> None:
    with site.start() as cluster:
        state = cluster.state
        os.kill(state["keeper"]["pid"], signal.SIGKILL)

        until(lambda: cluster.state["state"] == "lost")

        assert "keeper died" in cluster.state["reason"]
        site.assert_nothing_left()


def test_a_lost_guard_is_replaced(site: Site) -> None:
    with site.start(workers=1) as cluster:
        before = cluster.state["guard"]["pid"]
        os.kill(before, signal.SIGKILL)

        until(lambda: cluster.state["guard"]["pid"] != before)
        assert cluster.state["state"] == "running"


@pytest.mark.also_on("ssh", "yarn")
def test_keeper_and_guard_lost_in_one_instant_and_swept(site: Site) -> None:
    with site.start() as cluster:
        state = cluster.state
        os.kill(state["guard"]["pid"], signal.SIGSTOP)
        os.kill(state["keeper"]["pid"], signal.SIGKILL)
        os.kill(state["guard"]["pid"], signal.SIGKILL)
        until(lambda: cluster.state["state"] == "lost")
        assert "sweep" in cluster.state["reason"]

        report = ds.sweep()

        assert cluster.id in [*report.ended, *(id for id, _ in report.left)]
        assert str(report)
        site.assert_nothing_left()


def test_close_after_everything_died(site: Site, begin: Callable[..., Any]) -> None:
    cluster = begin()
    state = cluster.state
    os.kill(state["guard"]["pid"], signal.SIGSTOP)
    os.kill(state["keeper"]["pid"], signal.SIGKILL)
    os.kill(state["guard"]["pid"], signal.SIGKILL)

    cluster.close()

    assert cluster.state["state"] == "stopped"
    site.assert_nothing_left()
