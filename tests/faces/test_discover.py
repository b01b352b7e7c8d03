"""Discovery, on a real Slurm of several partitions: profiles are right, start, and keep what people wrote."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from dask_steward.control import probing
from dask_steward.errors import ManagerUnreachable, UsageError
from dask_steward.ledger import entries
from dask_steward.profiles import ProfileStore
from tests.faces.conftest import Shell
from tests.faces.notebook import LIMIT, Notebook
from tests.support import leaks, slurm_conf
from tests.support.private_slurm import PrivateSlurm

pytestmark = pytest.mark.requires("slurm")

Answer = Callable[..., Any]

PARTITIONS = """\
PartitionName=long Nodes=n1,n2 MaxTime=2-0 State=UP MaxMemPerCPU=500
PartitionName=reserved Nodes=ALL ReqResv=YES State=UP
PartitionName=full Nodes=n2 MaxTime=10 State=UP PriorityTier=1"""


@pytest.fixture
def site(
    make_slurm: Callable[..., PrivateSlurm], state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PrivateSlurm]:
    """A Slurm with partitions of several kinds, an empty ledger, and an empty folder of profiles."""
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path / "profiles"))
    slurm = make_slurm(nodes=2, extra=PARTITIONS)
    yield slurm
    for cluster in ds.clusters():
        cluster.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of profiles, which does not exist yet."""
    return tmp_path / "profiles"


def until(done: Callable[[], Any]) -> Any:
    """Wait until `done` returns something true, and return that."""
    deadline = time.monotonic() + LIMIT
    while not (found := done()):
        assert time.monotonic() < deadline, done
        time.sleep(0.05)
    return found


def test_each_partition_that_one_may_use_gets_a_profile(site: PrivateSlurm, folder: Path, shell: Shell) -> None:
    done = shell("discover", "slurm", check=0)

    assert sorted(path.name for path in folder.iterdir()) == [
        "slurm-debug.yaml",
        "slurm-full.yaml",
        "slurm-long.yaml",
        "slurm-normal.yaml",
    ]
    assert "closed: no profile, its state is DOWN" in done.stdout
    assert "reserved: no profile, it takes jobs of reservations only" in done.stdout
    assert done.stdout.count("accounting is off here") == 1
    assert shell("profiles", "check", check=0).stderr.endswith("nothing is wrong.\n")
    options = ProfileStore().resolve("slurm-long").to_json()["options"]
    assert (options["queue"], options["cores"], options["walltime"]) == ("long", 4, "04:00:00")
    assert options["memory"] == 4 * 500 * 2**20  # within MaxMemPerCPU
    assert ProfileStore().resolve("slurm-debug").to_json()["options"]["walltime"] == "00:10:00"


def test_a_discovered_profile_starts_a_cluster(site: PrivateSlurm, folder: Path) -> None:
    ds.discover("slurm", probe=True)

    for name in ("slurm-debug", "slurm-long"):
        with ds.start(name, wait=LIMIT) as cluster, cluster.get_client() as client:
            assert client.submit(sum, [1, 2]).result(timeout=LIMIT) == 3
            assert not cluster.state["warnings"]
    site.wait_idle(LIMIT)


def test_a_dry_run_writes_nothing_and_shows_all(site: PrivateSlurm, folder: Path, answer: Answer, shell: Shell) -> None:
    shown = shell("discover", "slurm", "--dry-run", check=0).stdout
    found = answer("discover", "slurm", "--dry-run")

    assert not folder.exists()
    assert "+  queue: normal" in shown
    assert {one["action"] for one in found["profiles"]} == {"new"}
    assert found["written"] == []


def test_what_was_discovered_is_overwritten_only_when_that_is_said(
    site: PrivateSlurm, folder: Path, answer: Answer, shell: Shell
) -> None:
    shell("discover", "slurm", check=0)
    assert shell("discover", "slurm", check=0).stdout.endswith("Nothing to write.\n")
    before = (folder / "slurm-long.yaml").read_text()
    site.run("scontrol", "update", "PartitionName=long", "MaxTime=1:00:00")

    done = shell("discover", "slurm", check=0).stdout

    assert '-  walltime: "04:00:00"\n+  walltime: "01:00:00"' in done
    assert done.endswith("Not overwritten: slurm-long; --yes does that.\n")
    assert (folder / "slurm-long.yaml").read_text() == before
    assert answer("discover", "slurm", "--yes")["written"] == ["slurm-long"]
    assert 'walltime: "01:00:00"' in (folder / "slurm-long.yaml").read_text()


