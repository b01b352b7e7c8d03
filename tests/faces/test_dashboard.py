"""``dask-steward dashboard``: the pages of a cluster on a port, for its owner's browser only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

import dask_steward as ds
from tests.faces.notebook import LIMIT

pytest.importorskip("bokeh", reason="NOT RUN, bokeh is missing: there are no dashboards without it")

Connect = Callable[[], httpx.Client]


@pytest.fixture(scope="module")
def cluster() -> Iterator[ds.Cluster]:
    with ds.start("local", workers=1, name="pages") as found:
        assert isinstance(found, ds.Cluster)
        yield found


def forward(cluster: ds.Cluster, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dask_steward.cli", "dashboard", cluster.id, "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def url(cluster: ds.Cluster) -> Iterator[str]:
    with forward(cluster) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)
        assert process.returncode == 0


@pytest.fixture
def browser(url: str) -> Iterator[httpx.Client]:
    parts = urlsplit(url)
    with httpx.Client(base_url=f"http://{parts.netloc}", timeout=LIMIT) as client:
        yield client


def test_the_token_gives_a_cookie_and_then_the_page(browser: httpx.Client, url: str) -> None:
    first = browser.get(url)

    assert first.status_code == 302
    assert first.headers["location"] == "/status"
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "Dask" in browser.get("/status").text
    assert browser.get("/statics/css/base.css").status_code in (200, 404)
    assert len(browser.get("/individual-plots.json").json()) > 10


def test_without_the_token_nothing_is_shown(browser: httpx.Client) -> None:
    for path in ("/status", "/status?token=", "/status?token=wrong", "/individual-plots.json"):
        answer = browser.get(path)
        assert answer.status_code == 403, path
        assert "Dask" not in answer.text


def test_a_wrong_cookie_is_refused(browser: httpx.Client) -> None:
    assert browser.get("/status", headers={"Cookie": "dask-steward-dashboard=wrong"}).status_code == 403


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_other_sites_are_refused_even_with_the_token(browser: httpx.Client, url: str, headers: dict[str, str]) -> None:
    assert browser.get(url, headers=headers).status_code == 403


def answer_to(url: str, request: str) -> str:
    """Send bytes as they are, and return the beginning of the answer."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=LIMIT) as stream:
        stream.sendall(request.encode())
        return stream.recv(4096).decode()


def test_the_redirect_stays_on_this_host(url: str) -> None:
    parts = urlsplit(url)
    request = f"GET //evil.example/x?a=1&{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"

    assert "\r\nLocation: /evil.example/x?a=1\r\n" in answer_to(url, request)


def test_what_is_not_http_is_refused(url: str) -> None:
    assert answer_to(url, "\x16\x03\x01 nonsense\r\n\r\n").startswith("HTTP/1.1 400 ")


def test_websockets_pass(browser: httpx.Client, url: str) -> None:
    browser.get(url)
    parts = urlsplit(url)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    ask = (
        f"GET /status/ws HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: http://{parts.netloc}\r\nCookie: {cookie}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: bokeh, none\r\n\r\n"
    )
    assert answer_to(url, ask).startswith("HTTP/1.1 101 ")


def test_a_taken_port_is_one_sentence(cluster: ds.Cluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = forward(cluster, "--port", str(taken.getsockname()[1]))
        stdout, _ = process.communicate(timeout=LIMIT)

    assert process.returncode == 2
    assert json.loads(stdout)["field"] == "port"


def test_it_ends_with_the_cluster() -> None:
    with ds.start("local", workers=1, name="short") as short:
        assert isinstance(short, ds.Cluster)
        process = forward(short)
        assert process.stdout is not None
        process.stdout.readline()
    process.communicate(timeout=LIMIT)

    assert process.returncode == 0


def test_a_profile_without_dashboard_says_so() -> None:
    with ds.start("local", workers=1, name="dark", set={"dashboard": "off"}) as dark:
        assert isinstance(dark, ds.Cluster)
        process = forward(dark)
        stdout, _ = process.communicate(timeout=LIMIT)

    assert process.returncode == 1
    assert "switches the dashboard off" in json.loads(stdout)["message"]


def test_a_port_that_the_profile_asked_for_is_printed() -> None:
    with ds.start("local", workers=1, name="open", set={"dashboard": "tcp"}) as cluster:
        assert isinstance(cluster, ds.Cluster)
        process = forward(cluster)
        stdout, _ = process.communicate(timeout=LIMIT)

    assert process.returncode == 0, stdout
    assert json.loads(stdout)["url"].startswith("http://127.0.0.1:")


def test_the_socket_itself_is_private(cluster: ds.Cluster, url: str) -> None:
    path = cluster.state["scheduler"]["dashboard"]

    assert os.stat(path).st_mode & 0o077 == 0
