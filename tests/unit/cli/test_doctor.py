"""The checks of ``dask-steward doctor`` that need a machine in trouble."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from dask_steward.cli import doctor

MOUNTS = [("/", "ext4"), ("/home", "nfs4"), ("/home/a b", "tmpfs"), ("/home", "lustre"), ("/homework", "xfs")]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/x", "ext4"), ("/home/me", "lustre"), ("/home/a b/c", "tmpfs"), ("/homework/x", "xfs"), ("/homer", "ext4")],
)
def test_the_file_system_is_that_of_the_innermost_last_mount(
    monkeypatch: pytest.MonkeyPatch, path: str, kind: str
) -> None:
    mounts = [SimpleNamespace(mountpoint=point, fstype=fstype) for point, fstype in MOUNTS]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)

    assert doctor.file_system(path) == kind


def test_a_real_file_system_has_a_type() -> None:
    assert doctor.file_system("/proc") == "proc"


def results(name: str) -> list[doctor.Check]:
    return [check for check in doctor.run_all() if check.name == name]


def test_a_runtime_folder_open_to_others_fails(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # a long one would be passed over
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        Path(short, "dask-steward").mkdir()
        Path(short, "dask-steward").chmod(0o755)

        (check,) = results("sockets")

    assert check.result == "fail"
    assert "open to others" in check.found


def test_a_profile_with_a_fault_fails(state_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("system: local\noptions: {cors: 4}\n")
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))

    (check,) = results("profiles")

    assert check.result == "fail"
    assert "cors" in check.found


@pytest.mark.parametrize(
    ("python", "result", "words"),
    [
        (sys.executable, "ok", "distributed"),
        ("/bin/false", "fail", "/bin/false"),
        ("/no/python", "fail", "cannot be run"),
    ],
)
def test_the_interpreters_of_profiles_are_asked(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, python: str, result: str, words: str
) -> None:
    (tmp_path / "mine.yaml").write_text(f"system: local\npython: {python}\n")
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))

    (check,) = results("python of mine")

    assert (check.result, words in check.found) == (result, True)


def test_a_manager_that_profiles_use_must_be_there(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text("system: slurm\noptions: {cores: 1, memory: 1 GB}\n")
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    (check,) = results("slurm")

    assert check.result == "fail"
    assert check.advice