@pytest.mark.parametrize(("said", "walltime"), [("y", "01:00:00"), ("", "04:00:00")])
def test_on_a_terminal_one_is_asked_before_anything_is_overwritten(
    said: str, walltime: str, site: PrivateSlurm, folder: Path
) -> None:
    ds.discover("slurm")
    site.run("scontrol", "update", "PartitionName=long", "MaxTime=1:00:00")
    ours, theirs = os.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-m", "dask_steward.cli", "discover", "slurm"], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    while b"[y/N] " not in seen:
        seen += os.read(ours, 4096)  # fails where the command ends without a question
    os.write(ours, f"{said}\n".encode())
    with contextlib.suppress(OSError):  # a terminal whose last user has gone
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)

    assert shell.wait(LIMIT) == 0
    assert b"Overwrite 1 file of an earlier discovery?" in seen
    assert f'walltime: "{walltime}"' in (folder / "slurm-long.yaml").read_text()


def test_the_environments_profiles_have_a_folder_of_their_own(site: PrivateSlurm, answer: Answer) -> None:
    found = answer("discover", "slurm", "--level", "env", "--dry-run")
    assert {os.path.dirname(one["file"]) for one in found["profiles"]} == {f"{sys.prefix}/etc/jupyter/dask_profiles"}


def test_what_a_person_changed_or_wrote_stays(site: PrivateSlurm, folder: Path) -> None:
    ds.discover("slurm")
    changed = folder / "slurm-long.yaml"
    changed.write_text(
        changed.read_text().replace("  cores: 4\n", "  cores: 2  # my code does not scale\n  nanny: false\n")
    )
    own = folder / "slurm-normal.yaml"
    own.write_text("system: slurm\noptions: {queue: normal, cores: 1, memory: 1 GB}\n")
    site.run("scontrol", "update", "PartitionName=long", "MaxTime=1:00:00")

    found = ds.discover("slurm", overwrite=True)

    text = changed.read_text()
    assert "  cores: 2  # my code does not scale\n  nanny: false\n" in text
    assert "walltime: 01:00:00" in text.replace('"', "")
    assert own.read_text() == "system: slurm\noptions: {queue: normal, cores: 1, memory: 1 GB}\n"
    actions = {one.name: (one.action, one.kept) for one in found.changes}
    assert actions["slurm-long"] == ("changed", ("options.cores",))
    assert actions["slurm-normal"] == ("yours", ())
    assert found.written == ["slurm-long"]
    again = ds.discover("slurm", overwrite=True)
    assert {one.action for one in again.changes} == {"same", "yours"}


def test_a_partition_that_is_gone_is_said(site: PrivateSlurm, folder: Path) -> None:
    ds.discover("slurm")
    site.run("scontrol", "delete", "PartitionName=long")

    found = ds.discover("slurm", write=False)

    assert found.gone == ["slurm-long"]
    assert "slurm-long: nothing fits it any more" in str(found)
    assert (folder / "slurm-long.yaml").exists()


def test_each_face_finds_the_same(site: PrivateSlurm, folder: Path, answer: Answer) -> None:
    found = ds.discover("slurm", write=False)
    assert answer("discover", "slurm", "--dry-run") == found.to_dict()

    notebook = Notebook()
    try:
        text = notebook.run("%dask_cluster discover slurm").stdout
    finally:
        notebook.close()

    assert text.startswith(str(found))
    assert "Wrote slurm-" in text
    assert sorted(path.stem for path in folder.iterdir()) == sorted(one.name for one in found.changes)


def test_a_probe_finds_the_network_and_scratch_and_leaves_nothing(
    site: PrivateSlurm, folder: Path, shell: Shell
) -> None:
    shell("discover", "slurm", "--probe", check=0)

    interfaces = set(probing.own_addresses().values())
    options = ProfileStore().resolve("slurm-debug").to_json()["options"]
    assert options["interface"] in interfaces
    assert options["scheduler_options"]["interface"] is None  # the nodes are this machine
    jobs = site.queue(ended=True)
    assert len(jobs) == 4
    assert all(job.name.startswith("dask-steward-") for job in jobs)
    assert site.queue() == []
    assert ds.held() == []
    # A discovery without a probe does not forget what one found.
    assert {one.action for one in ds.discover("slurm").changes} == {"same"}


