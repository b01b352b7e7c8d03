"""The scheduler in a job of its own: the same cluster, and whatever dies, that job goes with the others."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from distributed import Client

import dask_steward as ds
from dask_steward.ledger import holdings
from tests.contract.site import PATIENCE, Site, until

pytestmark = [
    pytest.mark.long,
    pytest.mark.parametrize("site", ["slurm"], indirect=True, scope="module"),
    pytest.mark.timeout(240),
]

APART = """\
title: The scheduler in a job of its own
system: slurm
scale: {jobs: 1}
scheduler: {place: job, partition: normal, walltime: "00:20:00", memory: 500 MB}
options: {queue: debug, cores: 1, memory: 600 MB, processes: 1, interface: lo, walltime: "00:10:00"}
"""


@pytest.fixture(autouse=True)
def apart(site: Site) -> Iterator[None]:
    (site.profiles / "apart.yaml").write_text(APART)
    yield
    site.assert_nothing_left()


@pytest.fixture
def start(site: Site) -> Iterator[Callable[..., Any]]:
    """Start clusters that are closed after the test, if it did not do that itself."""
    started: list[Any] = []

    def begin(**options: Any) -> Any:
        started.append(ds.start("apart", **options))
        return started[-1]

    yield begin
    for one in started:
        one._close(PATIENCE, "the test is over")


def ledger(site: Site, cluster: Any) -> holdings.Holding:
    """Return what the ledger says of the scheduler's job."""
    entry = next(one for one in site.entries() if one.id == cluster.id)
    return entry.holdings()["scheduler"]


def scheduler_job(site: Site, cluster: Any) -> str:
    """Return the id of the scheduler's job, by its comment in the queue."""
    assert site.slurm is not None
    tag = f"dask-steward-{cluster.id}"
    return next(job.id for job in site.slurm.queue() if job.comment == f"{tag}:scheduler")


def test_a_whole_life(site: Site, start: Callable[..., Any]) -> None:
    """Given a scheduler in a job, then client, size, logs, pages and end are as with any other place."""
    cluster = start()
    job = scheduler_job(site, cluster)
    held = ledger(site, cluster)
    assert (held.step, held.id) == (holdings.HELD, job)

    with Client(cluster) as client:
        assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3
        where = client.run_on_scheduler(os.getenv, "SLURM_JOB_ID")
        assert where == job
        partition = client.run_on_scheduler(os.getenv, "SLURM_JOB_PARTITION")
        assert partition == "normal"

        cluster.scale(jobs=2)
        cluster.wait_for_workers(2, timeout=PATIENCE)
        state = cluster.state
        assert state["workers"]["running"] == 2
        assert {one["state"] for one in state["holdings"]} == {"connected"}
        assert len(state["holdings"]) == 3
        assert state["scheduler"]["address"] == cluster.scheduler_address
        assert len(cluster.scheduler_info["workers"]) == 2
        kept = client.scatter([b"x" * 100, b"y" * 100])

        cluster.scale(jobs=1)
        until(lambda: len(cluster.scheduler_info["workers"]) == 1)
        assert [len(one) for one in client.gather(kept)] == [100, 100]

        cluster.adapt(0, 2)
        done = client.submit(sum, [2, 2])
        assert done.result(timeout=PATIENCE) == 4
        summed = until(lambda: [one for one in cluster.state["tasks"]["groups"] if one["name"] == "sum"])
        assert summed[0]["erred"] == 0

    logs = cluster.get_logs()
    assert "Scheduler at" in logs[f"job {job}"]
    assert "Traceback" not in logs[f"job {job}"]
    transport = httpx.HTTPTransport(uds=cluster.dashboard_link.removeprefix("unix:"))
    with httpx.Client(transport=transport, base_url="http://pages", timeout=PATIENCE) as http:
        assert http.get("/json/counts.json").json()["workers"] >= 0

    cluster.close()

    assert cluster.state["state"] == "stopped"
    assert ledger(site, cluster).step == holdings.RELEASED
    site.assert_nothing_left(timeout=5)


