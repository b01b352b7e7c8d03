"""What becomes of clusters when whom they belong to ends."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import dask_steward as ds
from dask_steward.ledger.identity import ProcessIdentity
from tests.server.conftest import started, until, until_ready
from tests.server.serving import Server, folder_for
from tests.support import leaks

pytestmark = pytest.mark.usefixtures("clean")

#: Seconds in which everything must be given back, and what a machine adds on which other tests run, too.
GONE, BUSY = 2.0, 8.0


@pytest.fixture
def own_server() -> Iterator[Callable[..., Server]]:
    """Start servers that a test may end as it likes."""
    folders, servers = [], []

    def start(**config: Any) -> Server:
        folders.append(folder_for("tenure"))
        servers.append(Server(folders[-1], config=config))
        return servers[-1]

    yield start
    for one in servers:
        one.stop()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def ended(id: str) -> dict[str, Any] | None:
    """Return how a cluster ended, by the ledger; None while it has not."""
    return ds.get(id)._entry().end


def processes(id: str) -> list[leaks.Process]:
    """Return all processes of a cluster."""
    return leaks.marked(f"DASK_STEWARD_CLUSTER={id}")


def seconds_until(done: Callable[[], bool], limit: float) -> float:
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < limit
        time.sleep(0.02)
    return time.monotonic() - began


SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_clusters_of_a_server_go_with_it(own_server: Callable[..., Server], number: signal.Signals) -> None:
    """Given two clusters of a server and a detached one, when it ends, then only the detached one stays.

    dask-labextension held the server for 10 s with each cluster.
    """
    server = own_server()
    ids = [started(server.http, name=name)["id"] for name in ("one", "two")]
    detached = started(server.http, tenure="detached", set={"idle_timeout": "10 min"})["id"]
    for id in (*ids, detached):
        until_ready(server.http, id)
    server.process.send_signal(number)
    began = time.monotonic()
    server.process.wait(30)
    exit_took = time.monotonic() - began
    assert exit_took < 3.0 + BUSY, exit_took
    seconds_until(lambda: all(ended(id) for id in ids), GONE + BUSY)
    gone = time.monotonic() - began
    assert gone - exit_took <= GONE + BUSY, (gone, exit_took)
    for id in ids:
        end = ended(id)
        assert end is not None
        assert end["state"] == "stopped"
    seconds_until(lambda: not any(processes(id) for id in ids), 10)
    assert ended(detached) is None
    assert ds.get(detached).state["ready"]
    print(f"{number.name}: server gone after {exit_took:.2f} s, clusters after {gone:.2f} s")


def kernel(server: Server) -> dict[str, Any]:
    """Start a notebook's kernel."""
    body = {"path": "analysis.ipynb", "name": "analysis.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    answer = server.http.post(f"{server.url}api/sessions", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def delete(server: Server, session: dict[str, Any], pid: int) -> None:
    assert server.http.delete(f"{server.url}api/sessions/{session['id']}").status_code == 204


def restart(server: Server, session: dict[str, Any], pid: int) -> None:
    id = session["kernel"]["id"]
    assert server.http.post(f"{server.url}api/kernels/{id}/restart").status_code == 200


def kill(server: Server, session: dict[str, Any], pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("end", [delete, restart, kill])
def test_clusters_of_a_kernel_go_with_it(
    server: Server, api: httpx.Client, end: Callable[[Server, dict[str, Any], int], None]
) -> None:
    session = kernel(server)
    card = started(api, tenure="kernel", kernel_id=session["kernel"]["id"])
    owner = card["owner"]
    assert (owner["kind"], owner["kernel_id"], owner["session"]) == (
        "kernel",
        session["kernel"]["id"],
        "analysis.ipynb",
    )
    assert owner["pid"] != server.process.pid
    until_ready(api, card["id"])
    end(server, session, owner["pid"])
    assert seconds_until(lambda: ended(card["id"]) is not None, 5.0 + GONE + BUSY) >= 0
    seconds_until(lambda: not processes(card["id"]), 10)
    last = until(api, card["id"], lambda card: card["state"] == "stopped")
    assert "its owner" in last["reason"]
    if end is not delete:
        delete(server, session, owner["pid"])


def test_a_cluster_is_given_from_a_kernel_to_nobody_and_to_the_server(server: Server, api: httpx.Client) -> None:
    """Given a kernel's cluster that is made detached, when the kernel ends, then it stays; the server can have it."""
    session = kernel(server)
    id = started(api, kernel_id=session["kernel"]["id"])["id"]
    until_ready(api, id)
    endless = api.patch(f"clusters/{id}", json={"tenure": "detached"})
    assert (endless.status_code, endless.json()["error"]) == (400, "usage")
    assert api.patch(f"clusters/{id}", json={"tenure": "kernel"}).json()["field"] == "kernel_id"
    given = api.patch(f"clusters/{id}", json={"tenure": "detached", "idle_timeout": "1 h"})
    assert given.status_code == 200, given.text
    assert (given.json()["tenure"], given.json()["owner"]) == ("detached", None)
    delete(server, session, 0)
    time.sleep(3)
    assert ended(id) is None
    taken = api.patch(f"clusters/{id}", json={"tenure": "server"}).json()
    assert (taken["tenure"], taken["owner"]["pid"]) == ("server", server.process.pid)


def test_a_start_for_a_kernel_runs_in_its_environment_and_is_its_own(server: Server, api: httpx.Client) -> None:
    session = kernel(server)
    try:
        card = started(api, kernel_id=session["kernel"]["id"])
        assert card["tenure"] == "kernel"
        python = ds.get(card["id"])._entry().profile["python"]
        assert os.path.realpath(python) == os.path.realpath(f"/proc/{card['owner']['pid']}/exe")
    finally:
        delete(server, session, 0)


def test_what_a_dead_keeper_and_guard_left_is_swept_by_the_server(own_server: Callable[..., Server]) -> None:
    cluster = ds.start("local", workers=1, client_follows=False)
    state = cluster.state
    workers = processes(cluster.id)
    for who in ("guard", "keeper"):
        identity = ProcessIdentity.from_json(state[who])
        assert identity is not None
        assert identity.kill(signal.SIGKILL)
    server = own_server(DaskSteward={"sweep_interval": 2.0})
    until(server.http, cluster.id, lambda card: card["reason"] == "its keeper and guard died", limit=30)
    alive = {one.pid for one in processes(cluster.id)}
    assert not [one for one in workers if one.pid in alive]
    assert cluster.id in [one["id"] for one in server.http.get("clusters").json()["clusters"]], "a person sees it"


def test_a_keeper_that_does_not_answer_is_shown_as_it_was(api: httpx.Client) -> None:
    id = started(api)["id"]
    ready = until_ready(api, id)
    keeper = ProcessIdentity.from_json(ds.get(id).state["keeper"])
    assert keeper is not None
    keeper.kill(signal.SIGSTOP)
    try:
        card = until(api, id, lambda card: card["stale"] is not None, limit=40)
        assert "not answered" in card["stale"]
        assert (card["state"], card["workers"]) == ("running", ready["workers"])
    finally:
        keeper.kill(signal.SIGCONT)
    until(api, id, lambda card: card["stale"] is None)


def test_a_keeper_that_dies_is_seen_and_released(api: httpx.Client) -> None:
    id = started(api)["id"]
    until_ready(api, id)
    keeper = ProcessIdentity.from_json(ds.get(id).state["keeper"])
    assert keeper is not None
    keeper.kill(signal.SIGKILL)
    card = until(api, id, lambda card: card["state"] == "lost", limit=20)
    assert "its keeper died" in card["reason"]
    seconds_until(lambda: not processes(id), 10)
