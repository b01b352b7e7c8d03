"""Kernels and shells against real clusters of this host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dask_steward as ds
from tests.faces.notebook import LIMIT, Notebook


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    """A live kernel for all tests of a module; each leaves nothing running."""
    found = Notebook()
    yield found
    found.close()


@pytest.fixture
def clean() -> Iterator[None]:
    """No cluster before, and whatever the test left is stopped after it."""
    assert ds.held() == []
    yield
    for cluster in ds.clusters():
        cluster.close()


def wait_for_end(cluster: ds.Cluster) -> dict[str, Any]:
    """Wait until a cluster has ended by itself, and return its last state."""
    deadline = time.monotonic() + LIMIT
    while (state := cluster.state)["state"] not in ("stopped", "failed", "lost"):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell() -> Shell:
    """Run ``dask-steward`` with arguments; nothing is a terminal."""

    def run(*arguments: str, check: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "dask_steward.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        if check is not None:
            assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def answer(shell: Shell) -> Callable[..., Any]:
    """Run ``dask-steward … --json`` and return what it printed."""
    return lambda *arguments, check=0: json.loads(shell(*arguments, "--json", check=check).stdout)
