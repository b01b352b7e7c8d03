"""Logs of jobs: quiet after an orderly close, and there when the cluster has gone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.contract.site import PATIENCE, Site, until

#: What an orderly close must not leave in the log of a worker.
NOISE = re.compile(r"Traceback|CommClosedError|\bERROR\b|\bCRITICAL\b|StreamClosed|Broken pipe|Killed", re.IGNORECASE)


@pytest.fixture(scope="module")
def queue(site: Site) -> Site:
    """A system with jobs."""
    if not site.on_queue:
        pytest.skip("workers of this host log into the keeper's log")
    return site


def noise(logs: dict[str, str]) -> list[str]:
    """Return the lines of the jobs' logs that look like an error."""
    return [
        f"{name}: {line}"
        for name, text in logs.items()
        if name.startswith("job ")
        for line in text.splitlines()
        if NOISE.search(line) and not line.startswith("slurmstepd")  # Slurm says there that it cancelled the job
    ]


def compute(cluster: Any) -> None:
    """Use all workers: they talk to the client's scheduler and to each other."""
    with cluster.get_client() as client:
        squares = client.map(lambda x: bytes(x), range(1000, 1020), pure=False)
        assert client.submit(lambda parts: sum(map(len, parts)), squares).result(timeout=PATIENCE) > 0


def test_an_orderly_close_leaves_no_error_in_a_workers_log(queue: Site) -> None:
    with queue.start(set={"options.processes": 2, "options.cores": 2}) as cluster:
        cluster.wait_for_workers(4, timeout=PATIENCE)
        compute(cluster)
    logs = cluster.get_logs(tail=1000)
    assert len([name for name in logs if name.startswith("job ")]) == 2
    assert noise(logs) == []


def test_a_job_given_back_leaves_no_error_in_its_log(queue: Site) -> None:
    with queue.start() as cluster:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        compute(cluster)
        cluster.scale(jobs=1)
        until(lambda: len(cluster.state["holdings"]) == 1)
        assert noise(cluster.get_logs(tail=1000)) == []
