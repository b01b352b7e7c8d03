"""Profiles over REST: what a form needs, and that nothing but the user's own files is ever written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.serving import Server, folder_for
from tests.support.private_slurm import PrivateSlurm

COMMENTED = """\
# Mine.
title: Whole nodes      # shown in lists
system: slurm
scale: {jobs: 2}
idle_timeout: 30 min    # long enough for lunch
options:
  # two of the four
  cores: 2
  memory: "600 MB"
  walltime: "00:10:00"
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with an administrator's profiles (`etc`) and a user's (`user`)."""
    found = folder_for("prof")
    (found / "etc" / "jupyter" / "dask_profiles").mkdir(parents=True)
    (found / "user").mkdir()
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    variables = {
        "DASK_STEWARD_PROFILES": str(place / "user"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "XDG_CONFIG_DIRS": str(place / "etc"),
    }
    with Server(place, environment=variables) as found:
        yield found


@pytest.fixture
def user(place: Path) -> Iterator[Path]:
    """The folder of the user's profiles."""
    yield place / "user"
    for file in (place / "user").iterdir():
        file.unlink()


@pytest.fixture
def system(place: Path) -> Iterator[Path]:
    """The folder of the administrator's profiles."""
    folder = place / "etc" / "jupyter" / "dask_profiles"
    yield folder
    for file in folder.iterdir():
        file.unlink()


def one(api: httpx.Client, name: str) -> dict[str, Any]:
    (found,) = [profile for profile in api.get("profiles").json()["profiles"] if profile["name"] == name]
    assert found == api.get(f"profiles/{name}").json()
    return dict(found)


def test_the_list_has_what_a_form_needs(api: httpx.Client, user: Path, system: Path) -> None:
    (user / "mine.yaml").write_text(COMMENTED)
    (user / "broken.yaml").write_text("system: slurm\noptions: {cors: 2}\n")
    (user / "näme.yaml").write_text("system: local\n")
    (system / "shared.yaml").write_text("system: local\nsecurity: tls\nlock: [security]\nlauncher: true\n")

    mine, broken, shared, local = (one(api, name) for name in ("mine", "broken", "shared", "local"))

    assert (mine["title"], mine["level"], mine["editable"]) == ("Whole nodes", "user", True)
    assert mine["written"]["options"] == {"cores": 2, "memory": "600 MB", "walltime": "00:10:00"}
    assert mine["resolved"]["options"]["memory"] == 600_000_000
    assert broken["resolved"] is None
    assert "options.cors" in {problem["field"] for problem in broken["problems"]}
    assert (shared["locked"], shared["editable"], shared["launcher"]) == (["security"], False, True)
    assert (local["source"], local["level"]) == (None, "builtin")
    answer = api.get("profiles").json()
    assert [problem["file"] for problem in answer["problems"]] == [str(user / "näme.yaml")]
    assert {"local", "slurm"} <= {option["system"] for option in answer["systems"]}


def test_put_keeps_the_comments_of_a_file(api: httpx.Client, user: Path) -> None:
    file = user / "mine.yaml"
    file.write_text(COMMENTED)
    written = api.get("profiles/mine").json()["written"]

    same = api.put("profiles/mine", json={"profile": written})
    assert (same.status_code, file.read_text()) == (200, COMMENTED)
    written["options"]["cores"] = "4"
    changed = api.put("profiles/mine", json={"profile": written})

    assert changed.status_code == 200
    assert changed.json()["resolved"]["options"]["cores"] == 4
    assert file.read_text() == COMMENTED.replace("cores: 2", "cores: '4'")


