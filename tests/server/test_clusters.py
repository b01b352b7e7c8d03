"""Clusters over REST: started, looked at, changed, stopped."""

from __future__ import annotations

import os
import time
from typing import Any

import httpx
import pytest
from distributed import Client

import dask_steward as ds
from tests.server.conftest import started, until, until_ready
from tests.server.serving import Server

pytestmark = pytest.mark.usefixtures("clean")


def test_a_start_is_answered_at_once_and_the_cluster_works(api: httpx.Client) -> None:
    answer = api.post("clusters", json={"profile": "local", "scale": {"workers": 2}, "name": "first"})
    assert answer.status_code == 202
    card = answer.json()
    assert (card["state"], card["name"], card["tenure"], card["ready"]) == ("starting", "first", "server", False)
    assert answer.headers["Location"] == f"/user/ann/dask-steward/api/clusters/{card['id']}"
    ready = until_ready(api, card["id"])
    assert ready["workers"] == {"asked": 2, "queued": 0, "running": 2, "lost": 0}
    connect = api.get(f"clusters/{card['id']}/connect").json()
    assert connect["address"] == ready["scheduler"]["address"]
    compile(connect["code"], "code", "exec")
    with Client(ds.get("first")) as client:
        assert client.submit(sum, [1, 2]).result(timeout=60) == 3


def test_a_cluster_of_somebody_else_is_on_the_list_within_a_second(api: httpx.Client) -> None:
    api.get("clusters")
    cluster = ds.start("local", workers=1, name="from a script", wait=False, client_follows=False)
    began = time.monotonic()
    while "from a script" not in [card["name"] for card in api.get("clusters").json()["clusters"]]:
        assert time.monotonic() - began < 20
        time.sleep(0.02)
    assert time.monotonic() - began < 1.5  # a second, and the requests of this look
    assert api.get(f"clusters/{cluster.id}").json()["owner"]["pid"] == os.getpid()


