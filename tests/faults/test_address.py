"""A scheduler of somebody else: attached, used, never touched; and what goes wrong on the way, in one sentence."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

import dask_steward as ds
from dask_steward.clusters.security import make_keys
from tests.faults.stage import LIMIT, Stage, wait_until
from tests.support.foreign import ForeignScheduler, foreign_scheduler, free_port

SOON = 15.0
"""Seconds within which a person must know what is wrong."""


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[ForeignScheduler]:
    """A scheduler with two workers."""
    with foreign_scheduler(tmp_path, 2) as made:
        yield made


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[ForeignScheduler]:
    """A scheduler without workers."""
    with foreign_scheduler(tmp_path) as made:
        yield made


def refused(address: str | None = None, **options: Any) -> str:
    """Attach in vain; return the sentence."""
    began = time.monotonic()
    with pytest.raises(ds.StewardError) as caught:
        ds.attach(address, **options)
    assert time.monotonic() - began < SOON
    assert "\n" not in str(caught.value)
    assert ds.clusters() == []
    return str(caught.value)


def plugins(address: str) -> set[str]:
    """Return the names of a scheduler's plug-ins."""
    with Client(address) as client:
        found = client.run_on_scheduler(lambda dask_scheduler: sorted(dask_scheduler.plugins))
    return set(found)


# -- used, and not touched --


def test_it_is_used_and_shown_and_let_go(stage: Stage, foreign: ForeignScheduler) -> None:
    """Given somebody's scheduler, when it is attached, then it computes and is shown; after the end it goes on."""
    before = plugins(foreign.address)
    with ds.attach(foreign.address) as cluster:
        wait_until("its workers are shown", lambda: cluster.state["workers"]["running"] == 2)
        with Client(cluster) as client:
            futures = client.map(lambda x: x * x, range(100), key="square")
            assert sum(client.gather(futures)) == 328350
            wait_until("its tasks are shown", lambda: _groups(cluster).get("square") == (100, 100))
        state = cluster.state
        assert (state["state"], state["foreign"], state["system"]) == ("running", True, "address")
        assert (state["threads"], state["holdings"], state["cores_held"]) == (2, [], 0)
        assert state["name"] == f"127.0.0.1:{foreign.port}"
        assert cluster.dashboard_link == f"http://127.0.0.1:{foreign.pages}/status"
        assert ds.held() == []
        assert "Start worker" in "".join(cluster.get_logs().values())
    assert (cluster.state["state"], cluster.state["reason"]) == ("stopped", "the `with` block ended")
    assert foreign.alive
    assert plugins(foreign.address) == before
    with Client(foreign.address) as client:
        assert len(client.scheduler_info()["workers"]) == 2


def _groups(cluster: Any) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["done"], one["total"]) for one in cluster.state["tasks"]["groups"]}


def test_what_only_its_owner_may_do_is_refused(stage: Stage, foreign: ForeignScheduler) -> None:
    with ds.attach(foreign.address, name="theirs") as cluster:
        acts: list[Callable[[], Any]] = [
            lambda: cluster.scale(4),
            lambda: cluster.adapt(0, 4),
            lambda: cluster.adapt(active=False),
            cluster.restart_workers,
        ]
        for act in acts:
            with pytest.raises(ds.WrongState, match="theirs belongs to somebody else"):
                act()
        cluster.rename("bobs")
        assert ds.get("bobs").detach() is None
    assert (cluster.state["state"], cluster.state["reason"]) == ("stopped", "detached by a person")
    assert foreign.alive


def test_a_cluster_of_ours_is_not_let_go(stage: Stage) -> None:
    with ds.start("local", workers=1) as cluster, pytest.raises(ds.WrongState, match="was started here"):
        cluster.detach()


def test_client_shutdown_only_lets_go(stage: Stage, foreign: ForeignScheduler) -> None:
    cluster = ds.attach(foreign.address)
    with Client(cluster) as client:
        client.shutdown()
    assert cluster.state["state"] == "stopped"
    assert foreign.alive


