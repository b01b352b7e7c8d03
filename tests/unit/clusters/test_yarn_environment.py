"""Environments of workers on YARN: named, looked into, packed, brought."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import dask
import distributed
import pytest

from dask_steward.clusters import yarn_archive, yarn_environment, yarn_packing, yarn_uploads
from dask_steward.clusters.hadoop_files import FilesError, HadoopFiles
from dask_steward.clusters.yarn_environment import Prepared, prepare
from dask_steward.errors import StartFailed
from tests.support import environments
from tests.support.yarn import PrivateYarn

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    return tmp_path / "cache" / "dask-steward"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Dask."""
    folder = tmp_path_factory.mktemp("small") / "venv"
    return environments.make_venv(folder, "distributed")


@pytest.fixture(scope="module")
def archive(small: Path) -> Path:
    return environments.pack(small, small.parent / "environment.tar.gz")


def look(environment: str, user: str = "") -> tuple[Prepared, list[str]]:
    words: list[str] = []
    return asyncio.run(prepare(environment, user=user, waiting=words.append)), words


def refused(environment: str) -> str:
    with pytest.raises(StartFailed) as caught:
        look(environment)
    assert "\n" not in str(caught.value)
    assert caught.value.field == "options.environment"
    return str(caught.value)


# --- how a container comes into it ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "prologue", "python"),
    [
        ("venv:///opt/my env", "source '/opt/my env/bin/activate'", "'/opt/my env/bin/python'"),
        ("python:///usr/bin/python3", None, "/usr/bin/python3"),
        ("conda:///opt/dask", "conda activate /opt/dask", "/opt/dask/bin/python"),
        ("conda://dask", "conda activate dask", "python"),
        ("e.tar.gz", "source environment/bin/activate", '"$PWD"/environment/bin/python'),
    ],
)
def test_ways_into_an_environment(environment: str, prologue: str | None, python: str) -> None:
    found = yarn_environment.activation(environment)
    assert found.prologue[-1:] == ((prologue,) if prologue else ())
    assert found.python == python
    assert dict(found.files) == ({"environment": "e.tar.gz"} if environment == "e.tar.gz" else {})


def test_conda_is_activated_in_a_shell_that_nobody_types_into(tmp_path: Path) -> None:
    program = tmp_path / "conda"
    program.write_text("#!/bin/bash\n[ \"$*\" = 'shell.bash hook' ] && echo 'conda() { echo \"conda $*\"; }'\n")
    program.chmod(0o755)
    script = "\n".join(yarn_environment.activation("conda://dask").prologue)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["bash"], input=script, env=variables, capture_output=True, text=True, timeout=20)
    assert done.stdout == "conda activate dask\n", done.stderr


# --- what is in an archive --------------------------------------------------------------------------------------------


def test_an_archive_of_venv_pack(archive: Path, cache: Path) -> None:
    found, words = look(str(archive))
    # No Hadoop is configured here, so nothing can be brought there.
    assert found == Prepared(str(archive))
    assert words == [f"looking into {archive}"]
    with archive.open("rb") as file:
        facts = yarn_archive.facts_of(archive.name, file)
    assert facts.python == OWN
    assert facts.packages == {"dask": dask.__version__, "distributed": distributed.__version__}
    assert facts.link is not None
    assert os.path.exists(facts.link)
    assert facts.wrong() is None
    digest = yarn_archive.digest_of(str(archive))
    assert yarn_archive.remembered(digest) == facts


def test_what_an_archive_holds_is_remembered_by_its_content(archive: Path, tmp_path: Path) -> None:
    """An archive of a gigabyte takes seconds to look into."""
    other = yarn_archive.Facts("3.8", None, True, True, {})
    yarn_archive.remember(yarn_archive.digest_of(str(archive)), other)
    copy = tmp_path / "copy.tar.gz"
    copy.write_bytes(archive.read_bytes())
    assert "holds Python 3.8" in refused(str(copy))


def test_a_relative_path_and_an_address_of_this_machine(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)
    assert look(archive.name)[0].name == str(archive)
    assert look(f"file://{archive}")[0].name == str(archive)


def facts(**more: object) -> yarn_archive.Facts:
    own = {"python": OWN, "packages": {"dask": dask.__version__, "distributed": distributed.__version__}}
    return yarn_archive.Facts(**{"runs": True, "activates": True, **own, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (facts(), None),
        (facts(activates=False), "holds no bin/activate"),
        (facts(runs=False), "holds no bin/python"),
        (facts(python="3.8"), "holds Python 3.8, and this cluster runs"),
        (facts(packages={"dask": "1"}), "has no distributed"),
        (facts(packages={"dask": dask.__version__, "distributed": "2022.1.0"}), "has distributed 2022.1.0, and this"),
    ],
)
def test_what_does_not_fit(found: yarn_archive.Facts, words: str | None) -> None:
    said = found.wrong()
    assert said is None if words is None else said is not None and words in said


