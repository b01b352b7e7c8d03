"""What a form says becomes the text of a file: comments stay, every fault has its field, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_steward.errors import ProfileError, ProfileNotFound, WrongState
from dask_steward.profiles import forms
from dask_steward.profiles.models import Profile
from dask_steward.profiles.reading import read_text

COMMENTED = """
    # Mine.
    title: Slurm · normal     # shown in lists
    system: slurm
    scale: {jobs: 4}
    idle_timeout: 30 min      # long enough for lunch
    options:
      queue: normal
      # whole nodes
      cores: 24
      memory: "120 GB"
      walltime: "01:00:00"
"""


def fields(site: Any, name: str, data: dict[str, Any]) -> list[str | None]:
    return [problem.field for problem in forms.problems_of(site.store, name, data)]


def test_a_new_profile_is_written_as_a_person_would(site: Any) -> None:
    data = {
        "options": {"cores": 2, "memory": "600 MB", "walltime": "00:10:00", "queue": None, "job_script_prologue": []},
        "system": "slurm",
        "title": "Mine",
        "idle_timeout": 1800,
        "scale": {},
    }
    assert forms.put(site.store, "mine", data) is True
    text = (site.folders["user"] / "mine.yaml").read_text()
    assert text.splitlines()[:2] == ["title: Mine", "system: slurm"]
    assert "idle_timeout: 30 min" in text
    assert "queue" not in text
    assert "scale" not in text
    resolved = site.store.resolve("mine")
    assert (resolved.options.memory, resolved.idle_timeout) == (600_000_000, 1800)


def test_what_is_left_alone_keeps_its_comments(site: Any) -> None:
    file = site.write("mine", COMMENTED)
    before = file.read_text()
    data = site.store.written("mine")
    assert forms.put(site.store, "mine", data) is False
    assert file.read_text() == before

    data = {**data, "options": {**data["options"], "cores": 48}, "scale": {"workers": 8}}
    del data["options"]["walltime"]
    forms.put(site.store, "mine", data)

    text = file.read_text()
    assert "# Mine." in text
    assert "# long enough for lunch" in text
    assert "  # whole nodes\n  cores: 48" in text
    assert "walltime" not in text
    assert site.store.written("mine")["scale"] == {"workers": 8}


def test_a_value_that_means_the_same_is_not_written_anew(site: Any) -> None:
    file = site.write("mine", COMMENTED)
    before = file.read_text()
    forms.put(site.store, "mine", {**site.store.written("mine"), "idle_timeout": 1800})
    assert file.read_text() == before


def test_every_fault_has_its_field(site: Any) -> None:
    wrong = {"system": "slurm", "tenure": "forever", "options": {"cors": 4, "cores": "many", "memory": "1 GB"}}
    assert set(fields(site, "mine", wrong)) == {"tenure", "options.cors", "options.cores"}
    with pytest.raises(ProfileError) as caught:
        forms.put(site.store, "mine", wrong)
    assert len(caught.value.problems) == 3
    assert not list(site.folders["user"].iterdir())


@pytest.mark.parametrize("name", ["../mine", "a/b", "", ".hidden", "x" * 65, "näme", "a b", "<b>"])
def test_a_name_that_is_none_is_told_at_the_name(site: Any, name: str) -> None:
    assert fields(site, name, {"system": "local"}) == ["name"]
    with pytest.raises(ProfileError):
        forms.put(site.store, name, {"system": "local"})
    assert not list(site.root.glob("**/*.yaml"))


def test_a_locked_field_is_refused_with_the_sentence(site: Any) -> None:
    site.write("_site", "lock: {local: {security: tls}}", level="system")
    (problem,) = forms.problems_of(site.store, "mine", {"system": "local", "security": "none"})
    assert problem.field == "security"
    assert "locked to tls by the administrator" in problem.message
    assert site.store.locked_for("local") == {"security": "tls"}


def test_a_forbidden_system_is_not_offered(site: Any) -> None:
    site.write("_site", "forbid: [processes]", level="system")
    assert "processes" not in site.store.allowed_systems()
    assert "local" in site.store.allowed_systems()


def test_create_does_not_overwrite(site: Any) -> None:
    file = site.write("mine", COMMENTED)
    before = file.read_text()
    with pytest.raises(WrongState, match="already"):
        forms.put(site.store, "mine", {"system": "local"}, create=True)
    assert file.read_text() == before


def test_only_the_users_own_level_is_written_and_removed(site: Any) -> None:
    system = site.write("shared", "system: local\nscale: {workers: 2}\n", level="system")
    before = system.read_text()
    assert forms.put(site.store, "shared", {"system": "local", "scale": {"workers": 3}}) is True
    assert system.read_text() == before
    assert site.store.resolve("shared").scale.workers == 3
    forms.remove(site.store, "shared")
    assert site.store.resolve("shared").scale.workers == 2
    with pytest.raises(WrongState, match="not a profile of yours"):
        forms.remove(site.store, "shared")
    with pytest.raises(WrongState, match="without a file"):
        forms.remove(site.store, "local")
    with pytest.raises(ProfileNotFound):
        forms.remove(site.store, "nothere")


def test_null_takes_away_what_would_be_inherited(site: Any) -> None:
    site.write("base", "system: local\nidle_timeout: 10 min\n", level="system")
    forms.put(site.store, "mine", {"extends": "base", "idle_timeout": None, "time_to_live": None})
    assert site.store.resolve("mine").idle_timeout is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("system: local\nsystem: slurm\n", "given twice"),
        ("system: [local\n", "not YAML"),
        ("a: &a {cores: 2}\nsystem: local\noptions: *a\n", "anchors"),
    ],
)
def test_a_file_that_a_form_would_spoil_is_left_to_an_editor(site: Any, text: str, words: str) -> None:
    file = site.folders["user"] / "mine.yaml"
    file.write_text(text)
    with pytest.raises(WrongState, match=words):
        forms.put(site.store, "mine", {"system": "local", "a": {"cores": 3}, "options": {"cores": 2}})
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"title": "\ud800"}, "character"),
        ({"title": "a\0b"}, "character"),
        ({"options": {"cores": float("nan")}}, "finite"),
        ({"options": {"": 1}}, "no name"),
        ({"options": [[[[[[[[[[[[[[1]]]]]]]]]]]]]]}, "deeply"),
        ({"options": {"x": list(range(6000))}}, "5000 values"),
    ],
)
def test_what_cannot_stand_in_a_file_is_a_problem(site: Any, data: dict[str, Any], words: str) -> None:
    problems = forms.problems_of(site.store, "mine", {"system": "local", **data})
    assert words in " ".join(map(str, problems))


names = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\0"), min_size=1, max_size=8)
texts = st.text(max_size=20).filter(forms._is_text)
scalars = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts)
trees = st.dictionaries(
    names,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=40)
@given(trees)
def test_whatever_is_written_reads_the_same(data: dict[str, Any]) -> None:
    file = Path("x.yaml")
    text = forms._new_text(Profile, data, file)  # raises where it does not
    assert not read_text(text, file).problems


@settings(deadline=None, max_examples=40)
@given(trees, trees)
def test_a_changed_file_says_what_was_wanted(before: dict[str, Any], after: dict[str, Any]) -> None:
    file = Path("x.yaml")
    text = forms._new_text(Profile, before, file)
    old = read_text(text, file).data
    changes: dict[Any, Any] = {}
    expected = forms._changed(Profile, old, forms._without_nothing(after, old), (), changes)
    assert forms._text(text, Profile, changes, expected, file)
    assert forms._same(forms._without_nothing(after, {}), forms._without_nothing(expected, {}))
