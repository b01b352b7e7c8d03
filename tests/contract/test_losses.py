"""Workers that go without being asked to: shown with a reason, and replaced when somebody scales."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest
from distributed import Client

import dask_steward as ds
from tests.contract.site import PATIENCE, Site, until
from tests.support import leaks


def test_a_job_that_somebody_cancels_is_lost_with_a_reason_and_replaced(site: Site) -> None:
    if site.slurm is None:
        pytest.skip("no jobs")
    with site.start() as cluster:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        victim, other = sorted(one.id for one in ds.held())

        site.slurm.run("scancel", victim)

        state = until(lambda: (found := cluster.state)["workers"]["lost"] and found)
        assert state["state"] == "degraded"
        assert re.search(rf"1 of 2 jobs lost: job {victim}: .*[Cc]ancel", state["reason"])
        assert state["workers"] == {"asked": 2, "queued": 0, "running": 1, "lost": 1}
        assert [one.id for one in ds.held()] == [other]
        with Client(cluster) as client:
            assert client.submit(sum, [1]).result(timeout=PATIENCE) == 1

        cluster.scale(2)

        until(lambda: cluster.state["workers"] == {"asked": 2, "queued": 0, "running": 2, "lost": 0})
        assert cluster.state["state"] == "running"
        assert cluster.state["reason"] is None
        assert other in [one.id for one in ds.held()]


def test_all_jobs_lost_is_no_end_of_the_cluster(site: Site) -> None:
    if site.slurm is None:
        pytest.skip("no jobs")
    with site.start(jobs=1) as cluster:
        site.slurm.run("scancel", ds.held()[0].id)

        until(lambda: cluster.state["state"] == "degraded")
        assert ds.held() == []
        cluster.scale(1)

        until(lambda: cluster.state["state"] == "running")


def test_a_queued_job_that_somebody_cancels(site: Site) -> None:
    if site.slurm is None:
        pytest.skip("no jobs")
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

            until(lambda: cluster.state["workers"]["lost"] == 1)
        finally:
            site.slurm.run("scontrol", "update", "partition=debug", "state=up")


def test_a_foreign_job_is_never_touched(site: Site) -> None:
    if site.slurm is None:
        pytest.skip("no jobs")
    foreign = site.slurm.submit("sleep 600", name="somebody-else")
    try:
        with site.start(jobs=1):
            pass
        ds.sweep()
        assert foreign in [job.id for job in site.slurm.queue()]
    finally:
        site.slurm.run("scancel", foreign)


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
