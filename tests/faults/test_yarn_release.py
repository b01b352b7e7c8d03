"""Guard and sweep on a real YARN: what a dead keeper left is killed, looked for, verified, and nothing else is touched.

The clusters here are entries of the ledger made by hand, and their applications cost one small container: what a keeper
writes before it dies, without a keeper. Whole clusters are in ``test_yarn_faults.py``.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from dask_steward.ledger import entries, holdings, paths
from dask_steward.ledger.identity import ProcessIdentity
from dask_steward.managers.yarn import Yarn
from dask_steward.managers.yarn_staging import DRIVER_LOG
from dask_steward.release.launch import start_guard
from tests.faults.stage import wait_until
from tests.support import leaks
from tests.support.private_yarn import PrivateYarn

pytestmark = [pytest.mark.long, pytest.mark.requires("yarn", "procfs")]


class Left:
    """The entry of a cluster whose keeper has just died."""

    def __init__(self, yarn: PrivateYarn, id: str = "y123456789", *, age: float = 0.0, ours: bool = True) -> None:
        self.yarn, self.id, self.tag = yarn, id, entries.tag(id)
        self.folder = Path(paths.clusters_dir()) / id
        self.folder.mkdir(parents=True)
        self._created = time.time() - age
        me = ProcessIdentity.of()
        dead = {"host": me.host, "boot_id": me.boot_id, "pid": 2**22 - 7, "start_time": 1}
        base = {"format": entries.FORMAT, "id": id, "tag": self.tag, "created": self._created}
        self._write(
            entries.REQUEST,
            {**base, "name": id, "profile": {"system": "yarn"}, "owner": {"kind": "kernel", **dead}, "ask": {}},
        )
        if ours:
            self._write(entries.ENTRY, {**base, "keeper": dead, "manager": Yarn().remembered(), "state": "running"})
        self.steps: list[dict[str, Any]] = []

    def _write(self, name: str, value: dict[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(value))

    def step(self, step: str, id: str | None = None) -> None:
        """Add what the keeper wrote of its application."""
        line = {"at": self._created, "kind": "application", "key": "application", "step": step}
        self.steps.append({**line, "id": id} if id else line)
        (self.folder / holdings.FILE).write_text("".join(json.dumps(one) + "\n" for one in self.steps))

    def held(self, **given: Any) -> str:
        """Take an application as a keeper does: announced, submitted, its id written down."""
        self.step("intent")
        id = self.yarn.submit(tags=[self.tag], **given)
        self.step("held", id)
        return id

    def staged(self, id: str) -> Path:
        """Make the folder that skein uploads to, and say so in the driver's log as it does."""
        place = f"user/{getpass.getuser()}/.skein/{id}"
        folder = self.yarn.folder / "dfs" / place
        folder.mkdir(parents=True)
        (folder / ".skein.pem").write_text("secret")
        with (self.folder / DRIVER_LOG).open("a") as log:
            log.write(
                f"26/11/21 10:00:00 INFO skein.Driver: Uploading application resources to viewfs://fixture/{place}\n"
            )
        return folder

    def guard(self) -> subprocess.Popen[bytes]:
        """Start the guard; it finds the keeper dead."""
        process, ready = start_guard(str(self.folder), self.id)
        os.close(ready)
        return process

    @property
    def entry(self) -> entries.Entry:
        return entries.read_entry(str(self.folder))

    @property
    def doing(self) -> str:
        path = self.folder / entries.GUARD
        return str(json.loads(path.read_text())["doing"]) if path.exists() else ""


@pytest.fixture
def left(yarn: PrivateYarn, state_dir: Path) -> Iterator[Callable[..., Left]]:
    """Make entries; whatever guards a test leaves end with it."""
    made: list[Left] = []

    def make(**given: Any) -> Left:
        one = Left(yarn, **given)
        made.append(one)
        return one

    yield make
    for one in made:
        leaks.kill_marked(f"DASK_STEWARD_GUARD={one.id}")


