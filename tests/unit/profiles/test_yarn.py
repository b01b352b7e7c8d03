"""Profiles of clusters on YARN: dask-yarn's arguments under their own names."""

from __future__ import annotations

from pathlib import Path

import pytest

from dask_steward.errors import ProfileError
from dask_steward.profiles import ProfileStore, registry
from dask_steward.profiles.systems.yarn import SAID_BY_SPECIFICATION, YarnOptions, YarnProfile
from tests.support import dask_yarn_builder

OWN = {"specification", "scheduler_options", "resource_manager"}
"""What profiles know beside the arguments of `YarnCluster`."""

SEED = """\
system: yarn
options:
  environment: environment.tar.gz
  worker_vcores: 2
  worker_memory: 8GiB
"""


def test_yarn_takes_the_arguments_of_dask_yarn() -> None:
    theirs = set(dask_yarn_builder.surface()["arguments"])
    taken, explained = set(YarnOptions.model_fields), set(YarnOptions.not_taken)
    assert taken - theirs == OWN
    assert theirs - taken <= explained, "each argument that profiles do not take has a sentence that says why"
    assert not taken & explained
    assert set(SAID_BY_SPECIFICATION) == taken - OWN - {"host", "port"}


def test_the_example_of_dask_yarn(site) -> None:
    site.write("a", SEED)
    profile = site.store.resolve("a").expanded({})
    options = profile.options
    assert (options.environment, options.worker_vcores, options.worker_memory) == ("environment.tar.gz", 2, 8 * 2**30)
    again = YarnProfile.model_validate(profile.to_json())
    assert again == profile


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("worker_memory", "4096 MiB", 4 * 2**30),
        ("worker_memory", 2**30, 2**30),
        ("scheduler_memory", "2GB", 2_000_000_000),
        ("worker_restarts", -1, -1),
        ("worker_env", {"A": "$PWD/x", "B": 1, "C": ""}, {"A": "$PWD/x", "B": "1", "C": ""}),
        ("worker_options", {"nthreads": 1, "resources": {"a": 1.5}, "preload": ["a"]}, None),
        ("tags", "one", ("one",)),
        ("deploy_mode", "remote", "remote"),
        ("port", 8786, 8786),
        ("resource_manager", "rm1:8088", ("rm1:8088",)),
        ("resource_manager", ["https://rm1:8090/", "[::1]:8088"], ("https://rm1:8090/", "[::1]:8088")),
        ("specification", "$HOME/spec.yaml", None),
        ("specification", {"services": {"dask.worker": {"script": "echo $PWD\ndask-yarn services worker"}}}, None),
        ("user", "alice", "alice"),
        ("worker_gpus", 0, 0),
    ],
)
def test_what_yarn_takes(site, field: str, value: object, read: object) -> None:
    """A dollar sign in what the nodes read is theirs."""
    site.write("a", "system: yarn")
    profile = site.store.resolve("a", {f"options.{field}": value}).expanded({"HOME": "/home/ada"})
    assert getattr(profile.options, field) == (value if read is None else read)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("options.worker_memory", 100, 'must be a size such as "2 GiB"; perhaps 100 MiB is meant'),
        ("options.worker_memory", "many", "must be a size"),
        ("options.worker_vcores", 0, "must be a whole number"),
        ("options.worker_restarts", -2, "must be a whole number from -1"),
        ("options.worker_env", {"A": "a\nb"}, "must not hold a line end"),
        ("options.tags", ["ä"], "must be ASCII"),
        ("options.tags", ["x" * 101], "of at most 100 characters"),
        ("options.tags", [str(number) for number in range(10)], "has 10; YARN takes ten"),
        ("options.deploy_mode", "elsewhere", "allowed: local, remote"),
        ("options.dashboard_address", ":0", "use dashboard: off, socket, tcp or tcp:PORT"),
        ("options.skein_client", "x", "Steward sets this itself"),
        ("options.worker_count", 2, "use n_workers"),
        ("options.client_memory", "2 GiB", "a script runs where you start it"),
        ("options.resource_manager", "rm 1", "must be the web address of a ResourceManager"),
        ("options.worker_vcore", 1, "did you mean options.worker_vcores?"),
        ("lease.timeout", "20 s", "is less than three times lease.interval, 20 s"),
        ("line.silence", 1, "is less than 10 s"),
        ("scale", {"jobs": 2, "workers": 2}, "it takes exactly one of workers, jobs, cores, memory"),
    ],
)
def test_what_yarn_does_not_take(site, field: str, value: object, sentence: str) -> None:
    site.write("a", "system: yarn")
    with pytest.raises(ProfileError) as caught:
        site.store.resolve("a", {field: value})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{specification: s.yaml, worker_memory: 1 GiB}", "options.specification, which says it; give one of the two"),
        ("{specification: s.yaml, tags: [a]}", "options.specification, which says it; give one of the two"),
        ("{host: a, scheduler_options: {host: b}}", "contradicts options.host"),
        ("{port: 1, scheduler_options: {port: 2}}", "contradicts options.port"),
        ("{deploy_mode: remote, host: a}", "is of a scheduler here"),
    ],
)
def test_what_contradicts_itself(site, text: str, sentence: str) -> None:
    site.write("a", f"system: yarn\noptions: {text}")
    assert any(sentence in problem for problem in site.problems("a"))


def test_a_lease_may_be_left_out(site) -> None:
    site.write("a", "system: yarn\nlease: {timeout: 0}")
    assert site.store.resolve("a").lease.timeout == 0


def test_yarn_needs_no_file(site) -> None:
    assert site.store.resolve("yarn").system == "yarn"
    assert site.store.resolve("yarn", {"options.worker_vcores": 2}).options.worker_vcores == 2


def test_lists_show_the_profile_without_a_file_where_there_is_a_hadoop(
    site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody else would only wonder at it."""
    for name in ("YARN_CONF_DIR", "HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_PREFIX"):
        monkeypatch.delenv(name, raising=False)

    def listed(store: ProfileStore) -> set[str]:
        return {info.name for info in store.infos()}

    assert "yarn" not in listed(site.store)
    assert "local" in listed(site.store)
    (tmp_path / "yarn-site.xml").write_text("<configuration/>")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    assert "yarn" in listed(site.store)
    assert registry.is_known("yarn")


def test_yarn_is_offered_where_hadoop_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Node's package manager is called yarn as well: a command of that name says nothing."""
    for name in ("YARN_CONF_DIR", "HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    command = tmp_path / "bin" / "yarn"
    command.parent.mkdir()
    command.write_text("#!/usr/bin/env node\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    conf = tmp_path / "etc" / "hadoop"
    conf.mkdir(parents=True)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
    assert not YarnProfile.offered(), "a folder without a configuration"
    (conf / "yarn-site.xml").write_text("<configuration/>")
    assert YarnProfile.offered()
    monkeypatch.delenv("HADOOP_CONF_DIR")
    monkeypatch.setenv("HADOOP_HOME", str(tmp_path))
    assert YarnProfile.offered()