def test_by_its_scheduler_file(stage: Stage, lonely: ForeignScheduler) -> None:
    with ds.attach(scheduler_file=str(lonely.file)) as cluster:
        assert cluster.state["scheduler"]["address"] == lonely.address
        assert cluster.state["name"] == lonely.file.name
        assert cluster.state["reason"] == "it has no worker"


def test_by_a_saved_profile(stage: Stage, lonely: ForeignScheduler) -> None:
    stage.profile("bob", f"title: Bob's\nsystem: address\noptions: {{address: '{lonely.address}'}}\n")
    with ds.start("bob") as cluster:
        assert cluster.state["foreign"]
        assert cluster.state["scheduler"]["address"] == lonely.address


def test_a_killed_keeper_changes_nothing_there(stage: Stage, foreign: ForeignScheduler) -> None:
    """Given an attached scheduler, when keeper or owner die, then the entry ends, and the scheduler goes on."""
    stage.profile("bob", f"system: address\noptions: {{address: '{foreign.address}'}}\n")
    started = stage.start("bob")
    wait_until("it is attached", lambda: started.state["state"] == "running")
    started.kill_keeper()
    wait_until("the guard crosses it out", started.ended)
    second = stage.start("bob")
    wait_until("it is attached", lambda: second.state["state"] == "running")
    assert second.kernel is not None
    second.kernel.kill()
    wait_until("its guard crosses it out", second.ended)
    assert foreign.alive
    with Client(foreign.address) as client:
        assert len(client.scheduler_info()["workers"]) == 2


# -- TLS --


