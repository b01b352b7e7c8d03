"""pytest plugin: a private sshd for tests (see `private_sshd`), with several addresses, each a host of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support import leaks
from tests.support.private_sshd import PrivateSshd

__all__ = ["PrivateSshd", "sshd", "sshd_of_the_run"]

_SESSION = "DASK_STEWARD_TEST_SESSION"


@pytest.fixture(scope="session")
def sshd_of_the_run(require: Callable[..., None]) -> Iterator[PrivateSshd]:
    """One daemon for the whole run; what its sessions start can be found by this run's mark."""
    require("sshd")
    with PrivateSshd(variables={_SESSION: os.environ[_SESSION]}) as daemon:
        yield daemon


@pytest.fixture
def sshd(sshd_of_the_run: PrivateSshd) -> Iterator[PrivateSshd]:
    """The run's daemon; a process of ours that a test leaves on a host is an error of that test."""
    yield sshd_of_the_run
    left = sshd_of_the_run.processes()
    leaks.kill(left)
    assert not left, f"processes outlived their cluster on a host (now killed): {[str(one) for one in left]}"
