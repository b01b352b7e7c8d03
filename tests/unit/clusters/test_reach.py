"""What jobs say in their last words, as one sentence that names the way out."""

from __future__ import annotations

import subprocess

import pytest

from dask_steward.clusters.reach import (
    Interface,
    cannot_reach,
    contact_of,
    interfaces,
    other_versions,
    parse_unreachable,
)
from dask_steward.clusters.versions import mismatch

LOG = """\
some module says hello
dask-steward: nobody answers on the line, 10.0.0.1:4000: no answer within 10 s
dask-steward: unreachable: n1 (10.1.0.7 fd00::7 ) cannot reach 10.0.0.1:1234: No route to host
"""
HERE = [Interface("eth0", "10.0.0.1", "255.255.255.0"), Interface("ib0", "10.1.0.1", "255.255.0.0")]


def test_a_shared_network_is_named_first() -> None:
    text = cannot_reach("12", None, "tls://10.0.0.1:1234", parse_unreachable(LOG), HERE)

    assert text.startswith(
        "Job 12 on n1 cannot reach the scheduler at tls://10.0.0.1:1234 (No route to host): "
        "set options.interface to ib0, which is in a network of n1"
    )
    assert "has eth0 10.0.0.1, ib0 10.1.0.1" in text
    assert "place: job" in text
    assert "\n" not in text


def test_without_a_log_the_addresses_of_this_host_are_hints() -> None:
    text = cannot_reach("12", "n7", "tls://10.0.0.1:1234", None, HERE)

    assert text.startswith("Job 12 on n7 cannot reach the scheduler at tls://10.0.0.1:1234: set options.interface (or")
    assert "eth0 10.0.0.1" in text


def test_where_the_scheduler_has_a_job_already_it_is_not_offered_again() -> None:
    text = cannot_reach("12", "n7", "tls://10.0.0.1:1234", parse_unreachable(LOG), HERE, own_job=True)

    assert "place: job" not in text
    assert "eth0" not in text


@pytest.mark.parametrize("log", ["", "unreachable: n1", "dask-steward: unreachable: n1 cannot"])
def test_other_logs_say_nothing(log: str) -> None:
    assert parse_unreachable(log) is None


def test_interfaces_are_those_of_this_host() -> None:
    own = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()

    assert {one.address for one in interfaces()} == {address for address in own if ":" not in address}


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        (None, "tls://10.0.0.1:8786"),
        ("login1", "tls://login1:8786"),
        ("login1:9000", "tls://login1:9000"),
        ("tcp://login1:9000", "tcp://login1:9000"),
        ("tls://[fd00::1]:9000", "tls://[fd00::1]:9000"),
    ],
)
def test_contact_address(contact: str | None, expected: str) -> None:
    assert contact_of("tls://10.0.0.1:8786", contact) == expected


@pytest.mark.parametrize(
    "log",
    [
        "ValueError: Your Dask versions may not be in sync. Please ensure",
        "TypeError: Scheduler.add_worker() got an unexpected keyword argument 'nbytes'",
        "TypeError: Scheduler.add_worker() missing 1 required keyword-only argument: 'server_id'",
        "ValueError: unsupported pickle protocol: 5",
        "Error: No such option: --tls-ca-file",
    ],
)
def test_words_of_another_dask(log: str) -> None:
    text = other_versions(f"a\n{log}\nb", "dask 1, Python 3.11")

    assert text is not None
    assert "another version" in text
    assert "dask 1, Python 3.11" in text


def test_no_dask_at_all() -> None:
    text = other_versions("/usr/bin/python3: Error while finding module: No module named 'distributed'", "dask 1")

    assert text is not None
    assert "has no distributed" in text
    assert "options.python" in text


def test_a_log_of_something_else_is_not_explained() -> None:
    assert other_versions("MemoryError\nKilled", "dask 1") is None


def versions(dask: str, python: str = "3.11.2.final.0", **more: str) -> dict[str, dict[str, str]]:
    return {"packages": {"dask": dask, "distributed": dask, "python": python, **more}}


def test_same_versions_are_no_mismatch() -> None:
    assert mismatch(versions("1"), {"j1": versions("1", "3.11.9.final.0", numpy="2"), "j2": None, "j3": {}}) is None


def test_workers_of_another_dask_are_named() -> None:
    workers = {f"j{number}": versions("2") for number in range(5)} | {"j9": versions("1", "3.12.0.final.0")}

    text = mismatch(versions("1"), workers)

    assert text is not None
    assert text.startswith(
        "Other versions than the scheduler's (distributed 1, dask 1, python 3.11): "
        "workers j0, j1, j2 and 2 more with distributed 2, dask 2; worker j9 with python 3.12."
    )


def test_the_doc_examples() -> None:
    import doctest

    from dask_steward.clusters import reach

    assert doctest.testmod(reach).failed == 0
