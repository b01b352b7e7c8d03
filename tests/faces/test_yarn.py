"""A YARN in a notebook, in a shell and in Python: found, previewed, started, looked at, and somebody's application."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import dask_steward as ds
from dask_steward.cli import doctor_probe
from dask_steward.control import applications, probing
from dask_steward.errors import ManagerUnreachable, StartFailed, UsageError, WrongState
from dask_steward.ledger import entries
from dask_steward.profiles import ProfileStore
from tests.contract.site import until
from tests.faces.conftest import Shell
from tests.faces.notebook import LIMIT, Notebook
from tests.support import environments
from tests.support.dask_yarn_like import submitted
from tests.support.private_yarn import ENDED, PrivateYarn

pytestmark = [pytest.mark.long, pytest.mark.requires("yarn")]

Answer = Callable[..., Any]

UNKNOWN = "application_1_0001"
PYTHON = f"python://{sys.executable}"
WAIT = 90.0
"""Seconds that a start may take on a busy machine: an archive is unpacked on the node first."""


@pytest.fixture
def site(yarn: PrivateYarn, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateYarn]:
    """The run's YARN, an empty ledger, and a folder of profiles with one that starts at once."""
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path / "profiles"))
    write(tmp_path, "quick", {"environment": PYTHON, "worker_memory": "600 MiB"})
    yield yarn
    for cluster in ds.clusters():
        cluster.close()


def write(folder: Path, name: str, options: dict[str, Any], **fields: Any) -> None:
    path = folder / "profiles" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"system": "yarn", "options": options, **fields}))


# --- the example of dask-yarn's own pages -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Dask, packed as dask-yarn's pages say."""
    folder = tmp_path_factory.mktemp("environment")
    return environments.pack(
        environments.make_venv(folder / "venv", "dask", "distributed"), folder / "environment.tar.gz"
    )


@pytest.mark.filterwarnings("ignore:Mismatched versions")  # it has Dask, and nothing that Dask can do without
def test_from_python_in_dask_yarns_spelling(site: PrivateYarn, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)

    cluster = ds.YarnCluster(
        environment="environment.tar.gz", worker_vcores=2, worker_memory="600MiB", n_workers=1, wait=WAIT
    )
    cluster.scale(2)
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=WAIT)
        found = client.submit(lambda: __import__("sys").prefix).result(timeout=LIMIT)
        threads = set(client.nthreads().values())
        total = client.submit(sum, range(10)).result(timeout=LIMIT)
    application = cluster.app_id
    containers = cluster.workers()
    cluster.shutdown()

    assert application is not None
    assert (total, threads, len(containers)) == (45, {2}, 2)
    assert found.endswith("/environment")  # the one that was packed, not ours
    assert all(one["node"] for one in containers)
    over = site.application(application)
    assert over is not None
    assert over.state in ("FINISHED", "KILLED")


def test_from_a_profile_and_from_a_cell(site: PrivateYarn, tmp_path: Path, shell: Shell) -> None:
    options = {"environment": PYTHON, "worker_vcores": 2, "worker_memory": "600 MiB"}
    write(tmp_path, "yarn", options, scale={"workers": 2})

    started = shell("start", "yarn", "--wait", str(WAIT), check=0).stdout
    assert "2 workers running" in started
    status = shell("status", "yarn", check=0).stdout
    shell("stop", "yarn", check=0)

    assert f"manager's page  {site.web}/cluster/app/application_" in status
    assert "defence         guard: " in status
    assert "defence         line: " in status
    assert "defence         lifetime: YARN ends the application when nobody has renewed it for 5 min, " in status
    assert status.count("container    container_") == 2
    assert "application  application_" in status

    notebook = Notebook()
    try:
        notebook.run("%load_ext dask_steward")
        ran = notebook.run("%%dask_cluster yarn\nprint(client.submit(sum, range(10)).result(), len(client.nthreads()))")
    finally:
        notebook.close()
    assert ran.stdout.strip().endswith("45 2") or ran.stdout.strip().endswith("45 1"), ran.outputs
    assert ds.held() == []


# --- discovery --------------------------------------------------------------------------------------------------------


