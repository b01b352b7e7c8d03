"""``client-map.ipynb`` on every system that is there: on this machine, and on Slurm where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support.notebooks import Ran
from tests.support.private_slurm import PrivateSlurm, missing

pytestmark = pytest.mark.long

#: 0² + 1² + … + 9999².
SUM = 333283335000
ASK = {"total": "total", "again": "again", "sums": "sums", "roots": "sorted(roots)", "wrong": "wrong"}


def ours(slurm: PrivateSlurm | None) -> set[str]:
    jobs = slurm.queue(ended=True) if slurm is not None else []
    return {job.id for job in jobs if job.name.startswith("dask-steward-")}


@pytest.mark.timeout(400)
def test_the_sum_is_right_on_every_system(play: Callable[..., Ran], request: pytest.FixtureRequest) -> None:
    slurm: PrivateSlurm | None = None
    if not missing() or os.environ.get("CI"):
        slurm = request.getfixturevalue("queue")
    before = ours(slurm)
    profile = "local" if slurm is None else "slurm"

    ran = play("client-map", {"PROFILES": [profile]}, ASK)

    # The first cells ran on this machine, the loop over the profiles on the queue.
    assert ran.values["total"] == ran.values["again"] == SUM
    assert ran.values["sums"] == {profile: SUM}
    assert ran.values["roots"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert ran.values["wrong"] == ["there is no real root of -1"]
    assert f"{profile}: {SUM} on 2 workers" in ran.texts()["everywhere"]
    assert "square 1000/1000 finished" in ran.texts()["stay"]
    assert set(ran.figures()) == {"order-figure"}
    if slurm is not None:
        assert len(ours(slurm) - before) == 2
