"""Groups: jobs of several shapes in one cluster, each scaled by its name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import dask_steward as ds
from dask_steward.errors import UsageError
from tests.contract.site import PATIENCE, Site, until

pytestmark = pytest.mark.only_on("slurm")

PROFILE = """\
system: slurm
scale: {jobs: 1}
options: {queue: debug, cores: 2, memory: 300 MB, processes: 1, interface: lo, walltime: "00:10:00"}
groups:
  bigmem:
    scale: {jobs: 1}
    resources: {bigmem: 1}
    options: {memory: 700 MB, cores: 1}
  pairs:
    title: Two processes a job
    resources: {pairs: 2}
    options: {processes: 2, cores: 4}
"""


@pytest.fixture(scope="module")
def site(site: Site) -> Site:
    """Slurm, with a profile of three groups."""
    (site.profiles / "mixed.yaml").write_text(PROFILE)
    return site


@pytest.fixture(scope="module")
def mixed(site: Site) -> Iterator[Any]:
    """A cluster of one job of the profile's own and one of big memory."""
    with ds.start("mixed", name="mixed groups") as found:
        found.wait_for_workers(2, timeout=PATIENCE)
        yield found


def sizes(cluster: Any) -> dict[str, tuple[int, int]]:
    """Return jobs wanted and workers running by group."""
    return {name: (group["jobs"], group["running"]) for name, group in cluster.groups.items()}


def ran_on(client: Any, resources: dict[str, float] | None, count: int = 6) -> set[str]:
    """Return the names of the workers on which tasks with these resources ran."""

    def where(_: int) -> str:
        from distributed import get_worker

        return str(get_worker().name)

    futures = client.map(where, range(count), pure=False, resources=resources)
    return set(client.gather(futures))


def group_of(cluster: Any) -> dict[str, str]:
    """Return the group of each job by its id."""
    return {one["id"]: one["group"] for one in cluster.state["holdings"]}


def shell(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dask_steward.cli", *arguments], capture_output=True, text=True, timeout=PATIENCE * 2
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_group_starts_with_its_own_size_and_shape(mixed: Any, site: Site) -> None:
    assert sizes(mixed) == {"main": (1, 1), "bigmem": (1, 1), "pairs": (0, 0)}
    assert sorted(group_of(mixed).values()) == ["bigmem", "main"]
    units = {name: group["unit"] for name, group in mixed.groups.items()}
    assert units["bigmem"] == {"workers": 1, "cores": 1, "memory": 700 * 10**6}
    assert units["pairs"] == {"workers": 2, "cores": 4, "memory": 300 * 10**6}
    assert mixed.state["workers"] == {"asked": 2, "queued": 0, "running": 2, "lost": 0}


def test_tasks_run_on_the_group_that_has_their_resource(mixed: Any) -> None:
    workers = mixed.scheduler_info["workers"].values()
    by_resource = {worker["name"] for worker in workers if worker["resources"].get("bigmem") == 1}
    assert len(by_resource) == 1
    with mixed.get_client() as client:
        assert ran_on(client, {"bigmem": 1}) == {str(name) for name in by_resource}


def test_a_group_is_scaled_by_its_name_and_the_others_stay(mixed: Any) -> None:
    before = {id for id, group in group_of(mixed).items() if group != "pairs"}
    assert mixed.scale(jobs=1, group="pairs") is None
    until(lambda: sizes(mixed)["pairs"] == (1, 2))
    with mixed.get_client() as client:
        found = ran_on(client, {"pairs": 1}, 20)
    assert len(found) == 2
    assert len({name.rpartition("-")[0] for name in found}) == 1  # both processes of one job
    assert {id for id, group in group_of(mixed).items() if group != "pairs"} == before
    mixed.scale(jobs=0, group="pairs")
    until(lambda: sizes(mixed)["pairs"] == (0, 0))
    until(lambda: set(group_of(mixed)) == before)


def test_a_size_is_rounded_up_to_jobs_of_the_group_and_said_so(mixed: Any) -> None:
    note = mixed.scale(cores=3, group="pairs")
    assert note == "3 cores are rounded up to 1 job of 4 cores: 4 cores."
    until(lambda: sizes(mixed)["pairs"] == (1, 2))
    mixed.scale(jobs=0, group="pairs")


def test_a_group_that_is_not_there_is_named_with_those_that_are(mixed: Any) -> None:
    with pytest.raises(UsageError, match="bigmem"):
        mixed.scale(jobs=1, group="bigmen")
    with pytest.raises(UsageError, match="bigmem"):
        mixed.adapt(0, 1, group="bigmen")


def test_the_shell_scales_and_shows_groups(mixed: Any) -> None:
    out = shell("scale", mixed.id, "3", "--unit", "workers", "--group", "pairs")
    assert "3 workers are rounded up to 2 jobs of 2 workers: 4 workers." in out
    assert "mixed groups, pairs: " in out
    until(lambda: sizes(mixed)["pairs"][0] == 2)
    text = shell("status", mixed.id)
    header, *rows = next(part for part in text.split("\n\n") if part.startswith("GROUP")).splitlines()
    assert header.split() == ["GROUP", "ASKED", "QUEUED", "RUNNING", "LOST", "JOBS"]
    assert [row.split()[0] for row in rows] == ["main", "bigmem", "pairs"]
    assert rows[2].split()[1] == "4"
    state = json.loads(shell("scale", mixed.id, "0", "--group", "pairs", "--json"))
    assert (state["note"], state["groups"]["pairs"]["asked"]) == (None, 0)
    until(lambda: sizes(mixed)["pairs"] == (0, 0))


def test_a_group_adapts_by_itself(mixed: Any) -> None:
    mixed.adapt(0, 1, group="pairs", hold="1 s", queue_patience="1 s", interval="200 ms", target_duration="1 s")
    assert mixed.groups["pairs"]["adapt"]["maximum"] == 1
    with mixed.get_client() as client:
        assert len(ran_on(client, {"pairs": 1})) >= 1
    assert sizes(mixed)["main"] == (1, 1)
    until(lambda: sizes(mixed)["pairs"] == (0, 0))
    mixed.adapt(active=False, group="pairs")
    assert mixed.groups["pairs"]["adapt"] is None


def test_a_stop_leaves_no_job_of_any_group(site: Site) -> None:
    with ds.start("mixed", set={"groups.pairs.scale.jobs": 1}) as cluster:
        until(lambda: sorted(group_of(cluster).values()) == ["bigmem", "main", "pairs"])
        assert site.slurm is not None
        assert len([job for job in site.slurm.queue() if job.name == cluster.state["tag"]]) == 3
    assert cluster.state["state"] == "stopped"
    left = [job for job in site.slurm.queue() if job.name == cluster.state["tag"] and job.state != "COMPLETING"]
    assert left == []
    assert [one for one in ds.held() if one.cluster == cluster.id] == []
