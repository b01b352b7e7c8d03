"""A state folder that cannot be written refuses the start in one sentence, before anything is taken."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dask_steward as ds
from dask_steward.control import launch
from dask_steward.ledger import entries
from tests.support import leaks

SESSION_VARIABLE = "DASK_STEWARD_TEST_SESSION"
Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    """Mount a small file system as the state folder."""
    folder = tmp_path / "small"
    folder.mkdir()

    def make(size: int, options: str = "rw") -> Path:
        arguments = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700,{options}", "tmpfs", str(folder)]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"NOT RUN, no file system can be mounted here: {done.stderr.strip()}")
        monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(folder))
        return folder

    yield make
    subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def assert_refused() -> str:
    """Start; return the one sentence of the refusal. Nothing is left."""
    with pytest.raises(ds.StewardError) as caught:
        ds.start("local", workers=1)
    text = str(caught.value)
    session = f"{SESSION_VARIABLE}={os.environ[SESSION_VARIABLE]}"
    assert isinstance(caught.value, ds.StateFolderError | ds.StartFailed)
    assert "Traceback" not in text
    assert "\n" not in text
    deadline = time.monotonic() + 10  # the keeper, which took nothing, is still closing its files
    while (left := leaks.marked("DASK_STEWARD_CLUSTER", session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    return text


@pytest.mark.requires("root")
def test_a_full_disk(mount: Mount) -> None:
    folder = mount(64 * 1024)
    (folder / "ballast").write_bytes(b"x" * 64 * 1024)

    text = assert_refused()

    assert "No space left on device" in text
    assert "nothing was started" in text
    assert "DASK_STEWARD_STATE_DIR" in text
    assert ds.clusters(all=True) == []


@pytest.mark.requires("root")
@pytest.mark.parametrize("free_pages", [1, 2, 3, 4, 5])
def test_a_disk_that_fills_up_during_the_start(mount: Mount, free_pages: int) -> None:
    """At each file that a start writes, one after the other."""
    folder = mount((16 + free_pages) * 4096)
    (folder / "ballast").write_bytes(b"x" * 16 * 4096)

    assert_refused()

    assert ds.held() == []


@pytest.mark.requires("root")
def test_a_read_only_folder(mount: Mount) -> None:
    mount(64 * 1024, "ro")

    text = assert_refused()

    assert "Read-only file system" in text


@pytest.mark.requires("root")
def test_a_ledger_that_can_be_read_but_not_written_is_still_shown(mount: Mount) -> None:
    folder = mount(64 * 1024)
    launch.write_request(
        launch.request_of(
            id="aaaaaaaaaa", name="seen", profile={"system": "local"}, tenure="kernel", owner=None, ask={}, adapt=None
        )
    )
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

    assert [one.name for one in ds.clusters()] == ["seen"]
    assert ds.held() == []
    ds.sweep()  # cannot cross out, and does not fail


@pytest.mark.requires("root")
def test_somebody_elses_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "theirs" / "dask-steward" / "clusters"
    folder.mkdir(parents=True)
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(0o700)
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(0o755)
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "theirs"))
    os.seteuid(65534)
    try:
        with pytest.raises(ds.StateFolderError, match="cannot be read"):
            entries.list_entries()
        with pytest.raises(ds.StateFolderError):
            launch.write_request({"id": "aaaaaaaaaa"})
    finally:
        os.seteuid(0)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "file"))

    assert_refused()


# --- the request ------------------------------------------------------------------------------------------------------


def test_a_request_is_whole_or_not_there(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dask_steward.ledger.files.write_json", interrupted)

    with pytest.raises(KeyboardInterrupt):
        launch.write_request({"id": "aaaaaaaaaa"})

    assert os.listdir(state_dir / "dask-steward" / "clusters") == []


def test_folders_of_the_ledger_are_private(state_dir: Path) -> None:
    folder = launch.write_request({"id": "aaaaaaaaaa", "name": "x"})

    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert os.stat(os.path.join(folder, "request.json")).st_mode & 0o777 == 0o600
    assert os.stat(state_dir / "dask-steward" / "clusters").st_mode & 0o777 == 0o700


def test_ids_are_ids_and_differ() -> None:
    found = {launch.new_id() for _ in range(1000)}

    assert len(found) == 1000
    assert all(entries.is_id(one) for one in found)


def test_the_keepers_path_holds_our_package_and_nothing_else(state_dir: Path) -> None:
    folder = launch.write_request({"id": "aaaaaaaaaa"})

    root = launch.importable_root(folder)

    assert os.listdir(root) == ["dask_steward"]
    assert os.path.exists(os.path.join(root, "dask_steward", "errors.py"))
    assert launch.importable_root(folder) == root
