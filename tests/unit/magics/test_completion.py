"""What the Tab key offers of sizes and groups."""

from __future__ import annotations

from pathlib import Path

import pytest

import dask_steward as ds
from dask_steward.ledger import files
from dask_steward.magics.completion import complete


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile with a group, and the entry of a cluster that was started from it."""
    (tmp_path / "mixed.yaml").write_text("system: slurm\ngroups: {bigmem: {options: {cores: 1}}}\n")
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "state"))
    folder = tmp_path / "state" / "dask-steward" / "clusters" / "aaaaaaaaaa"
    folder.mkdir(parents=True)
    profile = {"system": "slurm", "name": "mixed", "groups": {"bigmem": {}}}
    request = {"format": 1, "id": "aaaaaaaaaa", "name": "night", "created": 1.0, "profile": profile}
    files.write_json(str(folder / "request.json"), request)
    return tmp_path


def words(text: str) -> list[str]:
    return [word for word, _ in complete(text) or ()]


def test_groups_of_the_clusters_that_are_there() -> None:
    assert words("%dask_cluster scale 3 --group ") == ["bigmem", "main"]
    assert words("%dask_cluster adapt 0 3 --group b") == ["bigmem"]
    assert ds.get("night").group_names == ["main", "bigmem"]


def test_units() -> None:
    assert words("%dask_cluster scale 3 --unit ") == ["workers", "jobs", "cores", "memory"]


def test_options_of_a_change_of_size() -> None:
    assert {"--hold", "--queue-patience", "--target-duration", "--group", "--off"} <= set(
        words("%dask_cluster adapt 0 3 --")
    )


def test_fields_of_a_profiles_groups() -> None:
    found = words("%dask_cluster start mixed --set groups.")
    assert "groups.bigmem.options.memory=" in found
    assert "groups.bigmem.scale.jobs=" in found
    assert all(word.startswith("groups.bigmem.") for word in found)


def test_a_profile_that_cannot_be_read_offers_nothing_and_raises_nothing(place: Path) -> None:
    (place / "mixed.yaml").write_text("system: slurm\ngroups: 3\n")
    assert words("%dask_cluster start mixed --set groups.") == []
