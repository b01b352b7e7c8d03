"""The application that dask-yarn's arguments, a yarn.yaml and a specification ask for."""

from __future__ import annotations

import base64
import copy
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import dask
import pytest

from dask_steward.clusters import yarn_settings, yarn_spec
from dask_steward.clusters.yarn_environment import Prepared
from dask_steward.errors import StartFailed
from tests.support import dask_yarn_builder

GIB = 2**30
ARCHIVE = "/data/environment.tar.gz"

# Each argument of dask-yarn in turn, as a profile gives it and as dask-yarn takes it.
ARGUMENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "environment": ({}, {}),
    "environment-conda": ({"environment": "conda:///opt/dask"}, {"environment": "conda:///opt/dask"}),
    "environment-venv": ({"environment": "venv:///opt/dask"}, {"environment": "venv:///opt/dask"}),
    "environment-python": ({"environment": "python:///opt/python"}, {"environment": "python:///opt/python"}),
    "environment-hdfs": ({"environment": "hdfs:///e.tar.gz"}, {"environment": "hdfs:///e.tar.gz"}),
    "n_workers": ({"n_workers": 3}, {"n_workers": 3}),
    "worker_vcores": ({"worker_vcores": 2}, {"worker_vcores": 2}),
    "worker_memory": ({"worker_memory": 8 * GIB}, {"worker_memory": "8GiB"}),
    "worker_memory-rounded": ({"worker_memory": 2_000_000_001}, {"worker_memory": 2_000_000_001}),
    "worker_restarts": ({"worker_restarts": 5}, {"worker_restarts": 5}),
    "worker_env": ({"worker_env": {"A": "$PWD/b"}}, {"worker_env": {"A": "$PWD/b"}}),
    "worker_class": ({"worker_class": "dask_cuda.CUDAWorker"}, {"worker_class": "dask_cuda.CUDAWorker"}),
    "worker_options": ({"worker_options": {"nthreads": 7}}, {"worker_options": {"nthreads": 7}}),
    "worker_gpus": ({"worker_gpus": 1}, {"worker_gpus": 1}),
    "deploy_mode": ({"deploy_mode": "remote"}, {"deploy_mode": "remote"}),
    "scheduler_vcores": (
        {"deploy_mode": "remote", "scheduler_vcores": 3},
        {"deploy_mode": "remote", "scheduler_vcores": 3},
    ),
    "scheduler_memory": (
        {"deploy_mode": "remote", "scheduler_memory": 3 * GIB},
        {"deploy_mode": "remote", "scheduler_memory": "3 GiB"},
    ),
    "scheduler_gpus": (
        {"deploy_mode": "remote", "scheduler_gpus": 1},
        {"deploy_mode": "remote", "scheduler_gpus": 1},
    ),
    "name": ({"name": "mine"}, {"name": "mine"}),
    "queue": ({"queue": "root.science"}, {"queue": "root.science"}),
    "tags": ({"tags": ["a", "b"]}, {"tags": ["a", "b"]}),
    "user": ({"user": "alice"}, {"user": "alice"}),
}
# The same by yarn.* of Dask's configuration.
CONFIGURED: dict[str, Any] = {
    "environment": ARCHIVE,
    "worker.count": 4,
    "worker.vcores": 3,
    "worker.memory": "5GiB",
    "worker.restarts": 2,
    "worker.env": {"A": "1"},
    "worker.gpus": 2,
    "worker.worker_class": "distributed.Worker",
    "worker.worker_options": {"lifetime": "1h"},
    "scheduler.vcores": 2,
    "scheduler.memory": "6GiB",
    "scheduler.gpus": 1,
    "deploy-mode": "remote",
    "name": "site",
    "queue": "batch",
    "tags": ["x"],
    "user": "bob",
}


@pytest.fixture(scope="module")
def theirs() -> dict[str, dict[str, Any]]:
    """What dask-yarn's own builder makes of each."""
    cases = [({"deploy_mode": "local", "environment": ARCHIVE, **given}, {}) for _, given in ARGUMENTS.values()]
    found = dask_yarn_builder.specifications([*cases, ({}, CONFIGURED)])
    return dict(zip([*ARGUMENTS, "configured"], [spec for spec, _ in found], strict=True))


