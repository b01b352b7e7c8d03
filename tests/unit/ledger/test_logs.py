"""The logs of a cluster as files: found by job and by worker, read from the end, kept for a while, deleted wherever."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from dask_steward.ledger import entries, files, logs
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.release.sweep import sweep

DAY = 86400.0
STARTED = """\
2026-11-21 13:52:41 - distributed.worker - INFO -       Start worker at:      tls://10.0.0.1:36191
2026-11-21 13:52:41 - distributed.worker - INFO -           Worker name:                       j2-0
2026-11-21 13:52:42 - distributed.worker - INFO -       Start worker at:      tls://10.0.0.1:44243
2026-11-21 13:52:42 - distributed.worker - INFO -           Worker name:                       j2-1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "clusters"
    found.mkdir()
    return found


def ended(root: Path, id: str, days_ago: float, **profile: Any) -> Path:
    """Write the entry of a cluster that ended some days ago, with logs of its keeper, its guard and a job."""
    folder = root / id
    folder.mkdir()
    profile = {"system": "slurm", "name": "a", **profile}
    request = {"format": 1, "id": id, "name": id, "created": 1.0, "profile": profile}
    files.write_json(str(folder / "request.json"), request)
    end = {"format": 1, "state": "stopped", "reason": "x", "by": "keeper", "at": time.time() - days_ago * DAY}
    files.write_json(str(folder / "end.json"), end)
    made = logs.make_folder(str(folder), entries.tag(id), profile.get("outside"))
    for path in (folder / "keeper.log", folder / "guard.log", Path(made, "4711.log")):
        path.write_text("a\nb\nc\n")
    return folder


class TestFinding:
    @pytest.fixture
    def folder(self, root: Path) -> Path:
        folder = ended(root, "aaaaaaaaaa", 0)
        (folder / "logs" / "4712_0.log").write_text(STARTED)
        return folder

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({}, ["job 4711", "job 4712_0", "keeper"]),
            ({"keeper": True}, ["keeper"]),
            ({"job": "4712_0"}, ["job 4712_0"]),
            ({"job": "47"}, []),
            ({"worker": "j2-1"}, ["job 4712_0"]),
            ({"worker": "tls://10.0.0.1:36191"}, ["job 4712_0"]),
            ({"worker": "j2"}, []),
            ({"worker": "j2-10"}, []),
        ],
    )
    def test_logs_are_found(self, folder: Path, asked: dict[str, Any], found: list[str]) -> None:
        assert sorted(logs.log_files(str(folder), **asked)) == found

    def test_workers_that_are_no_jobs_speak_in_the_keepers_log(self, folder: Path) -> None:
        for path in (folder / "logs").iterdir():
            path.unlink()
        assert list(logs.log_files(str(folder), worker="0")) == ["keeper"]


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("a\nb\nc\n", 2, "b\nc\n"),
        ("a\nb\nc", 2, "b\nc"),
        ("a\nb\nc\n", 9, "a\nb\nc\n"),
        ("a\n", 0, ""),
        ("", 3, ""),
        ("\n\n", 1, "\n"),
        ("x" * 100_000 + "\nlast\n", 1, "last\n"),
        ("".join(f"{number}\n" for number in range(50_000)), 20_000, "".join(f"{n}\n" for n in range(30_000, 50_000))),
    ],
    ids=["end", "torn", "all", "none", "empty", "blank", "long line", "many"],
)
def test_the_last_lines_of_a_file(tmp_path: Path, text: str, lines: int, expected: str) -> None:
    path = tmp_path / "x.log"
    path.write_text(text)
    assert logs.tail(str(path), lines) == expected


def test_bytes_that_are_no_text_do_not_hide_a_log(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"a\xff\nb\n")
    assert logs.tail(str(tmp_path / "x.log"), 2) == "a\ufffd\nb\n"


class TestRetention:
    @pytest.mark.parametrize(
        ("days_ago", "kept", "there", "entry"),
        [
            (6.9, None, True, True),
            (7.1, None, False, False),
            (0.4, 0.5, True, True),
            (0.6, 0.5, False, True),
            (20.0, 30.0, True, True),
            (31.0, 30.0, False, False),
        ],
    )
    def test_logs_stay_as_long_as_the_profile_says(
        self, root: Path, days_ago: float, kept: float | None, there: bool, entry: bool
    ) -> None:
        folder = ended(root, "aaaaaaaaaa", days_ago, **({} if kept is None else {"logs_kept": kept * DAY}))
        sweep(str(root))
        assert folder.exists() is entry
        for name in ("logs/4711.log", "keeper.log", "guard.log"):
            assert (folder / name).exists() is there
        if entry:
            found = entries.read_entry(str(folder))
            assert (logs.logs_until(found) is not None) is there
            assert found.ended

    def test_a_cluster_that_runs_keeps_its_logs(self, root: Path) -> None:
        folder = ended(root, "aaaaaaaaaa", 100)
        (folder / "end.json").unlink()
        # This process stands for its keeper.
        files.write_json(str(folder / "entry.json"), {"format": 1, "keeper": ProcessIdentity.of().to_json()})
        old = time.time() - 100 * DAY
        os.utime(folder / "logs" / "4711.log", (old, old))
        assert logs.logs_until(entries.read_entry(str(folder))) is None
        logs_before = sorted(path.name for path in (folder / "logs").iterdir())
        assert sweep(str(root)).left == []
        assert sorted(path.name for path in (folder / "logs").iterdir()) == logs_before

    def test_the_second_sweep_finds_nothing_to_do(self, root: Path) -> None:
        folder = ended(root, "aaaaaaaaaa", 2, logs_kept=DAY)
        sweep(str(root))
        assert logs.remove_logs(entries.read_entry(str(folder))) is False


class TestOutside:
    def test_logs_may_lie_in_a_folder_of_the_users_and_are_deleted_there(self, root: Path, tmp_path: Path) -> None:
        outside = tmp_path / "mine"
        outside.mkdir()
        (outside / "precious").write_text("mine")
        folder = ended(root, "aaaaaaaaaa", 2, logs_kept=DAY, outside=str(outside))
        own = outside / "dask-steward-aaaaaaaaaa"
        assert (own / "4711.log").read_text() == "a\nb\nc\n"
        assert list(logs.log_files(str(folder), job="4711")) == ["job 4711"]
        sweep(str(root))
        assert [path.name for path in outside.iterdir()] == ["precious"]
        assert not (folder / "logs").is_symlink()

    def test_a_link_that_leads_elsewhere_is_only_a_link(self, root: Path, tmp_path: Path) -> None:
        folder = ended(root, "aaaaaaaaaa", 2, logs_kept=DAY)
        precious = tmp_path / "precious"
        precious.mkdir()
        (folder / "logs" / "4711.log").unlink()
        (folder / "logs").rmdir()
        (folder / "logs").symlink_to(precious)
        sweep(str(root))
        assert precious.is_dir()

    def test_an_old_entry_takes_its_logs_along(self, root: Path, tmp_path: Path) -> None:
        folder = ended(root, "aaaaaaaaaa", 8, outside=str(tmp_path / "mine"))
        sweep(str(root))
        assert not folder.exists()
        assert list((tmp_path / "mine").iterdir()) == []