def test_each_queue_that_one_may_use_gets_a_profile(
    site: PrivateYarn, tmp_path: Path, shell: Shell, answer: Answer
) -> None:
    done = shell("discover", "yarn", check=0)

    queues = site.ask("/scheduler")[1]["scheduler"]["schedulerInfo"]["queues"]["queue"]
    names = sorted(f"yarn-{one['queueName']}" for one in queues if one["state"] == "RUNNING")
    assert sorted(path.stem for path in (tmp_path / "profiles").iterdir()) == sorted([*names, "quick"])
    assert shell("profiles", "check", check=0).stderr.endswith("nothing is wrong.\n")
    plain = ProfileStore().resolve("yarn-default").to_json()
    assert (plain["options"]["queue"], plain["scale"]["workers"]) == ("default", 1)
    largest = site.ask("/apps/new-application", {})[1]["maximum-resource-capability"]
    assert plain["options"]["worker_memory"] <= largest["memory"] * 2**20
    assert plain["options"]["worker_vcores"] <= largest["vCores"]
    assert "Wrote " in done.stdout
    assert shell("discover", "yarn", check=0).stdout.endswith("Nothing to write.\n")
    # A person's change stays, and is named.
    file = tmp_path / "profiles" / "yarn-default.yaml"
    file.write_text(file.read_text().replace("queue: default", "queue: default\n  worker_gpus: 0  # none here"))
    found = ds.discover("yarn", overwrite=True)
    assert {one.action for one in found.changes} == {"same"}
    assert "# none here" in file.read_text()
    assert answer("discover", "yarn", "--dry-run") == found.to_dict()


def test_a_notebook_finds_the_same(site: PrivateYarn) -> None:
    found = ds.discover("yarn", write=False)
    notebook = Notebook()
    try:
        notebook.run("%load_ext dask_steward")
        text = notebook.run("%dask_cluster discover yarn").stdout
    finally:
        notebook.close()
    assert text.startswith(str(found))
    assert "Wrote yarn-" in text


