"""A Slurm with accounts and limits for these tests, and limits that one test alone meets."""

from __future__ import annotations

import os
import pwd
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.support.private_slurm import PrivateSlurm
from tests.support.slurm_accounting import ACCOUNT, CLUSTER

PATIENCE = 60.0


@pytest.fixture(scope="session")
def accounting_of_the_run(require: Callable[..., None]) -> Iterator[PrivateSlurm]:
    require("accounting")
    cluster = PrivateSlurm(accounting=True)
    with cluster:
        yield cluster
    assert not cluster.leaked, f"processes outlived the private Slurm: {cluster.leaked}"


@pytest.fixture
def slurm(accounting_of_the_run: PrivateSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateSlurm]:
    """The run's Slurm with accounting, empty, as the one that all commands of this process ask."""
    cluster = accounting_of_the_run
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    monkeypatch.setenv("PATH", cluster.env["PATH"])
    yield cluster
    cluster.ensure_up()
    cluster.clear()


@pytest.fixture
def tag() -> str:
    return f"dask-steward-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def qos(slurm: PrivateSlurm) -> Callable[..., str]:
    """Make a quality of service with limits, such as ``qos("MaxTRESPerUser=cpu=4")``; return its name."""

    def make(*limits: str) -> str:
        name = f"q{uuid.uuid4().hex[:6]}"
        slurm.run("sacctmgr", "-i", "add", "qos", name, *limits)
        slurm.run("sacctmgr", "-i", "modify", "account", ACCOUNT, "set", f"qos+={name}")
        slurm.run("sacctmgr", "-i", "modify", "user", _user(), "set", f"qos+={name}")
        known(slurm, lambda text: f"QOS={name}(" in text)
        _usable(slurm, f"--qos={name}")
        return name

    return make


@pytest.fixture
def account(slurm: PrivateSlurm) -> Callable[..., str]:
    """Make an account with limits for all, and for this user (and others); return its name."""

    def make(*limits: str, mine: tuple[str, ...] = (), users: tuple[str, ...] = ()) -> str:
        name = f"a{uuid.uuid4().hex[:6]}"
        slurm.run("sacctmgr", "-i", "add", "account", name, f"Cluster={CLUSTER}", *limits)
        for user in (_user(), *users):
            slurm.run("sacctmgr", "-i", "add", "user", user, f"Account={name}", f"Cluster={CLUSTER}", *mine)
        known(slurm, lambda text: f"Account={name} UserName={_user()}" in text)
        _usable(slurm, f"--account={name}")
        return name

    return make


def known(slurm: PrivateSlurm, told: Callable[[str], bool]) -> None:
    """Wait until the controller has heard from the database."""
    deadline = time.monotonic() + PATIENCE
    while not told(slurm.run("scontrol", "--oneliner", "show", "assoc_mgr").stdout):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _usable(slurm: PrivateSlurm, option: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while "Invalid" in (said := slurm.run("sbatch", "--test-only", option, "--wrap=true", check=False).stderr):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