def test_a_new_profile_takes_what_a_person_types(api: httpx.Client, user: Path) -> None:
    body = {
        "create": True,
        "profile": {
            "system": "slurm",
            "options": {"memory": "64 GB", "walltime": "01:00:00", "cores": 4},
            "idle_timeout": "5m",
        },
    }
    answer = api.put("profiles/new.one", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["resolved"]["options"]["memory"] == 64_000_000_000
    assert answer.json()["resolved"]["idle_timeout"] == 300
    again = api.put("profiles/new.one", json=body)
    assert (again.status_code, again.json()["field"]) == (409, "name")
    assert api.delete("profiles/new.one").status_code == 204
    assert list(user.iterdir()) == []
    assert api.delete("profiles/new.one").status_code == 404


def test_every_wrong_field_is_told_at_its_field_and_nothing_is_written(api: httpx.Client, user: Path) -> None:
    wrong = {
        "system": "slurm",
        "tenure": "forever",
        "scale": {"jobs": 1, "workers": 2},
        "options": {"cores": 0, "memory": "64 GBit", "walltime": "soon", "cors": 4},
        "groups": {"gpu": {"options": {"cores": -1}}},
    }
    answer = api.put("profiles/wrong", json={"profile": wrong})
    assert answer.status_code == 400
    expected = {
        "tenure",
        "scale",
        "options.cores",
        "options.memory",
        "options.walltime",
        "options.cors",
        "groups.gpu.options.cores",
    }
    assert {problem["field"] for problem in answer.json()["problems"]} == expected
    assert list(user.iterdir()) == []
    validated = api.post("profiles/validate", json={"name": "wrong", "profile": wrong})
    assert validated.status_code == 200
    assert {problem["field"] for problem in validated.json()["problems"]} == expected
    preview = api.post("profiles/preview", json={"name": "wrong", "profile": wrong})
    assert preview.status_code == 400
    assert {problem["field"] for problem in preview.json()["problems"]} == expected


def test_a_right_profile_has_no_problems(api: httpx.Client, user: Path) -> None:
    answer = api.post("profiles/validate", json={"name": "right", "profile": {"system": "local"}})
    assert (answer.status_code, answer.json()) == (200, {"problems": []})


@pytest.mark.parametrize(
    "name", ["..%2Fescaped", "%2e%2e%2f%2e%2e%2fetc%2fx", ".hidden", "a%2Fb", "a%00b", "%3Cimg%20src=x%3E", "x" * 65]
)
def test_a_name_with_tricks_writes_nothing(api: httpx.Client, place: Path, user: Path, name: str) -> None:
    before = sorted(place.rglob("*"))
    written = api.put(f"profiles/{name}", json={"profile": {"system": "local"}})
    assert (written.status_code, written.json()["field"]) == (400, "name")
    assert api.get(f"profiles/{name}").status_code == 404
    assert api.delete(f"profiles/{name}").status_code == 404
    assert sorted(place.rglob("*")) == before


def test_validate_tells_a_bad_name_at_the_name(api: httpx.Client) -> None:
    answer = api.post("profiles/validate", json={"name": "../x", "profile": {"system": "local"}})
    assert [problem["field"] for problem in answer.json()["problems"]] == ["name"]


def test_locked_fields_are_shown_and_refused(api: httpx.Client, user: Path, system: Path) -> None:
    (system / "_site.yaml").write_text("forbid: [processes]\nlock: {slurm: {options.account: climate}}\n")

    assert api.get("profiles/schema/slurm").json()["x-locked"] == {"options.account": "climate"}
    wrong = {"system": "slurm", "options": {"cores": 2, "memory": "1 GB", "account": "mine"}}
    answer = api.put("profiles/mine", json={"profile": wrong})
    assert answer.status_code == 400
    (problem,) = answer.json()["problems"]
    assert problem["field"] == "options.account"
    assert "locked to climate by the administrator" in problem["message"]
    assert "processes" not in {option["system"] for option in api.get("profiles").json()["systems"]}
    assert list(user.iterdir()) == []


def test_only_the_users_level_is_written(api: httpx.Client, user: Path, system: Path) -> None:
    shared = system / "shared.yaml"
    shared.write_text("system: local\nscale: {workers: 2}\n")
    assert api.delete("profiles/shared").status_code == 409
    own = api.put("profiles/shared", json={"profile": {"system": "local", "scale": {"workers": 3}}})
    assert (own.status_code, own.json()["level"]) == (201, "user")
    assert shared.read_text() == "system: local\nscale: {workers: 2}\n"
    assert os.listdir(user) == ["shared.yaml"]
    assert api.delete("profiles/shared").status_code == 204
    assert one(api, "shared")["level"] == "system"


def test_a_file_that_a_form_would_spoil_is_left_alone(api: httpx.Client, user: Path) -> None:
    (user / "mine.yaml").write_text("system: [local\n")
    answer = api.put("profiles/mine", json={"profile": {"system": "local"}})
    assert answer.status_code == 409
    assert (user / "mine.yaml").read_text() == "system: [local\n"
    validated = api.post("profiles/validate", json={"name": "mine", "profile": {"system": "local"}})
    assert "cannot be changed by a form" in validated.json()["problems"][0]["message"]


def test_schema_of_an_unknown_system(api: httpx.Client) -> None:
    assert api.get("profiles/schema/slrum").status_code == 404
    schema = api.get("profiles/schema/local").json()
    assert schema["properties"]["scale"]


def test_preview_of_what_nobody_saved(api: httpx.Client, user: Path) -> None:
    definition = {"system": "local", "scale": {"workers": 2}, "options": {"memory_limit": "500 MB"}}
    answer = api.post("profiles/preview", json={"name": "unsaved", "profile": definition})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["profile"], found["system"], found["memory"]) == ("unsaved", "local", 1_000_000_000)
    assert "2 workers on this machine" in found["text"]
    larger = api.post("profiles/preview", json={"name": "unsaved", "profile": definition, "scale": {"workers": 3}})
    assert larger.json()["memory"] == 1_500_000_000
    assert api.post("profiles/preview", json={"name": "unsaved"}).status_code == 404
    threads = api.post("profiles/preview", json={"name": "threads"})
    assert threads.json()["jobs"] == 0
    assert list(user.iterdir()) == []


