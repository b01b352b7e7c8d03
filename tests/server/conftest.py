"""Real Jupyter servers with real clusters of this host; each module has a server of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import dask_steward as ds
from tests.server.serving import Server, folder_for

LIMIT = 60.0
#: The smallest cluster there is: tests are many, and this machine is small.
SMALL: dict[str, Any] = {"profile": "local", "scale": {"workers": 1}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for all tests of a module."""
    folder = folder_for("server")
    with Server(folder) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    """The interface, as somebody who may do everything."""
    with server.client() as client:
        yield client


@pytest.fixture
def clean() -> Iterator[None]:
    """Whatever the test left is stopped after it."""
    yield
    stop_all()


def stop_all() -> None:
    """Stop every cluster of these tests."""
    for cluster in ds.clusters():
        cluster.close()


Start = Callable[..., dict[str, Any]]


def started(api: httpx.Client, **body: Any) -> dict[str, Any]:
    """Start a cluster over REST; return its first card."""
    answer = api.post("clusters", json={**SMALL, **body})
    assert answer.status_code == 202, answer.text
    card: dict[str, Any] = answer.json()
    return card


def until(api: httpx.Client, id: str, right: Callable[[dict[str, Any]], bool], limit: float = LIMIT) -> dict[str, Any]:
    """Look at a cluster until its card is right; return that."""
    deadline = time.monotonic() + limit
    while True:
        card: dict[str, Any] = api.get(f"clusters/{id}").json()
        if right(card):
            return card
        assert time.monotonic() < deadline, card
        time.sleep(0.05)


def until_ready(api: httpx.Client, id: str) -> dict[str, Any]:
    """Wait until a cluster can be used."""
    return until(api, id, lambda card: card["ready"])
