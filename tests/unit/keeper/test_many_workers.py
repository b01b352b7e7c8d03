"""A table of a thousand workers, on a real keeper and scheduler that take simulated workers for real ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import dask_steward as ds
from tests.support.simulated import Shape, simulated

WORKERS = 1000


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Speak to the keeper of a cluster with so many workers, and three jobs that wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        with simulated(Shape("big", workers=WORKERS, queued=3)) as (id,):
            path = ds.get(id)._entry().socket
            assert path is not None
            with httpx.Client(transport=httpx.HTTPTransport(uds=path), base_url="http://keeper", timeout=30.0) as http:
                yield http


def events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def test_a_page_of_a_thousand_workers(keeper: httpx.Client) -> None:
    state = keeper.get("/state").json()
    assert state["workers"] == {"asked": WORKERS + 3, "queued": 3, "running": WORKERS, "lost": 0}

    page = keeper.get("/workers", params={"offset": 10, "limit": 50, "sort": "-memory"}).json()

    memory = [row["memory"] for row in page["rows"]]
    assert (page["total"], page["offset"], len(memory)) == (WORKERS, 10, 50)
    assert memory == sorted(memory, reverse=True)
    ids = {one["id"] for one in state["holdings"]}
    assert {row["job"] for row in page["rows"]} <= ids
    refused = keeper.get("/workers", params={"sort": "colour"})
    assert (refused.status_code, refused.json()["field"]) == (400, "sort")
    assert keeper.get("/workers", params={"limit": "-1"}).status_code == 400


def test_jobs_have_unique_keys_and_say_why_they_wait(keeper: httpx.Client) -> None:
    page = keeper.get("/jobs", params={"limit": 5000, "sort": "-expected_start"}).json()

    assert len({row["key"] for row in page["rows"]}) == page["total"] == WORKERS + 3
    assert [row["state"] for row in page["rows"][:4]] == ["queued"] * 3 + ["connected"]
    assert "Priority" in page["rows"][0]["reason"]


def test_who_follows_gets_all_then_what_changed_and_it_adds_up(keeper: httpx.Client) -> None:
    began = time.monotonic()
    with keeper.stream("GET", "/rows", params={"kind": "workers"}) as answer:
        news = events(answer)
        kind, snapshot = next(news)
        assert (kind, len(snapshot["rows"])) == ("snapshot", WORKERS)
        rows = {row["address"]: row for row in snapshot["rows"]}
        version = snapshot["version"]
        for _ in range(3):
            kind, delta = next(news)
            assert kind == "delta"
            assert delta["version"] > version
            # A heartbeat each 10 s of each: what is told is what has changed.
            assert 0 < len(delta["changed"]) < WORKERS / 2
            version = delta["version"]
            rows.update((row["address"], row) for row in delta["changed"])
            assert delta["gone"] == []
    assert time.monotonic() - began > 2.5  # at most one a second
    now = keeper.get("/workers", params={"limit": WORKERS}).json()["rows"]
    same = sum(rows[row["address"]] == row for row in now)
    assert same > WORKERS * 0.6


def test_workers_that_are_given_back_are_gone_from_the_table(keeper: httpx.Client) -> None:
    with keeper.stream("GET", "/rows") as answer:
        news = events(answer)
        next(news)
        keeper.post("/scale", json={"workers": WORKERS - 5})
        gone: list[str] = []
        for kind, delta in news:
            assert kind == "delta"
            gone += delta["gone"]
            if len(gone) == 5:
                break
    assert delta["total"] == WORKERS - 5


def test_a_table_that_is_none_is_refused(keeper: httpx.Client) -> None:
    answer = keeper.get("/rows", params={"kind": "cats"})

    assert (answer.status_code, answer.json()["field"]) == (400, "kind")