def test_the_guard_kills_by_id_and_by_tag_and_touches_nothing_else(
    left: Callable[..., Left], yarn: PrivateYarn
) -> None:
    cluster = left()
    held, unknown = cluster.held(), yarn.submit(tags=[cluster.tag])
    yarn.submit_foreign(2)
    yarn.submit_foreign(1, tags=[cluster.tag])
    like = yarn.submit(tags=[f"{cluster.tag}0"], name=cluster.tag)
    began = time.monotonic()

    guard = cluster.guard()
    for id in (held, unknown):
        yarn.wait_state(id, "KILLED")
    seconds = time.monotonic() - began

    assert guard.wait(30) == 0
    end = cluster.entry.end
    assert end is not None
    assert (end["state"], end["by"]) == ("lost", "guard")
    assert "released 2 jobs" in end["reason"]
    assert yarn.touched_foreign() == []
    assert [one.id for one in yarn.applications() if one.state == "ACCEPTED" and one.id not in yarn.foreign] == [like]
    assert seconds < 3, "no Java is started for this"
    yarn.clear()


def test_a_waiting_application_is_killed_and_its_staging_folder_goes(
    left: Callable[..., Left], yarn: PrivateYarn
) -> None:
    full = yarn.submit(memory=5120)
    cluster = left()
    id = cluster.held(memory=5120)
    staging = cluster.staged(id)
    cut_off = cluster.staged(yarn.new_id())
    other = yarn.folder / "dfs" / "user" / getpass.getuser() / ".skein" / yarn.new_id()
    other.mkdir()

    assert cluster.guard().wait(30) == 0

    assert yarn.application(id).state == "KILLED"  # type: ignore[union-attr]
    assert not staging.exists()
    assert not cut_off.exists()
    assert other.exists(), "somebody else's submit may be under way"
    other.rmdir()
    assert yarn.application(full).state == "ACCEPTED"  # type: ignore[union-attr]
    yarn.clear()


def test_staging_is_kept_and_said_where_it_cannot_be_removed(left: Callable[..., Left], yarn: PrivateYarn) -> None:
    cluster = left()
    id = cluster.held()
    with (cluster.folder / DRIVER_LOG).open("a") as log:
        log.write(f"INFO skein.Driver: Uploading application resources to s3a://nowhere/user/x/.skein/{id}\n")
        log.write("INFO skein.Driver: Uploading application resources to file:///etc\n")

    assert cluster.guard().wait(60) == 0

    assert f"s3a://nowhere/user/x/.skein/{id} could not be removed" in cluster.entry.end["reason"]  # type: ignore[index]
    assert os.path.isdir("/etc")


def test_the_driver_of_a_dead_keeper_is_ended(left: Callable[..., Left], yarn: PrivateYarn) -> None:
    cluster = left()
    cluster.step("intent")
    driver = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, "DASK_STEWARD_CLUSTER": cluster.id},
        start_new_session=True,
    )

    guard = cluster.guard()

    assert driver.wait(10) == -9
    # Its submit was announced and may be in flight: the guard stays for a while.
    assert guard.poll() is None
    assert guard.wait(30) == 0


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_a_resourcemanager_that_is_away_is_waited_for(
    left: Callable[..., Left], make_yarn: Callable[..., PrivateYarn], yarn: PrivateYarn, how: str
) -> None:
    """Given an RM that is frozen, or dead and back with its memory, then the guard goes on until it has answered."""
    if how == "killed":
        yarn = make_yarn(recovery=True)
    cluster = left()
    cluster.yarn = yarn
    cluster._write(entries.ENTRY, {**cluster.entry.facts, "manager": Yarn().remembered()})
    id = cluster.held()
    if how == "frozen":
        yarn.freeze("rm")
    else:
        yarn.kill("rm")

    guard = cluster.guard()
    wait_until("the guard does not know", lambda: cluster.doing.startswith("unknown: the ResourceManager at"), 20)
    assert not cluster.entry.ended

    if how == "frozen":
        yarn.thaw("rm")
    else:
        yarn.start("rm", wait=False)
    wait_until("the application is killed", lambda: _state(yarn, id) == "KILLED")
    assert guard.wait(30) == 0
    assert cluster.entry.ended
    assert yarn.containers(id) == []


