"""Preview, on the real Slurm: what is shown is what a start submits, and nothing is submitted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from dask_steward.errors import StartFailed, UsageError
from tests.contract.site import bare_python
from tests.faces.conftest import Shell
from tests.faces.notebook import LIMIT, Notebook
from tests.support.private_slurm import PrivateSlurm

pytestmark = pytest.mark.requires("slurm")

Answer = Callable[..., Any]

PROFILE = """\
system: slurm
scale: {jobs: 2}
environment: {MY_VARIABLE: "a b"}
options: {queue: debug, cores: 2, memory: 600 MB, processes: 2, interface: lo, walltime: "00:10:00"}
groups:
  big: {scale: {jobs: 1}, resources: {bigmem: 1}, options: {memory: 1200 MB, processes: 1}}
"""


@pytest.fixture
def profiles(slurm: PrivateSlurm, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the profile ``queue``, and an empty ledger."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "queue.yaml").write_text(PROFILE)
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(folder))
    return folder


def nothing_was_taken(slurm: PrivateSlurm, state: Path, before: int) -> bool:
    """Tell whether no job was submitted and nothing stands in the ledger."""
    return len(slurm.queue(ended=True)) == before and not list(state.glob("dask-steward/clusters/*"))


def test_a_preview_takes_nothing_and_says_what_a_start_would(
    slurm: PrivateSlurm, profiles: Path, state_dir: Path
) -> None:
    before = len(slurm.queue(ended=True))

    found = ds.preview("queue", test_only=True)

    main, big = found.groups
    assert (main.name, main.jobs, main.processes, main.threads, main.cores) == ("main", 2, 2, 1, 2)
    assert (big.name, big.jobs, big.processes, big.memory) == ("big", 1, 1, 1_200_000_000)
    assert (found.jobs, found.cores, found.workers) == (3, 6, 5)
    assert found.memory == 2 * 600_000_000 + 1_200_000_000
    assert found.start is not None
    assert found.start <= time.time() + 60
    assert main.nodes in {"n1", "n2", "n3"}
    assert found.warnings == ()
    assert main.commands[0][0] == "sbatch"
    assert main.commands[0][-1] == "--array=0-1"
    assert len(big.commands) == 1
    assert not any(word.startswith("--array") for word in big.commands[0])
    assert "--resources" in big.script
    assert nothing_was_taken(slurm, state_dir, before)


def normal(script: str, id: str) -> list[str]:
    """Return a submitted script with what a preview cannot know replaced as a preview shows it."""
    for pattern, shown in (
        (re.escape(id), "CLUSTER"),
        (r"tls://[\d.]+:\d+", "SCHEDULER"),
        (r"host=[\d.]+ ", "host=HOST "),
        (r"(steward_port|steward_scheduler_port)=\d+", r"\1=PORT"),
        (r"\$steward_job \S+ \$steward_node", "$steward_job SECRET $steward_node"),
        (r'= "[\w-]{8,}" \]; then steward_watch=line', '= "SECRET" ]; then steward_watch=line'),
    ):
        script = re.sub(pattern, shown, script)
    return script.splitlines()


def test_the_script_is_the_one_that_a_start_submits(slurm: PrivateSlurm, profiles: Path) -> None:
    for jobs in (1, 2):  # a plain job, and an array
        shown = ds.preview("queue", jobs=jobs).groups[0]
        with ds.start("queue", jobs=jobs, wait=LIMIT) as cluster:
            submitted = slurm.jobs_with_tag(cluster.state["tag"])
            job = next(one for one in submitted if one.comment == f"{cluster.state['tag']}:j1")
            real = slurm.run("scontrol", "write", "batch_script", job.id.partition("_")[0], "-").stdout
            assert normal(real, cluster.id) == shown.script.splitlines()
    slurm.wait_idle(LIMIT)


def test_each_face_shows_the_same(
    slurm: PrivateSlurm, profiles: Path, shell: Shell, answer: Answer, notebook_here: Notebook
) -> None:
    text = str(ds.preview("queue"))

    assert shell("preview", "queue", check=0).stdout == text + "\n"
    assert notebook_here.run("%dask_cluster preview queue").stdout == text + "\n"
    found = answer("preview", "queue", "--jobs", "3", "--set", "options.cores=4")
    assert found["held"] == {"jobs": 4, "cores": 16, "memory": 3_000_000_000, "core_hours_per_hour": 16}
    assert found["groups"][0]["commands"][0][-1] == "--array=0-2"
    assert found == json.loads(json.dumps(ds.preview("queue", jobs=3, set={"options.cores": 4}).to_dict()))


@pytest.fixture
def notebook_here(profiles: Path) -> Any:
    """A kernel in which the profile and the Slurm of the test are known."""
    found = Notebook()
    yield found
    found.close()


def test_a_comparison_says_who_starts_first_and_why_others_do_not(
    slurm: PrivateSlurm, profiles: Path, state_dir: Path, answer: Answer, shell: Shell
) -> None:
    for node in ("n1", "n2", "n3"):  # every node has room for jobs of two cores, and none for four
        slurm.submit("exec sleep 600", "--cpus-per-task=2", "--time=10", f"--nodelist={node}")
    before = len(slurm.queue(ended=True))
    deadline = time.monotonic() + LIMIT
    while [job.state for job in slurm.queue()] != ["RUNNING"] * 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (profiles / "whole.yaml").write_text(PROFILE.replace("cores: 2", "cores: 4"))
    (profiles / "small.yaml").write_text(PROFILE.replace("memory: 600", "memory: 300"))

    found = answer("preview", "whole", "--compare", "small", "nothere", "--partitions", "debug,closed,nope")

    names = [one["name"] for one in found]
    assert names[:2] == ["small in debug", "whole in debug"]
    assert found[0]["start"] < found[1]["start"]
    why = {one["name"]: one["refusal"] for one in found[2:]}
    assert "invalid partition specified: nope" in why["small in nope"]
    assert "closed is DOWN" in why["whole in closed"]
    assert "no profile is called nothere" in why["nothere in debug"]
    lines = shell("preview", "whole", "--compare", "small", check=0).stdout.splitlines()
    assert lines[0].split() == ["CANDIDATE", "START", "PARTITION", "NODES", "REMARKS"]
    assert [line.split()[0] for line in lines[1:]] == ["small", "whole"]
    assert nothing_was_taken(slurm, state_dir, before)


def test_what_would_never_start_is_said(slurm: PrivateSlurm, profiles: Path, shell: Shell) -> None:
    found = ds.preview("queue", set={"options.memory": "64 GB", "options.walltime": "02:00:00"}, test_only=True)

    text = " ".join(found.warnings)
    assert "fits on no node of the partition debug" in text
    assert "the partition debug allows 00:30:00 at most, and the walltime is 02:00:00" in text
    assert "Requested node configuration is not available" in str(found.refusal)
    done = shell("preview", "queue", "--set", "options.memory=64 GB", "--test-only", check=1)
    assert "refused: " in done.stdout


def test_wrong_profiles_are_errors_as_at_a_start(slurm: PrivateSlurm, profiles: Path, shell: Shell) -> None:
    with pytest.raises(StartFailed, match=r"options\.cores is not set"):
        ds.preview("queue", set={"options.cores": None})
    with pytest.raises(UsageError, match="one unit"):
        ds.preview("queue", jobs=1, workers=2)
    with pytest.raises(StartFailed, match="not an interpreter"):
        ds.preview("queue", set={"python": "/no/python"})
    assert shell("preview", "nope", check=2).stderr.startswith("dask-steward: no profile is called nope")
    assert shell("preview", "queue", "--partitions", ",", check=2)


def test_a_scheduler_in_a_job_of_its_own_is_one_job_more(slurm: PrivateSlurm, profiles: Path) -> None:
    found = ds.preview("queue", set={"scheduler.place": "job"}, test_only=True)

    scheduler = found.groups[-1]
    assert (scheduler.name, scheduler.jobs, scheduler.processes, scheduler.cores) == ("scheduler", 1, 0, 1)
    assert scheduler.commands[0][3].endswith(":scheduler")
    assert "scheduler_host" in scheduler.script
    assert found.jobs == 4
    assert "the scheduler" in str(found)


def test_another_python_renders_its_own_jobs(slurm: PrivateSlurm, profiles: Path, tmp_path: Path) -> None:
    bare = bare_python(tmp_path / "bare")
    with pytest.raises(StartFailed, match="cannot render its jobs: ModuleNotFoundError"):
        ds.preview("queue", set={"python": str(bare)})


def test_without_a_slurm_the_script_is_shown_all_the_same(
    slurm: PrivateSlurm, profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    found = ds.preview("queue", test_only=True)

    assert "#SBATCH -p debug" in found.groups[0].script
    assert found.start is None
    assert found.warnings == ("the commands of slurm are not on the PATH, so it could not be asked",)


def test_clusters_of_this_machine_have_no_script(answer: Answer, shell: Shell, state_dir: Path) -> None:
    with ds.start("local", workers=2) as cluster:
        real = cluster.state
    found = ds.preview("local", workers=2)

    assert (found.workers, found.threads, found.groups) == (2, real["threads"], ())
    assert found.memory == pytest.approx(real["memory"]["limit"], rel=0.01)
    assert answer("preview", "threads", "--workers", "3")["threads"] == 3
    assert "No job is submitted." in shell("preview", "synchronous", check=0).stdout
