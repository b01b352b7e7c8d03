"""A scheduler of somebody else over REST: attached, looked at, let go, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import dask_steward as ds
from tests.server.conftest import until
from tests.support.foreign import ForeignScheduler, foreign_scheduler

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignScheduler]:
    """Somebody's scheduler with a worker."""
    folder: Path = tmp_path_factory.mktemp("foreign")
    with foreign_scheduler(folder, 1) as made:
        yield made


def attached(api: httpx.Client, foreign: ForeignScheduler) -> str:
    """Attach over REST; return the id."""
    body = {"profile": "address", "name": "theirs", "set": {"options.address": foreign.address}}
    answer = api.post("clusters", json=body)
    assert answer.status_code == 202, answer.text
    id = str(answer.json()["id"])
    until(api, id, lambda card: card["ready"] and card["workers"]["running"] == 1)
    return id


def test_its_card_says_that_it_is_foreign(api: httpx.Client, foreign: ForeignScheduler) -> None:
    id = attached(api, foreign)
    card = api.get(f"clusters/{id}").json()
    assert (card["foreign"], card["system"], card["state"]) == (True, "address", "running")
    assert card["scheduler"]["address"] == foreign.address
    assert card["scheduler"]["link"] == f"http://127.0.0.1:{foreign.pages}/status"
    assert (card["jobs"]["total"], card["spend"]["cores"]) == (0, 0)
    (worker,) = api.get(f"clusters/{id}/workers").json()["rows"]
    assert (worker["threads"], worker["status"]) == (1, "running")


def test_its_pages_come_through_this_server(api: httpx.Client, foreign: ForeignScheduler) -> None:
    id = attached(api, foreign)
    page = api.get(f"clusters/{id}/dashboard/status", follow_redirects=True)
    assert page.status_code == 200, page.text
    assert "<title>Dask" in page.text
    assert "bokeh" in page.text


@pytest.mark.parametrize(
    ("act", "body"),
    [("scale", {"workers": 3}), ("adapt", {"minimum": 0, "maximum": 3}), ("restart", {})],
)
def test_what_only_its_owner_may_do_is_refused(
    api: httpx.Client, foreign: ForeignScheduler, act: str, body: dict[str, int]
) -> None:
    id = attached(api, foreign)
    answer = api.post(f"clusters/{id}/{act}", json=body)
    assert (answer.status_code, answer.json()["error"]) == (409, "wrong-state")
    assert "theirs belongs to somebody else" in answer.json()["message"]
    assert foreign.alive


def test_it_is_let_go_and_attached_again_and_saved(api: httpx.Client, foreign: ForeignScheduler) -> None:
    id = attached(api, foreign)
    saved = api.post(f"clusters/{id}/profile", json={"name": "theirs-saved"})
    assert saved.status_code == 201, saved.text
    assert api.delete(f"clusters/{id}").status_code == 202
    ended = until(api, id, lambda card: card["state"] == "stopped")
    assert ended["reason"] == "detached by a person"
    assert foreign.alive
    again = api.post(f"clusters/{id}/retry", json={})
    assert again.status_code == 202, again.text
    until(api, again.json()["id"], lambda card: card["workers"]["running"] == 1)
    with ds.start("theirs-saved") as cluster:
        assert cluster.state["scheduler"]["address"] == foreign.address


def test_an_address_at_which_nobody_listens_fails_with_a_sentence(api: httpx.Client) -> None:
    answer = api.post("clusters", json={"profile": "address", "set": {"options.address": "tcp://127.0.0.1:1"}})
    assert answer.status_code == 202
    card = until(api, answer.json()["id"], lambda card: card["state"] == "failed")
    assert "tcp://127.0.0.1:1 is an address at which nobody listens" in card["reason"]
