"""Who may use which partition, on which account and with which quality of service: Slurm itself is the judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dask_steward as ds
from dask_steward.managers.base import Unknown
from dask_steward.managers.slurm import Slurm
from dask_steward.managers.slurm_offer import User, access
from dask_steward.managers.slurm_site import ask_site
from tests.accounting.conftest import PATIENCE, known
from tests.support.private_slurm import PrivateSlurm
from tests.support.slurm_accounting import CLUSTER

pytestmark = pytest.mark.requires("accounting", "root")

NOBODY = User("nobody", frozenset({"nogroup"}))


@pytest.fixture
def partitions(slurm: PrivateSlurm) -> Iterator[Callable[..., None]]:
    """Make partitions that end with the test: ``partitions("p", "AllowQos=high")``."""
    made: list[str] = []

    def make(name: str, *options: str) -> None:
        slurm.run("scontrol", "create", f"PartitionName={name}", "Nodes=ALL", "State=UP", *options)
        made.append(name)

    yield make
    slurm.clear()
    for name in made:
        slurm.run("scontrol", "delete", f"PartitionName={name}")


def test_what_is_said_of_accounts_and_qualities_of_service_is_what_slurm_does(
    slurm: PrivateSlurm, account: Callable[..., str], qos: Callable[..., str], partitions: Callable[..., None]
) -> None:
    first, second = account(users=("nobody",)), account(users=("nobody",))
    foreign = account()
    high, other = qos("MaxWall=20"), qos()
    where = ("Account=" + second, f"Cluster={CLUSTER}")
    slurm.run("sacctmgr", "-i", "modify", "user", "nobody", "where", *where, "set", f"qos+={high}", "maxwall=15")
    known(slurm, lambda text: text.count(f"Account={second} UserName=nobody") == 1)
    partitions("second", f"AllowAccounts={second}")
    partitions("notfirst", f"DenyAccounts={first}")
    partitions("foreign", f"AllowAccounts={foreign}")
    partitions("high", f"AllowQos={high}")
    partitions("other", f"AllowQos={other}")
    partitions("nothigh", f"DenyQos={high}")

    site = ask_site(Slurm(), NOBODY)

    assert not isinstance(site, Unknown)
    assert site.default_account == first
    found = {one.name: access(site, one, NOBODY) for one in site.partitions}
    assert {name for name, way in found.items() if way.refused is None and name != "debug"} == {
        "second",
        "notfirst",
        "high",
        "nothigh",
        "normal",
    }
    assert (found["second"].account, found["second"].qos, found["second"].max_time) == (second, None, 900)
    assert (found["high"].account, found["high"].qos, found["high"].max_time) == (second, high, 900)
    for partition in site.partitions:
        way = found[partition.name]
        if partition.state == "UP":
            named = [f"--account={way.account}"] if way.account else []
            named += [f"--qos={way.qos}"] if way.qos else []
            assert runs(slurm, partition.name, *named) is (way.refused is None), (partition, way)


def runs(slurm: PrivateSlurm, partition: str, *options: str) -> bool:
    """Tell whether a job of nobody runs; without EnforcePartLimits Slurm takes it in any case, and lets it wait."""
    job = slurm.submit("true", f"--partition={partition}", *options, user="nobody")
    deadline = time.monotonic() + PATIENCE
    while True:
        (found,) = (one for one in slurm.queue(ended=True) if one.id == job)
        if found.state in ("RUNNING", "COMPLETING", "COMPLETED"):
            return True
        if "not permitted" in found.reason or "NotAllowed" in found.reason:
            return False
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_preview_says_that_a_job_would_wait_for_ever(
    slurm: PrivateSlurm,
    partitions: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partitions("theirs", "AllowAccounts=nobodys")
    (tmp_path / "queue.yaml").write_text("system: slurm\noptions: {cores: 1, memory: 1 GB}\n")
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))

    found = ds.compare("queue", partitions=["theirs", "normal"])

    assert [one.name for one in found] == ["queue in normal", "queue in theirs"]
    assert "the partition theirs is not for you: of your accounts" in str(found[1].refusal)
    job = slurm.submit("true", "--partition=theirs")
    (waiting,) = (one for one in slurm.queue() if one.id == job)
    assert waiting.state == "PENDING"
