"""Dask's own pages through the server: under any base URL, live, and for nobody whom the server does not know."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

import dask_steward as ds
from tests.server.conftest import started, stop_all, until_ready
from tests.server.serving import Server, folder_for

pytestmark = pytest.mark.timeout(300)  # a server and a cluster come up meanwhile


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = folder_for("dash")
    profiles = folder / "profiles"
    profiles.mkdir()
    (profiles / "off.yaml").write_text("system: local\ndashboard: off\nscale: {workers: 0}\n")
    (profiles / "port.yaml").write_text("system: local\ndashboard: tcp\nscale: {workers: 0}\n")
    with Server(folder, environment={"DASK_STEWARD_PROFILES": str(profiles)}) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(server: Server) -> Iterator[str]:
    """The id of a cluster with a dashboard."""
    with server.client() as api:
        id = started(api)["id"]
        until_ready(api, id)
        yield id
    stop_all()


def test_pages_and_what_they_need_are_there(api: httpx.Client, cluster: str) -> None:
    base = f"clusters/{cluster}/dashboard"
    for short in (base, f"{base}/"):
        answer = api.get(short)
        assert (answer.status_code, answer.headers["Location"]) == (
            302,
            f"/user/ann/dask-steward/api/{base}/status",
        )
    page = api.get(f"{base}/individual-task-stream")
    assert page.status_code == 200
    assert "Bokeh" in page.text
    needed = re.findall(r'<script[^>]* src="([^"]+)"', page.text)
    assert needed
    for link in needed:
        assert not link.startswith(("/", "http"))  # so that it holds under any base URL
        assert api.get(f"{base}/{link}").status_code == 200
    plots = api.get(f"{base}/individual-plots.json").json()
    assert plots["Individual Task Stream"] == "/individual-task-stream"
    assert api.get(f"{base}/no-such-page").status_code == 404


def _handshake(server: Server, cluster: str, **headers: str) -> httpx.Response:
    """Ask for a websocket, and return what refuses it."""
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    url = f"{server.url}dask-steward/api/clusters/{cluster}/dashboard/status/ws"
    return httpx.get(url, headers={**asked, **headers}, timeout=60, trust_env=False)


async def _closed(connection: WebSocketClientConnection) -> None:
    """Close a websocket, and wait until it is: its socket is else closed by nobody."""
    connection.close()
    while await asyncio.wait_for(connection.read_message(), 60) is not None:
        pass
    await asyncio.sleep(0.1)


def _bokeh_token(api: httpx.Client, cluster: str, page: str) -> str:
    text = api.get(f"clusters/{cluster}/dashboard/{page}").text
    return re.search(r'"token":"([^"]+)"', text).group(1)  # type: ignore[union-attr]


def test_plots_are_live(server: Server, api: httpx.Client, cluster: str) -> None:
    token = _bokeh_token(api, cluster, "individual-workers")

    async def listen() -> list[str]:
        connection = await websocket_connect(
            HTTPRequest(
                f"{server.url.replace('http', 'ws', 1)}dask-steward/api/clusters/{cluster}/dashboard/"
                "individual-workers/ws",
                headers={"Authorization": f"token {server.token}"},
            ),
            subprotocols=["bokeh", token],
        )
        kinds: list[str] = []
        header = {"msgid": "1000", "msgtype": "PULL-DOC-REQ"}
        try:
            while not {"PULL-DOC-REPLY", "PATCH-DOC"} <= set(kinds):
                part = await asyncio.wait_for(connection.read_message(), 60)
                assert part is not None, kinds
                found = _json(part)
                if isinstance(found, dict) and "msgtype" in found:
                    kinds.append(found["msgtype"])
                    if found["msgtype"] == "ACK":
                        for piece in (header, {}, {}):
                            await connection.write_message(json.dumps(piece))
        finally:
            await _closed(connection)
        return kinds

    kinds = asyncio.run(listen())  # the document, and what changes in it
    assert kinds[0] == "ACK"


def _json(part: str | bytes) -> Any:
    try:
        return json.loads(part)
    except ValueError:
        return None


def test_nobody_gets_in_unknown(server: Server, cluster: str) -> None:
    with server.client(token="") as stranger:
        for page in ("", "/status", "/individual-plots.json", "/static/js/bokeh.min.js"):
            answer = stranger.get(f"clusters/{cluster}/dashboard{page}")
            assert answer.status_code in (302, 403)
            assert answer.status_code == 403 or "/login" in answer.headers["Location"]
    assert _handshake(server, cluster).status_code in (302, 403)
    text = server.text()
    assert "Uncaught exception" not in text, text[text.index("Uncaught exception") :][:3000]


def test_a_foreign_page_cannot_open_the_websocket(server: Server, cluster: str) -> None:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as page:
        page.get("login")
        page.post("login", data={"password": server.token, "_xsrf": page.cookies["_xsrf"]})
        cookie = "; ".join(f"{name}={value}" for name, value in page.cookies.items())

    async def connect(origin: str) -> None:
        url = f"{server.url.replace('http', 'ws', 1)}dask-steward/api/clusters/{cluster}/dashboard/status/ws"
        connection = await websocket_connect(HTTPRequest(url, headers={"Cookie": cookie, "Origin": origin}))
        await _closed(connection)

    asyncio.run(connect(server.url.partition("/user")[0]))  # a page of this server may
    assert _handshake(server, cluster, Cookie=cookie, Origin="https://evil.example").status_code == 403


def test_nothing_is_changed_through_it(api: httpx.Client, cluster: str) -> None:
    for verb in ("POST", "PUT", "PATCH", "DELETE"):
        assert api.request(verb, f"clusters/{cluster}/dashboard/api/v1/retire_workers").status_code == 405


def test_a_port_of_the_loopback_interface_is_passed_on_too(api: httpx.Client, cluster: str) -> None:
    id = started(api, profile="port", scale=None)["id"]
    until_ready(api, id)
    assert api.get(f"clusters/{id}/dashboard/individual-plots.json").json()


def test_why_there_is_none_is_said_to_programs_and_people(api: httpx.Client, cluster: str) -> None:
    id = started(api, profile="off", scale=None)["id"]
    until_ready(api, id)
    answer = api.get(f"clusters/{id}/dashboard/status")
    assert (answer.status_code, answer.json()["error"]) == (404, "no-dashboard")
    assert "the profile switches the dashboard off" in answer.json()["message"]
    page = api.get(f"clusters/{id}/dashboard/status", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "the profile switches the dashboard off" in page.text

    ds.get(id).close()
    ended = api.get(f"clusters/{id}/dashboard/status")
    assert ended.status_code == 404
    assert "has ended" in ended.json()["message"]
    assert api.get("clusters/aaaaaaaaaa/dashboard/status").status_code == 404
