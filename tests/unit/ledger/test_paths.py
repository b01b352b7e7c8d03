"""Where state and sockets live."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dask_steward.errors import StateFolderError
from dask_steward.ledger import paths


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="dsk-p", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_state_folder_by_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert paths.state_dir() == str(tmp_path / "own")
    monkeypatch.delenv("DASK_STEWARD_STATE_DIR")
    assert paths.state_dir() == str(tmp_path / "xdg")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert paths.state_dir() == str(tmp_path / "home" / ".local" / "state")
    assert paths.clusters_dir() == str(tmp_path / "home" / ".local" / "state" / "dask-steward" / "clusters")


def test_a_relative_state_folder_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The keeper runs from another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", "here")

    assert paths.state_dir() == str(tmp_path / "here")


def test_runtime_folder_is_private(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))

    folder = paths.runtime_dir()

    assert folder == str(short / "dask-steward")
    assert os.stat(folder).st_mode & 0o777 == 0o700


def test_the_longest_name_fits_into_a_socket_address(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    longest = "/dask-steward/abcdefghij.dashboard.sock"
    room = paths.SOCKET_PATH_LIMIT - len(str(short)) - len(longest)
    for length in (room - 1, room, room + 1):
        base = short / ("x" * (length - 1))
        base.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(base))
        path = paths.runtime_dir(create=False) + "/abcdefghij.dashboard.sock"
        if length <= room:
            assert path.startswith(str(base))
            os.mkdir(base / "dask-steward")
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
        else:
            assert path.startswith(f"/tmp/dask-steward-{os.getuid()}/")


def test_no_runtime_folder_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/no/such/folder")

    assert paths.runtime_dir(create=False) == f"/tmp/dask-steward-{os.getuid()}"


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o777])
def test_a_folder_that_is_open_to_others_is_refused(monkeypatch: pytest.MonkeyPatch, short: Path, mode: int) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    (short / "dask-steward").mkdir()
    (short / "dask-steward").chmod(mode)

    with pytest.raises(StateFolderError, match="open to others") as caught:
        paths.runtime_dir()

    assert "chmod 700" in str(caught.value)


def test_a_link_is_refused(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    (short / "elsewhere").mkdir(mode=0o700)
    (short / "dask-steward").symlink_to(short / "elsewhere")

    with pytest.raises(StateFolderError, match="not a folder of yours"):
        paths.runtime_dir()


def test_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    (short / "dask-steward").write_text("")

    with pytest.raises(StateFolderError):
        paths.runtime_dir()


@pytest.mark.requires("root")
def test_a_strangers_folder_is_refused(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    (short / "dask-steward").mkdir(mode=0o700)
    os.chown(short / "dask-steward", 12345, 12345)

    with pytest.raises(StateFolderError, match="not a folder of yours"):
        paths.runtime_dir()
