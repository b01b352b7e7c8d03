"""Work that takes longer than the walltime of its jobs ends with the right result, and next to nothing runs twice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Future

from tests.contract.site import PATIENCE, Site, until

pytestmark = [pytest.mark.long, pytest.mark.only_on("slurm")]

#: Walltime of the jobs: Slurm's shortest.
WALLTIME = "00:01:00"
#: Seconds for which the work goes on: two generations of jobs and a half.
LONG = 130.0
TASKS = 16


@pytest.fixture
def jobs(site: Site) -> dict[str, Any]:
    return {"set": {"options.walltime": WALLTIME, "options.cores": 2, "options.processes": 2}}


@pytest.mark.timeout(300)
def test_held_results_survive_the_end_of_their_jobs(site: Site, jobs: dict[str, Any], tmp_path: Path) -> None:
    record = tmp_path / "runs"

    def step(number: int, before: int, seconds: float) -> int:
        with record.open("a") as file:
            file.write(f"{number}\n")
        time.sleep(seconds)
        return before + 1

    with site.start(jobs=2, **jobs) as cluster, Client(cluster) as client:
        cluster.wait_for_workers(4, timeout=PATIENCE)
        first = {one["id"] for one in cluster.state["holdings"]}
        began = time.monotonic()
        results: list[Any] = [0] * TASKS
        everything: list[Future] = []
        phases = 0
        while time.monotonic() - began < LONG:
            # Each phase needs the results of the one before, and all stay in memory to the end.
            results = [client.submit(step, phases * TASKS + i, results[i], 0.4, pure=False) for i in range(TASKS)]
            everything += results
            phases += 1
            client.gather(results)
        assert client.gather(results) == [phases] * TASKS
        assert sum(client.gather(everything)) == TASKS * phases * (phases + 1) // 2
        assert not first & {one["id"] for one in cluster.state["holdings"]}
        assert cluster.state["workers"]["asked"] == 4

    runs = record.read_text().split()
    unique = phases * TASKS
    assert len(set(runs)) == unique
    assert len(runs) - unique <= max(1, 0.02 * unique), f"{len(runs) - unique} of {unique} ran twice"


@pytest.mark.timeout(300)
def test_a_task_longer_than_the_walltime_fails_with_a_sentence(site: Site, jobs: dict[str, Any]) -> None:
    with site.start(jobs=1, **jobs) as cluster, Client(cluster) as client:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        endless = client.submit(time.sleep, 3600, key="endless")

        error = until(lambda: endless.status == "error" and endless.exception(), timeout=240)

        assert "task endless had run" in str(error)
        assert "options.walltime" in str(error)
        until(lambda: any("endless" in one for one in cluster.state["warnings"]))
        assert client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3
