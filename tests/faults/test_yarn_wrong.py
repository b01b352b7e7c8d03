"""Wrong values of a profile of YARN, and machines that cannot: one sentence, soon, and nothing is left."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from tests.faults.stage import Stage
from tests.support import environments
from tests.support.yarn import PrivateYarn

pytestmark = pytest.mark.requires("yarn")

SOON = 15.0
"""Seconds within which a person must know what is wrong."""

Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refused(stage: Stage, yarn: PrivateYarn | None, python: str | None = None, **options: Any) -> str:
    """Start a cluster that cannot start; return the sentence."""
    given = {"environment": f"python://{sys.executable}", "worker_memory": "400 MiB", **options}
    profile = {"system": "yarn", "options": given, "scale": {"workers": 1}, "dashboard": "off"}
    stage.profile("wrong", json.dumps(profile | ({"python": python} if python else {})))
    began = time.monotonic()
    with pytest.raises(ds.StartFailed) as caught:
        ds.start("wrong")
    took = time.monotonic() - began
    assert took < SOON, f"{took:.1f} s: {caught.value}"
    assert ds.held() == []
    assert ds.clusters() == []
    said = str(caught.value)
    assert "\n" not in said
    assert "Traceback" not in said
    if yarn is not None:
        assert not [one for one in yarn.applications() if one.is_ours and one.state not in ("FAILED", "KILLED")]
        assert yarn.staging() == []
    return said


def archive(path: Path, python: str, dask: str, *, link: str | None = None) -> Path:
    """Write an archive as venv-pack makes one, of another Python or another Dask."""
    site = f"lib/python{python}/site-packages"
    with tarfile.open(path, "w:gz") as made:

        def add(name: str, target: str | None = None) -> None:
            info = tarfile.TarInfo(name)
            if target is not None:
                info.type, info.linkname = tarfile.SYMTYPE, target
            made.addfile(info, io.BytesIO(b""))

        add("bin/activate")
        add("bin/python", "python3")
        add("bin/python3", link or f"/opt/elsewhere/bin/python{python}")
        for name in ("dask", "distributed"):
            add(f"{site}/{name}-{dask}.dist-info/METADATA")
    return path


# --- the environment --------------------------------------------------------------------------------------------------


def test_an_archive_that_is_not_there(stage: Stage, yarn: PrivateYarn, tmp_path: Path) -> None:
    said = refused(stage, yarn, environment=str(tmp_path / "nothing.tar.gz"))
    assert f"options.environment: {tmp_path}/nothing.tar.gz is not there" in said


def test_an_archive_that_is_not_there_on_hadoop(stage: Stage, yarn: PrivateYarn) -> None:
    said = refused(stage, yarn, environment="viewfs://fixture/user/nothing.tar.gz")
    assert "options.environment: viewfs://fixture/user/nothing.tar.gz is not there" in said


def test_an_archive_of_another_python(stage: Stage, yarn: PrivateYarn, tmp_path: Path) -> None:
    said = refused(stage, yarn, environment=str(archive(tmp_path / "other.tar.gz", "3.8", "2026.8.0")))
    assert f"options.environment: {tmp_path}/other.tar.gz holds Python 3.8, and this cluster runs 3." in said
    assert "Pack it again" in said


def test_an_archive_of_another_dask(stage: Stage, yarn: PrivateYarn, tmp_path: Path) -> None:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    said = refused(stage, yarn, environment=str(archive(tmp_path / "old.tar.gz", own, "2022.1.0")))
    assert "old.tar.gz has distributed 2022.1.0, dask 2022.1.0, and this cluster distributed" in said


def test_an_archive_of_another_python_on_hadoop(stage: Stage, yarn: PrivateYarn) -> None:
    folder = yarn.folder / "dfs" / "user" / "archives"
    folder.mkdir(exist_ok=True)
    private = archive(folder / "other.tar.gz", "3.8", "2026.8.0")
    private.chmod(0o600)
    said = refused(stage, yarn, environment="viewfs://fixture/user/archives/other.tar.gz", user="alice")
    assert (
        "viewfs://fixture/user/archives/other.tar.gz cannot be read by alice, the application's user: viewfs:" in said
    )
    assert "other.tar.gz is -rw------- of " in said
    private.chmod(0o644)
    said = refused(stage, yarn, environment="viewfs://fixture/user/archives/other.tar.gz")
    assert "options.environment: viewfs://fixture/user/archives/other.tar.gz holds Python 3.8" in said


def test_no_archive_at_all(stage: Stage, yarn: PrivateYarn, tmp_path: Path) -> None:
    (tmp_path / "text.tar.gz").write_text("not an archive")
    said = refused(stage, yarn, environment=str(tmp_path / "text.tar.gz"))
    assert "text.tar.gz is no archive that can be read" in said


def test_a_python_without_dask(stage: Stage, yarn: PrivateYarn, tmp_path: Path) -> None:
    bare = environments.make_venv(tmp_path / "bare")
    said = refused(stage, yarn, environment=f"python://{bare}/bin/python")
    assert f"options.environment: python://{bare}/bin/python has no distributed" in said


# --- what is asked of YARN --------------------------------------------------------------------------------------------


def test_a_queue_that_is_not_there(stage: Stage, yarn: PrivateYarn) -> None:
    said = refused(stage, yarn, queue="nowhere")
    assert "YARN has no queue 'nowhere'" in said
    assert "discover yarn" in said


def test_a_queue_that_one_may_not_use(stage: Stage, make_yarn: Callable[..., PrivateYarn]) -> None:
    rights = {
        "yarn.scheduler.capacity.root.acl_submit_applications": " ",
        "yarn.scheduler.capacity.root.default.acl_submit_applications": "*",
        "yarn.scheduler.capacity.root.other.acl_submit_applications": "somebody",
        "yarn.scheduler.capacity.root.acl_administer_queue": " ",
    }
    yarn = make_yarn(site={"yarn.acl.enable": "true", "yarn.admin.acl": "nobody"}, scheduler=rights)
    said = refused(stage, yarn, queue="other")
    # Told by the ResourceManager's list, before there is a driver or anything to take back.
    assert "You may not submit to queue 'other': it takes users somebody." in said
    assert "Choose another queue" in said


def test_more_than_any_container_has(stage: Stage, yarn: PrivateYarn) -> None:
    """YARN takes such an application, and ends it as a whole a few seconds later."""
    said = refused(stage, yarn, worker_memory="64 GiB")
    assert said.startswith(
        "options.worker_memory: 64 GiB is too much: no container of this YARN may have more than 6 GiB"
    )
    assert "options.worker_vcores: 99 vcores is too much" in refused(stage, yarn, worker_vcores=99)
    assert "options.worker_gpus: 1 gpus is too much: this YARN has no GPUs" in refused(stage, yarn, worker_gpus=1)
    remote = refused(stage, yarn, deploy_mode="remote", scheduler_memory="64 GiB")
    assert "options.scheduler_memory: 64 GiB is too much" in remote


def test_a_tag_that_yarn_does_not_take(stage: Stage, yarn: PrivateYarn) -> None:
    with pytest.raises(ds.ProfileError, match="must be ASCII"):
        refused(stage, yarn, tags=["ä"])


# --- where YARN is ----------------------------------------------------------------------------------------------------


def test_an_address_where_nobody_is(stage: Stage, yarn: PrivateYarn) -> None:
    said = refused(stage, yarn, resource_manager="127.0.0.1:1")
    assert "YARN cannot be asked: the ResourceManager at http://127.0.0.1:1 refuses connections" in said
    assert "options.resource_manager" in said


def test_an_address_without_a_host(stage: Stage, yarn: PrivateYarn) -> None:
    said = refused(stage, yarn, resource_manager="no-such-host.invalid:8088")
    assert "no-such-host.invalid" in said


def test_no_configuration_of_hadoop(stage: Stage, yarn: PrivateYarn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR"):
        monkeypatch.delenv(name)
    said = refused(stage, None)
    assert "no ResourceManager is known: set HADOOP_CONF_DIR" in said


def test_a_resource_manager_that_hangs(stage: Stage, yarn: PrivateYarn) -> None:
    yarn.freeze("rm")
    try:
        said = refused(stage, None)
    finally:
        yarn.thaw("rm")
    assert "YARN cannot be asked: " in said
    assert not [one for one in yarn.applications() if one.is_ours and one.state not in ("FINISHED", "FAILED", "KILLED")]


# --- what this machine lacks ------------------------------------------------------------------------------------------


def without(folder: Path, program: str) -> str:
    """Return a PATH that lacks one program: links to all others."""
    folder.mkdir()
    for above in os.environ["PATH"].split(os.pathsep):
        for path in Path(above).glob("*") if Path(above).is_dir() else ():
            if path.name != program and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return str(folder)


def test_no_java(stage: Stage, yarn: PrivateYarn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", without(tmp_path / "bin", "java"))
    monkeypatch.delenv("JAVA_HOME")
    assert "There is no Java on the PATH" in refused(stage, yarn)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    said = refused(stage, yarn)
    assert f"There is no Java in JAVA_HOME: {tmp_path}/bin/java cannot be run" in said


def test_a_java_that_is_too_new(
    stage: Stage, yarn: PrivateYarn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in: it says what Java 24 says, in whose place Hadoop's client cannot log in (JEP 486)."""
    java = tmp_path / "java24" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        '#!/bin/bash\nif [ "$1" = -version ]; then echo \'openjdk version "24.0.1" 2025-04-15\' >&2; exit 0; fi\n'
        "echo 'Exception in thread \"main\" java.lang.UnsupportedOperationException: getSubject is not supported' >&2\n"
        "exit 1\n"
    )
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java24"))
    said = refused(stage, yarn)
    assert "Java 24 is too new for Hadoop's client" in said
    assert "set JAVA_HOME" in said


def test_no_hadoop(stage: Stage, yarn: PrivateYarn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", without(tmp_path / "bin", "yarn"))
    assert "There is no command yarn on the PATH" in refused(stage, yarn)


def test_no_skein(stage: Stage, yarn: PrivateYarn, tmp_path: Path) -> None:
    needed = ("distributed", "pydantic", "ruamel.yaml", "httpx", "cryptography", "platformdirs", "traitlets")
    folder = environments.make_venv(tmp_path / "bare", *needed)
    said = refused(stage, yarn, python=str(folder / "bin" / "python"))
    assert "cannot import skein" in said
    assert "pip install 'dask-steward[yarn]'" in said
