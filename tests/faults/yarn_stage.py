"""What the faults on YARN stand on: a site of two nodes, clusters of both deploy modes, and what may die of them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

import dask_steward as ds
from dask_steward.ledger import holdings
from tests.faults.stage import NOISE, Stage, Started, wait_until
from tests.support import leaks
from tests.support.private_yarn import PrivateYarn
from tests.support.yarn import check_empty, use_yarn

GONE = 2.0
"""Seconds after a death in which the application must have ended, with every process of its containers."""

LEASE = 9.0
"""Seconds for which YARN keeps what nobody renews, of the profile `brief`."""

TWO = """\
system: yarn
options:
  environment: python://{python}
  worker_vcores: 1
  worker_memory: 512 MiB
  n_workers: {workers}
{more}
dashboard: "off"
"""

REMOTE = (
    TWO.replace("{python}", sys.executable).replace("{workers}", "1").replace("{more}", "  deploy_mode: remote\n{more}")
)
"""A profile whose scheduler is in the application's master."""

MODES = ("two", "remote")
"""Profiles of both deploy modes: the scheduler in the keeper and two workers, or in the master, and one."""


@pytest.fixture(scope="module")
def site_of_the_module(require: Callable[..., None]) -> Iterator[PrivateYarn]:
    """Two nodes that remember over a restart, and are soon called lost."""
    require("yarn")
    # Only nodes: what others run here never registers as a master.
    soon = {"yarn.nm.liveness-monitor.expiry-interval-ms": 6000}
    with PrivateYarn(nodes=2, memory=4096, recovery=True, site=soon) as made:
        yield made
    assert not made.leaked, f"processes outlived the private YARN: {made.leaked}"


@pytest.fixture
def site(site_of_the_module: PrivateYarn, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateYarn]:
    """The module's YARN with applications of others on it, and profiles for it."""
    use_yarn(site_of_the_module, monkeypatch)
    _profiles(stage)
    site_of_the_module.submit_foreign(2)
    yield site_of_the_module
    touched = site_of_the_module.touched_foreign()
    check_empty(site_of_the_module)
    assert touched == [], "an application of somebody else was touched"


def _profiles(stage: Stage) -> None:
    lease = f"lease: {{timeout: {LEASE:g} s, interval: 2 s}}"
    local, remote = {"workers": 2, "more": ""}, {"workers": 1, "more": "  deploy_mode: remote"}
    for name, mode, more in (
        ("two", local, ""),
        ("remote", remote, ""),
        ("brief", local, lease),
        ("remote-brief", remote, lease),
        # What its scheduler waits for a keeper that is dead.
        ("remote-silent", remote, "line: {silence: 10 s}"),
        # What deploy_mode: remote is for.
        ("remote-afar", remote, "line: {host: no-such-host.invalid}"),
    ):
        text = TWO.format(python=sys.executable, **{**mode, "more": f"{mode['more']}\n{more}"})
        stage.profile(name, text)


def pair(stage: Stage, profiles: tuple[str, ...] = MODES) -> list[Started]:
    """Start a cluster of each profile, all from one kernel."""
    started: list[Started] = []
    for one in profiles:
        started.append(stage.start(one, kernel=started[0].kernel if started else None))
    return started


def until_at_work(*started: Started) -> None:
    for one in started:
        try:
            wait_until(
                "its workers", lambda one=one: one.state["ready"] and one.running == one.state["workers"]["asked"], 90
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{one.log()}\n{one.state['holdings']}") from None


def running(stage: Stage, profile: str = "two") -> Started:
    started = stage.start(profile)
    until_at_work(started)
    return started


def waiting(stage: Stage, site: PrivateYarn, profiles: tuple[str, ...] = MODES) -> tuple[list[Started], str]:
    """Start a cluster of each profile in a queue that is full; return them and what fills the queue."""
    # Of two users: how much one may have follows from how many there are, and room must not come of itself.
    full, other = (site.submit("exec sleep 900", memory=3584, user=user) for user in (None, "somebody"))
    site.foreign.update((full, other))
    wait_until("they have their nodes", lambda: all(_launched(site, one) for one in (full, other)))
    started = pair(stage, profiles)
    for one in started:
        wait_until("it waits", lambda one=one: [app.state for app in site.with_tag(one.tag)] == ["ACCEPTED"])
        wait_until("its id is in the ledger", lambda one=one: step(one) == holdings.HELD)
    return started, full


def _launched(site: PrivateYarn, id: str) -> bool:
    report = site.application(id)
    return report is not None and "is launched" in report.diagnostics


def make_room(site: PrivateYarn, full: str) -> None:
    site.foreign.discard(full)
    site.kill_application(full)


def step(started: Started) -> str | None:
    found = [one.step for one in started.entry.holdings().values() if one.kind == "application"]
    return found[0] if found else None


def driver(started: Started) -> list[leaks.Process]:
    return [one for one in leaks.marked(f"DASK_STEWARD_CLUSTER={started.id}") if "skein.Driver" in one.command]


def masters(site: PrivateYarn, id: str) -> list[leaks.Process]:
    """Return the Java of an application's master."""
    return [one for one in site.containers(id) if one.command.split(" ")[0].endswith("java")]


def is_worker(process: leaks.Process) -> bool:
    return "dask_spec" in process.command


def kill(victim: str, *started: Started) -> float:
    """Kill something of clusters of one kernel; return when (monotonic)."""
    kernel = started[0].kernel
    assert kernel is not None
    if victim == "all":
        # Kernel and drivers first, while the keepers stand still.
        for one in started:
            os.kill(one.keeper, signal.SIGSTOP)
            os.kill(one.guard, signal.SIGSTOP)
        kernel.kill()
        leaks.kill(process for one in started for process in driver(one))
    now = time.monotonic()
    if victim == "kernel":
        kernel.kill()
    else:
        for one in started:
            one.kill_keeper() if victim == "keeper" else one.kill_both()
    return now


def ours(site: PrivateYarn, started: Started) -> list[object]:
    """Return what is left of a cluster: applications that have not ended, processes of containers, a driver."""
    alive = site.with_tag(started.tag)
    ids = [one.id for one in site.with_tag(started.tag, ended=True)]
    return [*alive, *(process for id in ids for process in site.containers(id)), *driver(started)]


def gone(
    stage: Stage, site: PrivateYarn, case: str, since: float, *started: Started, limit: float = GONE + NOISE
) -> None:
    """Wait until nothing is left of clusters; note how long it took for each."""
    for one in started:
        left = max(0.0, limit + since - time.monotonic())
        try:
            wait_until("nothing of it is left", lambda one=one: not ours(site, one), left)
        except AssertionError as error:
            raise AssertionError(f"{error}; left: {ours(site, one)}\n{one.log()}") from None
        stage.note(f"yarn: {one.entry.profile['name']}: {case}", time.monotonic() - since)


def crossed_out(*started: Started) -> None:
    """The entries are crossed out: by the guards, or by a sweep where there are none any more."""
    if not any(one.entry.guard_alive() or one.entry.keeper_alive() for one in started):
        report = ds.sweep()
        assert {id for id, _ in report.left} <= {one.id for one in started}, report
    for one in started:
        wait_until(f"the entry is crossed out\n{one.log()}", one.ended)
        wait_until("keeper and guard have ended", lambda one=one: not one.processes())