def test_a_size_is_set_rounded_and_follows_the_work(api: httpx.Client) -> None:
    id = started(api)["id"]
    until_ready(api, id)
    answer = api.post(f"clusters/{id}/scale", json={"workers": 2})
    assert (answer.status_code, answer.json()["note"]) == (200, None)
    until(api, id, lambda card: card["workers"]["running"] == 2)
    adaptive = api.post(f"clusters/{id}/adapt", json={"minimum": 1, "maximum": 2, "hold": "1 min"})
    assert adaptive.status_code == 200
    assert {key: adaptive.json()["adapt"][key] for key in ("minimum", "maximum", "hold")} == {
        "minimum": 1,
        "maximum": 2,
        "hold": 60,
    }
    assert api.post(f"clusters/{id}/adapt", json={"active": False}).json()["adapt"] is None
    wrong = api.post(f"clusters/{id}/scale", json={"workers": 1, "group": "gpu"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "group")


def test_stopping_is_answered_at_once_and_an_ended_one_is_dismissed(api: httpx.Client) -> None:
    id = started(api)["id"]
    until_ready(api, id)
    answer = api.delete(f"clusters/{id}")
    assert (answer.status_code, answer.json()["state"] in ("stopping", "stopped")) == (202, True)
    assert answer.json()["reason"] == "stopped by a person"
    until(api, id, lambda card: card["state"] == "stopped")
    assert id in [card["id"] for card in api.get("clusters").json()["clusters"]]
    assert api.post(f"clusters/{id}/scale", json={"workers": 1}).status_code == 409
    assert api.delete(f"clusters/{id}").status_code == 204
    assert id not in [card["id"] for card in api.get("clusters").json()["clusters"]]
    assert id in [card["id"] for card in api.get("clusters?all=1").json()["clusters"]]
    assert api.get(f"clusters/{id}").json()["state"] == "stopped"


def test_a_start_is_cancelled_by_stopping_it(api: httpx.Client) -> None:
    id = started(api)["id"]
    assert api.delete(f"clusters/{id}").status_code == 202
    card = until(api, id, lambda card: card["state"] in ("stopped", "failed"))
    assert card["reason"] == "stopped by a person"
    assert ds.held() == []


def test_one_key_starts_one_cluster(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "a page that was impatient"}
    body = {"profile": "local", "scale": {"workers": 1}}
    first = api.post("clusters", json=body, headers=headers)
    second = api.post("clusters", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    other = api.post("clusters", json={**body, "name": "x"}, headers=headers)
    assert (other.status_code, other.json()["error"]) == (409, "wrong-state")
    assert len(ds.clusters()) == 1


def test_a_keeper_that_cannot_come_up_is_a_failed_start_and_is_tried_again(api: httpx.Client, tmp_path: Any) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no libraries here >&2\nexit 3\n")
    broken.chmod(0o755)
    body = {"set": {"python": str(broken), "idle_timeout": "1 h"}, "name": "broken"}
    card = started(api, **body)
    failed = until(api, card["id"], lambda card: card["state"] == "failed", limit=20)
    assert "no libraries here" in failed["reason"]
    again = api.post(f"clusters/{card['id']}/retry", json={})
    assert again.status_code == 202, again.text
    assert (again.json()["name"], again.json()["id"] != card["id"]) == ("broken", True)
    assert card["id"] not in [one["id"] for one in api.get("clusters").json()["clusters"]]
    request = ds.get(again.json()["id"])._entry().request
    assert (request["ask"], request["profile"]["idle_timeout"]) == ({"workers": 1}, 3600)
    until(api, again.json()["id"], lambda card: card["state"] == "failed", limit=20)


def test_a_cluster_gets_another_name_and_new_workers(api: httpx.Client) -> None:
    id = started(api, name="old")["id"]
    until_ready(api, id)
    renamed = api.patch(f"clusters/{id}", json={"name": "new"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "new")
    assert ds.get("new").id == id
    before = api.get(f"clusters/{id}/workers").json()["rows"][0]
    assert api.post(f"clusters/{id}/restart", json={}).status_code == 202
    with Client(ds.get(id), set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
        assert client.submit(sum, [1, 2]).result(timeout=60) == 3
    deadline = time.monotonic() + 30
    while (rows := api.get(f"clusters/{id}/workers").json()["rows"]) and rows[0]["address"] == before["address"]:
        assert time.monotonic() < deadline, "the worker was not restarted"
        time.sleep(0.2)
    assert api.patch(f"clusters/{id}", json={"name": "a/b"}).status_code == 400
    assert api.patch(f"clusters/{id}", json={}).status_code == 400


def test_what_lives_is_not_tried_again(api: httpx.Client) -> None:
    id = started(api)["id"]
    assert api.post(f"clusters/{id}/retry", json={}).status_code == 409


def test_a_cluster_is_saved_as_a_profile_with_its_size(api: httpx.Client) -> None:
    id = started(api, set={"options.threads_per_worker": 2})["id"]
    until_ready(api, id)
    saved = api.post(f"clusters/{id}/profile", json={"name": "mine"})
    assert saved.status_code == 201, saved.text
    assert saved.json()["written"] == {
        "extends": "local",
        "system": "local",
        "scale": {"workers": 1},
        "options": {"threads_per_worker": 2},
    }
    assert api.post(f"clusters/{id}/profile", json={"name": "mine"}).status_code == 409
    assert api.delete("profiles/mine").status_code == 204


def test_tables_are_read_in_pages(api: httpx.Client) -> None:
    id = started(api, scale={"workers": 2})["id"]
    until_ready(api, id)
    workers = api.get(f"clusters/{id}/workers", params={"sort": "-name", "limit": 1}).json()
    assert (workers["total"], len(workers["rows"]), workers["offset"]) == (2, 1, 0)
    assert workers["rows"][0]["name"] == "w1"
    jobs = api.get(f"clusters/{id}/jobs").json()
    assert jobs["total"] == len(jobs["rows"]) >= 1
    wrong = api.get(f"clusters/{id}/workers?sort=colour")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "sort")
    assert api.get(f"clusters/{id}/workers?limit=many").status_code == 400
    api.delete(f"clusters/{id}")
    until(api, id, lambda card: card["state"] == "stopped")
    assert api.get(f"clusters/{id}/workers").json()["rows"] == []


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, 400, "profile"),
        ({"profile": "nowhere"}, 404, None),
        ({"profile": "local", "name": "a/b"}, 400, "name"),
        ({"profile": "local", "tenure": "kernel"}, 400, "kernel_id"),
        ({"profile": "local", "tenure": "process"}, 400, "tenure"),
        ({"profile": "local", "tenure": "detached"}, 400, "tenure"),
        ({"profile": "local", "kernel_id": "00000000-0000"}, 400, "kernel_id"),
        ({"profile": "local", "environment": "no such kernel"}, 400, "environment"),
        ({"profile": "threads"}, 400, "profile"),
        ({"profile": "local", "set": {"options.colour": 1}}, 400, "options.colour"),
        ({"profile": "local", "set": {"python": "/no/such/python"}}, None, None),
    ],
)
def test_a_wrong_start_says_what_and_starts_nothing(
    api: httpx.Client, body: dict[str, Any], code: int | None, field: str | None
) -> None:
    if body.get("profile") == "threads":
        assert api.put("profiles/threads", json={"profile": {"system": "threads"}}).status_code in (200, 201)
    answer = api.post("clusters", json=body)
    assert 400 <= answer.status_code < 500
    if code is not None:
        assert (answer.status_code, answer.json().get("field")) == (code, field)
    assert answer.json()["message"]
    assert ds.clusters() == []


@pytest.mark.parametrize(
    "id", ["..%2f..%2fetc", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "abcdefghij", "%00", "x" * 5000]
)
@pytest.mark.parametrize("route", ["", "/scale", "/connect", "/workers", "/watch"])
def test_an_id_that_is_none_is_not_found(api: httpx.Client, id: str, route: str) -> None:
    method = "GET" if route in ("", "/connect", "/workers") else "POST"
    body = {"": None, "/scale": {"workers": 1}, "/watch": {"kind": "jobs", "watcher": "x" * 10}}.get(route)
    answer = api.request(method, f"clusters/{id}{route}", json=body)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_bodies_that_are_none_are_refused(api: httpx.Client) -> None:
    def post(content: bytes, media: str = "application/json") -> int:
        return api.post("clusters", content=content, headers={"Content-Type": media}).status_code

    assert post(b" " * 10_000_000) == 413
    assert post(b"{") == 400
    assert post(b"[1]") == 400
    assert post(b'{"profile": NaN}') == 400
    assert post(b'{"profile": "\\ud800"}') == 400
    assert post(b"[" * 100_000) == 400
    assert post(b"\xff\xfe") == 400
    assert post(b'{"profile": "local"}', "text/plain") == 415
    wrong = api.post("status/nothing/here")
    assert (wrong.status_code, wrong.json()["error"]) == (404, "not-found")
    verb = api.put("clusters")
    assert (verb.status_code, verb.headers["Allow"]) == (405, "GET, POST, OPTIONS")


def test_a_stranger_gets_nothing(server: Server) -> None:
    with server.client(token="") as stranger:
        for method, path in [("GET", "clusters"), ("POST", "clusters"), ("GET", "nothing"), ("DELETE", "clusters/x")]:
            answer = stranger.request(method, path)
            assert answer.status_code in (401, 403), (method, path, answer.status_code)
            assert "clusters" not in answer.json()
