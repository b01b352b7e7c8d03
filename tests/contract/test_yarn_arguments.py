"""On a real YARN: every argument of dask-yarn, a yarn.yaml and a specification say there what they say to dask-yarn."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from tests.contract.site import until
from tests.support import environments
from tests.support.yarn import PrivateYarn

pytestmark = [
    pytest.mark.long,
    pytest.mark.requires("yarn"),
    # The environment of the tests has packages besides, which a packed one need not have.
    pytest.mark.filterwarnings("ignore:Mismatched versions found"),
]

HERE = f"python://{sys.executable}"
MIB = 2**20


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a person packs for the nodes: Dask, and nothing of ours or of dask-yarn's."""
    folder = tmp_path_factory.mktemp("packed")
    return environments.pack(environments.make_venv(folder / "venv", "distributed"), folder / "environment.tar.gz")


@pytest.fixture
def place(
    yarn: PrivateYarn, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """A home without profiles, and an empty configuration of Dask."""
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))
    monkeypatch.setenv("DASK_CONFIG", str(tmp_path / "dask"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "dask").mkdir()
    yield monkeypatch
    assert ds.held() == []


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def report(yarn: PrivateYarn, id: str | None) -> dict[str, Any]:
    """Return what the ResourceManager says of an application."""
    _, found = yarn.ask(f"/apps/{id}")
    return dict(found["app"])


def on_worker(cluster: Any) -> dict[str, Any]:
    """Return what a worker is."""

    # Within a function it goes there by value: the tests are not in the workers' environment.
    def look() -> dict[str, Any]:
        import importlib.util
        import os
        import sys

        from distributed import get_worker

        worker = get_worker()
        return {
            "word": os.environ.get("WORD"),
            "dask_yarn": importlib.util.find_spec("dask_yarn") is not None,
            "python": sys.executable,
            "threads": worker.state.nthreads,
            "memory": worker.memory_manager.memory_limit,
            "resources": dict(worker.state.total_resources),
            "nanny": worker.nanny is not None,
        }

    with cluster.get_client() as client:
        found: dict[str, Any] = client.submit(look).result(60)
    return found


def test_the_example_of_dask_yarn(yarn: PrivateYarn, place: pytest.MonkeyPatch, archive: Path) -> None:
    """`YarnCluster(environment="environment.tar.gz", …)`, `scale(2)`, a computation, `shutdown`; and the rest."""
    place.chdir(archive.parent)
    port = free_port()
    with ds.YarnCluster(
        environment="environment.tar.gz",
        n_workers=1,
        worker_vcores=2,
        worker_memory="600MiB",
        worker_env={"WORD": "$PWD?"},
        worker_class="distributed.Nanny",
        worker_options={"resources": {"licence": 3}},
        worker_restarts=5,
        worker_gpus=0,
        name="ada's",
        queue="other",
        tags=["Climate", "b"],
        host="127.0.0.1",
        port=port,
        set={"dashboard": "off", "security": "none"},
    ) as cluster:
        assert cluster.state["scheduler"]["address"] == f"tcp://127.0.0.1:{port}"
        found = on_worker(cluster)
        assert found["word"].startswith(str(yarn.folder))
        assert found["word"].endswith("?")
        assert found["python"].endswith("/environment/bin/python")
        assert not found["dask_yarn"], "a packed environment needs Dask only"
        assert (found["threads"], found["memory"]) == (2, 600 * MIB)
        assert found["resources"] == {"licence": 3}
        assert found["nanny"]
        id = cluster.app_id
        raw = report(yarn, id)
        assert (raw["name"], raw["queue"], raw["user"]) == ("ada's", "other", getpass.getuser())
        assert {"climate", "b"} < set(raw["applicationTags"].split(","))
        master = 512
        until(lambda: report(yarn, id)["allocatedMB"] == master + 640)  # 600 in steps of 64
        assert report(yarn, id)["allocatedVCores"] == 3
        cluster.scale(2)
        until(lambda: cluster.state["workers"]["running"] == 2)
        with cluster.get_client() as client:
            assert client.submit(sum, [1, 2]).result(60) == 3
    cluster.shutdown()
    assert yarn.application(id).state == "FINISHED"


def test_a_yarn_yaml(yarn: PrivateYarn, place: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in dask-yarn's documentation; memory for the machine of the tests."""
    (tmp_path / "dask" / "yarn.yaml").write_text(
        "yarn:\n"
        "  name: dask-of-the-site\n"
        "  queue: other\n"
        "  deploy-mode: local\n"
        f"  environment: {HERE}\n"
        "  tags: [site]\n"
        '  user: ""\n'
        '  host: "0.0.0.0"\n'
        "  worker:\n"
        "    count: 2\n"
        "    vcores: 1\n"
        "    memory: 600 MiB\n"
        "    restarts: -1\n"
        "    env: {WORD: of the site}\n"
        '    worker_class: "dask.distributed.Nanny"\n'
    )
    place.setenv("DASK_YARN__WORKER__VCORES", "3")
    with ds.start("yarn", set={"dashboard": "off"}) as cluster:
        assert cluster.state["workers"]["asked"] == 2
        found = on_worker(cluster)
        assert (found["word"], found["threads"], found["memory"]) == ("of the site", 3, 600 * MIB)
        (id,) = [one["id"] for one in cluster.state["holdings"] if one["kind"] == "application"]
        raw = report(yarn, id)
        assert (raw["name"], raw["queue"]) == ("dask-of-the-site", "other")
        assert "site" in raw["applicationTags"].split(",")


SPECIFICATION = """\
name: dask-specified
queue: default

services:
  dask.worker:
    # Don't start any workers initially
    instances: 1
    # Workers can infinite number of times
    max_restarts: -1
    # Restrict workers to 600 MiB and 2 cores each
    resources:
      memory: 600 MiB
      vcores: 2
    # Distribute this python environment to every worker node
    files:
      environment: environment.tar.gz
    env:
      WORD: specified
    # The bash script to start the worker.
    # Here we activate the environment, then start the worker
    script: |
      source environment/bin/activate
      dask-yarn services worker
"""


def test_a_specification(yarn: PrivateYarn, place: pytest.MonkeyPatch, archive: Path) -> None:
    (archive.parent / "spec.yaml").write_text(SPECIFICATION)
    place.chdir(archive.parent.parent)
    path = os.path.join(archive.parent.name, "spec.yaml")
    with ds.YarnCluster.from_specification(path, set={"dashboard": "off"}) as cluster:
        found = on_worker(cluster)
        assert (found["word"], found["threads"], found["memory"]) == ("specified", 2, 600 * MIB)
        assert found["python"].endswith("/environment/bin/python")
        assert report(yarn, cluster.app_id)["name"] == "dask-specified"


def test_a_specification_with_a_scheduler(yarn: PrivateYarn, place: pytest.MonkeyPatch, archive: Path) -> None:
    scheduler = (
        "  dask.scheduler:\n"
        "    resources: {memory: 1 GiB, vcores: 2}\n"
        "    files: {environment: environment.tar.gz}\n"
        "    script: |\n      source environment/bin/activate\n      dask-yarn services scheduler\n\n"
    )
    before, found, after = SPECIFICATION.partition("  dask.worker:\n")
    (archive.parent / "whole.yaml").write_text(before + scheduler + found + after)
    path = str(archive.parent / "whole.yaml")
    with ds.YarnCluster.from_specification(path, set={"dashboard": "off"}) as cluster:
        found_there = on_worker(cluster)
        assert (found_there["word"], found_there["threads"]) == ("specified", 2)
        until(lambda: report(yarn, cluster.app_id)["allocatedMB"] == 1024 + 640)
        assert report(yarn, cluster.app_id)["allocatedVCores"] == 4
        with cluster.get_client() as client:
            # In a container, and not here.
            assert client.run_on_scheduler(lambda: __import__("os").environ["SKEIN_APPLICATION_ID"]) == cluster.app_id


def test_on_behalf_of_another_user_whose_workers_die(yarn: PrivateYarn, place: pytest.MonkeyPatch) -> None:
    """A user's name is the application's; of workers that die only so many are replaced, and then that is said."""
    options = {"user": "alice", "worker_restarts": 1, "worker_memory": "600 MiB"}
    with ds.YarnCluster(environment=HERE, set={"dashboard": "off"}, **options) as cluster:
        raw = report(yarn, cluster.app_id)
        assert raw["user"] == "alice"
        assert on_worker(cluster)["threads"] == 1

        first = kill_worker(yarn, cluster)
        second = until(lambda: next((id for id in connected(cluster) if id != first), None))
        assert kill_worker(yarn, cluster) == second

        words = "2 containers were lost, and options.worker_restarts has only 1 replaced"
        until(lambda: words in str(cluster.state["reason"]))
        # The cluster goes on without; who asks for a size anew has as many again.
        assert cluster.state["state"] != "failed"
        assert cluster.state["scheduler"]["address"]
        cluster.scale(1)
        until(lambda: set(connected(cluster)) - {first, second})
        assert cluster.state["reason"] is None
    assert yarn.application(raw["id"]).state == "FINISHED"


def connected(cluster: Any) -> list[str]:
    """Return the containers whose worker is there."""
    return [one["id"] for one in cluster.state["holdings"] if one["state"] == "connected"]


def kill_worker(yarn: PrivateYarn, cluster: Any) -> str:
    """Kill what runs in the one container of a worker; return that."""
    (id,) = until(lambda: connected(cluster))
    for one in yarn.containers(cluster.app_id):
        if one.environment.get("CONTAINER_ID") == id and "dask_spec" in one.command:
            os.kill(one.pid, signal.SIGKILL)
    until(lambda: id not in connected(cluster))
    return str(id)


def test_the_environment_that_starts_it(
    yarn: PrivateYarn, place: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Where none is named it is packed, brought to Hadoop's file system, and the same one the next time."""
    keeper = ("pydantic", "ruamel.yaml", "httpx", "cryptography", "platformdirs", "traitlets", "skein", "venv-pack")
    folder = environments.make_venv(tmp_path_factory.mktemp("kernel") / "venv", "distributed", *keeper)
    told: list[str] = []
    python = str(folder / "bin" / "python")
    fields = {"dashboard": "off", "python": python, "options.worker_memory": "600 MiB"}
    with ds.start("yarn", set=fields, on_progress=lambda state: told.append(str(state["reason"]))) as cluster:
        found = on_worker(cluster)
        assert found["python"].endswith("/environment/bin/python")
        assert found["python"].startswith(str(yarn.folder))
    assert any(f"packing {folder} for the containers" in words for words in told), told
    # Other tests have brought theirs.
    kept = [path.name for path in yarn.folder.glob("dfs/user/*/.dask-steward/environments/*/*.tar.gz")]
    (packed,) = (tmp_path / "cache" / "dask-steward" / "environments").iterdir()
    assert kept.count(packed.name) == 1


def test_an_interpreter_that_the_nodes_do_not_have(
    yarn: PrivateYarn, place: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It cannot be known before; the first containers say it, in one sentence."""
    folder = environments.make_venv(tmp_path / "venv", "distributed")
    link = folder / "bin" / "python"
    for name in ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        (folder / "bin" / name).unlink(missing_ok=True)
    link.symlink_to("/only/elsewhere/bin/python3")
    archive = tmp_path / "elsewhere.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(folder, ".")
    with pytest.raises(ds.StartFailed) as caught:
        ds.YarnCluster(environment=str(archive), worker_memory="600 MiB", set={"dashboard": "off"})
    assert "the Python of this environment, /only/elsewhere/bin/python3, is not on node" in str(caught.value)
