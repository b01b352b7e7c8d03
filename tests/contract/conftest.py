"""One suite for every system: a test takes ``site`` (or ``cluster``) and is run on each of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dask_steward as ds
from tests.contract.site import PATIENCE, Site, profile_of
from tests.support.yarn import check_empty, use_yarn

SYSTEMS = ("local", "slurm")
"""On which each test is run that does not say it itself: processes of this machine, and a queue."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each system that can tell something new.

    Jobs on hosts and containers of YARN are held by what holds the jobs of a queue; a test that looks at what is theirs
    is `also_on` them. What the system has no part in (following a computation) is `only_on` one.
    """
    chosen = (mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "site" not in metafunc.fixturenames or "site" in chosen:
        return
    only = metafunc.definition.get_closest_marker("only_on")
    also = metafunc.definition.get_closest_marker("also_on")
    systems = [*(only.args if only else SYSTEMS), *(also.args if also else ())]
    metafunc.parametrize("site", systems, indirect=True, scope="module")


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A system, with state, runtime folder and profiles of one test module alone."""
    slurm = request.getfixturevalue("slurm_of_the_run") if request.param == "slurm" else None
    sshd = request.getfixturevalue("sshd_of_the_run") if request.param == "ssh" else None
    yarn = request.getfixturevalue("yarn_of_the_run") if request.param == "yarn" else None
    base = tmp_path_factory.mktemp(f"contract-{request.param}")
    profiles, state = base / "profiles", base / "state"
    profiles.mkdir()
    state.mkdir(mode=0o700)
    runtime = tempfile.mkdtemp(prefix="dsk-r", dir="/tmp")
    (profiles / f"{request.param}.yaml").write_text(profile_of(request.param, sshd))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASK_STEWARD_STATE_DIR", str(state))
        patch.setenv("DASK_STEWARD_PROFILES", str(profiles))
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        if slurm is not None:
            patch.setenv("SLURM_CONF", str(slurm.conf))
            patch.setenv("PATH", slurm.env["PATH"])
        if yarn is not None:
            use_yarn(yarn, patch)
        found = Site(request.param, state, profiles, slurm, sshd, yarn)
        yield found
        for cluster in ds.clusters():
            cluster.close()
        found.assert_nothing_left()
        if yarn is not None:
            check_empty(yarn)
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(site: Site) -> Iterator[Any]:
    """A running cluster for the tests of a module that do not end it."""
    with site.start(name=f"shared {site.system}") as found:
        found.wait_for_workers(2, timeout=PATIENCE)
        yield found


@pytest.fixture
def begin(site: Site) -> Iterator[Callable[..., Any]]:
    """Start clusters that are closed after the test, if it did not do that itself."""
    started: list[Any] = []

    def start(**options: Any) -> Any:
        started.append(site.start(**options))
        return started[-1]

    yield start
    for one in started:
        one._close(PATIENCE, "the test is over")