def same(own: yarn_spec.Plan, theirs: dict[str, Any]) -> None:
    """Compare everything but the scripts, which run Dask's commands instead of dask-yarn's."""
    mine = own.spec.to_dict(skip_nulls=False)
    for name in ("name", "queue", "user", "node_label", "tags", "file_systems", "acls"):
        found, other = mine[name], theirs[name]
        assert (set(found) == set(other)) if name == "tags" else (found == other), name
    service, other = mine["services"]["dask.worker"], theirs["services"]["dask.worker"]
    env = dict(other["env"])
    assert own.worker_class == env.pop("worker_class")
    options = json.loads(base64.b64decode(env.pop("worker_options")))
    assert {key: own.worker_options[key] for key in options} == options
    assert service["env"] == env
    for name in ("instances", "resources", "max_restarts", "node_label", "nodes", "racks", "relax_locality"):
        assert service[name] == other[name], name
    types = {"dask.worker": (service["files"], other["files"])}
    scheduler = theirs["services"].get("dask.scheduler")
    assert (own.scheduler is None) == (scheduler is None)
    if scheduler is not None:
        # In the application's master, which would else be one more container.
        assert mine["master"]["resources"] == scheduler["resources"]
        types["dask.scheduler"] = (mine["master"]["files"], scheduler["files"])
    for files, others in types.values():
        assert {name: file["source"] for name, file in files.items()} == {
            name: file["source"] for name, file in others.items()
        }
        assert {file["type"] for file in files.values()} <= {"ARCHIVE"}


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_an_argument_says_what_it_says_to_dask_yarn(theirs: dict[str, Any], argument: str) -> None:
    options, _ = ARGUMENTS[argument]
    plan = yarn_spec.plan({"environment": ARCHIVE, **options})
    their = theirs[argument]
    if "n_workers" not in options:
        assert plan.workers is None
    same(plan, their)


def test_every_argument_of_the_builder_is_compared() -> None:
    arguments = set(dask_yarn_builder.surface()["arguments"])
    elsewhere = {"host", "port", "dashboard_address", "skein_client", "asynchronous", "loop"}
    assert arguments - elsewhere == {name for options, _ in ARGUMENTS.values() for name in options} | {"environment"}


def test_a_yarn_yaml_says_what_it_says_to_dask_yarn(theirs: dict[str, Any]) -> None:
    with dask.config.set({f"yarn.{key}": value for key, value in CONFIGURED.items()}):
        plan = yarn_spec.plan({})
        same(plan, theirs["configured"])
    assert plan.sources["worker_memory"] == "yarn.worker.memory"
    assert plan.sources["specification"] == "default"
    assert plan.restarts == 2


def test_what_a_profile_says_goes_before_a_yarn_yaml() -> None:
    with dask.config.set({"yarn.queue": "batch", "yarn.worker.memory": "5GiB", "yarn.worker.vcores": 3}):
        plan = yarn_spec.plan({"environment": ARCHIVE, "queue": "mine", "worker_env": {}, "tags": []})
    assert (plan.spec.queue, plan.memory, plan.threads) == ("mine", 5 * GIB, 3)
    assert plan.sources["queue"] == "profile"
    assert plan.sources["name"] == "default"


def test_a_preview_says_what_comes_from_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dask_steward.clusters import yarn_preview

    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SKEIN_CONFIG", str(tmp_path))
    profile = {"system": "yarn", "options": {"environment": "python:///p", "name": "mine"}, "security": "none"}
    with dask.config.set({"yarn.queue": "batch", "yarn.worker.memory": "5GiB", "yarn.name": "theirs"}):
        found = yarn_preview.preview(profile, {"workers": 2}, "CLUSTER")
    script = found["groups"][0]["script"]
    assert "# Dask's configuration says queue (yarn.queue), worker_memory (yarn.worker.memory).\n" in script
    assert yarn_preview.preview(profile, {}, "CLUSTER")["groups"][0]["script"].count("Dask's configuration") == 0


