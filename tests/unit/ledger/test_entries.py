"""The entries of the ledger as everybody reads them: one bad entry never hides another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dask_steward.errors import NewerFormat
from dask_steward.ledger import entries, files
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.release import sweep as sweeping

Make = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "clusters"
    found.mkdir()
    return found


@pytest.fixture
def make(root: Path) -> Make:
    """Write an entry; parts are given by file name without ``.json``."""

    def write(id: str, created: float | None = None, **parts: dict[str, Any]) -> str:
        folder = root / id
        folder.mkdir()
        request = {
            "format": 1,
            "id": id,
            "name": f"name of {id}",
            "created": time.time() if created is None else created,
            "profile": {"system": "local"},
        }
        files.write_json(str(folder / "request.json"), {**request, **parts.pop("request", {})})
        for name, value in parts.items():
            files.write_json(str(folder / f"{name}.json"), {"format": 1, **value})
        return str(folder)

    return write


def gone() -> dict[str, Any]:
    """Return the identity of a process of an earlier boot."""
    return ProcessIdentity.of()._replace(boot_id="before").to_json()


def elsewhere() -> dict[str, Any]:
    return ProcessIdentity.of()._replace(host="login2").to_json()


def test_an_entry_is_read(make: Make) -> None:
    me = ProcessIdentity.of()
    folder = make("aaaaaaaaaa", entry={"keeper": me.to_json(), "socket": "/s", "manager": {"PATH": "/x"}})

    entry = entries.read_entry(folder)

    assert (entry.id, entry.tag, entry.name) == ("aaaaaaaaaa", "dask-steward-aaaaaaaaaa", "name of aaaaaaaaaa")
    assert (entry.keeper, entry.socket, entry.manager_environment) == (me, "/s", {"PATH": "/x"})
    assert entry.keeper_alive()
    assert not entry.guard_alive()
    assert not entry.ended
    assert entry.holdings() == {}


def test_oldest_first(root: Path, make: Make) -> None:
    make("bbbbbbbbbb", created=2.0)
    make("aaaaaaaaaa", created=3.0)
    make("cccccccccc", created=1.0)

    found, problems = entries.list_entries(str(root))

    assert [entry.id for entry in found] == ["cccccccccc", "bbbbbbbbbb", "aaaaaaaaaa"]
    assert problems == []


def test_no_folder_is_no_entries(tmp_path: Path) -> None:
    assert entries.list_entries(str(tmp_path / "none")) == ([], [])


def _tear(folder: Path, name: str) -> None:
    text = (folder / name).read_text()
    (folder / name).write_text(text[: len(text) // 2])


BAD: dict[str, Callable[[Path], object]] = {
    "empty": lambda folder: (folder / "request.json").write_text(""),
    "torn": lambda folder: _tear(folder, "request.json"),
    "no request": lambda folder: (folder / "request.json").unlink(),
    "foreign": lambda folder: (folder / "request.json").write_text('{"id": "zzzzzzzzzz"}'),
    "list": lambda folder: (folder / "request.json").write_text("[]"),
    "bytes": lambda folder: (folder / "request.json").write_bytes(b"\xff\xfe\x00"),
    "a folder": lambda folder: ((folder / "request.json").unlink(), (folder / "request.json").mkdir()),
    "odd types": lambda folder: (folder / "request.json").write_text('{"id": ["bbbbbbbbbb"], "format": "one"}'),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_entry_is_a_sentence_and_the_others_stay(root: Path, make: Make, bad: str) -> None:
    make("aaaaaaaaaa")
    folder = Path(make("bbbbbbbbbb"))
    make("cccccccccc")
    BAD[bad](folder)
    before = sorted(str(path) for path in folder.rglob("*"))

    found, problems = entries.list_entries(str(root))
    sweeping.sweep(str(root))

    assert [entry.id for entry in found] == ["aaaaaaaaaa", "cccccccccc"]
    (problem,) = problems
    assert "bbbbbbbbbb" in problem.message
    assert "\n" not in problem.message.strip()
    assert sorted(str(path) for path in folder.rglob("*")) == before  # left as it is


@pytest.mark.parametrize("name", ["entry.json", "end.json", "guard.json", "stop.json"])
@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_torn_file_is_as_if_it_was_not_written_and_the_entry_is_still_swept(
    root: Path, make: Make, name: str, text: str
) -> None:
    folder = Path(make("bbbbbbbbbb", created=time.time() - 120))
    (folder / "entry.json").unlink(missing_ok=True)
    (folder / "lease").unlink(missing_ok=True)
    (folder / name).write_text(text)

    (entry,), problems = entries.list_entries(str(root))
    report = sweeping.sweep(str(root))

    assert problems == []
    assert not entry.ended
    assert report.ended == ["bbbbbbbbbb"]
    assert entries.read_entry(str(folder)).ended


def test_an_entry_that_is_a_file(root: Path, make: Make) -> None:
    make("aaaaaaaaaa")
    (root / "bbbbbbbbbb").write_text("")

    found, problems = entries.list_entries(str(root))

    assert [entry.id for entry in found] == ["aaaaaaaaaa"]
    assert len(problems) == 1


def test_foreign_names_are_not_looked_at(root: Path, make: Make) -> None:
    make("aaaaaaaaaa")
    for name in (".nfs000001", "notes.txt", "AAAAAAAAAA", "short", ".new.bbbbbbbbbb"):
        (root / name).mkdir()

    found, problems = entries.list_entries(str(root))

    assert len(found) == 1
    assert problems == []


@pytest.mark.parametrize("part", ["request", "entry", "end"])
def test_a_newer_format_is_never_touched_and_said_in_a_sentence(root: Path, make: Make, part: str) -> None:
    make("aaaaaaaaaa", created=1.0, entry={"keeper": gone()})
    folder = make("bbbbbbbbbb", created=1.0, **{"entry": {"keeper": gone()}, part: {"format": 2, "at": 1.0}})
    before = {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    found, problems = entries.list_entries(str(root))
    report = sweeping.sweep(str(root))

    assert [entry.id for entry in found] == ["aaaaaaaaaa"]
    (problem,) = problems
    assert "format 2" in problem.message
    assert "Update dask-steward" in problem.message
    assert report.ended == ["aaaaaaaaaa"]
    assert {path.name: path.read_bytes() for path in Path(folder).iterdir()} == before
    with pytest.raises(NewerFormat):
        entries.read_entry(folder)


def test_fields_of_a_later_minor_version_are_no_error(make: Make) -> None:
    folder = make("aaaaaaaaaa", request={"novel": {"x": 1}}, entry={"more": [1]})

    assert entries.read_entry(folder).id == "aaaaaaaaaa"


@pytest.mark.parametrize("torn", ["", "{", '{"pid": 1}', "[]"])
def test_a_torn_guard_is_no_guard(make: Make, torn: str) -> None:
    folder = make("aaaaaaaaaa")
    (Path(folder) / "guard.json").write_text(torn)

    assert entries.read_entry(folder).guard is None


def test_another_hosts_keeper_is_judged_by_its_lease_only(make: Make) -> None:
    folder = make("aaaaaaaaaa", entry={"keeper": elsewhere()})
    lease = Path(folder) / "lease"
    lease.write_text("")

    assert entries.read_entry(folder).keeper_alive()
    old = time.time() - entries.LEASE_LIMIT - 5
    os.utime(lease, (old, old))

    assert not entries.read_entry(folder).keeper_alive()


def test_a_sweep_leaves_alone_what_another_host_holds(root: Path, make: Make) -> None:
    folder = make("aaaaaaaaaa", created=1.0, entry={"keeper": elsewhere()})
    (Path(folder) / "lease").write_text("")

    report = sweeping.sweep(str(root))

    assert report.ended == []
    assert not (Path(folder) / "end.json").exists()


@pytest.mark.parametrize(
    ("id", "good"),
    [("abcdefghij", True), ("a123456789", True), ("1bcdefghij", False), ("abc", False), ("../abcdefg", False)],
)
def test_ids(id: str, good: bool) -> None:
    assert entries.is_id(id) is good


def test_text_of_an_entry_is_json_for_people(make: Make) -> None:
    folder = make("aaaaaaaaaa")

    assert json.loads((Path(folder) / "request.json").read_text())["name"] == "name of aaaaaaaaaa"
