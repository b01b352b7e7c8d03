"""What a keeper reads from the ledger, and what it does with an entry that is over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dask_steward.control import launch
from dask_steward.keeper.facts import Facts
from dask_steward.keeper.request import Request
from dask_steward.ledger import entries, files
from dask_steward.ledger.identity import ProcessIdentity
from tests.support import leaks


def request(**more: Any) -> str:
    given: dict[str, Any] = {
        "id": "arequestxx",
        "name": "mine",
        "profile": {"name": "local", "system": "local", "idle_timeout": 60, "options": {"x": 1}},
        "tenure": "process",
        "owner": {"kind": "process", **ProcessIdentity.of().to_json()},
        "ask": {"workers": 2, "jobs": None},
        "adapt": None,
    }
    return launch.write_request(launch.request_of(**{**given, **more}))


def test_a_request_is_read_as_it_was_written(state_dir: Path) -> None:
    found = Request.of(entries.read_entry(request()))

    assert (found.id, found.name, found.system, found.tenure) == ("arequestxx", "mine", "local", "process")
    assert found.ask == {"workers": 2}
    assert found.adapt is None
    assert found.owner == {"kind": "process", **ProcessIdentity.of().to_json()}
    assert found.options == {"x": 1}
    assert found.seconds("idle_timeout") == 60.0
    assert found.seconds("time_to_live") is None


def test_a_detached_request(state_dir: Path) -> None:
    found = Request.of(entries.read_entry(request(owner=None, tenure="detached")))

    assert found.owner == {}


def test_facts_are_on_disk_when_the_state_is_a_new_one(state_dir: Path) -> None:
    folder = request()
    facts = Facts(folder, "arequestxx")
    facts.to("pending", "first")
    since = entries.read_entry(folder).facts["since"]
    facts.to("pending", "second")

    read = entries.read_entry(folder).facts
    assert (read["state"], read["since"]) == ("pending", since)
    assert (facts.state, facts.reason) == ("pending", "second")
    assert read["keeper"] == ProcessIdentity.of().to_json()
    assert entries.read_entry(folder).lease_age() < 60
    assert os.path.dirname(facts.socket) == os.path.join(os.environ["XDG_RUNTIME_DIR"], "dask-steward")


def test_a_keeper_that_comes_up_after_its_end_takes_nothing(state_dir: Path) -> None:
    """Its start was cancelled, or swept, before it came up."""
    folder = request()
    files.create_json(os.path.join(folder, "end.json"), {"format": 1, "state": "stopped", "reason": "x", "at": 1.0})

    done = subprocess.run([sys.executable, "-m", "dask_steward.keeper", folder], capture_output=True, timeout=60)

    assert done.returncode == 1
    assert entries.read_entry(folder).keeper is None
    assert not leaks.marked("DASK_STEWARD_GUARD=arequestxx")


@pytest.mark.parametrize(
    ("profile", "word"),
    [
        ({"name": "x", "system": "quantum"}, "'quantum' cannot be started by this version"),
        ({"name": "x", "system": "local", "options": {"memory_limit": "lots"}}, "memory_limit"),
    ],
    ids=["unknown system", "wrong option"],
)
def test_a_keeper_that_cannot_build_its_cluster_says_so_and_ends(
    state_dir: Path, profile: dict[str, Any], word: str
) -> None:
    folder = request(profile=profile)

    subprocess.run([sys.executable, "-m", "dask_steward.keeper", folder], capture_output=True, timeout=60)

    end = entries.read_entry(folder).end
    assert end is not None
    assert end["state"] == "failed"
    assert word in end["reason"]
    assert "Traceback" not in end["reason"]
