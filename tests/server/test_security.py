"""Who may do what, and what is sent to deceive."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dask_steward.server.openapi import document
from dask_steward.server.routes import routes
from tests.server.serving import Server, folder_for

pytestmark = pytest.mark.timeout(300)  # a server and a cluster come up meanwhile

OPERATIONS = [(verb, path, one) for path, verbs in document(routes())["paths"].items() for verb, one in verbs.items()]
LABELS = [f"{verb} {path}" for verb, path, _ in OPERATIONS]
BODIES: dict[str, dict[str, Any]] = {
    "/clusters": {"profile": "local", "scale": {"workers": 1}},
    "/profiles/{name}": {"profile": {"system": "local"}},
    "/profiles/validate": {"name": "x", "profile": {"system": "local"}},
    "/profiles/preview": {"name": "threads"},
    "/profiles/discover": {"system": "slurm", "write": True},
    "/clusters/{id}": {"name": "x"},
    "/clusters/{id}/scale": {"workers": 1},
    "/clusters/{id}/adapt": {"minimum": 0, "maximum": 1},
    "/clusters/{id}/profile": {"name": "x"},
    "/clusters/{id}/watch": {"kind": "jobs", "watcher": "0123456789"},
}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    found = folder_for("sec")
    (found / "profiles").mkdir()
    (found / "state").mkdir(mode=0o700)
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="module")
def own(place: Path) -> dict[str, str]:
    """A ledger and profiles of this module alone: whatever is in them was put there by its tests."""
    return {"DASK_STEWARD_PROFILES": str(place / "profiles"), "DASK_STEWARD_STATE_DIR": str(place / "state")}


@pytest.fixture(scope="module")
def server(place: Path, own: dict[str, str]) -> Iterator[Server]:
    with Server(place, environment=own) as found:
        yield found


def ask(api: httpx.Client, verb: str, path: str, **parts: str) -> httpx.Response:
    """Send a right body to a route."""
    body = BODIES.get(path, {})
    place = path.format(**{"id": "aaaaaaaaaa", "name": "x", "system": "local", "path": "status", **parts})
    return api.request(verb, place.lstrip("/"), **({} if verb == "get" else {"json": body}))


def untouched(place: Path, api: httpx.Client) -> None:
    """Nothing was started, and nothing written."""
    assert list((place / "profiles").iterdir()) == []
    assert api.get("clusters?all=1").json() == {"clusters": []}


@pytest.mark.parametrize(("verb", "path", "_"), OPERATIONS, ids=LABELS)
def test_nobody_gets_in_unknown(server: Server, place: Path, verb: str, path: str, _: object) -> None:
    for headers in ({}, {"Authorization": "token wrong"}):
        with server.client(token="", **headers) as stranger:
            answer = ask(stranger, verb, path)
            assert answer.status_code in (302, 403), answer.text
            assert answer.status_code == 403 or "/login" in answer.headers["Location"]
    untouched(place, server.http)


def test_unknown_paths_are_closed_to_strangers_too(server: Server) -> None:
    with server.client(token="") as stranger:
        assert stranger.get("nothing").status_code in (302, 403)


@pytest.fixture(scope="module")
def reader(own: dict[str, str]) -> Iterator[Server]:
    """A server whose people may only look."""
    folder = folder_for("ro")
    shutil.copy(Path(__file__).with_name("authorizers.py"), folder)
    with Server(
        folder,
        config={"ServerApp": {"authorizer_class": "authorizers.ReadOnly"}},
        environment={**own, "PYTHONPATH": str(folder)},
    ) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


def test_read_only_no_write_works_and_every_look_does(reader: Server, place: Path) -> None:
    with reader.client() as api:
        for verb, path, one in OPERATIONS:
            answer = ask(api, verb, path)
            if one["x-action"] == "read":
                assert answer.status_code in (200, 404), (verb, path, answer.text)
            else:
                assert answer.status_code == 403, (verb, path, answer.text)
                assert answer.json()["error"] == "forbidden"
        untouched(place, api)


def test_read_only_the_status_says_so(reader: Server) -> None:
    assert reader.http.get("status").json()["permissions"] == {"write": False, "execute": False}


def test_who_may_do_everything_is_told_so(server: Server) -> None:
    assert server.http.get("status").json()["permissions"] == {"write": True, "execute": True}


TRICKS = [
    "..%2F..%2Fetc%2Fpasswd",
    "%2e%2e",
    "a%00b",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "x" * 3000,
    "%F0%9F%98%80",
    "%ff%fe",
    "aaaaaaaaa%0A",
    "'%20OR%201=1",
]


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_ids_with_tricks_are_no_ids(server: Server, place: Path, trick: str) -> None:
    for verb, path, _ in OPERATIONS:
        if "{id}" in path or "{system}" in path:
            answer = ask(server.http, verb, path, id=trick, system=trick)
            assert answer.status_code in (400, 404), (verb, path, answer.status_code, answer.text)
            assert answer.headers["Content-Type"] == "application/json"
            assert set(answer.json()) >= {"error", "message"}
    untouched(place, server.http)


def test_html_stays_text(server: Server) -> None:
    evil = "<img src=x onerror=alert(1)>"
    for answer in (
        server.http.post("clusters", json={"profile": evil}),
        server.http.post("clusters", json={"profile": "local", "name": f"{evil}/"}),
        server.http.post("profiles/validate", json={"name": evil, "profile": {"system": evil}}),
        server.http.get("clusters/aaaaaaaaaa/logs", params={"name": evil}),
    ):
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert json.loads(answer.text)
    page = server.http.get("clusters/aaaaaaaaaa/dashboard/status", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    page = server.http.get(f"clusters/{evil}/dashboard/status", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "<img" not in page.text


WITH_BODY = [(verb, path) for verb, path, one in OPERATIONS if "requestBody" in one]


@pytest.mark.parametrize(("verb", "path"), WITH_BODY, ids=[f"{verb} {path}" for verb, path in WITH_BODY])
def test_bodies_that_are_none(server: Server, place: Path, verb: str, path: str) -> None:
    url = path.format(id="aaaaaaaaaa", name="x").lstrip("/")
    kind = {"Content-Type": "application/json"}

    def answer(content: bytes, headers: dict[str, str] = kind) -> tuple[int, str]:
        found = server.http.request(verb, url, content=content, headers=headers)
        return found.status_code, found.json()["error"]

    assert answer(b'{"x": "' + b"y" * 10_000_000 + b'"}') == (413, "too-large")
    assert answer(b"<x/>", {"Content-Type": "text/xml"}) == (415, "media-type")
    for wrong in (b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"unknown": 1}'):
        assert answer(wrong) == (400, "usage"), wrong[:20]
    deep = b'{"profile": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}"
    assert answer(deep)[0] == 400
    untouched(place, server.http)


def test_other_verbs_are_refused_with_those_there_are(server: Server) -> None:
    answer = server.http.request("DELETE", "held")
    assert (answer.status_code, answer.json()["error"]) == (405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"]
    for verb in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        assert server.http.request(verb, "clusters/aaaaaaaaaa/dashboard/status").status_code == 405


def test_a_page_must_send_its_xsrf_token(server: Server, place: Path) -> None:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False, follow_redirects=True) as page:
        page.get("login")  # gives the cookie that the form is to send back
        entered = page.post("login", data={"password": server.token, "_xsrf": page.cookies["_xsrf"]})
        assert entered.status_code < 500
        body = {"profile": {"system": "local"}}
        assert page.get("dask-steward/api/status").status_code == 200
        without = page.put("dask-steward/api/profiles/xsrf", json=body)
        assert without.status_code == 403
        assert list((place / "profiles").iterdir()) == []
        token = {"X-XSRFToken": page.cookies["_xsrf"]}
        assert page.put("dask-steward/api/profiles/xsrf", json=body, headers=token).status_code == 201
        assert page.delete("dask-steward/api/profiles/xsrf", headers=token).status_code == 204


def test_another_origin_may_not_ask(server: Server) -> None:
    foreign = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as page:
        page.get("login")
        page.post("login", data={"password": server.token, "_xsrf": page.cookies["_xsrf"]})
        assert page.get("dask-steward/api/status").status_code == 200
        assert page.get("dask-steward/api/status", headers=foreign).status_code in (403, 404)


def test_the_server_has_nothing_against_us(server: Server) -> None:
    """Also with ``allow_unauthenticated_access=False``, which all servers of these tests have."""
    text = server.text()
    assert "Extension endpoints without" not in text
    assert not re.findall(r"^\[[WEC].*(?:deprecat|failed to load|error loading).*", text, re.MULTILINE | re.IGNORECASE)
    assert "dask_steward | extension was successfully loaded" in text
    assert "Uncaught exception" not in text
