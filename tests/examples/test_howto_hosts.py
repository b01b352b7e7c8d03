"""The examples of the how-to pages that are not about Slurm: a scheduler of somebody else, hosts by ssh, YARN."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import dask_steward as ds
from tests.examples.test_howto import LIMIT, NAMED, ROOT, examples
from tests.faces.notebook import Notebook
from tests.support.foreign import ForeignScheduler, foreign_scheduler
from tests.support.private_sshd import PrivateSshd
from tests.support.private_yarn import PrivateYarn

pytestmark = pytest.mark.timeout(300)

ATTACH, SSH, YARN = (ROOT / "docs" / "howto" / f"{name}.md" for name in ("attach", "ssh", "yarn"))


@pytest.fixture
def folder(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the page's reader works, and saves profiles."""
    made = tmp_path / "dask_profiles"
    made.mkdir()
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(made))
    monkeypatch.chdir(tmp_path)
    yield made
    for cluster in ds.clusters():
        cluster.close()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[ForeignScheduler]:
    """Somebody's scheduler, whose file lies in the reader's folder."""
    with foreign_scheduler(tmp_path, 1) as made:
        (tmp_path / "scheduler.json").write_text(made.file.read_text())
        yield made


def run_page(page: Path, folder: Path, here: dict[str, str]) -> None:
    """Run all examples of a page, with the reader's own places in it."""
    ran = set()
    notebook = Notebook()
    try:
        for where, language, text in examples(page):
            for theirs, ours in here.items():
                text = text.replace(theirs, ours)
            named = NAMED.match(text) if language == "yaml" else None
            if named is not None:
                (folder / f"{named[1]}.yaml").write_text(text)
            elif language == "console":
                for line in text.splitlines():
                    command = line.removeprefix("$ ")
                    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=LIMIT)
                    assert done.returncode == 0, f"{where}: {command}\n{done.stdout}{done.stderr}"
            elif language == "python":
                done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=LIMIT)
                assert done.returncode == 0, f"{where}\n{done.stdout}{done.stderr}"
            elif language == "ipython":
                found = notebook.run(text)
                assert found.status == "ok", f"{where}\n{found.outputs}"
            ran.add(language)
    finally:
        notebook.close()
    assert ran >= {"yaml", "console", "python", "ipython"}


@pytest.mark.requires("procfs")
def test_attaching(folder: Path, shared: ForeignScheduler) -> None:
    run_page(ATTACH, folder, {"localhost:8786": shared.address.partition("://")[2]})
    assert shared.alive
    assert ds.held() == []


@pytest.mark.requires("sshd")
def test_hosts(folder: Path, sshd: PrivateSshd) -> None:
    # What the page calls ~/.ssh/config names the hosts and how they are reached.
    config = folder.parent / "ssh_config"
    config.write_text(
        "".join(
            f"Host {name}\n  HostName {address}\n  Port {sshd.port}\n  IdentityFile {sshd.key}\n"
            f"  UserKnownHostsFile {sshd.known_hosts}\n"
            for name, address in (("node1", "127.0.0.1"), ("node2", "127.0.0.2"))
        )
    )
    run_page(SSH, folder, {"/opt/dask/bin/python": sys.executable, "options:\n": _options(config)})
    assert ds.held() == []


@pytest.mark.requires("yarn")
def test_yarn(folder: Path, yarn: PrivateYarn) -> None:
    """The archive, the installation, and the application of somebody, have tests of their own: faces/test_yarn.py."""
    here = {
        "pip install 'dask-steward[yarn]'": "true",
        "dask-steward attach application_": "true ",
        "dask-steward stop application_": "true ",
        "environment.tar.gz": f"python://{sys.executable}",
        "8GiB": "600MiB",
        "queue: science": "queue: default",
        "--workers 4": "--workers 1",
        "workers=2": "workers=1",
        "scale(2)": "scale(1)",
        "{workers: 2}": "{workers: 1}",
    }
    run_page(YARN, folder, here)
    assert ds.held() == []


def _options(config: Path) -> str:
    """Return the options that stand for the reader's own ~/.ssh/config, and for a network that hosts share."""
    written = io.StringIO()
    YAML().dump({"connect_options": {"config": os.fspath(config)}, "scheduler_options": {"host": "127.0.0.1"}}, written)
    return "options:\n" + "".join(f"  {line}\n" for line in written.getvalue().splitlines())
