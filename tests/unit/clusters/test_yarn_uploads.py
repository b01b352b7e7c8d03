"""Archives on Hadoop's file system: which of them are deleted, and which never."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest

from dask_steward.clusters import yarn_uploads
from dask_steward.clusters.hadoop_files import HadoopFiles
from tests.support.private_yarn import PrivateYarn


def age(path: Path, days: float) -> None:
    for one in (*path.iterdir(), path):
        os.utime(one, (time.time() - days * 86400,) * 2)


@pytest.mark.requires("yarn")
def test_archives_that_nobody_uses_are_deleted(
    yarn: PrivateYarn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another one is brought: those of ours alone that no cluster runs from, and that were not used for long."""
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "state"))
    files = HadoopFiles(os.environ)
    base = f"{files.home()}/{yarn_uploads.UPLOADS}"
    there = yarn.folder / "dfs" / base.removeprefix("viewfs://fixture/")
    old, marked, runs, ended, strange = (letter * 32 for letter in "abcde")
    for name in (old, marked, runs, ended, strange, "of-a-person"):
        (there / name).mkdir(parents=True)
        (there / name / "environment.tar.gz").write_text(name)
    (there / old / f".environment.tar.gz.{'0' * 32}").write_text("cut off")
    (there / strange / "notes.txt").write_text("of a person")
    for name in (old, marked, runs, ended, strange, "of-a-person"):
        age(there / name, 31)
    (there / marked / yarn_uploads.MARK).write_text("")  # used a moment ago
    for name, over in ((runs, False), (ended, True)):
        folder = tmp_path / "state" / "dask-steward" / "clusters" / f"{name[:1] * 10}"
        folder.mkdir(parents=True)
        yarn_uploads.note_use(str(folder), f"{base}/{name}/environment.tar.gz")
        if over:
            (folder / "end.json").write_text("{}")

    archive = tmp_path / "new.tar.gz"
    archive.write_bytes(b"new")

    uploaded = yarn_uploads.uploaded(str(archive), "f" * 64, files, lambda words: None, kept=30 * 86400)

    assert asyncio.run(uploaded) == f"{base}/{'f' * 32}/{archive.name}"
    left = {path.name for path in there.iterdir()}
    assert {marked, runs, strange, "of-a-person", "f" * 32} <= left
    assert not left & {old, ended}
    shutil.rmtree(there)


def test_what_is_taken_for_unused() -> None:
    base, name = "hdfs://n/user/ada/x", "0" * 32

    def row(path: str, day: str, mode: str = "-rw-r--r--") -> dict[str, str]:
        return {"path": f"{base}/{path}", "day": day, "time": "10:00", "mode": mode}

    before = time.mktime((2026, 6, 1, 0, 0, 0, 0, 0, -1))
    folder, file = row(name, "2026-05-01", "drwxr-xr-x"), row(f"{name}/a.zip", "2026-05-01")
    assert yarn_uploads.unused(base, [folder, file], before) == [name]
    assert yarn_uploads.unused(base, [folder, file, row(f"{name}/last-used", "2026-06-02")], before) == []
    assert yarn_uploads.unused(base, [folder, file, row(f"{name}/in", "2026-05-01", "drwxr-xr-x")], before) == []
    assert yarn_uploads.unused(base, [folder, row(f"{name}/a.zip", "1 May")], before) == []
    assert yarn_uploads.unused(f"{base}/deeper", [folder, file], before) == []