def test_an_interpreter_that_only_the_nodes_may_have(tmp_path: Path, archive: Path) -> None:
    """It may be there and not here, so it is a warning."""
    digest = yarn_archive.digest_of(str(archive))
    yarn_archive.remember(digest, facts(link="/opt/nodes/bin/python3"))
    found, _ = look(str(archive))
    assert found.warning is not None
    assert "runs with /opt/nodes/bin/python3, which is not on this machine" in found.warning


def test_links_are_followed_within_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("bin/activate", "")
        made.writestr("bin/python", "")
    with path.open("rb") as file:
        found = yarn_archive.facts_of(path.name, file)
    assert (found.runs, found.activates, found.link) == (True, True, None)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothing.tar.gz", None, "is not there"),
        ("text.tar.gz", b"text", "is no archive that can be read"),
        ("cut.tar.gz", b"\x1f\x8b\x08\0", "is no archive that can be read"),
        ("environment.rar", b"", "its name must end with one of .tar.gz, .tgz, .tar, .zip"),
    ],
)
def test_what_is_no_archive(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert words in refused(str(path))


def test_a_folder_is_no_archive(small: Path) -> None:
    said = refused(str(small))
    assert "is a folder, and no archive" in said
    assert f"venv://{small}" in said


def test_an_archive_that_cannot_be_read(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    assert "you have no permission for it" in refused(str(archive))


def test_environments_that_every_node_has(small: Path, tmp_path: Path) -> None:
    assert look(f"venv://{small}")[0] == Prepared(f"venv://{small}")
    assert look(f"python://{small}/bin/python")[0].name == f"python://{small}/bin/python"
    assert look("conda://dask")[0].name == "conda://dask"
    assert look("python:///only/on/the/nodes")[0].name == "python:///only/on/the/nodes"
    bare = environments.make_venv(tmp_path / "bare")
    assert "has no distributed, which workers need" in refused(f"venv://{bare}")


def test_files_of_a_specification(archive: Path) -> None:
    yarn_environment.check_files([f"file://{archive}", "hdfs:///there/a.tar.gz"])
    with pytest.raises(StartFailed, match=r"options\.specification: file:///no/such\.tar\.gz is not there"):
        yarn_environment.check_files(["file:///no/such.tar.gz"])


# --- this environment -------------------------------------------------------------------------------------------------


def packed(prefix: Path) -> tuple[str, list[str]]:
    words: list[str] = []
    return asyncio.run(yarn_packing.packed(str(prefix), words.append)), words


def test_an_environment_is_packed_once_for_each_state(tmp_path: Path, cache: Path) -> None:
    prefix = environments.make_venv(tmp_path / "mine", "toolz")
    first, words = packed(prefix)
    assert any(word.startswith(f"packing {prefix} for the containers: ") for word in words)
    assert Path(first).parent == cache / "environments"
    assert Path(first).name.startswith("mine-")
    again, words = packed(prefix)
    assert again == first
    assert not any(word.startswith("packing") for word in words)
    assert os.listdir(cache / "environments") == [Path(first).name], "nothing is left beside it"
    site = next((prefix / "lib").glob("python*/site-packages"))
    (site / "__pycache__").mkdir()
    (site / "__pycache__" / "x.pyc").touch()
    assert packed(prefix)[0] == first, "what Python writes by itself changes nothing"
    (site / "new.py").write_text("")
    second, _ = packed(prefix)
    assert second != first
    with tarfile.open(second) as found:
        names = found.getnames()
    assert f"lib/python{OWN}/site-packages/new.py" in names
    assert {"bin/activate", "bin/python"} <= set(names)


def make_conda(prefix: Path) -> Path:
    """Make of a virtual environment one of conda, by what conda writes down in it."""
    environments.make_venv(prefix, "toolz")
    (prefix / "pyvenv.cfg").unlink()
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").touch()
    files = [str(path.relative_to(prefix)) for path in (prefix / "lib").rglob("toolz/*.py")]
    record = {"name": "toolz", "version": "1", "url": "", "link": {"source": ""}, "files": [*files, "replaced.py"]}
    (prefix / "conda-meta" / "toolz-1-0.json").write_text(json.dumps(record))
    return prefix


def test_an_environment_of_conda_is_packed_by_conda_pack(tmp_path: Path) -> None:
    prefix = make_conda(tmp_path / "mine")
    path, _ = packed(prefix)
    with tarfile.open(path) as found:
        names = set(found.getnames())
    assert {"bin/activate", "bin/conda-unpack", "conda-meta/history", "bin/python"} <= names
    assert f"lib/python{OWN}/site-packages/toolz/__init__.py" in names


@pytest.mark.parametrize("make", [environments.make_venv, make_conda])
def test_what_is_installed_in_editable_form_is_packed_too(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """The packers refuse such an environment, and it is what people have who write a package."""
    prefix = make(tmp_path / "mine")
    site = next((prefix / "lib").glob("python*/site-packages"))
    project, other = tmp_path / "project", tmp_path / "other"
    for folder in (project / "mypackage" / "inner", project / "tests", other):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("VALUE = 42\n")
    (project / "mypackage" / "__init__.py").write_text("VALUE = 42\n")
    (project / "setup.py").touch()
    (site / "mypackage.pth").write_text(f"{project}\n")
    (site / "__editable___other_0_finder.py").write_text(
        f"from __future__ import annotations\nMAPPING: dict[str, str] = {{'other.name': {str(other)!r}}}\n"
    )
    (site / "__editable__.other-0.pth").write_text("import __editable___other_0_finder\n")
    path, _ = packed(prefix)
    unpacked = tmp_path / "unpacked"
    with tarfile.open(path) as found:
        found.extractall(unpacked, filter="fully_trusted")
    inside = unpacked / "lib" / f"python{OWN}" / "site-packages"
    assert (inside / "mypackage" / "inner" / "__init__.py").is_file()
    assert (inside / "other" / "name" / "__init__.py").is_file()
    assert not (inside / "setup.py").exists()
    assert not (inside / "tests").exists()
    assert not list(inside.glob("*.pth"))
    program = [sys.executable, "-S", "-c", "import mypackage.inner as m; print(m.VALUE)"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(inside)})
    assert done.stdout == "42\n", done.stderr


def test_an_interpreter_of_the_machine_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(StartFailed) as caught:
        packed(tmp_path)
    assert "neither a virtual environment nor one of conda" in str(caught.value)
    assert f"python://{sys.executable}" in str(caught.value)


def test_a_packer_that_fails_says_why_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    with pytest.raises(StartFailed) as caught:
        packed(tmp_path / "broken")
    assert f"the environment {tmp_path}/broken cannot be packed: " in str(caught.value)
    assert os.listdir(cache / "environments") == []


def test_a_start_that_is_given_up_ends_the_packer(tmp_path: Path, small: Path, cache: Path) -> None:
    async def give_up() -> None:
        begun = asyncio.Event()

        def waiting(words: str) -> None:
            if words.startswith("packing"):
                begun.set()

        task = asyncio.create_task(yarn_packing.packed(str(small), waiting))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert os.listdir(cache / "environments") == []


# --- Hadoop's file systems --------------------------------------------------------------------------------------------


@pytest.mark.requires("yarn")
def test_an_archive_is_brought_to_hadoop_once(yarn: PrivateYarn, archive: Path) -> None:
    found, words = look(str(archive))
    assert found.shared
    assert found.name.startswith("viewfs://fixture/user/")
    assert found.name.endswith("/environment.tar.gz")
    assert any(word.startswith("bringing environment.tar.gz") for word in words)
    there = yarn.folder / "dfs" / found.name.removeprefix("viewfs://fixture/")
    assert there.read_bytes() == archive.read_bytes()
    written = there.stat().st_mtime_ns
    again, words = look(str(archive))
    assert again == found
    assert not any(word.startswith("bringing") for word in words)
    assert there.stat().st_mtime_ns == written, "a file that changes while an application starts fails its containers"
    names = {path.name for path in there.parent.iterdir() if not path.name.endswith(".crc")}
    assert names == {"environment.tar.gz", yarn_uploads.MARK}
    # By its address it is looked into where it lies.
    assert look(found.name)[0] == Prepared(found.name, shared=True)


@pytest.mark.requires("yarn")
def test_another_users_archive_is_brought_by_skein(yarn: PrivateYarn, archive: Path) -> None:
    """What lies in this user's folder is not theirs to read."""
    assert look(str(archive), user="alice")[0] == Prepared(str(archive))


@pytest.mark.requires("yarn")
def test_where_nothing_can_be_written_skein_brings_it(yarn: PrivateYarn, archive: Path) -> None:
    file = yarn.folder / "dfs" / "user" / "nobody"
    file.write_text("a file where a folder should be")
    environment = {**os.environ, "HADOOP_USER_NAME": "nobody"}
    files = HadoopFiles(environment)
    assert files.home() == "viewfs://fixture/user/nobody"
    with pytest.raises(FilesError):
        files.put(str(archive), f"{files.home()}/x/e.tar.gz")
    uploaded = yarn_uploads.uploaded(str(archive), "0" * 64, files, lambda words: None)
    assert asyncio.run(uploaded) is None
    file.unlink()


@pytest.mark.requires("yarn")
def test_a_file_system_that_does_not_answer(yarn: PrivateYarn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = tmp_path / "bin" / "hadoop"
    hangs.parent.mkdir()
    hangs.write_text("#!/bin/bash\nexec sleep 100\n")
    hangs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{hangs.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("dask_steward.clusters.hadoop_files.ANSWER_LIMIT", 0.5)
    assert "the file system did not answer within 0.5 s" in refused("viewfs://fixture/e.tar.gz")