def test_a_yarn_that_cannot_be_asked_is_one_sentence(site: PrivateYarn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("HADOOP_HOME", "/nowhere")
    with pytest.raises(ManagerUnreachable, match=r"no ResourceManager is known: set HADOOP_CONF_DIR"):
        ds.discover("yarn")
    with pytest.raises(UsageError, match=r"Leave out --probe"):
        ds.discover("yarn", probe=True)


# --- preview ----------------------------------------------------------------------------------------------------------


def test_a_preview_shows_the_specification_and_what_it_holds(site: PrivateYarn, answer: Answer, shell: Shell) -> None:
    import skein

    before = site.applications()
    found = ds.preview("quick", workers=3, test_only=True)

    main, master = found.groups
    assert (main.jobs, main.cores, main.memory, main.partition) == (3, 1, 600 * 2**20, "default")
    assert (master.name, master.jobs, master.memory) == ("master", 1, 512 * 2**20)
    assert found.refusal is None
    assert found.start is not None
    spec = skein.ApplicationSpec.from_yaml(main.script)  # skein reads it as it is
    assert spec.services["dask.worker"].resources.memory == 600
    assert "dask-steward-CLUSTER" in spec.tags
    assert "PRIVATE KEY" not in main.script
    remote, scheduler = ds.preview("quick", set={"options.deploy_mode": "remote"}).groups
    assert (scheduler.name, scheduler.memory) == ("scheduler", 2 * 2**30)
    assert "dask_steward.clusters.scheduler_host" in skein.ApplicationSpec.from_yaml(remote.script).master.script
    text = shell("preview", "quick", "--workers", "3", check=0).stdout
    assert "will hold  4 containers: 4 vcores, 2.26 GiB, 4 core-hours per hour" in text
    assert "workers    3 × 1 vcore × 600 MiB, 1 thread each" in text
    assert answer("preview", "quick", "--workers", "3")["groups"][0]["script"] == main.script
    assert site.applications() == before  # nothing was submitted


@pytest.mark.parametrize(
    ("settings", "refusal", "warning"),
    [
        ({"options.worker_memory": "900 GiB"}, "a worker asks for 900 GiB, and no container may have more than", ""),
        ({"options.worker_vcores": 999}, "a worker asks for 999 vcores, and no container may have more than", ""),
        ({"options.worker_gpus": 1}, "a worker asks for 1 GPUs, and this YARN gives 0", ""),
        ({"options.queue": "nope"}, None, "YARN knows no queue nope"),
        ({"scale.workers": 900}, None, "some of its containers would wait for ever"),
    ],
)
def test_a_preview_says_what_speaks_against_it(
    settings: dict[str, Any], refusal: str | None, warning: str, site: PrivateYarn
) -> None:
    found = ds.preview("quick", set=settings)
    assert (found.refusal is None) if refusal is None else (found.refusal or "").startswith(refusal)
    assert any(warning in one for one in (*found.warnings, ""))


def test_a_preview_fails_as_the_start_would(site: PrivateYarn, tmp_path: Path) -> None:
    missing = str(tmp_path / "environment.tar.gz")
    with pytest.raises(StartFailed, match=r"environment\.tar\.gz is not there"):
        ds.preview("quick", set={"options.environment": missing})


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_the_doctor_looks_at_what_yarn_needs(site: PrivateYarn, answer: Answer, shell: Shell) -> None:
    found = {one["name"]: one for one in json.loads(shell("doctor", "--json").stdout)}
    assert {
        name: found[name]["result"] for name in ("skein", "Java", "yarn classpath", "ResourceManager", "queues")
    } == (dict.fromkeys(("skein", "Java", "yarn classpath", "ResourceManager", "queues"), "ok"))
    assert found["Hadoop's configuration"]["found"] == os.environ["HADOOP_CONF_DIR"]
    assert found["lease held by YARN"]["result"] == "ok"
    broken = {"JAVA_HOME": "/nowhere", "PATH": "/usr/bin:/bin", "HADOOP_CONF_DIR": "/nowhere", "YARN_CONF_DIR": ""}
    sick = {one["name"]: one for one in json.loads(shell("doctor", "--json", check=1, **broken).stdout)}
    assert "/nowhere/bin/java cannot be run" in sick["Java"]["found"]
    assert sick["yarn classpath"]["result"] == "fail"
    assert "set HADOOP_CONF_DIR" in sick["ResourceManager"]["found"]


def test_the_doctors_probe_says_which_deploy_mode_a_site_needs(site: PrivateYarn, tmp_path: Path, shell: Shell) -> None:
    """Given containers that reach this machine, or a name of it that they cannot resolve, then it says which mode."""
    write(tmp_path, "afar", {"environment": PYTHON}, line={"host": "no-such-host.invalid"})

    (near,) = probed(json.loads(shell("doctor", "--probe", "quick", "--json").stdout))
    (far,) = probed(json.loads(shell("doctor", "--probe", "afar", "--json", check=1).stdout))

    assert (near["result"], near["advice"]) == ("ok", ""), near
    assert near["found"].startswith("deploy_mode: local works from here: a container on localhost reaches ")
    assert "(line) and" in near["found"]
    assert "; this machine reaches " in near["found"]
    assert far["result"] == "fail"
    assert (
        "deploy_mode: local does not work from here: a container on localhost does not reach no-such-host"
        in far["found"]
    )
    assert "Name or service not known" in far["found"]
    assert "scheduler" not in far["found"]  # which it reaches
    assert far["advice"].startswith("Write options.deploy_mode: remote into afar; or open the firewall for line.ports")
    assert [one for one in site.applications() if one.is_ours and one.state not in ENDED] == []
    assert ds.held() == []
    assert "--probe: say which of afar, quick." in shell("doctor", "--probe", check=2).stderr


def test_a_probe_without_a_place_tells_nothing_and_leaves_nothing(site: PrivateYarn, shell: Shell) -> None:
    """Given a full queue, then the answer is not known; whoever is killed while it waits leaves no application."""
    full = site.submit(memory=5888)
    until(lambda: any("is launched" in one.diagnostics for one in site.applications() if one.id == full))
    plain = ProfileStore().resolve("quick").expanded(os.environ).to_json()

    found = probing.probe_yarn(plain, limit=1.0)

    assert (found["back"], found["node"], found["left"]) == (None, None, None)
    check = doctor_probe.judge("quick", plain, found)
    assert (check.result, check.found.startswith("not known: YARN: ACCEPTED, queue default")) == ("warn", True)
    assert ds.held() == []

    asked = subprocess.Popen([sys.executable, "-m", "dask_steward.cli", "doctor", "--probe"], stdout=subprocess.PIPE)
    until(lambda: [one for one in site.applications() if one.is_ours and one.state == "ACCEPTED"])
    # The one that keeps the probe, and who asked for it: the guard is left.
    (entry,) = [one for one in entries.list_entries()[0] if not one.ended]
    assert entry.keeper is not None
    entry.keeper.kill(signal.SIGKILL)
    asked.kill()
    asked.communicate()
    until(lambda: not [one for one in site.applications() if one.is_ours and one.state not in ENDED])
    until(lambda: ds.clusters() == [] and ds.held() == [])
    assert [one.state for one in site.applications() if one.id == full] == ["ACCEPTED"]
    site.kill_application(full)


def probed(checks: list[dict[str, str]]) -> list[dict[str, str]]:
    return [one for one in checks if one["name"] == "deploy mode"]


# --- somebody's application -------------------------------------------------------------------------------------------


def test_an_application_of_somebody_is_attached_used_and_killed(site: PrivateYarn, shell: Shell) -> None:
    notebook = Notebook()
    try:
        notebook.run("%load_ext dask_steward")
        with submitted() as id:
            assert notebook.run(f"%dask_cluster attach {id} --name theirs").stdout.startswith("theirs: ")
            ran = notebook.run("print(client.submit(sum, [1, 2, 3]).result())")
            assert ran.stdout.strip() == "6", ran.outputs
            assert "address (foreign)" in notebook.run("%dask_cluster list").stdout
            assert notebook.run("%dask_cluster detach").stdout == "theirs: detached\n"

            found = json.loads(shell("attach", id, "--json", check=0).stdout)
            assert (found["foreign"], found["name"]) == (True, id)
            assert found["scheduler"]["address"].startswith("tcp://")
            shell("detach", id, check=0)
            with ds.YarnCluster.from_application_id(id) as cluster:
                assert cluster.foreign

            # Only who says so kills it.
            refused = shell("stop", id, check=2)
            assert "no cluster of yours has it, so it was left alone. --yes kills it all the same." in refused.stderr
            assert "no cluster of yours has it" in str(notebook.run(f"%dask_cluster stop {id}").errors)
            assert site.wait_state(id, "RUNNING")
            assert notebook.run(f"%dask_cluster stop {id} --yes").stdout == f"{id}  theirs: killed\n"
            assert site.wait_state(id, "KILLED")
            assert "has ended (KILLED" in shell("attach", id, check=1).stderr
    finally:
        notebook.close()


def test_an_application_that_is_no_dask_is_one_sentence(site: PrivateYarn, shell: Shell) -> None:
    with submitted(scheduler=False) as id:
        assert f"{id} runs no scheduler of Dask that can be found" in shell("attach", id, check=1).stderr
        nowhere = shell("attach", id, check=1, SKEIN_CONFIG="/nowhere").stderr
        assert "only with the certificate of whoever started it, and there is none in /nowhere" in nowhere
        assert shell("stop", id, "--yes", check=0).stdout == f"{id}  theirs: killed\n"
    assert f"YARN knows no {UNKNOWN}" in shell("stop", UNKNOWN, "--yes", check=3).stderr
    assert f"{UNKNOWN} is not known to the ResourceManager" in shell("attach", UNKNOWN, check=1).stderr
    assert ds.clusters() == []


def test_what_is_not_ones_own_is_left_alone(site: PrivateYarn, shell: Shell) -> None:
    _, theirs = site.submit_foreign(2)
    with pytest.raises(WrongState, match="belongs to somebody, not to you"):
        applications.kill(theirs)
    assert "belongs to somebody" in shell("stop", theirs, "--yes", check=1).stderr
    found = site.application(theirs)
    assert found is not None
    assert found.state not in ("KILLED", "FINISHED", "FAILED")


def test_an_application_of_a_cluster_of_ours_means_that_cluster(site: PrivateYarn, shell: Shell) -> None:
    with ds.YarnCluster(profile="quick", wait=WAIT) as cluster:
        id = cluster.app_id
        assert id is not None
        with pytest.raises(UsageError, match=f"{id} is your own cluster quick"):
            ds.attach(id)
        with pytest.raises(UsageError, match="stopped as a whole"):
            applications.kill(id)
        assert sorted(cluster.logs())[0].startswith("container_")
        assert shell("stop", id, check=0).stdout == f"{cluster.id}  quick: stopped\n"
    assert ds.held() == []
