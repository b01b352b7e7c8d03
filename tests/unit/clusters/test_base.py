"""Sizes in units, limits of adaptive clusters, keys, first causes."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.clusters.adaptive import Limits, limits_of
from dask_steward.clusters.base import first_cause, units_of
from dask_steward.clusters.local import _memory_limit
from dask_steward.clusters.security import KeysAside, make_keys
from dask_steward.errors import StartFailed, UsageError


def units(unit: dict[str, float], ask: dict[str, Any]) -> int:
    return units_of(unit, ask)


UNIT = {"workers": 4, "cores": 24, "memory": 120e9}


@pytest.mark.parametrize(
    ("ask", "jobs"),
    [
        ({"jobs": 3}, 3),
        ({"workers": 0}, 0),
        ({"workers": 1}, 1),
        ({"workers": 4}, 1),
        ({"workers": 5}, 2),
        ({"cores": 48}, 2),
        ({"cores": 49}, 3),
        ({"memory": 120e9}, 1),
        ({"memory": 120e9 + 1}, 2),
        ({"workers": 5, "jobs": None}, 2),
    ],
    ids=str,
)
def test_a_size_becomes_whole_jobs(ask: dict[str, Any], jobs: int) -> None:
    assert units(UNIT, ask) == jobs


@given(st.integers(1, 64), st.integers(0, 10**6))
def test_the_fewest_jobs_that_are_enough(processes: int, workers: int) -> None:
    found = units({"workers": processes, "cores": 1, "memory": 1}, {"workers": workers})

    assert found * processes >= workers
    assert (found - 1) * processes < workers or found == 0


@pytest.mark.parametrize(
    "ask",
    [
        {},
        {"jobs": 1, "workers": 1},
        {"nodes": 1},
        {"jobs": -1},
        {"jobs": True},
        {"jobs": "2"},
        {"cores": float("inf")},
        {"cores": float("nan")},
    ],
    ids=str,
)
def test_what_is_no_size_is_refused(ask: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        units(UNIT, ask)


def test_workers_without_a_memory_limit_cannot_be_counted_in_memory() -> None:
    with pytest.raises(UsageError, match="no limit"):
        units({"workers": 1, "cores": 1, "memory": 0}, {"memory": 10})


# --- adaptive ---------------------------------------------------------------------------------------------------------


def test_limits_take_durations() -> None:
    found = limits_of({"minimum": 0, "maximum": 10, "interval": "500 ms", "target_duration": "1 min"})

    assert found == Limits(0, 10, 60.0, interval=0.5)
    assert found.to_json()["interval"] == 0.5


def test_limits_that_are_not_given() -> None:
    assert limits_of({"maximum": 4}) == Limits(0, 4)
    assert limits_of({"minimum": 4, "maximum": None}) == Limits(4, None)
    assert Limits(0, 4).hold == Limits(0, 4).patience == 300.0
    assert limits_of({"maximum": 4, "hold": "1 h", "queue_patience": "2 h"}).patience == 7200.0
    assert limits_of({"maximum": 4, "hold": 0}).patience == 0.0


def test_looks_that_agree_are_hold_in_other_words() -> None:
    assert limits_of({"maximum": 4, "wait_count": 3, "interval": "2 s"}).hold == 6.0
    assert limits_of({"maximum": 4, "wait_count": 3, "hold": "1 min"}).hold == 60.0


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "minimum"),
        ({"minimum": 0, "maximum": "4"}, "maximum"),
        ({"minimum": 0, "maximum": 1, "hold": "-1 s"}, "hold"),
        ({"minimum": 0, "maximum": 1, "hold": float("inf")}, "hold"),
        ({"minimum": 0, "maximum": 1, "queue_patience": "long"}, "queue_patience"),
        ({"minimum": 2, "maximum": 1}, "above"),
        ({"minimum": 0.5, "maximum": 1}, "whole number"),
        ({"minimum": 0, "maximum": True}, "whole number"),
        ({"minimum": 0, "maximum": 1, "interval": "0 s"}, "longer"),
        ({"minimum": 0, "maximum": 1, "interval": "-1 s"}, "duration"),
        ({"minimum": 0, "maximum": 1, "interval": "x"}, "duration"),
        ({"minimum": 0, "maximum": 1, "target_duration": []}, "duration"),
        ({"minimum": 0, "maximum": 1, "wait_count": 0}, "wait_count"),
        ({"minimum": 0, "maximum": 1, "colour": 1}, "colour"),
    ],
    ids=str,
)
def test_wrong_limits_are_refused(given: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        limits_of(given)


# --- small parts ------------------------------------------------------------------------------------------------------


def test_keys_are_private_and_work(tmp_path: Path) -> None:
    found = make_keys(str(tmp_path / "tls"))

    assert os.stat(tmp_path / "tls").st_mode & 0o777 == 0o700
    assert {os.stat(path).st_mode & 0o777 for path in found.values()} == {0o600}
    context = ssl.create_default_context(cafile=found["ca"])
    context.load_cert_chain(found["cert"], found["key"])


def test_keys_are_never_written_into_a_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()

    with pytest.raises(FileExistsError):
        make_keys(str(tmp_path / "tls"))


def test_keys_made_aside_are_the_same_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "tls"

    found = KeysAside(str(folder)).wait()

    assert found == {"ca": f"{folder}/cert.pem", "cert": f"{folder}/cert.pem", "key": f"{folder}/key.pem"}
    assert all(os.stat(path).st_mode & 0o077 == 0 for path in {*found.values(), str(folder)})


def test_keys_that_the_fork_cannot_make_fail_here_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules: an import of it fails, in the fork as here.
    monkeypatch.setitem(sys.modules, "cryptography", None)

    aside = KeysAside(str(tmp_path / "tls"))

    with pytest.raises(StartFailed, match="needs the package cryptography"):
        aside.wait()


def test_the_first_cause_is_found() -> None:
    outer, inner = RuntimeError("Nanny failed to start."), ValueError("the cause")
    outer.__cause__ = RuntimeError("between")
    outer.__cause__.__cause__ = inner
    assert first_cause(outer) is inner
    assert str(first_cause(KeyError("x"))) == "'x'"


@pytest.mark.parametrize(("given", "limit"), [(None, None), (0, None), (5e8, 500_000_000), (10**9, 10**9)])
def test_memory_limit_as_given(given: Any, limit: int | None) -> None:
    assert _memory_limit(given, 2, 1) == limit


def test_automatic_memory_limits_never_promise_more_than_there_is() -> None:
    from distributed.system import MEMORY_LIMIT

    for workers in (1, 2, 7):
        limit = _memory_limit("auto", workers, 1)
        assert limit is not None
        assert limit * workers <= MEMORY_LIMIT


def test_a_memory_limit_that_is_none_is_refused() -> None:
    with pytest.raises(StartFailed, match="memory_limit"):
        _memory_limit("lots", 1, 1)
