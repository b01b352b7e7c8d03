"""How an allocation is shared, and what its job script says."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.control.batch import Batch
from dask_steward.control.batch.render import program, render, shares
from dask_steward.managers.base import JobState, JobStatus, Unknown
from dask_steward.managers.slurm import Slurm
from dask_steward.profiles import ProfileStore
from dask_steward.profiles.models import from_json

OPTIONS: dict[str, Any] = {"nodes": 1, "cores": 4, "memory": 8 * 10**9}


def profile(security: str = "tls", **options: Any) -> dict[str, Any]:
    found = from_json({"system": "allocation", "name": "p", "security": security, "options": {**OPTIONS, **options}})
    return found.expanded({}).to_json()


@given(
    nodes=st.integers(1, 5),
    cores=st.integers(1, 256),
    processes=st.one_of(st.none(), st.integers(1, 256)),
    memory=st.integers(10**9, 10**12),
)
def test_no_node_gives_more_than_it_has(nodes: int, cores: int, processes: int | None, memory: int) -> None:
    if processes is not None:
        processes = min(processes, cores)
    first, other = shares({"nodes": nodes, "cores": cores, "processes": processes, "memory": memory})
    for share in (first, other):
        assert min(share.workers, share.threads, share.memory) >= 1
        assert share.workers * share.threads <= cores
        assert share.workers * share.memory <= memory
    assert first.workers * first.memory <= memory - memory // 8 or memory // 8 > 16 * 10**9
    if nodes > 1 and cores > 1:
        assert first.workers * first.threads <= cores - 1
    if nodes == 1:
        assert first.workers * first.threads == other.workers * other.threads or processes is not None


def test_directives_say_what_the_options_say() -> None:
    script = render(
        profile(nodes=3, queue="normal", account="climate", walltime="2 h", job_extra_directives=["--exclusive"]),
        ["/home/a b/run.py", "it's", "$HOME"],
        "/opt/env/bin/python",
    )
    heads = [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH")]
    assert heads == [
        "--nodes=3",
        "--ntasks=3",
        "--ntasks-per-node=1",
        "--cpus-per-task=4",
        "--mem=7630M",
        "--partition=normal",
        "--account=climate",
        "--time=02:00:00",
        "--exclusive",
    ]
    (line,) = [line for line in script.splitlines() if line.startswith("exec ")]
    words = shlex.split(line.partition(" <<")[0])
    assert words[:3] == ["exec", "/opt/env/bin/python", "-"]
    assert words[4:] == ["/home/a b/run.py", "it's", "$HOME"]
    assert json.loads(words[3])["count"] == 3 + 2 * 2 - 2  # one worker of three threads on the first node


def test_the_script_is_one_that_bash_reads(tmp_path: Any) -> None:
    path = tmp_path / "job.sh"
    path.write_text(render(profile(job_script_prologue=["module() { :; }\nmodule load x"]), ["run.py"], "python3"))
    assert subprocess.run(["bash", "-n", str(path)]).returncode == 0


def test_the_program_imports_nothing_of_ours() -> None:
    roots = set()
    for node in ast.walk(ast.parse(program())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        roots |= {name.partition(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == {"distributed"}


def test_what_belongs_to_the_node_stays_a_variable() -> None:
    script = render(profile(local_directory="$TMPDIR/x `y`"), ["run.py"], "python3")
    plan = json.loads(
        shlex.split(next(one for one in script.splitlines() if one.startswith("exec ")).partition(" <<")[0])[3]
    )
    shell = plan["workers"][-1].removeprefix("exec ")
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {shell}"], capture_output=True, text=True, env={"TMPDIR": "/scratch"}
    )
    assert "/scratch/x `y`" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scale": {"workers": 2}}, "the size is options.nodes"),
        ({"adapt": {"maximum": 2}}, "keeps its size"),
        ({"idle_timeout": 60}, "ends with its script"),
        ({"options": {**OPTIONS, "processes": 8}}, "more than options.cores"),
        ({"options": {**OPTIONS, "scheduler_memory": "7 GB"}}, "less than half"),
        ({"options": {**OPTIONS, "job_extra_directives": ["--array=1-3"]}}, "one allocation is one job"),
        ({"options": {**OPTIONS, "job_extra_directives": ["-N 2"]}}, "contradicts options.nodes"),
        ({"options": {**OPTIONS, "jobs": 2}}, "use nodes"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(
    given: dict[str, Any], words: str, tmp_path: Any, monkeypatch: Any
) -> None:
    (tmp_path / "a.yaml").write_text(json.dumps({"system": "allocation", "options": OPTIONS, **given}))
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))
    with pytest.raises(Exception, match=r"a\.yaml") as caught:
        ProfileStore().resolve("a", {})
    assert words in str(caught.value)


def test_a_job_that_is_seen_late_or_cannot_be_asked_about_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = JobStatus("7", "work", JobState.ENDED, "FAILED", exit_code="3")
    answers: list[Any] = [(), Unknown("the controller is away"), (), (ended,)]
    monkeypatch.setattr(Slurm, "jobs", lambda self, **_: answers.pop(0))
    monkeypatch.setattr(Slurm, "causes", lambda self, statuses, **_: {"7": "Slurm: FAILED"})
    monkeypatch.setattr(time, "sleep", lambda _: None)
    said: list[str] = []

    assert Batch("7", "work", "", "").wait(said.append) == (3, "Slurm: FAILED")
    assert said == ["the controller is away"]
