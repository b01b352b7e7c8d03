"""A script with a cluster of its own inside one allocation, on a real Slurm."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import dask_steward as ds
from dask_steward.errors import ProfileError, SubmitRefused, UsageError
from tests.contract.site import PATIENCE, bare_python, until
from tests.support.private_slurm import PrivateSlurm

PROFILE = """\
system: allocation
options: {cores: 4, memory: 2 GB, processes: 2, queue: debug, interface: lo, walltime: "00:05:00"}
"""
#: What the scripts of these tests begin with.
CONNECT = "import os, sys, time\nfrom distributed import Client\nclient = Client()\n"


@pytest.fixture
def place(slurm: PrivateSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of a person with one profile, who is in it."""
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "nodes.yaml").write_text(PROFILE)
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(profiles))
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "state"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert ds.held() == []
    until(lambda: not [job for job in slurm.queue() if job.state not in ("COMPLETED", "COMPLETING")])


def script(text: str, name: str = "work.py") -> str:
    Path(name).write_text(CONNECT + text)
    return name


def shell(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dask_steward.cli", "batch", *words], capture_output=True, text=True, timeout=100
    )


def logged(path: str | Path, words: str) -> str:
    """Wait until a job has said something."""
    found = Path(path)
    until(lambda: found.exists() and words in found.read_text(), 60)
    return found.read_text()