def test_a_client_that_shuts_down_ends_the_cluster(site: Site, start: Callable[..., Any]) -> None:
    cluster = start()
    with Client(cluster) as client:
        client.shutdown()

    until(lambda: cluster.state["state"] == "stopped")
    site.assert_nothing_left(timeout=5)


def test_while_the_schedulers_job_waits_its_reason_is_the_clusters(site: Site, start: Callable[..., Any]) -> None:
    cluster = start(set={"scheduler.partition": "closed"}, wait=False)

    state = until(lambda: (found := cluster.state)["state"] == "pending" and "wait" not in found and found)
    until(lambda: "closed" in (cluster.state["reason"] or "").lower() or "down" in (cluster.state["reason"] or ""))
    assert cluster.state["reason"].startswith("the scheduler's job")
    assert [one["kind"] for one in cluster.state["holdings"]] == ["job"]
    assert state["workers"]["running"] == 0

    cluster.close()

    assert ledger(site, cluster).step == holdings.RELEASED
    site.assert_nothing_left(timeout=5)


def test_a_refused_job_is_told_in_the_words_of_sbatch(site: Site) -> None:
    with pytest.raises(ds.StartFailed, match="invalid partition specified: nosuch") as caught:
        ds.start("apart", set={"scheduler.partition": "nosuch"})

    assert "The scheduler's job was refused" in str(caught.value)
    site.assert_nothing_left(timeout=5)


def test_a_scheduler_that_cannot_start_on_its_node_says_why(site: Site) -> None:
    with pytest.raises(ds.StartFailed, match="nosuch0") as caught:
        ds.start("apart", set={"options.scheduler_options.interface": "nosuch0"})

    assert "Traceback" not in str(caught.value)
    site.assert_nothing_left(timeout=5)


def cancel(site: Site, cluster: Any, job: str) -> None:
    assert site.slurm is not None
    site.slurm.run("scancel", job)


def kill(site: Site, cluster: Any, job: str) -> None:
    told = json.loads((site.state / "dask-steward" / "clusters" / cluster.id / "scheduler.json").read_text())
    os.kill(told["pid"], signal.SIGKILL)


@pytest.mark.parametrize(
    ("end", "word"), [(cancel, "ancel"), (kill, "137|signal 9|ended with")], ids=["scancel", "kill"]
)
def test_a_scheduler_that_is_gone_fails_the_cluster(
    site: Site, start: Callable[..., Any], end: Callable[..., None], word: str
) -> None:
    """A scheduler cannot be moved: the cluster has failed, says what ended it, and gives the rest back."""
    cluster = start()
    job = scheduler_job(site, cluster)

    end(site, cluster, job)

    until(lambda: cluster.state["state"] == "failed")
    reason = cluster.state["reason"]
    assert f"The scheduler's job {job} has ended" in reason
    assert re.search(word, reason)
    assert ds.held() == []
    site.assert_nothing_left()


def test_a_keeper_that_dies_takes_the_schedulers_job_along(site: Site, start: Callable[..., Any]) -> None:
    cluster = start()

    os.kill(cluster.state["keeper"]["pid"], signal.SIGKILL)

    until(lambda: cluster.state["state"] == "lost")
    site.assert_nothing_left()


def test_without_tls_it_is_the_same(start: Callable[..., Any]) -> None:
    cluster = start(set={"security": "none"})

    assert cluster.scheduler_address.startswith("tcp://")
    with Client(cluster) as client:
        assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3


