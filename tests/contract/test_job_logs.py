"""Logs of jobs: quiet after an orderly close, and there when the cluster has gone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from dask_steward.errors import StartFailed
from tests.contract.site import PATIENCE, Site, bare_python, until

pytestmark = pytest.mark.only_on("slurm")

#: What an orderly close must not leave in the log of a worker.
NOISE = re.compile(r"Traceback|CommClosedError|\bERROR\b|\bCRITICAL\b|StreamClosed|Broken pipe|Killed", re.IGNORECASE)


@pytest.fixture(scope="module")
def queue(site: Site) -> Site:
    """A system with jobs."""
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


def shell(*arguments: str) -> str:
    """Return what a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "dask_steward.cli", *arguments], capture_output=True, text=True, timeout=PATIENCE * 2
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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


def test_the_log_of_a_dead_worker_is_found_by_its_name_and_address_also_after_the_stop(queue: Site) -> None:
    with queue.start() as cluster:
        cluster.wait_for_workers(2, timeout=PATIENCE)
        workers = {str(worker["name"]): address for address, worker in cluster.scheduler_info["workers"].items()}
        cluster.scale(jobs=1)
        until(lambda: len(cluster.scheduler_info["workers"]) == 1)
        (dead,) = set(workers) - {str(one["name"]) for one in cluster.scheduler_info["workers"].values()}
        living = cluster.get_logs(worker=next(name for name in workers if name != dead))
        assert [name.split()[0] for name in living] == ["worker"]
        by_name = cluster.get_logs(worker=dead, tail=1000)
        assert [name.split()[0] for name in by_name] == ["job"]
        assert workers[dead] in "".join(by_name.values())
        assert cluster.get_logs(worker=workers[dead], tail=1000) == by_name
    assert list(cluster.get_logs(worker=dead)) == list(by_name)
    (job,) = (name.removeprefix("job ") for name in by_name)
    assert list(ds.get(cluster.id).get_logs(job=job)) == list(by_name)


def test_logs_of_a_stopped_cluster_are_listed_and_read_by_the_shell_and_go_with_the_sweep(queue: Site) -> None:
    with queue.start(jobs=1, name="short lived", set={"logs_kept": "1 d"}) as cluster:
        cluster.wait_for_workers(1, timeout=PATIENCE)
        assert cluster.state["logs_until"] is None
    text = shell("logs", cluster.id)
    assert "== keeper ==" in text
    assert "Start worker at" in text
    (row,) = (line for line in shell("list", "--all").splitlines() if cluster.id in line)
    assert " until " in row
    assert "until" in next(line for line in shell("status", cluster.id).splitlines() if line.startswith("logs"))
    # As if it had ended a day and a minute ago.
    end = queue.state / "dask-steward" / "clusters" / cluster.id / "end.json"
    content = json.loads(end.read_text())
    end.write_text(json.dumps({**content, "at": content["at"] - 86460}))
    ds.sweep()
    assert shell("logs", cluster.id).strip() == "no logs: they were deleted"
    assert cluster.state["logs_until"] is None
    (row,) = (line for line in shell("list", "--all").splitlines() if cluster.id in line)
    assert " until " not in row


def test_logs_lie_where_the_profile_says(queue: Site, tmp_path: Path) -> None:
    with queue.start(jobs=1, set={"options.log_directory": str(tmp_path / "mine")}) as cluster:
        cluster.wait_for_workers(1, timeout=PATIENCE)
        (found,) = (tmp_path / "mine" / cluster.state["tag"]).iterdir()
        assert "Start worker at" in found.read_text()
        assert list(cluster.get_logs(job=found.stem)) == [f"job {found.stem}"]


def test_a_folder_for_logs_that_cannot_be_made_is_a_sentence(queue: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartFailed, match=r"No folder for the jobs' logs") as caught:
        queue.start(set={"options.log_directory": str(tmp_path / "file" / "x")})
    assert "Not a directory" in str(caught.value)


def test_a_wrong_prologue_is_found_before_any_submit(queue: Site) -> None:
    assert queue.slurm is not None
    with pytest.raises(StartFailed, match=r"options\.job_script_prologue is no valid shell") as caught:
        queue.start(set={"options.job_script_prologue": "[if true]"})
    entry = queue.state / "dask-steward" / "clusters" / str(caught.value.cluster)
    assert not (entry / "holdings.jsonl").exists()


def test_a_python_without_dask_is_found_before_any_submit(queue: Site, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "bare")
    with pytest.raises(StartFailed, match=r"options\.python: .* has no distributed"):
        queue.start(set={"options.python": str(python)})


@pytest.mark.parametrize("signal", ["TERM"])
def test_the_local_directory_goes_with_the_job_also_when_it_is_killed(queue: Site, tmp_path: Path, signal: str) -> None:
    assert queue.slurm is not None
    with queue.start(jobs=1, set={"options.local_directory": str(tmp_path / "spill")}) as cluster:
        cluster.wait_for_workers(1, timeout=PATIENCE)
        (holding,) = cluster.state["holdings"]
        assert len(list((tmp_path / "spill").iterdir())) == 1
        queue.slurm.run("scancel", f"--signal={signal}", "--full", holding["id"])
        until(lambda: holding["id"] not in {one["id"] for one in cluster.state["holdings"]})
        own = tmp_path / "spill" / f"{cluster.state['tag']}.{holding['id']}"
        until(lambda: not own.exists())


def test_what_a_job_left_that_was_killed_at_once_goes_with_the_next_one_on_its_node(
    queue: Site, tmp_path: Path
) -> None:
    assert queue.slurm is not None
    spill = tmp_path / "spill"
    stranger = spill / "dask-steward-strangerxx.1"
    stranger.mkdir(parents=True)
    (stranger / ".steward").write_text("another-host 1 pid:[1] 1 1\n")
    with queue.start(jobs=1, set={"options.local_directory": str(spill)}) as cluster:
        cluster.wait_for_workers(1, timeout=PATIENCE)
        (first,) = cluster.state["holdings"]
        own = spill / f"{cluster.state['tag']}.{first['id']}"
        assert own.is_dir()
        with queue.start(jobs=1, name="beside", set={"options.local_directory": str(spill)}) as beside:
            beside.wait_for_workers(1, timeout=PATIENCE)
            assert own.is_dir()  # of a job that lives
        queue.slurm.run("scancel", "--signal=KILL", "--full", first["id"])
        # It is replaced, and its replacement tidies up.
        until(lambda: {one["id"] for one in cluster.state["holdings"]} not in ({first["id"]}, set()))
        until(lambda: not own.exists())
    assert sorted(path.name for path in spill.iterdir()) == [stranger.name]