def left_of(place: Path) -> list[psutil.Process]:
    """Return processes of the script's cluster: they were started in its folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(place) and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


def assert_nothing_left(place: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while (left := left_of(place)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_on_several_nodes_the_first_one_gives_a_core_to_the_scheduler(place: Path) -> None:
    work = script(
        "workers = client.scheduler_info(n_workers=-1)['workers'].values()\n"
        "print('shapes', sorted((one['nthreads'], one['memory_limit'] // 10**6) for one in workers))\n"
        "print('sum', sum(client.gather(client.map(lambda x: x * x, range(100)))), sys.argv[1:])\n"
        "sys.exit(3)\n"
    )
    done = shell("--wait", "--json", "--set", "options.nodes=2", "nodes", work, "-v", "a b")
    told = json.loads(done.stdout)
    assert (done.returncode, told["exit_code"], told["name"]) == (3, 3, "work"), done.stderr
    said = Path(told["log"]).read_text()
    assert "shapes [(2, 1000), (2, 1000), (3, 1750)]" in said
    assert "sum 328350 ['-v', 'a b']" in said
    assert "3 workers are there after" in said
    assert "work.py ended with exit code 3" in said
    assert "Traceback" not in said
    assert_nothing_left(place)


def test_on_one_node_the_workers_have_all_cores(place: Path) -> None:
    work = script("print('threads', sum(client.nthreads().values()))\n")
    done = shell("--wait", "nodes", work)
    assert (done.returncode, done.stdout.strip().splitlines()[-1][:16]) == (0, "Slurm: COMPLETED"), done.stderr
    (log,) = place.glob("slurm-*.out")
    assert "threads 4" in log.read_text()


def test_what_is_printed_works_without_us(place: Path, slurm: PrivateSlurm) -> None:
    """A site takes the script as it is: sbatch and an interpreter with Dask are enough."""
    shown = shell("--print", "nodes", script("print('it works')\n"))
    assert (shown.returncode, shown.stderr) == (0, "")
    job = subprocess.run(
        ["sbatch", "--parsable", "--output=taken.log"], input=shown.stdout, capture_output=True, text=True, check=True
    )
    assert job.stdout.strip().isdigit()
    said = logged("taken.log", "ended with exit code 0")
    assert "it works" in said


def test_nobody_without_the_keys_can_speak_to_its_scheduler(place: Path) -> None:
    work = script(
        "print('at', client.scheduler.address, flush=True)\nwhile not os.path.exists('end'): time.sleep(0.1)\n"
    )
    job = ds.batch("nodes", work)
    address = logged(job.log, "at tls://").partition("at ")[2].split()[0]
    from distributed import Client

    with pytest.raises((OSError, TypeError)):
        Client(address.replace("tls://", "tcp://"), timeout=3, set_as_default=False)
    keys = [path for path in place.rglob("*") if path.is_file() and "PRIVATE KEY" in path.read_text(errors="replace")]
    assert keys == []
    Path("end").touch()
    assert job.wait()[0] == 0


@pytest.mark.parametrize("who", ["script", "program", "scheduler", "workers"])
def test_whoever_is_killed_the_job_ends_with_it(place: Path, slurm: PrivateSlurm, who: str) -> None:
    work = script("print('script', os.getpid(), flush=True)\ntime.sleep(600)\n")
    job = ds.batch("nodes", work, set={"options.nodes": 2})
    victim = psutil.Process(int(logged(job.log, "script ").partition("script ")[2].split()[0]))
    program = victim.parent()
    assert program is not None
    if who == "program":
        victim = program
    elif who != "script":
        word = {"scheduler": "dask_scheduler", "workers": "srun"}[who]
        (victim,) = [one for one in program.children() if any(word in part for part in one.cmdline())]
    began = time.monotonic()
    victim.send_signal(signal.SIGKILL)
    code, how = job.wait()
    assert time.monotonic() - began < PATIENCE
    assert code == {"script": 137, "program": 137, "scheduler": 1, "workers": 1}[who], how
    if who == "script":
        assert "work.py ended with signal 9" in Path(job.log).read_text()
    elif who != "program":
        assert f"the {who} ended with exit code" in Path(job.log).read_text()
    assert_nothing_left(place)


def test_a_job_that_is_cancelled_leaves_nothing(place: Path) -> None:
    job = ds.batch("nodes", script("print('here', flush=True)\ntime.sleep(600)\n"), set={"options.nodes": 2})
    logged(job.log, "here")
    subprocess.run(["scancel", str(job.id)], check=True)
    code, how = job.wait()
    assert code != 0
    assert "CANCELLED" in how
    assert_nothing_left(place)


def test_workers_that_do_not_come_up_end_the_job(place: Path) -> None:
    job = ds.batch("nodes", script("print('never')\n"), set={"options.worker_extra_args": ["--no-such-option"]})
    assert job.wait()[0] == 1
    said = Path(job.log).read_text()
    assert re.search("the workers ended with exit code [1-9], when 0 of 2 workers were there", said)
    assert "never" not in said


def test_a_script_may_shut_its_cluster_down(place: Path) -> None:
    job = ds.batch("nodes", script("client.shutdown()\ntime.sleep(2)\nprint('went on')\nsys.exit(4)\n"))
    assert job.wait()[0] == 4
    assert "went on" in Path(job.log).read_text()


def test_a_program_that_is_no_python_gets_the_address(place: Path) -> None:
    Path("run.sh").write_text("#!/bin/sh\necho at $DASK_SCHEDULER_ADDRESS\n")
    Path("run.sh").chmod(0o755)
    job = ds.batch("nodes", "run.sh", set={"security": "none"})
    assert job.wait()[0] == 0
    assert "at tcp://" in Path(job.log).read_text()


def test_what_is_wrong_is_said_before_anything_is_submitted(place: Path, slurm: PrivateSlurm) -> None:
    work = script("pass\n")
    with pytest.raises(UsageError, match=r"there is no file wrk\.py\..*Did you mean work\.py"):
        ds.batch("nodes", "wrk.py")
    Path("notes.txt").write_text("no program")
    with pytest.raises(UsageError, match=r"notes\.txt is neither Python"):
        ds.batch("nodes", "notes.txt")
    with pytest.raises(UsageError, match="local is a profile of system: local"):
        ds.batch("local", work)
    with pytest.raises(UsageError, match=r"^python: .*has no distributed"):
        ds.batch("nodes", work, set={"python": str(bare_python(place / "bare"))})
    (place.parent / "profiles" / "empty.yaml").write_text("system: allocation\noptions: {cores: 2}\n")
    with pytest.raises(UsageError, match=r"^options\.memory is missing in empty"):
        ds.batch("empty", work)
    with pytest.raises(ProfileError, match=r"options\.cores"):
        ds.batch("nodes", work, set={"options.cores": 0})
    with pytest.raises(SubmitRefused, match=r"(?i)invalid partition"):
        ds.batch("nodes", work, set={"options.queue": "debgu"})
    with pytest.raises(UsageError, match="dask-steward batch nodes"):
        ds.start("nodes")
    with pytest.raises(UsageError, match="dask-steward batch nodes"):
        ds.preview("nodes")
    done = shell("nodes", "wrk.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert slurm.queue() == []


def test_without_slurm_it_says_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = script("pass\n")
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(ds.ManagerUnreachable, match="no sbatch on the PATH"):
        ds.batch("nodes", work)
