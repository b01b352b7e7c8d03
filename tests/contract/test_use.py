"""A running cluster, used in all the ways in which Dask's own are."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import threading
from typing import Any

import httpx
import pytest
from distributed import Client, wait
from distributed.core import Status

import dask_steward as ds
from dask_steward.control.fallback import state_of
from tests.contract.site import PATIENCE, Site, until

NUMBER = (int, float)
TEXT_OR_NONE = (str, type(None))
STATE: dict[str, Any] = {
    "format": int,
    "id": str,
    "name": str,
    "profile": str,
    "system": str,
    "tag": str,
    "state": str,
    "reason": TEXT_OR_NONE,
    "since": NUMBER,
    "created": NUMBER,
    "tenure": str,
    "owner": {
        "kind": str,
        "host": str,
        "boot_id": str,
        "pid": int,
        "start_time": int,
        "kernel_id": TEXT_OR_NONE,
        "session": TEXT_OR_NONE,
    },
    "keeper": {"host": str, "boot_id": str, "pid": int, "start_time": int},
    "guard": {"host": str, "boot_id": str, "pid": int, "start_time": int},
    "workers": {"asked": int, "queued": int, "running": int, "lost": int},
    "threads": int,
    "cpu": {"used": NUMBER, "limit": int},
    "memory": {"limit": int, "used": int, "spilled": int},
    "tasks": {"groups": list, "per_second": NUMBER},
    "scheduler": {"address": str, "dashboard": TEXT_OR_NONE, "dashboard_reason": TEXT_OR_NONE},
    "holdings": list,
    "defences": list,
    "spend": {"core_seconds_held": NUMBER, "core_seconds_busy": NUMBER},
    "cores_held": int,
    "idle_since": (int, float, type(None)),
    "ends_at": (int, float, type(None)),
    "ends_by": TEXT_OR_NONE,
    "adapt": (dict, type(None)),
    "warnings": list,
    "logs": str,
}
"""The state as DESIGN and the docs promise it; more keys may come, none of these may go."""
HOLDING: dict[str, Any] = {
    "kind": str,
    "id": TEXT_OR_NONE,
    "state": str,
    "reason": TEXT_OR_NONE,
    "expected_start": (int, float, type(None)),
    "node": TEXT_OR_NONE,
    "since": (int, float, type(None)),
    "group": TEXT_OR_NONE,
    "ends": (int, float, type(None)),
    "key": str,
    "link": TEXT_OR_NONE,
}


def assert_shape(value: Any, shape: Any, where: str = "state") -> None:
    """Fail unless a JSON value has (at least) the keys and exactly the types of a shape."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), where
        for key, inner in shape.items():
            assert key in value, f"{where}.{key}"
            assert_shape(value[key], inner, f"{where}.{key}")
    else:
        kinds = shape if isinstance(shape, tuple) else (shape,)
        assert type(value) in kinds, f"{where}: {value!r}"


def inc(x: int) -> int:
    return x + 1


# --- the state --------------------------------------------------------------------------------------------------------


@pytest.mark.also_on("ssh", "yarn")
def test_state_has_every_field_with_its_type(site: Site, cluster: Any) -> None:
    state = until(lambda: (found := cluster.state)["threads"] == 4 and found)  # summed up once a second

    assert_shape(state, STATE)
    for one in state["holdings"]:
        assert_shape(one, HOLDING, "holding")
    assert state["id"] == cluster.id
    assert state["tag"] == f"dask-steward-{cluster.id}"
    assert (state["system"], state["profile"], state["name"]) == (site.system, site.system, f"shared {site.system}")
    assert state["state"] == "running"
    assert state["workers"] == {"asked": 2, "queued": 0, "running": 2, "lost": 0}
    assert state["threads"] == 4
    assert state["cpu"]["limit"] == 4
    # An application's master holds one, too.
    assert state["cores_held"] == (5 if site.yarn is not None else 4)
    assert state["memory"]["limit"] == pytest.approx(2 * 600e6, rel=0.01)
    assert state["tenure"] == "kernel"
    assert state["owner"]["pid"] == os.getpid()
    assert {state["keeper"]["pid"], state["guard"]["pid"]}.isdisjoint({os.getpid()})


@pytest.mark.also_on("ssh", "yarn")
def test_the_ledger_alone_gives_the_same_fields(site: Site, cluster: Any) -> None:
    (entry,) = [one for one in site.entries() if one.id == cluster.id]

    assert set(state_of(entry)) == set(cluster.state)


def test_tasks_and_spend_are_counted(cluster: Any) -> None:
    with Client(cluster) as client:
        kept = client.map(inc, range(50), key="counted")
        wait(kept)

        def counted() -> bool:
            groups = {group["name"]: group for group in cluster.state["tasks"]["groups"]}
            return groups.get("counted") == {"name": "counted", "done": 50, "total": 50, "erred": 0}

        until(counted)
        assert cluster.state["spend"]["core_seconds_held"] > 0


