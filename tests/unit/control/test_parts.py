"""Sizes, owners, names, what the ledger alone says, one-machine schedulers: the parts of the client's side."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import dask
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dask_steward as ds
from dask_steward.control import applications, launch
from dask_steward.control.attaching import fields_of
from dask_steward.control.cluster import Cluster
from dask_steward.control.display import html_of
from dask_steward.control.fallback import state_of
from dask_steward.control.held import held_of
from dask_steward.control.logs import follow_logs, read_logs
from dask_steward.control.owners import owner_of
from dask_steward.control.sizes import ask_of
from dask_steward.errors import UsageError
from dask_steward.ledger import entries, files
from dask_steward.ledger.holdings import HoldingsLog
from dask_steward.ledger.identity import ProcessIdentity

ME = ProcessIdentity.of()
DEAD = ME._replace(boot_id="before")
ELSEWHERE = ME._replace(host="login2")


@pytest.fixture
def folder(state_dir: Path) -> str:
    """An entry that nothing but its request is known of."""
    return launch.write_request(
        launch.request_of(
            id="aaaaaaaaaa",
            name="mine",
            profile={"name": "local", "system": "local"},
            tenure="kernel",
            owner=owner_of("kernel", None, limited=False),
            ask={"workers": 2},
            adapt=None,
        )
    )


def write(folder: str, name: str, **value: Any) -> None:
    files.write_json(os.path.join(folder, name), {"format": 1, **value})


# --- sizes and owners -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ask"),
    [
        ({}, {}),
        ({"workers": 0}, {"workers": 0}),
        ({"jobs": 3}, {"jobs": 3}),
        ({"memory": "64 GB"}, {"memory": 64 * 10**9}),
        ({"memory": "1 GiB"}, {"memory": 2**30}),
        ({"memory": 5}, {"memory": 5}),
    ],
    ids=str,
)
def test_one_size(given: dict[str, Any], ask: dict[str, Any]) -> None:
    assert ask_of(**given) == ask


@given(
    st.fixed_dictionaries({}, optional={unit: st.integers(-3, 3) for unit in ("workers", "jobs", "cores", "memory")})
)
def test_a_size_is_one_unit_or_an_error(given: dict[str, int]) -> None:
    if len(given) > 1 or any(number < 0 for number in given.values()):
        with pytest.raises(ds.UsageError):
            ask_of(**given)
    else:
        assert ask_of(**given) == given


def test_owner_is_this_process_or_the_one_named() -> None:
    mine, parents = owner_of("kernel", None, limited=False), owner_of("process", os.getppid(), limited=False)

    assert mine == {"kind": "kernel", **ME.to_json(), "kernel_id": None, "session": None}
    assert parents is not None
    assert (parents["kind"], parents["pid"]) == ("process", os.getppid())


@pytest.mark.parametrize(
    ("tenure", "pid", "limited", "word"),
    [
        ("weekend", None, True, "weekend"),
        ("detached", None, False, "idle_timeout"),
        ("detached", 1, True, "no owner"),
        ("process", 2**22 + 7, False, "no process"),
        ("process", -1, False, "no process"),
    ],
)
def test_wrong_owners(tenure: str, pid: int | None, limited: bool, word: str) -> None:
    with pytest.raises(ds.UsageError, match=word):
        owner_of(tenure, pid, limited=limited)


def test_detached_has_none() -> None:
    assert owner_of("detached", None, limited=True) is None


def test_names_are_numbered() -> None:
    assert launch.default_name("local", set()) == "local"
    assert launch.default_name("local", {"local", "local-2"}) == "local-3"


# --- what the ledger alone says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "guard", "state", "word"),
    [
        (None, None, "starting", "coming up"),
        ({"keeper": ME.to_json(), "state": "running", "reason": None}, None, "running", None),
        ({"keeper": DEAD.to_json(), "state": "running"}, ME, "stopping", "guard"),
        ({"keeper": DEAD.to_json(), "state": "running"}, DEAD, "lost", "sweep"),
        ({"keeper": ELSEWHERE.to_json(), "state": "running"}, None, "running", "login2"),
    ],
    ids=["unborn", "alive", "guarded", "lost", "elsewhere"],
)
def test_state_from_the_ledger(
    folder: str, facts: dict[str, Any] | None, guard: ProcessIdentity | None, state: str, word: str | None
) -> None:
    if facts is not None:
        write(folder, "entry.json", **facts)
    if guard is not None:
        write(folder, "guard.json", **guard.to_json())

    found = state_of(entries.read_entry(folder))

    assert found["state"] == state
    assert word is None or word in found["reason"]
    assert (found["name"], found["system"], found["owner"]["pid"]) == ("mine", "local", os.getpid())


def test_an_end_has_the_last_word(folder: str) -> None:
    write(folder, "entry.json", keeper=ME.to_json(), state="running")
    write(folder, "end.json", state="failed", reason="no room", at=7.0)
    files.append_lines(os.path.join(folder, "holdings.jsonl"), [{"at": 1, "kind": "job", "key": "j1", "step": "held"}])

    found = state_of(entries.read_entry(folder))

    assert (found["state"], found["reason"], found["since"], found["holdings"]) == ("failed", "no room", 7.0, [])


def test_what_a_dead_keeper_held_is_shown(folder: str) -> None:
    write(folder, "entry.json", keeper=DEAD.to_json())
    path = os.path.join(folder, "holdings.jsonl")
    files.append_lines(path, [{"at": 1.0, "kind": "job", "key": "j1", "step": "intent"}])
    files.append_lines(path, [{"at": 2.0, "kind": "job", "key": "j2", "step": "held", "id": "8"}])
    files.append_lines(path, [{"at": 3.0, "kind": "job", "key": "j3", "step": "released", "id": "9"}])

    held = held_of(state_of(entries.read_entry(folder)))

    assert [(one.id, one.state, one.name) for one in held] == [(None, "intent", "mine"), ("8", "held", "mine")]
    assert [one.id for one in ds.held()] == [None, "8"]


def test_a_cluster_of_another_host_cannot_be_stopped_from_here(folder: str) -> None:
    write(folder, "entry.json", keeper=ELSEWHERE.to_json(), state="running", socket="/run/elsewhere.sock")

    with pytest.raises(ds.WrongState, match="login2"):
        ds.get("mine").close(timeout=5)


def test_a_handle_of_what_is_not_there(state_dir: Path) -> None:
    with pytest.raises(ds.ClusterNotFound) as caught:
        Cluster("zzzzzzzzzz")

    assert caught.value.exit_code == 3


def test_a_newer_entry_is_named_as_such(folder: str) -> None:
    write(folder, "entry.json", format=99)

    with pytest.raises(ds.NewerFormat, match="format 99"):
        ds.get("aaaaaaaaaa")
    assert ds.clusters(all=True) == []


def test_the_living_are_preferred_to_the_ended(folder: str) -> None:
    write(folder, "end.json", state="stopped", reason="", at=1.0)
    other = launch.write_request(
        launch.request_of(
            id="bbbbbbbbbb", name="mine", profile={"system": "local"}, tenure="kernel", owner=None, ask={}, adapt=None
        )
    )

    assert ds.get("mine").id == "bbbbbbbbbb"
    write(other, "end.json", state="stopped", reason="", at=2.0)
    assert ds.get("mine").id == "bbbbbbbbbb"  # the newest
    assert ds.get("aaaaaaaaaa").id == "aaaaaaaaaa"


def test_html_shows_values_and_runs_none(folder: str) -> None:
    state = state_of(entries.read_entry(folder))
    state.update(name="<script>alert(1)</script>", reason='"><img src=x>')

    found = html_of(state)

    assert "<script>" not in found
    assert "<img" not in found
    assert "Groups" not in found


def test_html_shows_groups_where_there_are_any(folder: str) -> None:
    sizes = {"main": {"running": 2, "asked": 4}, "bigmem": {"running": 1, "asked": 1}}
    found = html_of({**state_of(entries.read_entry(folder)), "groups": sizes})
    assert "main: 2 of 4, bigmem: 1 of 1 workers" in found


# --- logs -------------------------------------------------------------------------------------------------------------


def test_logs_from_files(folder: str) -> None:
    Path(folder, "keeper.log").write_text("one\ntwo\nthree\n")
    Path(folder, "logs").mkdir()
    Path(folder, "logs", "12.log").write_bytes(b"caf\xe9\n")

    assert read_logs(folder, job=None, keeper=False, tail=2) == {"keeper": "two\nthree\n", "job 12": "caf�\n"}
    assert list(read_logs(folder, job="12", keeper=False, tail=2)) == ["job 12"]
    assert read_logs(folder, job="../keeper", keeper=False, tail=2) == {}
    assert list(read_logs(folder, job=None, keeper=True, tail=2)) == ["keeper"]


def test_logs_are_followed_to_the_end_those_of_new_jobs_too(folder: str) -> None:
    log, logs = Path(folder, "keeper.log"), Path(folder, "logs")
    log.write_text("first\nhalf a")
    ended = threading.Event()
    seen: list[tuple[str, str]] = []
    reading = threading.Thread(
        target=lambda: seen.extend(follow_logs(folder, job=None, keeper=False, ended=ended.is_set))
    )
    reading.start()
    deadline = time.monotonic() + 10
    with log.open("a") as file:
        file.write(" line\n")
    logs.mkdir()
    (logs / "3.log").write_text("of a job\nwithout an end")
    time.sleep(0.5)
    ended.set()
    reading.join(10)

    assert time.monotonic() < deadline
    assert seen == [
        ("keeper", "first"),
        ("keeper", "half a line"),
        ("job 3", "of a job"),
        ("job 3", "without an end"),
    ]


# --- Dask's one-machine schedulers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", ["threads", "processes", "synchronous"])
def test_one_machine_schedulers_start_nothing_and_set_the_default(state_dir: Path, system: str) -> None:
    before = dask.config.get("scheduler", None)

    with ds.start(system) as machine:
        assert dask.config.get("scheduler") == system
        assert machine.state["state"] == "running"
        assert ds.held() == []
        assert ds.clusters() == []
        if system != "processes":
            assert dask.delayed(sum)([1, 2]).compute() == 3

    assert dask.config.get("scheduler", None) == before
    assert machine.state["state"] == "stopped"
    machine.close()


def test_number_of_threads(state_dir: Path) -> None:
    with ds.start("threads", workers=3):
        assert dask.config.get("num_workers") == 3


@pytest.mark.parametrize("options", [{"jobs": 2}, {"adapt": (0, 1)}, {"memory": "1 GB"}])
def test_sizes_that_make_no_sense_in_one_process(state_dir: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ds.UsageError):
        ds.start("threads", **options)


# --- applications of YARN --------------------------------------------------------------------------------------------


def test_an_application_is_told_from_a_name() -> None:
    assert applications.is_application("application_1795256476310_0042")
    assert not any(map(applications.is_application, ("application_1", "mine", "tcp://h:1", None)))


def test_an_application_of_ours_stands_for_its_cluster(folder: str) -> None:
    id, other = "application_1_0001", "application_1_0002"
    request = files.read_json(os.path.join(folder, entries.REQUEST))
    request["profile"] = {"name": "yarn", "system": "yarn"}
    files.write_json(os.path.join(folder, entries.REQUEST), request)
    HoldingsLog(folder).write("application", "application", "held", id)

    assert applications.split([id, "mine", other, id]) == (["aaaaaaaaaa", "mine"], [other])
    with pytest.raises(UsageError, match=f"{id} is your own cluster mine"):
        fields_of(id, None)
    assert fields_of(other, None) == ({"options.application": other}, other)