def _state(yarn: PrivateYarn, id: str) -> str | None:
    try:
        found = yarn.application(id)
    except OSError:
        return None
    return None if found is None else found.state


def test_a_submit_that_a_frozen_resourcemanager_takes_later_is_given_back(
    left: Callable[..., Left], yarn: PrivateYarn
) -> None:
    """Given a submit sent to a frozen RM, whose sender is dead, when it goes on much later, then it is killed."""
    cluster = left(age=300)  # announced long ago: no window after the announcement helps
    cluster.step("intent")
    id = yarn.new_id()
    yarn.freeze("rm")
    # It sends all and dies before there is an answer: the request lies in the kernel's buffers.
    host, port = yarn.web.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        body = json.dumps(yarn.submission(id, tags=[cluster.tag])).encode()
        head = f"POST /ws/v1/cluster/apps?user.name={getpass.getuser()} HTTP/1.1\r\nHost: {host}\r\n"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + kind).encode() + body)

    guard = cluster.guard()
    wait_until("the guard does not know", lambda: cluster.doing.startswith("unknown:"), 20)
    yarn.thaw("rm")

    yarn.wait_state(id, "KILLED")
    assert guard.wait(60) == 0
    assert yarn.with_tag(cluster.tag) == []


def test_an_application_that_went_with_its_resourcemanager_is_waited_for_until_nodes_are_back(
    left: Callable[..., Left], yarn: PrivateYarn
) -> None:
    cluster = left()
    id = cluster.held()
    wait_until("it runs", lambda: yarn.containers(id))
    yarn.kill("rm")
    guard = cluster.guard()
    wait_until("the guard does not know", lambda: cluster.doing.startswith("unknown:"), 20)

    yarn.start("rm", wait=False)

    wait_until("the guard has heard of the restart", lambda: "was restarted" in cluster.doing, 30)
    assert guard.wait(60) == 0
    assert cluster.entry.ended
    assert yarn.containers(id) == []


def test_the_sweep_gives_back_what_keeper_and_guard_left(left: Callable[..., Left], yarn: PrivateYarn) -> None:
    many = [left(id=f"y{number:09d}", age=3600) for number in range(3)]
    ids = [many[0].held(), many[1].held()]
    staging = many[1].staged(ids[1])
    many[2].step("intent")
    lost = yarn.submit(tags=[many[2].tag])
    yarn.submit_foreign(2, tags=[many[0].tag])
    began = time.monotonic()

    report = ds.sweep()
    seconds = time.monotonic() - began

    assert report.left == []
    assert sorted(report.ended) == [one.id for one in many]
    assert sorted(one.id for one in report.released) == sorted([*ids, lost])
    assert {yarn.application(id).state for id in (*ids, lost)} == {"KILLED"}  # type: ignore[union-attr]
    assert not staging.exists()
    assert yarn.touched_foreign() == []
    assert seconds < 5
    assert ds.sweep().ended == []


def test_a_sweep_that_gets_no_answer_leaves_it_to_a_guard(left: Callable[..., Left], yarn: PrivateYarn) -> None:
    cluster = left(age=3600)
    id = cluster.held()
    yarn.freeze("rm")

    report = ds.sweep()

    assert [one for one, _ in report.left] == [cluster.id]
    assert "does not answer" in report.left[0][1]
    yarn.thaw("rm")
    yarn.wait_state(id, "KILLED")
    wait_until("the guard has crossed it out", lambda: cluster.entry.ended)


def test_an_entry_of_which_the_keeper_wrote_nothing_is_swept_by_the_profile_alone(
    left: Callable[..., Left], yarn: PrivateYarn
) -> None:
    cluster = left(age=3600, ours=False)
    id = yarn.submit(tags=[cluster.tag])
    ds.sweep()
    wait_until("it is crossed out", lambda: cluster.entry.ended)
    assert yarn.application(id).state == "KILLED"  # type: ignore[union-attr]