def test_by_the_line_alone_the_schedulers_job_leaves(site: Site, start: Callable[..., Any]) -> None:
    """Given keeper and guard killed in one instant, then nobody cancels anything, and the queue empties itself."""
    assert site.slurm is not None
    cluster = start()
    state = cluster.state
    os.kill(state["guard"]["pid"], signal.SIGSTOP)
    os.kill(state["keeper"]["pid"], signal.SIGKILL)
    os.kill(state["guard"]["pid"], signal.SIGKILL)

    tag = f"dask-steward-{cluster.id}"
    until(lambda: not [job for job in site.slurm.jobs_with_tag(tag) if job.state != "COMPLETING"])

    ds.sweep()
    assert ledger(site, cluster).id is not None
    until(lambda: cluster.state["state"] in ("lost", "stopped"))


def test_where_no_node_reaches_the_keeper_the_keeper_calls(site: Site, start: Callable[..., Any]) -> None:
    """Given a firewall that lets no job call the keeper, then the cluster works, and is given back when nobody calls.

    The line is there, but at an address on which nobody listens: it is the scheduler that misses the keeper, and the
    workers' jobs that miss the scheduler.
    """
    assert site.slurm is not None
    cluster = start(set={"line.host": "127.0.0.9", "line.silence": "10 s"})
    with Client(cluster) as client:
        assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3
    job = scheduler_job(site, cluster)
    assert "127.0.0.9" in cluster.get_logs(job=job)[f"job {job}"]

    state = cluster.state
    os.kill(state["guard"]["pid"], signal.SIGSTOP)
    os.kill(state["keeper"]["pid"], signal.SIGKILL)
    os.kill(state["guard"]["pid"], signal.SIGKILL)

    tag = f"dask-steward-{cluster.id}"
    until(lambda: not [one for one in site.slurm.jobs_with_tag(tag) if one.state != "COMPLETING"], timeout=120)
    assert "the keeper has not spoken to this scheduler for 10 s" in cluster.get_logs(job=job)[f"job {job}"]
    ds.sweep()
    until(lambda: cluster.state["state"] in ("lost", "stopped"))


def test_an_owner_that_dies_gives_all_jobs_back(site: Site, tmp_path: Path) -> None:
    told = tmp_path / "id"
    code = (
        "import pathlib, time, dask_steward as ds\n"
        "cluster = ds.start('apart', tenure='process')\n"
        f"pathlib.Path({str(told)!r}).write_text(cluster.id)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as owner:
        until(lambda: told.exists() and told.read_text())
        owner.kill()

    cluster = ds.get(told.read_text())
    until(lambda: cluster.state["state"] in ("stopped", "lost"))
    site.assert_nothing_left()


def test_a_walltime_that_nears_its_end_is_told_and_is_the_clusters_end(site: Site, start: Callable[..., Any]) -> None:
    """Slurm ends a job up to half a minute after its walltime of a minute."""
    cluster = start(set={"scheduler.walltime": "00:01:00"})

    warning = until(lambda: [one for one in cluster.state["warnings"] if "reaches its walltime" in one], timeout=90)

    assert cluster.state["state"] == "running"
    assert "scheduler.walltime" in warning[0]
    assert "cannot be moved" in warning[0]
    until(lambda: cluster.state["state"] == "failed", timeout=120)
    assert re.search("walltime|time limit|TIMEOUT", cluster.state["reason"])


def test_progress_is_told_from_there(start: Callable[..., Any]) -> None:
    """Given a scheduler in a job, then computations, and the first task that failed, are shown as with any other."""
    cluster = start()

    def breaks(number: int) -> int:
        if number == 3:
            raise ValueError("no such day")
        return number

    with cluster.get_client() as client:
        futures = client.map(breaks, range(8))
        progress = ds.widgets.Progress(futures)
        client.gather(futures, errors="skip")
        until(lambda: (found := progress.view()["computations"]) and found[0]["ended"])
        (found,) = progress.view()["computations"]
        assert (found["name"], found["done"], found["erred"]) == ("breaks", 8, 1)
        assert found["error"]["message"] == "ValueError: no such day"
        assert found["error"]["job"] is not None
        until(lambda: [one["name"] for one in cluster.state["computations"]] == ["breaks"])
