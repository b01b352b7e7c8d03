"""pytest plugin: a private YARN for tests (see `private_yarn`).

``yarn``
    The run's own YARN of one node, made empty for each test, with HADOOP_CONF_DIR and the like set. An application of
    ours that a test leaves, a process of a container, or a staging folder is an error of that test.
``make_yarn``
    Another one with other knobs: ``make_yarn(nodes=2, recovery=True)``; it ends with the test.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import leaks
from tests.support.private_yarn import PrivateYarn

__all__ = ["PrivateYarn", "check_empty", "make_yarn", "use_yarn", "yarn", "yarn_of_the_run"]

GUARDS_END = 30.0
"""Seconds in which a guard that still looks out for a submit must have ended."""

VARIABLES = ("JAVA_HOME", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SKEIN_CONFIG", "PATH")


@pytest.fixture(scope="session")
def yarn_of_the_run(require: Callable[..., None]) -> Iterator[PrivateYarn]:
    """One YARN for the whole run; tests use ``yarn``."""
    require("yarn")
    cluster = PrivateYarn()
    with cluster:
        yield cluster
        _let_leave(cluster)
    assert not cluster.leaked, f"processes outlived the private YARN: {cluster.leaked}"


def _let_leave(cluster: PrivateYarn) -> None:
    """Give keepers and guards of the last tests the time to end: they look a little longer whether nothing is left."""
    deadline = time.monotonic() + GUARDS_END
    while time.monotonic() < deadline:
        if not any("dask_steward" in str(one) for one in leaks.marked(f"HADOOP_CONF_DIR={cluster.conf}")):
            return
        time.sleep(0.1)


@pytest.fixture
def yarn(yarn_of_the_run: PrivateYarn, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateYarn]:
    """The run's YARN, empty, as the one that this process and its children ask."""
    use_yarn(yarn_of_the_run, monkeypatch)
    yield yarn_of_the_run
    check_empty(yarn_of_the_run)


@pytest.fixture
def make_yarn(require: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PrivateYarn]]:
    """Start a YARN of one's own; the last one made is the one that is asked."""
    require("yarn")
    made: list[PrivateYarn] = []
    with contextlib.ExitStack() as stack:

        def make(**knobs: object) -> PrivateYarn:
            cluster = stack.enter_context(PrivateYarn(**knobs))
            use_yarn(cluster, monkeypatch)
            made.append(cluster)
            return cluster

        yield make
        for cluster in made:
            check_empty(cluster)
    leaked = [line for cluster in made for line in cluster.leaked]
    assert not leaked, f"processes outlived the private YARN: {leaked}"


def use_yarn(cluster: PrivateYarn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it the one that this process and its children ask."""
    environment = cluster.env
    for name in VARIABLES:
        monkeypatch.setenv(name, environment[name])


def check_empty(cluster: PrivateYarn) -> None:
    """End what a test left; whatever is ours is its error. Then it is as new."""
    cluster.ensure_up()
    left = cluster.clear()
    deadline = time.monotonic() + 5
    while ((lost := cluster.containers()) or cluster.staging()) and time.monotonic() < deadline:
        time.sleep(0.05)
    leaks.kill(lost)
    staging = cluster.staging()
    for folder in cluster.folder.glob("dfs/user/*/.skein"):
        shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"the test left applications of ours (now killed): {left}"
    assert not lost, f"processes outlived their applications (now killed): {[str(process) for process in lost]}"
    assert not staging, f"the test left staging folders (now removed): {staging}"