@pytest.mark.requires("slurm")
def test_discovery_and_preview_of_a_site(slurm: PrivateSlurm, place: Path, user: Path) -> None:
    folder = folder_for("site")
    variables = {"DASK_STEWARD_PROFILES": str(user), "SLURM_CONF": str(slurm.conf), "PATH": slurm.env["PATH"]}
    with Server(folder, environment=variables) as site, site.client() as api:
        before = len(slurm.queue(ended=True))
        dry = api.post("profiles/discover", json={"system": "slurm"}).json()
        assert list(user.iterdir()) == []
        assert {profile["status"] for profile in dry["profiles"]} == {"new"}
        wrote = api.post("profiles/discover", json={"system": "slurm", "write": True}).json()
        assert wrote["written"] == [profile["name"] for profile in wrote["profiles"]]
        assert {file.name for file in user.iterdir()} == {f"{name}.yaml" for name in wrote["written"]}
        assert dry["profiles"][0]["text"] == (user / f"{dry['profiles'][0]['name']}.yaml").read_text()

        found = api.get("status").json()["found"]
        assert found == [{"system": "slurm", "partitions": found[0]["partitions"], "profiles": len(wrote["written"])}]
        assert found[0]["partitions"] >= 1

        ask = {"name": "slurm-debug", "scale": {"jobs": 2}, "test_only": True}
        preview = api.post("profiles/preview", json=ask).json()
        (group,) = preview["groups"]
        assert (preview["jobs"], group["jobs"], group["partition"]) == (2, 2, "debug")
        assert group["script"].startswith("#!")
        assert preview["start"] is not None
        refused = {"system": "slurm", "options": {"queue": "nope", "cores": 1, "memory": "100 MB"}}
        answer = api.post("profiles/preview", json={"name": "refused", "profile": refused, "test_only": True})
        assert "invalid partition specified: nope" in answer.json()["refusal"]
        assert len(slurm.queue(ended=True)) == before
    shutil.rmtree(folder, ignore_errors=True)