def test_with_tls_from_the_profile_and_from_dask(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = make_keys(str(tmp_path / "keys"))
    with foreign_scheduler(tmp_path, 1, tls=keys) as foreign:
        with ds.attach(foreign.address, tls=keys) as cluster, Client(cluster) as client:
            assert client.submit(sum, [1, 2]).result(timeout=LIMIT) == 3
        assert all(os.path.exists(path) for path in keys.values()), "somebody's keys were removed"
        names = {"CA_FILE": "ca", "CLIENT__CERT": "cert", "CLIENT__KEY": "key"}
        for name, part in names.items():
            monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{name}", keys[part])
        with ds.attach(foreign.address) as cluster:
            wait_until("its worker is shown", lambda: cluster.state["workers"]["running"] == 1)
        for name in names:
            monkeypatch.delenv(f"DASK_DISTRIBUTED__COMM__TLS__{name}")
        said = refused(foreign.address)
        assert "speaks TLS, but no keys for it are known" in said
        assert "options.tls" in said
        said = refused(foreign.address.replace("tls://", "tcp://"))
        assert f"speaks TLS. Write {foreign.address}" in said
        others = make_keys(str(tmp_path / "others"))
        said = refused(foreign.address, tls=others)
        assert "options.tls.ca does not know" in said
        said = refused(foreign.address, tls={**others, "ca": keys["ca"]})
        assert "refuses the certificate in options.tls.cert" in said
        said = refused(foreign.address, tls={**keys, "key": str(tmp_path / "nothing")})
        assert f"options.tls.key: {tmp_path}/nothing cannot be read" in said
        assert foreign.alive


def test_tls_to_one_that_has_none(stage: Stage, lonely: ForeignScheduler, tmp_path: Path) -> None:
    said = refused(f"tls://127.0.0.1:{lonely.port}", tls=make_keys(str(tmp_path / "keys")))
    assert f"speaks no TLS. Write tcp://127.0.0.1:{lonely.port}" in said


# -- wrong places --


def test_nobody_listens(stage: Stage) -> None:
    port = free_port()
    said = refused(f"tcp://127.0.0.1:{port}")
    assert f"options.address: tcp://127.0.0.1:{port} is an address at which nobody listens" in said


def test_a_web_server_listens(stage: Stage) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        said = refused(f"tcp://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "is a web server, no scheduler" in said


def test_the_dashboard_is_taken_for_the_scheduler(stage: Stage, lonely: ForeignScheduler) -> None:
    assert "is a web server, no scheduler" in refused(f"tcp://127.0.0.1:{lonely.pages}")


def test_something_silent_listens(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = refused(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    assert "does not greet as Dask does" in said


def test_a_worker_is_taken_for_the_scheduler(stage: Stage, foreign: ForeignScheduler) -> None:
    with Client(foreign.address) as client:
        client.wait_for_workers(1, timeout=LIMIT)
        worker = next(iter(client.scheduler_info()["workers"]))
    assert "is a Worker, no scheduler" in refused(worker)


def test_nothing_is_said_of_its_place(stage: Stage) -> None:
    assert "options.address is not set" in refused()


@pytest.mark.parametrize(
    "address", ["inproc://1/2/3", "localhost", "tcp://localhost", "tcp://localhost:99999", "a b:1"]
)
def test_what_is_no_address(stage: Stage, address: str) -> None:
    said = refused(address)
    assert "options.address" in said
    assert address in said


# -- scheduler files --


def test_a_file_that_is_not_there(stage: Stage, tmp_path: Path) -> None:
    assert f"options.scheduler_file: {tmp_path}/none.json does not exist" in refused(
        scheduler_file=str(tmp_path / "none.json")
    )


def test_a_file_that_is_half_written(stage: Stage, lonely: ForeignScheduler, tmp_path: Path) -> None:
    text = lonely.file.read_text()
    half = tmp_path / "half.json"
    half.write_text(text[: len(text) // 2])
    assert "half.json is not whole" in refused(scheduler_file=str(half))
    threading.Timer(1.2, lambda: half.write_text(text)).start()
    with ds.attach(scheduler_file=str(half)) as cluster:  # it was being written
        assert cluster.state["scheduler"]["address"] == lonely.address


def test_a_file_without_an_address(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    assert "other.json names no address" in refused(scheduler_file=str(tmp_path / "other.json"))


def test_a_file_of_a_scheduler_that_has_ended(stage: Stage, lonely: ForeignScheduler) -> None:
    text = lonely.file.read_text()
    lonely.stop()
    said = refused(scheduler_file=str(lonely.file))
    assert "nobody listens: that scheduler has ended" in said
    lonely.start()
    old = lonely.folder / "old.json"
    old.write_text(text)
    said = refused(scheduler_file=str(old))
    assert "is another scheduler" in said
    assert json.loads(text)["id"] in said


# -- it goes, and comes back --


def test_another_scheduler_on_its_port_is_never_shown_for_it(stage: Stage, foreign: ForeignScheduler) -> None:
    """Given an attached scheduler, when it is started anew on the same port, then the attached one is lost."""
    cluster = ds.attach(foreign.address)
    wait_until("its workers are shown", lambda: cluster.state["workers"]["running"] == 2)
    foreign.stop()
    foreign.start()
    wait_until("it is lost", lambda: cluster.state["state"] == "lost")
    assert "another one" in cluster.state["reason"]
    assert "attach again" in cluster.state["reason"]
    assert foreign.alive
    with ds.attach(foreign.address) as again:
        wait_until("its workers are shown", lambda: again.state["workers"]["running"] == 2)


def test_one_that_ends_is_lost(stage: Stage, lonely: ForeignScheduler) -> None:
    cluster = ds.attach(lonely.address)
    lonely.stop()
    wait_until("it is lost", lambda: cluster.state["state"] == "lost")
    assert "nobody listens there any more" in cluster.state["reason"]


def test_one_that_is_silent_is_not_lost(stage: Stage, lonely: ForeignScheduler) -> None:
    """Given a scheduler that stands still for a while, then its state says so, and nothing is given up."""
    with ds.attach(lonely.address) as cluster:
        os.kill(lonely.pid, signal.SIGSTOP)
        try:
            wait_until("its silence is told", lambda: "has not answered since" in str(cluster.state["reason"]), 90)
            assert cluster.state["state"] not in ("lost", "failed", "stopped")
        finally:
            os.kill(lonely.pid, signal.SIGCONT)
        wait_until("it is heard again", lambda: "has not answered" not in str(cluster.state["reason"]))
