"""Many jobs in few commands, on the real Slurm: one sbatch for an array, one scancel for many ids, and all verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from dask_steward.ledger import entries
from tests.contract.site import PATIENCE, until
from tests.support.commands import Faults
from tests.support.private_slurm import Job, PrivateSlurm

pytestmark = pytest.mark.requires("slurm")

HELD = """\
system: slurm
options: {queue: debug, cores: 1, job_cpu: 1, memory: 300 MB, processes: 1, interface: lo, walltime: "00:10:00",
          job_extra_directives: [--hold]}
dashboard: "off"
"""


class Held:
    """A cluster whose jobs wait for good, and the queue that they wait in."""

    def __init__(self, slurm: PrivateSlurm, cluster: Any) -> None:
        self.slurm, self.cluster = slurm, cluster
        self.tag = entries.tag(cluster.id)

    def jobs(self) -> list[Job]:
        return [job for job in self.slurm.jobs_with_tag(self.tag) if job.state != "COMPLETING"]

    def wait_for(self, number: int) -> set[str]:
        """Wait until the queue holds so many, and the keeper knows each by the queue's own id; return the ids."""
        until(lambda: len(self.jobs()) == number)
        ids = {job.id for job in self.jobs()}
        until(lambda: {one["id"] for one in self.cluster.state["holdings"]} == ids)
        return ids


@pytest.fixture
def hold(
    state_dir: Path, tmp_path: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Held]]:
    """Start clusters of held jobs, and close what a test has not."""
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "held.yaml").write_text(HELD)
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(profiles))
    counted(faults)
    started: list[Any] = []

    def start(slurm: PrivateSlurm, jobs: int) -> Held:
        # The fixture of a Slurm puts its own search path into the environment.
        monkeypatch.setenv("PATH", f"{faults.folder}:{slurm.env['PATH']}")
        started.append(ds.start("held", jobs=jobs, wait=False))
        return Held(slurm, started[-1])

    yield start
    for cluster in started:
        cluster._close(PATIENCE, "the test is over")


def counted(faults: Faults) -> None:
    """Count the calls of the real commands."""
    for program in ("sbatch", "scancel"):
        faults.script(program, f'exec {faults.real(program)} "$@"')


def array_sizes(faults: Faults) -> list[int]:
    """Return the size of each submit; 1 for a single job."""
    sizes = []
    for call in faults.calls("sbatch"):
        (array,) = [word for word in call if word.startswith("--array=")] or ["--array=0-0"]
        first, _, last = array.removeprefix("--array=").partition("-")
        sizes.append(int(last or first) - int(first) + 1)
    return sizes


def test_two_hundred_jobs_take_one_submit_and_two_cancels(
    slurm: PrivateSlurm, hold: Callable[..., Held], faults: Faults
) -> None:
    held = hold(slurm, 200)

    ids = held.wait_for(200)

    assert array_sizes(faults) == [200]
    assert len({id.partition("_")[0] for id in ids}) == 1
    assert {job.name for job in held.jobs()} == {held.tag}
    assert held.cluster.state["workers"]["queued"] == 200

    held.cluster.close()

    # Verified: the queue says so at the moment in which close returns.
    assert held.jobs() == []
    named = [call for call in faults.calls("scancel") if not any(word.startswith("--name") for word in call)]
    assert [len(call) for call in named[:2]] == [100, 100]
    assert {id for call in named[:2] for id in call} == ids
    assert ds.held() == []


def test_a_limit_on_the_size_of_arrays_splits_them(
    make_slurm: Callable[..., PrivateSlurm], hold: Callable[..., Held], faults: Faults
) -> None:
    held = hold(make_slurm(nodes=1, extra="MaxArraySize=11"), 25)

    ids = held.wait_for(25)

    assert sorted(array_sizes(faults)) == [3, 11, 11]
    assert len(ids) == 25
    held.cluster.close()
    assert held.jobs() == []


@pytest.mark.parametrize("off", ["by Slurm's configuration", "by the site's own sbatch"])
def test_where_arrays_are_refused_jobs_go_in_one_by_one(
    make_slurm: Callable[..., PrivateSlurm], slurm: PrivateSlurm, hold: Callable[..., Held], faults: Faults, off: str
) -> None:
    if off == "by Slurm's configuration":
        slurm = make_slurm(nodes=1, extra="MaxArraySize=0")
    else:
        faults.script(
            "sbatch",
            "case \" $* \" in *' --array'*)",
            "cat > /dev/null; echo 'sbatch: error: there are no job arrays at this site' >&2; exit 1;; esac",
            f'exec {faults.real("sbatch")} "$@"',
        )

    held = hold(slurm, 6)
    ids = held.wait_for(6)

    assert not [id for id in ids if "_" in id]
    sizes = array_sizes(faults)
    assert sizes.count(1) == 6
    # Whether only their length was the trouble is found by halves, and then believed.
    assert len(sizes) - sizes.count(1) <= 3
    held.cluster.scale(jobs=8)
    held.wait_for(8)
    assert array_sizes(faults)[len(sizes) :] == [1, 1]
    held.cluster.close()
    assert held.jobs() == []


def test_down_is_one_cancel_of_many_and_spares_the_rest(
    slurm: PrivateSlurm, hold: Callable[..., Held], faults: Faults
) -> None:
    strangers = slurm.submit_foreign(2)
    held = hold(slurm, 60)
    before = held.wait_for(60)

    held.cluster.scale(jobs=10)
    after = held.wait_for(10)

    assert after < before
    (call,) = faults.calls("scancel")
    assert set(call) == before - after
    assert slurm.touched_foreign() == []

    # The places of an array that is half empty are not reused: what is missing is another one.
    held.cluster.scale(jobs=25)
    grown = held.wait_for(25)
    assert after < grown
    assert array_sizes(faults) == [60, 15]
    held.cluster.close()
    assert held.jobs() == []
    assert not set(strangers) & {word for call in faults.calls("scancel") for word in call}
    slurm.run("scancel", *strangers)


def test_ids_are_read_between_the_lines_of_a_banner(
    slurm: PrivateSlurm, hold: Callable[..., Held], faults: Faults
) -> None:
    strangers = slurm.submit_foreign(1)
    faults.banner_sbatch("*** Welcome to Hydra 2 ***", "You have used", strangers[0], "hours of 20000;", "")

    held = hold(slurm, 5)

    ids = held.wait_for(5)
    assert len({id.partition("_")[0] for id in ids}) == 1
    held.cluster.close()
    assert held.jobs() == []
    assert slurm.touched_foreign() == []
    slurm.run("scancel", *strangers)


def test_a_cancel_that_fails_is_given_again_until_the_queue_is_empty(
    slurm: PrivateSlurm, hold: Callable[..., Held], faults: Faults
) -> None:
    held = hold(slurm, 30)
    held.wait_for(30)
    faults.fail_first("scancel", 2)

    held.cluster.close()

    assert len(faults.calls("scancel")) > 2
    assert held.jobs() == []
