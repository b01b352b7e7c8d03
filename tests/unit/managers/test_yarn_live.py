"""The manager of YARN against a real ResourceManager."""

from __future__ import annotations

import getpass
import subprocess
import sys
import time

import pytest

from dask_steward import managers
from dask_steward.managers import yarn_conf
from dask_steward.managers.base import JobState, Unknown
from dask_steward.managers.yarn import Lifetime, Yarn
from tests.support.private_yarn import PrivateYarn

pytestmark = pytest.mark.requires("yarn")

TAG = "dask-steward-a123456789"


def test_applications_are_found_by_tag_and_only_this_users(yarn: PrivateYarn) -> None:
    ours = [yarn.submit(tags=[TAG, "more"]), yarn.submit(tags=[TAG.upper()])]
    yarn.submit_foreign(1, tags=[TAG])
    yarn.submit(tags=[f"{TAG}0"], name=TAG)

    found = Yarn().find_by_tag([TAG, "dask-steward-none"])

    assert not isinstance(found, Unknown)
    assert sorted(one.id for one in found[TAG]) == sorted(ours)
    assert found["dask-steward-none"] == ()
    assert {(one.name, one.user, one.partition) for one in found[TAG]} == {(TAG, getpass.getuser(), "default")}
    yarn.clear()


def test_what_is_cancelled_by_id_and_by_tag_is_killed_and_nothing_else(yarn: PrivateYarn) -> None:
    first, second, third = yarn.submit(tags=[TAG]), yarn.submit(tags=[TAG]), yarn.submit(tags=[TAG])
    yarn.submit_foreign(2)
    yarn.submit_foreign(1, tags=[TAG])
    manager = Yarn()

    assert manager.cancel([first, first, "application_1234567890123_0001"]) is None
    yarn.wait_state(first, "KILLED")
    assert manager.cancel_tag(TAG) is None
    for one in (second, third):
        yarn.wait_state(one, "KILLED")

    assert yarn.touched_foreign() == []
    assert manager.cancel([first]) is None, "what has ended is fine"
    found = manager.find_by_tag([TAG])
    assert not isinstance(found, Unknown)
    assert {one.state for one in found[TAG]} == {JobState.ENDED}
    assert manager.settled(TAG, [first, second, third]) is None


def test_an_application_is_told_with_its_reason_and_times(yarn: PrivateYarn) -> None:
    id = yarn.submit("echo >&2 no; exit 3", tags=[TAG], queue="other")
    yarn.wait_state(id, "FAILED")

    found = Yarn().application(id)

    assert found is not None
    assert not isinstance(found, Unknown)
    assert (found.state, found.final_status, found.queue, found.over) == ("FAILED", "FAILED", "other", True)
    assert "exitCode: 3" in found.diagnostics
    assert found.ended is not None
    assert found.submitted is not None
    assert found.submitted <= found.ended
    assert abs(found.ended - time.time()) < 60
    assert Yarn().application("application_1234567890123_0001") is None
    with pytest.raises(ValueError, match="not an application"):
        Yarn().application("job_1_2")


def test_why_an_application_waits_is_told_in_yarns_words(yarn: PrivateYarn) -> None:
    full = yarn.submit(memory=5120)
    waits = yarn.submit(tags=[TAG], memory=5120)
    manager = Yarn()

    status = next(one for one in manager.jobs() if one.id == waits)  # type: ignore[union-attr]

    assert status.state is JobState.QUEUED
    assert "Queue's AM resource limit exceeded" in manager.explain(status)
    assert full != waits
    yarn.clear()


def test_a_lifetime_is_set_and_renewed_and_ends_what_nobody_renews(yarn: PrivateYarn) -> None:
    id = yarn.submit(tags=[TAG])
    manager = Yarn()

    first = manager.lifetime(id, 60)
    second = manager.lifetime(id, 2)

    assert isinstance(first, Lifetime)
    assert isinstance(second, Lifetime)
    assert first.remaining is not None
    assert 55 < first.remaining <= 60
    assert not first.wall
    assert second.expires is not None
    assert abs(second.expires - time.time() - 2) < 2
    shown = manager.application(id)
    assert shown is not None
    assert not isinstance(shown, Unknown)
    assert shown.expires == second.expires
    ended = yarn.wait_state(id, "KILLED")
    assert "exceeded the lifetime period" in ended.diagnostics
    late = manager.lifetime(id, 60)
    assert isinstance(late, Unknown)
    assert "has ended" in late.reason


@pytest.mark.parametrize("hours", [-2, 3])
def test_a_lifetime_is_meant_by_the_resourcemanagers_clock(
    yarn: PrivateYarn, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    id = yarn.submit(tags=[TAG])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)

    found = Yarn().lifetime(id, 100)

    assert isinstance(found, Lifetime), found
    assert found.remaining is not None
    assert 95 < found.remaining <= 100
    assert abs(found.skew + hours * 3600) < 3
    assert not found.wall
    assert (yarn.lifetime(id) or 0) > 95
    yarn.clear()


def test_queues_nodes_and_the_largest_container_are_told(yarn: PrivateYarn) -> None:
    manager = Yarn()
    queues, nodes, largest, info = manager.queues(), manager.nodes(), manager.largest(), manager.info()

    assert not isinstance(queues, Unknown)
    assert not isinstance(nodes, Unknown)
    assert not isinstance(largest, Unknown)
    assert not isinstance(info, Unknown)
    assert [(one.path, round(one.capacity or 0), one.state) for one in queues] == [
        ("root.default", 60, "RUNNING"),
        ("root.other", 40, "RUNNING"),
    ]
    assert {one.submit for one in queues} == {"*"}
    assert [(one.state, one.memory, one.vcores) for one in nodes] == [("RUNNING", 6144 * 2**20, 16)]
    assert (largest.memory, largest.vcores) == (6144 * 2**20, 16)
    assert info.version.startswith("3.")
    assert info.started_on < time.time()


def test_what_another_process_remembers_reaches_the_same_site(yarn: PrivateYarn) -> None:
    """As the guard does: an isolated interpreter, the standard library only, and nothing in its environment."""
    id = yarn.submit(tags=[TAG])
    remembered = Yarn().remembered()
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from dask_steward import managers\n"
        f"manager = managers.get('yarn', {remembered!r})\n"
        f"print(*(one.id for one in manager.find_by_tag([{TAG!r}])[{TAG!r}] if not one.state.gone))"
    )
    root = yarn_conf.__file__.rpartition("/dask_steward/")[0]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, root], env={}, capture_output=True, text=True, timeout=30
    )
    assert done.stdout.split() == [id], done.stderr
    yarn.clear()


def test_a_profile_alone_tells_whom_to_ask(yarn: PrivateYarn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HADOOP_CONF_DIR")
    monkeypatch.delenv("YARN_CONF_DIR")
    nothing = Yarn().jobs()
    assert isinstance(nothing, Unknown)
    assert "HADOOP_CONF_DIR" in nothing.reason

    profile = {"options": {"resource_manager": yarn.web.removeprefix("http://")}}
    manager = managers.get("yarn", managers.environment_of("yarn", profile))
    assert manager.jobs() is not None
    assert not isinstance(manager.jobs(), Unknown)