def test_an_erred_task_is_shown(cluster: Any) -> None:
    with Client(cluster) as client:
        failing = client.submit(lambda: 1 / 0, key="broken")
        wait(failing)

        until(lambda: any(group["erred"] for group in cluster.state["tasks"]["groups"]))


def test_stream_tells_each_change_and_the_present_first(cluster: Any) -> None:
    stream = cluster.stream()
    first = next(stream)
    assert_shape(first, STATE)

    with Client(cluster) as client:
        kept = client.map(inc, range(1000, 1020), key="streamed")
        seen = next(state for state in stream if any(group["name"] == "streamed" for group in state["tasks"]["groups"]))
        assert len(client.gather(kept)) == 20
    stream.close()

    assert seen["state"] == "running"


# --- clients ----------------------------------------------------------------------------------------------------------


def test_client_takes_the_cluster(cluster: Any) -> None:
    with Client(cluster) as client:
        assert client.submit(inc, 1).result(timeout=PATIENCE) == 2
        assert len(client.scheduler_info(n_workers=-1)["workers"]) == 2
    assert cluster.status is Status.running  # a client that leaves takes nothing with it


def test_get_client(cluster: Any) -> None:
    with cluster.get_client() as client:
        assert sum(client.gather(client.map(inc, range(10)))) == 55


def test_two_clients_at_once(cluster: Any) -> None:
    with Client(cluster) as one, Client(cluster) as other:
        assert one.submit(inc, 10).result(timeout=PATIENCE) == other.submit(inc, 10).result(timeout=PATIENCE) == 11


@pytest.mark.asyncio
async def test_asynchronous_client(cluster: Any) -> None:
    async with Client(cluster, asynchronous=True) as client:
        assert await client.submit(inc, 2) == 3


@pytest.mark.also_on("ssh", "yarn")
def test_comms_are_encrypted_and_keys_private(cluster: Any) -> None:
    info = cluster.connect_info()

    assert info["address"].startswith("tls://")
    assert cluster.scheduler_address == info["address"]
    for path in info["security"].values():
        assert os.stat(path).st_mode & 0o077 == 0
    assert "dask_steward" in info["code"]


def test_a_client_without_the_keys_is_not_let_in(cluster: Any) -> None:
    with pytest.raises((OSError, TypeError, ValueError)), Client(cluster.scheduler_address, timeout=2):
        pytest.fail("connected without keys")


@pytest.mark.also_on("ssh", "yarn")
def test_scheduler_info_has_all_workers(cluster: Any) -> None:
    info = cluster.scheduler_info

    assert info["address"] == cluster.scheduler_address
    assert len(info["workers"]) == 2
    assert {worker["nthreads"] for worker in info["workers"].values()} == {2}


@pytest.mark.also_on("ssh", "yarn")
def test_repr_is_short_and_says_what_matters(site: Site, cluster: Any) -> None:
    assert f"shared {site.system}" in repr(cluster)
    assert "running" in repr(cluster)
    html = cluster._repr_html_()
    assert "running" in html
    assert len(html) < 3000


# --- Dask's own pages -------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(cluster: Any) -> str:
    """Path of the dashboard's socket."""
    link = until(lambda: cluster.dashboard_link)
    assert link.startswith("unix:")
    return str(link.removeprefix("unix:"))


def test_dashboard_pages_come_over_the_private_socket(pages: str) -> None:
    assert os.stat(pages).st_mode & 0o077 == 0
    assert os.stat(os.path.dirname(pages)).st_mode & 0o077 == 0
    with httpx.Client(transport=httpx.HTTPTransport(uds=pages), base_url="http://dashboard", timeout=PATIENCE) as http:
        for path in ("/status", "/workers", "/tasks", "/individual-task-stream", "/health", "/metrics"):
            answer = http.get(path, follow_redirects=True)
            assert answer.status_code == 200, path
        assert "Bokeh" in http.get("/status").text


def test_dashboard_websocket_speaks_bokeh(pages: str) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=pages), base_url="http://dashboard", timeout=PATIENCE) as http:
        page = http.get("/status").text
    token = re.search(r'"token":"([^"]+)"', page)
    assert token is not None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(pages)
        connection.sendall(
            (
                "GET /status/ws HTTP/1.1\r\nHost: dashboard\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Protocol: bokeh, {token[1]}\r\n\r\n"
            ).encode()
        )
        heard = b""
        while b'"ACK"' not in heard:
            data = connection.recv(65536)
            assert data, heard
            heard += data
    assert heard.startswith(b"HTTP/1.1 101")


