"""Writing profiles: comments stay, files are whole or not there, and nothing wrong is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dask_steward.errors import ProfileError, ProfileNotFound, UsageError
from dask_steward.profiles import edit, registry

WRITTEN = """\
# My profile.
title: Mine   # shown in lists
system: slurm

scale: {jobs: 4}
idle_timeout: 30 min  # coffee
environment:
    DATA: $HOME/data   # where it is
    B: "two"
options:
    # The partition.
    queue: normal
    cores: 4
    memory: 8 GB  # enough
    local_directory: $TMPDIR
    job_extra_directives:
      - --exclusive
"""


@pytest.mark.parametrize("system", registry.names())
def test_a_new_file_is_a_profile(site, system: str) -> None:
    file = edit.new(site.store, "mine", system)
    assert file == site.folders["user"] / "mine.yaml"
    assert site.store.resolve("mine").system == system
    assert site.store.resolve("mine").title == "mine"
    with pytest.raises(UsageError, match="There is a profile mine already"):
        edit.new(site.store, "mine", system)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/b", "", ".", "..", ".hidden", "_site", "a b", "a\n", "ä", "x" * 65, "a\x00"]
)
def test_names_that_lead_elsewhere_are_refused(site, name: str) -> None:
    before = sorted(site.root.rglob("*"))
    with pytest.raises(UsageError, match="cannot be the name of a profile"):
        edit.new(site.store, name, "local")
    with pytest.raises(UsageError, match="cannot be the name of a profile"):
        edit.save(site.store, name, site.store.resolve("local"))
    with pytest.raises(ProfileNotFound):
        edit.remove(site.store, name)
    assert sorted(site.root.rglob("*")) == before


def test_a_system_that_is_not_known_writes_nothing(site) -> None:
    with pytest.raises(ProfileError, match="did you mean local"):
        edit.new(site.store, "mine", "locl")
    assert list(site.folders["user"].iterdir()) == []


def test_saving_an_unchanged_profile_changes_nothing(site) -> None:
    file = site.write("mine", WRITTEN)
    inode = file.stat().st_ino
    edit.save(site.store, "mine", site.store.resolve("mine").expanded({"HOME": "/h"}), {"HOME": "/h"})
    assert file.read_text() == WRITTEN
    assert file.stat().st_ino == inode


def test_saving_changes_what_differs_and_nothing_else(site) -> None:
    file = site.write("mine", WRITTEN)
    changed = site.store.resolve(
        "mine",
        {
            "options.cores": 8,
            "options.walltime": "2 h",
            "idle_timeout": None,
            "scale.workers": 2,
            "environment.B": "$5",
        },
    ).expanded({"HOME": "/h"})
    edit.save(site.store, "mine", changed, {"HOME": "/h"})
    expected = WRITTEN.replace("cores: 4", "cores: 8").replace("idle_timeout: 30 min  # coffee\n", "")
    expected = expected.replace("{jobs: 4}", "{workers: 2}").replace('"two"', '"$5"')
    expected = expected.replace("--exclusive\n", "--exclusive\n    walltime: 02:00:00\n")
    assert file.read_text() == expected
    assert site.store.resolve("mine").expanded({"HOME": "/h"}) == changed


def test_saving_a_dollar_sign_that_came_out_of_a_variable(site) -> None:
    profile = site.store.resolve("local", {"environment.A": "$X"}).expanded({"X": "$HOME"})
    edit.save(site.store, "mine", profile)
    assert site.store.resolve("mine").expanded({"HOME": "/h"}).environment == {"A": "$HOME"}


def test_saving_under_a_new_name_writes_what_is_not_the_default(site) -> None:
    profile = site.store.resolve(
        "local", {"scale.memory": "8 GB", "time_to_live": "12 h", "options.memory_limit": "1 GiB"}
    )
    file = edit.save(site.store, "mine", profile.expanded({}))
    assert (
        file.read_text()
        == "system: local\nscale:\n  memory: 8 GB\ntime_to_live: 12 h\noptions:\n  memory_limit: 1 GiB\n"
    )


def test_saving_over_a_profile_that_extends_another(site) -> None:
    site.write("base", "system: local\nidle_timeout: 1 h\nscale: {workers: 4}\nenvironment: {A: b, C: d}", "system")
    site.write("mine", "# mine\nextends: base\nenvironment: {A: x}  # mine\n")
    wanted = site.store.resolve("mine", {"idle_timeout": None, "environment.C": None, "options.host": "h"}).expanded({})
    edit.save(site.store, "mine", wanted)
    assert site.store.resolve("mine").expanded({}).to_json() == wanted.to_json()
    text = (site.folders["user"] / "mine.yaml").read_text()
    assert text.startswith("# mine\nextends: base\n")
    assert "workers" not in text


def test_saving_over_a_profile_of_another_system(site) -> None:
    site.write("mine", WRITTEN)
    with pytest.raises(UsageError, match="is for slurm, not for local"):
        edit.save(site.store, "mine", site.store.resolve("local"))


def test_saving_over_a_wrong_file_leaves_it(site) -> None:
    file = site.write("mine", "system: local\nbogus: 1\n")
    with pytest.raises(ProfileError, match="bogus"):
        edit.save(site.store, "mine", site.store.resolve("local"))
    assert file.read_text() == "system: local\nbogus: 1\n"


def test_update_changes_single_fields(site) -> None:
    file = site.write("mine", WRITTEN)
    edit.update(site.store, "mine", {"options.cores": 2, "idle_timeout": None, "title": "Ours", "line.silence": "60 s"})
    text = file.read_text()
    assert "# coffee" not in text
    assert "title: Ours   # shown in lists" in text
    assert site.store.resolve("mine").line.silence == 60


def test_an_update_that_is_wrong_writes_nothing(site) -> None:
    file = site.write("mine", WRITTEN)
    with pytest.raises(ProfileError, match=r"options\.processes = 5: is more than options\.cores, 4"):
        edit.update(site.store, "mine", {"options.processes": 5})
    with pytest.raises(ProfileError, match=r"did you mean options\.cores"):
        edit.update(site.store, "mine", {"options.cors": 5})
    assert file.read_text() == WRITTEN


def test_only_profiles_of_the_user_are_changed_or_removed(site) -> None:
    shared = site.write("shared", "system: local", "system")
    for function in (edit.remove, lambda store, name: edit.update(store, name, {"title": "x"})):
        with pytest.raises(UsageError, match="belongs to the system level"):
            function(site.store, "shared")
        with pytest.raises(UsageError, match="exists without a file"):
            function(site.store, "local")
        with pytest.raises(ProfileNotFound):
            function(site.store, "nope")
    assert shared.exists()


def test_remove(site) -> None:
    site.write("mine", "this: [is not even a profile")
    file = edit.remove(site.store, "mine")
    assert not file.exists()
    assert "mine" not in site.store.names()


def test_a_link_stays_a_link_and_the_mode_stays(site, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.yaml"
    target.write_text("system: local\n")
    target.chmod(0o600)
    link = site.folders["user"] / "mine.yaml"
    link.symlink_to(target)
    edit.update(site.store, "mine", {"scale.workers": 2})
    assert link.is_symlink()
    assert "workers: 2" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_crash_while_writing_leaves_the_old_file(site, monkeypatch: pytest.MonkeyPatch) -> None:
    file = site.write("mine", WRITTEN)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProfileError, match="cannot be written: No space left on device"):
        edit.update(site.store, "mine", {"title": "x"})
    assert file.read_text() == WRITTEN
    assert [entry.name for entry in site.folders["user"].iterdir()] == ["mine.yaml"]


def test_a_resolved_profile_as_a_person_reads_it(site) -> None:
    site.write("mine", WRITTEN)
    text = edit.describe(site.store.resolve("mine"))
    assert text.startswith("system: slurm\ntitle: Mine\n")
    assert "idle_timeout: 30 min" in text
    assert "silence: 2 min" in text
    assert "silence" not in edit.describe(site.store.resolve("mine"), all_fields=False)