def test_variables_of_dask_are_read_as_dask_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = dask.config.collect_env({"DASK_YARN__WORKER__MEMORY": "3 GiB", "DASK_YARN__DEPLOY_MODE": "remote"})
    with dask.config.set(found):
        plan = yarn_spec.plan({"environment": ARCHIVE})
    assert (plan.memory, plan.deploy_mode) == (3 * GIB, "remote")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("worker.memory", 100, 'yarn.worker.memory = 100 in Dask\'s configuration: must be a size such as "2 GiB"'),
        ("worker.vcores", "many", "yarn.worker.vcores = 'many' in Dask's configuration: must be a whole number"),
        ("deploy-mode", "elsewhere", "yarn.deploy-mode = 'elsewhere' in Dask's configuration"),
        ("tags", ["ä"], "in Dask's configuration: must be ASCII"),
    ],
)
def test_a_wrong_value_of_a_yarn_yaml_is_named_by_its_key(key: str, value: object, words: str) -> None:
    with dask.config.set({f"yarn.{key}": value}), pytest.raises(StartFailed) as caught:
        yarn_spec.plan({"environment": ARCHIVE})
    assert words in str(caught.value)


def test_nothing_of_the_callers_is_changed() -> None:
    """dask-yarn writes class and arguments into the caller's worker_env, and into Dask's configuration."""
    options = {"environment": ARCHIVE, "worker_env": {"A": "1"}, "worker_options": {"nthreads": 1}}
    before = copy.deepcopy(options)
    with dask.config.set({"yarn.worker.env": {"B": "2"}}):
        yarn_spec.plan(options)
        yarn_spec.plan({"environment": ARCHIVE})
        assert dask.config.get("yarn.worker.env") == {"B": "2"}
    assert options == before


def test_the_scheduler_of_dask_yarn_gets_host_and_port() -> None:
    with dask.config.set({"yarn.host": "0.0.0.0", "yarn.port": 8786, "yarn.dashboard-address": ":0"}):
        assert yarn_settings.scheduler_arguments({}) == {"host": "0.0.0.0", "port": 8786}
        own = {"scheduler_options": {"interface": "eth0", "host": None, "port": 0, "preload": []}}
        assert yarn_settings.scheduler_arguments(own) == {"interface": "eth0", "port": 8786}
        assert yarn_settings.scheduler_arguments({"host": "10.0.0.1", "port": 1})["host"] == "10.0.0.1"


def test_without_an_environment_it_is_this_one() -> None:
    assert yarn_spec.plan({}).environment == "kernel"


def test_an_archive_that_was_brought_is_taken_from_there_and_may_stay_on_the_nodes() -> None:
    prepared = Prepared("viewfs://site/user/ada/e.tar.gz", shared=True)
    file = yarn_spec.plan({"environment": ARCHIVE}, prepared).worker.files["environment"]
    assert file.source == "viewfs://site/user/ada/e.tar.gz"
    assert str(file.visibility) == "PRIVATE"
    assert str(yarn_spec.plan({"environment": ARCHIVE}).worker.files["environment"].visibility) == "APPLICATION"


