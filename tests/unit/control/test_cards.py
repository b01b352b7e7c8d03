"""From a keeper's state to a card, and which cards are news."""

from __future__ import annotations

from typing import Any

import pytest

from dask_steward.control.card_models import Cluster
from dask_steward.control.cards import card_of, in_order, is_news, job_rows

STATE: dict[str, Any] = {
    "id": "abcdefghij",
    "name": "work",
    "profile": "slurm",
    "system": "slurm",
    "state": "pending",
    "reason": "Slurm: Resources",
    "since": 100.0,
    "created": 90.0,
    "ready": False,
    "tenure": "kernel",
    "owner": {"kind": "kernel", "host": "login1", "boot_id": "b", "pid": 7, "start_time": 1, "kernel_id": "k"},
    "keeper": {"host": "login1", "boot_id": "b", "pid": 8, "start_time": 2},
    "workers": {"asked": 8, "queued": 4, "running": 4, "lost": 0},
    "threads": 16,
    "cpu": {"used": 3.2, "limit": 16},
    "memory": {"limit": 64 * 2**30, "used": 2**30, "spilled": 0},
    "tasks": {"groups": [{"name": "inc", "done": 1, "total": 3, "erred": 0}], "per_second": 1.5},
    "scheduler": {"address": "tls://10.0.0.1:4000", "dashboard": "/run/x.sock", "dashboard_reason": None},
    "holdings": [
        {"kind": "job", "key": "j1", "id": "11", "state": "connected", "expected_start": None, "since": 95.0},
        {"kind": "job", "key": "j2", "id": "12", "state": "queued", "expected_start": 500.0, "since": 96.0},
        {"kind": "job", "key": "j3", "id": "13", "state": "queued", "expected_start": 400.0, "since": 96.0},
        {"kind": "job", "key": "j4", "id": None, "state": "intended", "expected_start": None, "since": 97.0},
    ],
    "spend": {"core_seconds_held": 100.0, "core_seconds_busy": 10.0},
    "cores_held": 16,
    "adapt": {"minimum": 0, "maximum": 8, "hold": 300.0},
    "groups": {
        "main": {
            "asked": 8,
            "queued": 4,
            "running": 4,
            "lost": 0,
            "jobs": 4,
            "adapt": None,
            "unit": {"workers": 2, "cores": 4, "memory": 16 * 2**30},
        }
    },
    "unit": {"workers": 2, "cores": 4, "memory": 16 * 2**30},
    "losses": [{"id": "9", "node": "n1", "at": 94.0, "reason": "its node failed", "log": None}],
    "warnings": ["careful"],
    "idle_since": None,
    "ends_at": 3700.0,
    "ends_by": "time_to_live",
    "logs_until": None,
}


def card(seen: float = 110.0, stale: str | None = None, **other: Any) -> Cluster:
    return card_of({**STATE, **other}, profile={"title": "Slurm · normal"}, seen=seen, stale=stale)


def test_a_card_says_what_its_keeper_says() -> None:
    found = card()
    assert (found.name, found.profile_title, found.state, found.reason) == (
        "work",
        "Slurm · normal",
        "pending",
        "Slurm: Resources",
    )
    assert found.host == "login1"
    assert found.owner is not None
    assert (found.owner.pid, found.owner.kernel_id, found.owner.session) == (7, "k", None)
    assert found.spend.model_dump() == {"held": 100.0, "busy": 10.0, "cores": 16.0}
    assert found.groups["main"].jobs == 4
    assert found.adapt == {"minimum": 0, "maximum": 8, "hold": 300.0}


def test_jobs_are_counted_by_where_they_stand() -> None:
    assert card().jobs.model_dump() == {"total": 4, "queued": 3, "running": 1, "expected_start": 400.0}


def test_the_socket_of_a_dashboard_stays_in_the_server() -> None:
    assert "/run/x.sock" not in card().model_dump_json()
    assert card().scheduler.dashboard is True


def test_an_application_has_its_managers_page_and_only_a_web_address_is_a_link() -> None:
    held = [
        {"kind": "container", "key": "c1", "id": "c_1", "state": "running", "link": "javascript:alert(1)"},
        {"kind": "application", "key": "a", "id": "application_1_2", "state": "running", "link": "http://rm/app"},
    ]
    page = card(holdings=held).manager_page
    assert page is not None
    assert (page.id, page.link) == ("application_1_2", "http://rm/app")
    assert [row.link for row in job_rows({**STATE, "holdings": held})] == [None, "http://rm/app"]
    assert card().manager_page is None


def test_what_releases_without_the_keeper_is_told() -> None:
    lease = {"name": "lifetime", "in_force": True, "words": "YARN ends it unless it is renewed", "at": 400.0}
    (found,) = card(defences=[lease]).defences
    assert found.model_dump() == lease
    assert card().defences == ()


def test_a_keeper_of_an_older_version_has_a_card() -> None:
    newer = {"cpu", "cores_held", "idle_since", "ends_at", "ends_by", "losses", "groups", "logs_until"}
    old = {key: value for key, value in STATE.items() if key not in newer}
    old["holdings"] = [{key: value for key, value in one.items() if key != "key"} for one in STATE["holdings"]]
    found = card_of(old, profile={}, seen=110.0)
    assert found.cpu.limit == 16
    assert found.ends_at is None
    assert [row.key for row in job_rows(old)] == ["11", "12", "13", "3"]


def test_words_that_nobody_knows_are_no_error() -> None:
    found = card(state="dreaming", tenure="galactic")
    assert (found.state, found.tenure) == ("starting", None)


@pytest.mark.parametrize(
    "other",
    [
        {"state": "running"},
        {"reason": "Slurm: Priority"},
        {"workers": {"asked": 8, "queued": 3, "running": 5, "lost": 0}},
        {"tasks": {"groups": [], "per_second": 0.0}},
        {"memory": {"limit": 64 * 2**30, "used": 2 * 2**30, "spilled": 0}},
        {"cpu": {"used": 4.2, "limit": 16}},
        {"warnings": []},
        {"name": "other"},
        {"idle_since": 105.0},
        {"spend": {"core_seconds_held": 300.0, "core_seconds_busy": 10.0}},
    ],
)
def test_a_change_is_news(other: dict[str, Any]) -> None:
    assert is_news(card(), card(**other))


def test_what_a_page_works_out_itself_is_no_news() -> None:
    later = {"spend": {"core_seconds_held": 100.0 + 16 * 60, "core_seconds_busy": 10.0}}
    assert not is_news(card(seen=110.0), card(seen=170.0, **later))


def test_the_breath_of_idle_workers_is_no_news() -> None:
    other = {
        "memory": {"limit": 64 * 2**30, "used": 2**30 + 2**20, "spilled": 0},
        "cpu": {"used": 3.23, "limit": 16},
        "spend": {"core_seconds_held": 116.0, "core_seconds_busy": 10.0},
    }
    assert not is_news(card(), card(seen=111.0, **other))


def test_going_stale_and_coming_back_is_news() -> None:
    stale = card(stale="its keeper does not answer")
    assert is_news(card(), stale)
    assert is_news(stale, card())


def test_living_clusters_come_first_and_the_newest_of_them() -> None:
    cards = [
        card(id="aaaaaaaaaa", created=1.0),
        card(id="bbbbbbbbbb", created=3.0, state="failed"),
        card(id="cccccccccc", created=2.0),
    ]
    assert [one.id[0] for one in in_order(cards)] == ["c", "a", "b"]