def test_a_probe_that_does_not_run_in_time_is_cancelled_and_said(
    site: PrivateSlurm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.submit("exec sleep 600", "--cpus-per-task=4", "--nodelist=n2", "--time=10", "--partition=full")
    until(lambda: [job.state for job in site.queue()] == ["RUNNING"])
    monkeypatch.setattr(probing, "PROBE_LIMIT", 6.0)

    found = ds.discover("slurm", probe=True)

    assert any(note.startswith("full: its probe did not run in time (Slurm: ") for note in found.notes)
    assert {one.name for one in found.changes} >= {"slurm-full", "slurm-debug"}
    assert [job.name for job in site.queue() if job.state != "COMPLETING"] == ["job"]
    assert ds.held() == []


@pytest.mark.parametrize("how", ["interrupt", "kill", "kill the prober"])
def test_an_end_of_any_kind_leaves_no_probe_behind(how: str, site: PrivateSlurm, folder: Path, state_dir: Path) -> None:
    for node in ("n1", "n2"):
        site.submit("exec sleep 600", "--cpus-per-task=4", f"--nodelist={node}", "--time=10")
    until(lambda: [job.state for job in site.queue()] == ["RUNNING"] * 2)
    discovering = subprocess.Popen(
        [sys.executable, "-m", "dask_steward.cli", "discover", "slurm", "--probe"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: sum(job.name.startswith("dask-steward-") for job in site.queue()) == 4)
        (entry,) = entries.list_entries()[0]
        assert [one.kind for one in ds.held()] == ["job"] * 4
        if how == "kill the prober":
            assert entry.keeper is not None
            entry.keeper.kill(signal.SIGKILL)
        else:
            discovering.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
        assert discovering.wait(LIMIT) != 0
    finally:
        discovering.kill()
        discovering.wait()

    until(lambda: {job.name for job in site.queue() if job.state != "COMPLETING"} == {"job"})
    until(lambda: entries.read_entry(entry.folder).ended)
    until(lambda: not leaks.marked(f"DASK_STEWARD_CLUSTER={entry.id}"))
    assert ds.held() == []
    assert not folder.exists()


def test_without_slurm_or_its_controller_one_sentence_says_so(
    site: PrivateSlurm, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    done = shell("discover", "slurm", check=1, PATH=str(tmp_path / "bin"))
    assert done.stderr == (
        "dask-steward: Slurm's commands (scontrol, sbatch) are not on the PATH. Run this on a login node, perhaps "
        "after `module load slurm`.\n"
    )
    with pytest.raises(UsageError, match="cannot be discovered"):
        ds.discover("pbs")
    with pytest.raises(UsageError, match="level"):
        ds.discover("slurm", level="system")

    site.controller_down()
    try:
        with pytest.raises(ManagerUnreachable, match="Slurm cannot be asked: scontrol"):
            ds.discover("slurm")
    finally:
        site.controller_up()


def test_no_sacctmgr_is_a_note(site: PrivateSlurm, faults: Any, folder: Path) -> None:
    config = site.run("scontrol", "show", "config").stdout.replace("accounting_storage/none", "accounting_storage/x")
    listed = faults.folder / "config"
    listed.write_text(config)
    real = shutil.which("scontrol", path="/usr/bin")
    faults.script("scontrol", f'if [ "$2" = config ]; then cat {listed}; exit; fi', f'exec {real} "$@"')
    faults.refuse(
        "sacctmgr", "sacctmgr: error: slurm_persist_conn_open_without_init: failed to open persistent connection"
    )

    found = ds.discover("slurm")

    assert [note for note in found.notes if "accounts" in note] == found.notes
    assert len(found.notes) == 1
    assert "failed to open persistent connection" in found.notes[0]
    assert len(found.written) == 4
    assert os.listdir(folder)


def test_nodes_with_gpus_have_a_profile_whose_jobs_get_one(
    make_slurm: Callable[..., PrivateSlurm],
    state_dir: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(folder))
    render = slurm_conf.render

    def with_gpus(conf: Path, *arguments: Any, **options: Any) -> str:
        for number in range(2):  # any file does for a device
            (conf / f"gpu{number}").touch()
        (conf / "gres.conf").write_text(f"NodeName=n1 Name=gpu Type=a100 File={conf}/gpu[0-1]\n")
        node = "NodeName=n1 Gres=gpu:a100:2 MemSpecLimit=500 Feature=fast "
        return "GresTypes=gpu\n" + render(conf, *arguments, **options).replace("NodeName=n1 ", node)

    monkeypatch.setattr(slurm_conf, "render", with_gpus)
    slurm = make_slurm(nodes=2)

    found = ds.discover("slurm")

    assert found.written == ["slurm-debug", "slurm-debug-a100", "slurm-normal", "slurm-normal-a100"]
    text = (folder / "slurm-debug-a100.yaml").read_text()
    assert "# Nodes: 1, each with 4 CPUs, 3500 MiB for jobs, 2 GPUs a100.\n# Features (--constraint): fast.\n" in text
    with ds.start("slurm-debug-a100", wait=LIMIT) as cluster, cluster.get_client() as client:
        assert client.submit(sum, [1, 2], resources={"GPU": 1}).result(timeout=LIMIT) == 3
        (job,) = slurm.jobs_with_tag(cluster.state["tag"])
        assert job.node == "n1"
        assert "TresPerNode=gres:gpu:a100:1" in slurm.run("scontrol", "show", "job", job.id).stdout
    slurm.wait_idle(LIMIT)
