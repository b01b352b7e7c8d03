"""``dask-steward profiles …`` from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dask_steward import cli


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path / "mine"))
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    return tmp_path


def write(home: Path, name: str, text: str) -> Path:
    file = home / "mine" / f"{name}.yaml"
    file.write_text(text)
    return file


def test_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, "broken", "system: locl")
    assert cli.main(["profiles", "list"]) == 0
    captured = capsys.readouterr()
    assert [line.split()[:3] for line in captured.out.splitlines()[:4]] == [
        ["NAME", "SYSTEM", "LEVEL"],
        ["address", "address", "builtin"],
        ["broken", "locl", "user"],
        ["local", "local", "builtin"],
    ]
    assert "1 error" in captured.out
    assert "dask-steward profiles check" in captured.err
    assert cli.main(["profiles", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [info["name"] for info in found] == ["address", "broken", "local", "processes", "synchronous", "threads"]
    assert found[1]["problems"][0]["suggestion"] == "local"


def test_json_may_stand_before_the_subcommand(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["profiles", "--json", "path"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"folder": str(home / "mine"), "level": "user", "exists": True}]


def test_show(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, "a", "extends: local   # mine\nidle_timeout: 1 h\n")
    assert cli.main(["profiles", "show", "a"]) == 0
    assert capsys.readouterr().out == "# mine/a.yaml\nextends: local   # mine\nidle_timeout: 1 h\n"
    assert cli.main(["profiles", "show", "a", "--resolved"]) == 0
    assert "start_timeout: 1 min" in capsys.readouterr().out
    assert cli.main(["profiles", "show", "a", "--resolved", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["idle_timeout"] == 3600
    assert cli.main(["profiles", "show", "local"]) == 0
    assert "system: local" in capsys.readouterr().out
    assert cli.main(["profiles", "show", "nope"]) == 2
    assert capsys.readouterr().err.startswith("dask-steward: no profile is called nope.")


def test_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["profiles", "check"]) == 0
    assert capsys.readouterr().err == "5 profiles: nothing is wrong.\n"
    write(home, "a", "system: local\nfoo: 1\nbar: 2\n")
    assert cli.main(["profiles", "check"]) == 2
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0].startswith("mine/a.yaml:2:1: foo = 1: unknown field")
    assert captured.err == "6 profiles: 2 errors.\n"
    assert cli.main(["profiles", "check", "mine/a.yaml", "--json"]) == 2
    assert [problem["line"] for problem in json.loads(capsys.readouterr().out)] == [2, 3]
    assert cli.main(["profiles", "check", "nowhere.yaml"]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().out


def test_schema(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["profiles", "schema", "slurm"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Profile for slurm"
    assert cli.main(["profiles", "schema", "slrum"]) == 2


def test_new_and_remove(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["profiles", "new", "mine", "--system", "slurm"]) == 0
    assert capsys.readouterr().out == "Wrote mine/mine.yaml\n"
    assert cli.main(["profiles", "new", "mine", "--system", "slurm"]) == 2
    assert cli.main(["profiles", "new", "../mine", "--system", "slurm"]) == 2
    assert cli.main(["profiles", "remove", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "mine", "file": str(home / "mine" / "mine.yaml")}
    assert cli.main(["profiles", "remove", "local"]) == 2


def test_save_from_a_cluster(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dask_steward.profiles import ProfileStore

    profile = ProfileStore().resolve("local", {"scale.workers": 3, "idle_timeout": "10 min"}).expanded({})
    folder = home / "state" / "dask-steward" / "clusters" / "c000000001"
    folder.mkdir(parents=True, mode=0o700)
    request = {"format": 1, "id": folder.name, "name": "first", "created": 1.0, "profile": profile.to_json()}
    (folder / "request.json").write_text(json.dumps(request))
    assert cli.main(["profiles", "save", "mine", "--from", "first"]) == 0
    assert ProfileStore().resolve("mine").scale.workers == 3
    assert cli.main(["profiles", "save", "mine", "--from", "c000000001"]) == 0
    assert cli.main(["profiles", "save", "mine", "--from", "nope"]) == 3


@pytest.mark.parametrize("arguments", [["bogus"], ["show"], ["new", "x"], ["list", "--bogus"]])
def test_wrong_usage_is_one_sentence(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert cli.main(["profiles", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
