"""What is saved with a notebook says nothing of a site or a person."""

from __future__ import annotations

import getpass
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.control.scrub import hosts_of, scrubbed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tcp://10.1.2.3:40123", "…"),
        ("lost worker tls://192.168.0.7:8786, again", "lost worker …, again"),
        ("at 10.0.0.1 and 10.0.0.1:80.", "at … and …."),
        ("see http://node7:8787/status", "see …"),
        ("fe80:0:0:0:1:2:3:4 answers", "… answers"),
        ('File "/home/ada/project/mean.py", line 3, in f', 'File "mean.py", line 3, in f'),
        ("~/data/air.nc is missing", "air.nc is missing"),
        ("No such file: '/scratch/ada/air.nc'", "No such file: 'air.nc'"),
        ("240/2000 tasks, 3.5 GiB, 12:30", "240/2000 tasks, 3.5 GiB, 12:30"),
        ("version 2026.8.0 and/or 1.2.3", "version 2026.8.0 and/or 1.2.3"),
        ("('mean-abc', 0, 1)", "('mean-abc', 0, 1)"),
        ("1/2 done", "1/2 done"),
    ],
)
def test_texts(text: str, shown: str) -> None:
    assert scrubbed(text) == shown


def test_this_host_and_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    from dask_steward.control import scrub

    monkeypatch.setattr(socket, "gethostname", lambda: "login3.site.example")
    monkeypatch.setattr(getpass, "getuser", lambda: "lovelace")
    scrub._own.cache_clear()
    try:
        assert scrubbed("lovelace on login3, login3.site.example: ok") == "… on …, …: ok"
        assert scrubbed("loveland and login31") == "loveland and login31"
    finally:
        scrub._own.cache_clear()


def test_hosts_that_a_state_names() -> None:
    state = {
        "owner": {"host": "login3"},
        "keeper": {"host": "login3"},
        "guard": None,
        "holdings": [{"node": "node017"}, {"node": None}],
        "losses": [{"node": "node018"}],
    }
    hidden = hosts_of(state)

    assert hidden == {"login3", "node017", "node018"}
    assert scrubbed("job 12 on node017 was lost, node0170 was not", hidden) == "job 12 on … was lost, node0170 was not"
    assert hosts_of({}) == set()


def test_the_name_that_an_attached_scheduler_gets_by_its_address() -> None:
    state = {
        "name": "login03.site.example:8786-2",
        "foreign": True,
        "scheduler": {"address": "tcp://login03.site.example:8786"},
    }
    shown = "<Cluster …:8786-2 (address), running, 2 of 2 workers>"
    text = f"<Cluster {state['name']} (address), running, 2 of 2 workers>"
    assert scrubbed(text, hosts_of(state)) == shown
    # Its scheduler is not known any more when it has ended.
    assert scrubbed(text, hosts_of({**state, "scheduler": {}})) == shown
    # What a person has called a cluster stays.
    assert hosts_of({"name": "climate:1", "scheduler": {"address": "tls://10.0.0.7:1"}}) == {"10.0.0.7"}
    assert hosts_of({"name": "localhost:8786", "foreign": True}) == set()


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 65535), st.sampled_from(["", "tcp://", "(", "at "]))
def test_no_address_stays(a: int, b: int, port: int, before: str) -> None:
    assert f"10.{a}.{b}.1" not in scrubbed(f"{before}10.{a}.{b}.1:{port} x")


@given(st.text(max_size=60))
def test_twice_is_as_once(text: str) -> None:
    assert scrubbed(scrubbed(text)) == scrubbed(text)
