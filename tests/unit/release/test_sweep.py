"""What a sweep takes for stale, crosses out, deletes and says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dask_steward.ledger import entries, files
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.release import sweep as module
from dask_steward.release.releaser import forget_private, live, unanswered, write_end
from dask_steward.release.sweep import Released, SweepReport, is_stale, sweep

ME = ProcessIdentity.of()
DEAD = ME._replace(boot_id="before")
ELSEWHERE = ME._replace(host="login2")
Make = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "clusters"
    found.mkdir()
    return found


@pytest.fixture
def make(root: Path) -> Make:
    def write(id: str = "aaaaaaaaaa", age: float = 3600.0, **parts: dict[str, Any]) -> str:
        folder = root / id
        folder.mkdir()
        request = {"format": 1, "id": id, "name": id, "created": time.time() - age, "profile": {"system": "local"}}
        files.write_json(str(folder / "request.json"), request)
        for name, value in parts.items():
            files.write_json(str(folder / f"{name}.json"), {"format": 1, **value})
        return str(folder)

    return write


@pytest.mark.parametrize(
    ("parts", "age", "stale"),
    [
        ({"entry": {"keeper": DEAD.to_json()}}, 0.0, True),
        ({"entry": {"keeper": ME.to_json()}}, 3600.0, False),
        ({"entry": {"keeper": DEAD.to_json()}, "guard": ME.to_json()}, 3600.0, False),
        ({"entry": {"keeper": DEAD.to_json()}, "guard": DEAD.to_json()}, 3600.0, True),
        ({"entry": {"keeper": DEAD.to_json()}, "end": {"state": "stopped"}}, 3600.0, False),
        ({}, 5.0, False),  # just being born
        ({}, module.BIRTH_LIMIT + 10, True),
        ({"entry": {"keeper": ELSEWHERE.to_json()}}, 10.0, False),
        ({"entry": {"keeper": ELSEWHERE.to_json()}}, entries.LEASE_LIMIT + 10, True),
    ],
    ids=["dead", "alive", "guard", "both dead", "ended", "new", "never born", "elsewhere", "elsewhere and silent"],
)
def test_what_is_stale(make: Make, parts: dict[str, Any], age: float, stale: bool) -> None:
    entry = entries.read_entry(make(age=age, **parts))

    assert is_stale(entry, time.time()) is stale


def test_a_stale_entry_is_crossed_out_and_its_secrets_go(make: Make, root: Path) -> None:
    folder = Path(make(entry={"keeper": DEAD.to_json()}))
    (folder / "tls").mkdir()
    (folder / "tls" / "key.pem").write_text("secret")

    report = sweep(str(root))

    assert report.ended == ["aaaaaaaaaa"]
    assert not (folder / "tls").exists()
    end = entries.read_entry(str(folder)).end
    assert end is not None
    assert (end["state"], end["by"]) == ("lost", "sweep")
    assert sweep(str(root)).ended == []


def test_one_entry_that_cannot_be_written_stops_no_other(
    make: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("aaaaaaaaaa", entry={"keeper": DEAD.to_json()})
    make("bbbbbbbbbb", entry={"keeper": DEAD.to_json()})
    real = module.releaser.write_end

    def fail(entry: entries.Entry, **options: Any) -> bool:
        if entry.id == "aaaaaaaaaa":
            raise OSError(30, "Read-only file system")
        return real(entry, **options)

    monkeypatch.setattr(module.releaser, "write_end", fail)
    monkeypatch.setattr(module, "start_guard", lambda folder, id: (None, os.open(os.devnull, os.O_RDONLY)))

    report = sweep(str(root))

    assert report.ended == ["bbbbbbbbbb"]
    assert report.left[0][0] == "aaaaaaaaaa"
    assert "Read-only" in str(report)


def test_old_ends_are_deleted_new_ones_kept(make: Make, root: Path) -> None:
    old, new = time.time() - (module.KEEP_DAYS + 1) * 86400, time.time() - 60
    make("aaaaaaaaaa", end={"state": "stopped", "at": old})
    make("bbbbbbbbbb", end={"state": "stopped", "at": new})
    make("cccccccccc", end={"state": "stopped", "at": "long ago"})

    report = sweep(str(root))

    assert report.removed == 1
    assert sorted(os.listdir(root)) == ["bbbbbbbbbb", "cccccccccc"]


def test_requests_that_were_never_finished_are_deleted_later(make: Make, root: Path) -> None:
    make()
    for name, age in ((".new.old", module.UNBORN_LIMIT + 60), (".new.fresh", 0)):
        (root / name).mkdir()
        os.utime(root / name, (time.time() - age,) * 2)

    sweep(str(root))

    assert not (root / ".new.old").exists()
    assert (root / ".new.fresh").exists()


def test_nothing_there_is_said_so(tmp_path: Path) -> None:
    assert str(sweep(str(tmp_path / "none"))) == "Nothing was left behind."


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (SweepReport(ended=["a"]), "Swept 1 cluster: 0 jobs and 0 processes given back."),
        (
            SweepReport(
                released=[Released("a", "x", "job", "1"), Released("a", "x", "process", "2")], ended=["a", "b"]
            ),
            "Swept 2 clusters: 1 job and 1 process given back.",
        ),
        (SweepReport(left=[("a", "slurm could not be asked")]), "a is not finished: slurm could not be asked."),
    ],
    ids=["one", "two", "left"],
)
def test_a_report_is_a_sentence(report: SweepReport, words: str) -> None:
    assert words in str(report)
    assert set(report.to_dict()) == {"released", "ended", "left", "removed"}


# --- small parts of the release ---------------------------------------------------------------------------------------


def test_a_damaged_entry_cannot_make_us_remove_somebodys_files(make: Make, tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious.sock", tmp_path / "work"
    precious.write_text("")
    folder.mkdir()
    facts = {"keeper": DEAD.to_json(), "socket": str(precious), "dashboard_socket": ["x"], "scratch": str(folder)}
    entry = entries.read_entry(make(entry=facts))

    forget_private(entry)

    assert precious.exists()
    assert folder.exists()


def test_scratch_and_sockets_of_the_cluster_go(make: Make, tmp_path: Path) -> None:
    own, scratch = tmp_path / "aaaaaaaaaa.sock", tmp_path / "dask-steward-aaaaaaaaaa"
    own.write_text("")
    (scratch / "deep").mkdir(parents=True)
    entry = entries.read_entry(make(entry={"socket": str(own), "scratch": str(scratch)}))

    forget_private(entry)

    assert not own.exists()
    assert not scratch.exists()


def test_of_two_ends_the_first_counts(make: Make) -> None:
    entry = entries.read_entry(make())

    assert write_end(entry, state="stopped", reason="first", by="keeper")
    assert not write_end(entry, state="lost", reason="second", by="sweep")
    end = entries.read_entry(entry.folder).end
    assert end is not None
    assert end["reason"] == "first"


def test_submits_without_an_answer_are_known(make: Make) -> None:
    folder = make()
    for key, kind, step in (("j1", "job", "intent"), ("j2", "job", "held"), ("p", "process", "intent")):
        files.append_lines(
            os.path.join(folder, "holdings.jsonl"), [{"at": 1.0, "kind": kind, "key": key, "step": step}]
        )

    assert [one.key for one in unanswered(entries.read_entry(folder))] == ["j1"]


def test_only_queued_and_running_jobs_cost_something() -> None:
    from dask_steward.managers.base import JobState, JobStatus

    jobs = [JobStatus(id=state.value, name="x", state=state, native="") for state in JobState]

    assert live(jobs) == ["queued", "running"]
