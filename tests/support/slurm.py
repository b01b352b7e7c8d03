"""pytest plugin: a private Slurm for tests (see `private_slurm`).

``slurm``
    The run's own three-node Slurm, made empty for each test, with SLURM_CONF set. A job of ours that a test leaves in
    the queue, or a process of a job that is left on a node, is an error of that test.
``make_slurm``
    Another one with other knobs: ``make_slurm(nodes=1, fast=False)``; it ends with the test.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import leaks
from tests.support.private_slurm import PrivateSlurm

__all__ = ["PrivateSlurm", "make_slurm", "slurm", "slurm_of_the_run"]


@pytest.fixture(scope="session")
def slurm_of_the_run(require: Callable[..., None]) -> Iterator[PrivateSlurm]:
    """One Slurm for the whole run; tests use ``slurm``."""
    require("slurm")
    cluster = PrivateSlurm()
    with cluster:
        yield cluster
    assert not cluster.leaked, f"processes outlived the private Slurm: {cluster.leaked}"


@pytest.fixture
def slurm(slurm_of_the_run: PrivateSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateSlurm]:
    """The run's Slurm, empty, as the one that all commands of this process and its children ask."""
    _as_ours(slurm_of_the_run, monkeypatch)
    yield slurm_of_the_run
    _end(slurm_of_the_run)


@pytest.fixture
def make_slurm(require: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PrivateSlurm]]:
    """Start a Slurm of one's own; the last one made is the one that commands ask."""
    require("slurm")
    made: list[PrivateSlurm] = []
    with contextlib.ExitStack() as stack:

        def make(**knobs: object) -> PrivateSlurm:
            cluster = stack.enter_context(PrivateSlurm(**knobs))  # type: ignore[arg-type]
            _as_ours(cluster, monkeypatch)
            made.append(cluster)
            return cluster

        yield make
        for cluster in made:
            _end(cluster)
    leaked = [line for cluster in made for line in cluster.leaked]
    assert not leaked, f"processes outlived the private Slurm: {leaked}"


def _as_ours(cluster: PrivateSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    monkeypatch.setenv("PATH", cluster.env["PATH"])


def _end(cluster: PrivateSlurm) -> None:
    cluster.ensure_up()
    left = cluster.clear()
    deadline = time.monotonic() + 5
    while (lost := cluster.processes_on_nodes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    leaks.kill(lost)
    assert not left, f"the test left jobs of ours in the queue (now cancelled): {left}"
    assert not lost, f"processes outlived their jobs (now killed): {[str(process) for process in lost]}"