@pytest.mark.also_on("ssh", "yarn")
def test_no_page_listens_on_tcp(cluster: Any) -> None:
    keeper = cluster.state["keeper"]["pid"]
    sockets = {os.readlink(f"/proc/{keeper}/fd/{fd}") for fd in os.listdir(f"/proc/{keeper}/fd")}
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    listening = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]

    assert listening  # at least the scheduler's own
    for local in listening:
        host, _, port = local.partition(":")
        address = socket.inet_ntoa(bytes.fromhex(host)[::-1])
        with socket.create_connection((address, int(port, 16)), timeout=5) as connection:
            connection.settimeout(1)
            connection.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                answer = connection.recv(100)
            except (TimeoutError, ConnectionError):
                answer = b""
        assert not answer.startswith(b"HTTP/"), local


# --- found and shown --------------------------------------------------------------------------------------------------


def test_found_by_id_and_by_name_and_in_the_list(cluster: Any) -> None:
    assert ds.get(cluster.id).id == ds.get(cluster.name).id == cluster.id
    assert cluster.id in [one.id for one in ds.clusters()]


def test_a_name_nobody_has_is_answered_with_the_nearest(cluster: Any) -> None:
    with pytest.raises(ds.ClusterNotFound, match=re.escape(f"Did you mean {cluster.name}?")):
        ds.get(cluster.name + "x")


@pytest.mark.also_on("ssh", "yarn")
def test_held_names_every_holding(site: Site, cluster: Any) -> None:
    held = [one for one in ds.held() if one.cluster == cluster.id]

    kinds = {
        "slurm": {"job"},
        "local": {"process"},
        "ssh": {"process on host"},
        "yarn": {"application", "container"},
    }
    assert {one.kind for one in held} == kinds[site.system]
    assert {one.name for one in held} == {cluster.name}
    if site.slurm is not None:
        in_queue = {job.id for job in site.slurm.jobs_with_tag(cluster.state["tag"])}
        assert {one.id for one in held} == in_queue
        assert {one.node for one in held} <= {"n1", "n2", "n3"}
    assert set(held[0].to_dict()) == {
        "cluster",
        "name",
        "kind",
        "id",
        "state",
        "reason",
        "since",
        "node",
        "cores",
        "core_seconds",
    }


@pytest.mark.also_on("ssh", "yarn")
def test_sweep_leaves_a_living_cluster_alone(cluster: Any) -> None:
    report = ds.sweep()

    assert cluster.id not in [*report.ended, *(id for id, _ in report.left)]
    assert cluster.state["state"] == "running"


def test_the_name_of_a_living_cluster_cannot_be_taken(site: Site, cluster: Any) -> None:
    with pytest.raises(ds.UsageError, match="is there already"):
        site.start(name=cluster.name)


@pytest.mark.parametrize("name", ["", " x", "a/b", "-x", "x" * 65, "a\nb"])
def test_a_name_that_no_shell_or_path_likes_is_refused(site: Site, name: str) -> None:
    before = len(site.entries())

    with pytest.raises(ds.UsageError, match="name"):
        site.start(name=name)

    assert len(site.entries()) == before


# --- logs -------------------------------------------------------------------------------------------------------------


@pytest.mark.also_on("ssh", "yarn")
def test_logs_of_keeper_and_workers(cluster: Any) -> None:
    logs = cluster.get_logs()

    assert "keeper" in logs
    workers = [name for name in logs if name.startswith("worker ")]
    assert len(workers) == 2
    assert "Scheduler at" in cluster.get_logs(keeper=True)["keeper"]


@pytest.mark.also_on("ssh", "yarn")
def test_log_of_one_worker_by_name_and_address(cluster: Any) -> None:
    address, worker = next(iter(cluster.scheduler_info["workers"].items()))

    assert list(cluster.get_logs(worker=str(worker["id"]))) == list(cluster.get_logs(worker=address))


@pytest.mark.also_on("ssh", "yarn")
def test_log_of_one_job(site: Site, cluster: Any) -> None:
    if not site.on_queue:
        assert cluster.get_logs(job="1") == {}
        return
    job = next(one.id for one in ds.held() if one.kind != "application")

    logs = cluster.get_logs(job=job)

    # An id that says itself what it is needs no word before it.
    name = job if site.yarn is not None else f"job {job}"
    assert list(logs) == [name]
    assert "distributed.worker" in logs[name]


def test_tail_limits_the_lines(cluster: Any) -> None:
    assert len(cluster.get_logs(keeper=True, tail=1)["keeper"].splitlines()) == 1
    assert cluster.get_logs(keeper=True, tail=0)["keeper"] == ""


# --- many at once -----------------------------------------------------------------------------------------------------


def test_the_state_is_given_to_many_threads_at_once(cluster: Any) -> None:
    found: list[str] = []

    def ask() -> None:
        handle = ds.get(cluster.id)
        found.extend(handle.state["state"] for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert found == ["running"] * 40


@pytest.mark.asyncio
async def test_a_handle_is_awaited(cluster: Any) -> None:
    assert await asyncio.wait_for(cluster, PATIENCE) is cluster