def run(script: str, folder: Path, **env: str) -> list[str]:
    """Run a container's script with a Python that tells its arguments."""
    tell = folder / "environment" / "bin" / "python"
    tell.parent.mkdir(parents=True, exist_ok=True)
    tell.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    tell.chmod(0o755)
    (tell.parent / "activate").write_text(f"PATH={tell.parent}:$PATH\n")
    variables = {"PATH": "/usr/bin:/bin", "NM_HOST": "node 1", "SKEIN_CONTAINER_ID": "dask.worker_0", **env}
    done = subprocess.run(["bash"], input=script, cwd=folder, env=variables, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_worker_is_told_what_dask_yarn_would_tell_it(tmp_path: Path) -> None:
    options = {"resources": {"it's": 1}, "lifetime": '$HOME "x"'}
    plan = yarn_spec.plan({"environment": ARCHIVE, "worker_vcores": 2, "worker_options": options})
    script = plan.spec.services["dask.worker"].script
    words = run(script, tmp_path, DASK_SCHEDULER_ADDRESS="tls://h:1")
    assert words[:4] == ["-m", "distributed.cli.dask_spec", "tls://h:1", "--spec"]
    spec = json.loads(words[4])
    assert spec["cls"] == "dask.distributed.Nanny"
    assert spec["opts"] == {
        "name": "dask.worker_0",
        "host": "node 1",
        "local_directory": str(tmp_path),
        "dashboard": False,
        "death_timeout": 60,
        "nthreads": 2,
        "memory_limit": 2 * GIB,
        **options,
    }


def test_a_class_of_somebody_elses_gets_only_what_dask_yarn_gave(tmp_path: Path) -> None:
    given = {"environment": ARCHIVE, "worker_class": "dask_cuda.CUDAWorker", "worker_options": {"name": "mine"}}
    plan = yarn_spec.plan(given)
    words = run(yarn_spec.worker_command(plan, "a", {"name": "$SKEIN_CONTAINER_ID"}), tmp_path)
    assert json.loads(words[-1]) == {
        "cls": "dask_cuda.CUDAWorker",
        "opts": {"nthreads": 1, "memory_limit": 2 * GIB, "name": "mine"},
    }


# --- specifications ---------------------------------------------------------------------------------------------------

# From dask-yarn's documentation: https://yarn.dask.org/en/latest/yarn-specification.html
DOCUMENTED = """\
name: dask
queue: myqueue

services:
  dask.scheduler:
    # Restrict scheduler to 2 GiB and 1 core
    resources:
      memory: 2 GiB
      vcores: 1
    # The files to distribute to the scheduler
    files:
      environment: environment.tar.gz
    # The bash script to start the scheduler.
    # Here we activate the environment, then start the scheduler
    script: |
      source environment/bin/activate
      dask-yarn services scheduler

  dask.worker:
    # Don't start any workers initially
    instances: 0
    # Workers can infinite number of times
    max_restarts: -1
    # Restrict workers to 4 GiB and 2 cores each
    resources:
      memory: 4 GiB
      vcores: 2
    # Distribute this python environment to every worker node
    files:
      environment: environment.tar.gz
    # The bash script to start the worker.
    script: |
      source environment/bin/activate
      dask-yarn services worker
"""


def test_the_documented_specification(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(DOCUMENTED)
    plan = yarn_spec.plan({"specification": str(tmp_path / "spec.yaml")})
    assert (plan.deploy_mode, plan.workers, plan.restarts) == ("remote", 0, -1)
    assert (plan.threads, plan.memory) == (2, 4 * GIB)
    assert (plan.spec.name, plan.spec.queue) == ("dask", "myqueue")
    assert list(plan.spec.services) == ["dask.worker"]
    assert plan.spec.master.resources.memory == 2048
    # Relative to the specification, as skein reads it.
    assert plan.worker.files["environment"].source == f"file://{tmp_path}/environment.tar.gz"
    assert plan.scheduler is not None
    assert plan.scheduler.files["environment"].source == f"file://{tmp_path}/environment.tar.gz"
    assert plan.worker.prologue == ("source environment/bin/activate",)
    assert (plan.worker.python, plan.environment) == ("python", None)
    words = run(plan.spec.services["dask.worker"].script, tmp_path, DASK_SCHEDULER_ADDRESS="tls://h:1")
    assert json.loads(words[-1])["opts"]["nthreads"] == 2


def test_a_specification_in_the_configuration_holds_where_the_profile_says_nothing() -> None:
    script = {"script": "dask-yarn services worker", "resources": {"memory": "1 GiB", "vcores": 1}}
    with dask.config.set({"yarn.specification": {"name": "whole", "services": {"dask.worker": script}}}):
        assert yarn_spec.plan({}).spec.name == "whole"
        assert yarn_spec.plan({}).sources == {"specification": "yarn.specification"}
        assert yarn_spec.plan({"environment": ARCHIVE}).spec.name == "dask"


def service(script: str = "dask-yarn services worker", **more: Any) -> dict[str, Any]:
    return {"script": script, "resources": {"memory": "1 GiB", "vcores": 3}, **more}


def test_a_specification_that_dask_yarn_has_written_runs(tmp_path: Path) -> None:
    """`dask-yarn` hands class and arguments over in two variables."""
    given = {"worker_class": "distributed.Worker", "worker_options": {"nthreads": 9}, "worker_env": {"A": "1"}}
    ((spec, _),) = dask_yarn_builder.specifications([({"environment": ARCHIVE, "deploy_mode": "remote", **given}, {})])
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    plan = yarn_spec.plan({"specification": str(tmp_path / "spec.json")})
    assert plan.worker_class == "distributed.Worker"
    assert plan.threads == 9
    assert dict(plan.worker.env) == {"A": "1"}
    assert plan.worker.python == "environment/bin/python"


def test_what_else_a_specification_says_stays(tmp_path: Path) -> None:
    worker = service(
        "export A=1; conda activate /x && exec dask-yarn services worker --nthreads 2 --memory_limit '2 GiB'\n"
        "echo over",
        node_label="gpu",
        racks=["r1"],
        depends=["dask.scheduler"],
    )
    given = {
        "services": {
            "dask.worker": worker,
            "dask.scheduler": service("dask-yarn services scheduler", env={"B": "2"}),
            "other": service("sleep 1000", depends=["dask.scheduler"]),
        },
        "node_label": "big",
        "acls": {"enable": True, "view_users": ["*"]},
        "tags": ["a"],
        "master": {"env": {"C": "3"}},
    }
    before = copy.deepcopy(given)
    plan = yarn_spec.plan({"specification": given})
    assert given == before
    assert plan.worker.prologue == ("export A=1; conda activate /x",)
    assert plan.worker.epilogue == ("echo over",)
    assert dict(plan.worker_options) == {"nthreads": 2, "memory_limit": "2 GiB"}
    made = plan.spec
    assert (made.node_label, made.tags, made.acls.enable) == ("big", {"a"}, True)
    assert (made.services["dask.worker"].node_label, made.services["dask.worker"].racks) == ("gpu", ["r1"])
    assert made.services["other"].script == "sleep 1000"
    assert not made.services["other"].depends
    assert made.master.env == {"B": "2", "C": "3"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("/no/such.yaml", "options.specification: /no/such.yaml cannot be read: No such file or directory."),
        ({"services": {"a": service("true")}}, "has no service dask.worker"),
        ({"services": {"dask.worker": service("dask-worker h:1")}}, "no line of it calls 'dask-yarn services worker'"),
        ({"services": {"dask.worker": service("# dask-yarn services worker")}}, "no line of it calls"),
        ({"services": {"dask.worker": service("dask-yarn services worker --x 1")}}, "does not have, --x"),
        ({"services": {"dask.worker": {"script": "x"}}}, "skein refuses this specification"),
        ({"servces": {}}, "skein refuses this specification"),
        ({"services": {"dask.worker": service()}, "master": {"script": "x"}}, "master.script is Steward's"),
        ({"services": {"dask.worker": service(), "dask.client": service()}}, "a script runs where you start it"),
        ({"services": {"dask.worker": service(env={"worker_options": "ä"})}}, "is not what dask-yarn puts there"),
    ],
)
def test_a_specification_that_cannot_be(given: object, words: str) -> None:
    with pytest.raises(StartFailed) as caught:
        yarn_spec.plan({"specification": given})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "python"),
    [
        ("dask-yarn services worker", "python"),
        ("environment/bin/python -m dask_yarn.cli services worker", "environment/bin/python"),
        ("/opt/my\\ env/bin/dask-yarn services worker", "'/opt/my env/bin/python'"),
        ('"/opt/my env/bin/python" -m dask_yarn.cli services worker', "'/opt/my env/bin/python'"),
        ("dask-yarn \\\n  services worker", "python"),
    ],
)
def test_ways_to_call_dask_yarn(call: str, python: str) -> None:
    plan = yarn_spec.plan({"specification": {"services": {"dask.worker": service(call)}}})
    assert plan.worker.python == python
    assert shlex.split(python)
