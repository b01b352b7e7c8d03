"""``slurm.ipynb`` and ``pangeo-workflow.ipynb``, on a real Slurm."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.notebooks import Ran
from tests.support.private_slurm import PrivateSlurm

pytestmark = [pytest.mark.long, pytest.mark.requires("slurm"), pytest.mark.timeout(400)]


def test_a_day_on_slurm(play: Callable[..., Ran], queue: PrivateSlurm) -> None:
    """Four jobs of four cores each, where three fit; the work of the last part is longer than the walltime."""
    site = {"QUEUE": "normal", "CORES": 4, "MEMORY": "1 GB", "INTERFACE": "lo"}
    times = {"THINK": 7, "HOLD": "2 s", "WALLTIME": "00:01:00", "LONG": 64}
    ran = play(
        "slurm",
        {**site, **times},
        {
            "before": "[before.jobs, before.cores, before.refusal]",
            "day": "[morning, noon]",
            "seen": "[cores for _, cores, _ in seen]",
            "held": "held",
            "fixed": "fixed * duration",
            "jobs": "len(used)",
            "stations": "stations",
            "total": "total",
            "read": "len(read)",
            "lost": "lost",
        },
    )
    found = ran.values
    assert found["before"] == [4, 16, None]
    # The fourth job has no room, and says so.
    assert re.search(r"_3 queued Slurm: (Resources|Priority)", ran.texts()["queue"])
    assert found["day"] == [sum(n * n for n in range(48)), sum(n * n for n in range(96))]
    # All cores while there was work, fewer while somebody thought.
    assert max(found["seen"]) == 12
    assert min(found["seen"]) < 12
    assert 0 < found["held"] < found["fixed"]
    # More jobs than the two that were asked for: they were replaced, and nothing was lost or done twice.
    assert found["jobs"] > 2
    assert found["total"] == sum(n * n for n in range(found["stations"]))
    assert found["lost"] == []
    assert found["read"] == found["stations"]
    assert set(ran.figures()) == {"day"}


def test_the_whole_story(play: Callable[..., Ran], queue: PrivateSlurm) -> None:
    before = {job.id for job in queue.queue(ended=True)}
    ran = play(
        "pangeo-workflow",
        {"PROFILE": "slurm", "MOST": 3, "HOLD": "3 s", "YEARS": 6, "SIZE": 12},
        {
            "chunks": "list(tas.data.chunksize)",
            "sizes": "dict(tas.sizes)",
            "climatology": "dict(climatology.sizes)",
            "mean": "float(anomaly.mean())",
            "by_month": "float(np.abs(anomaly.groupby('time.month').mean('time')).max())",
            "equator": "equator",
            "pole": "pole",
            "accounts": "accounts",
            "whole": "whole",
            "between": "between",
        },
    )
    found = ran.values
    days = found["sizes"]["time"]
    assert days == 2191
    assert found["chunks"][0] == days
    assert found["chunks"][1] < found["sizes"]["lat"]
    assert found["climatology"]["month"] == 12
    assert found["mean"] == pytest.approx(0, abs=1e-3)
    assert found["by_month"] == pytest.approx(0, abs=1e-3)
    # 0.03 degrees a year were put in at the equator, three times as many at the pole.
    assert found["equator"] == pytest.approx(0.03, abs=0.015)
    assert found["pole"] == pytest.approx(0.09, abs=0.03)
    names = [name for name, *_ in found["accounts"]]
    assert names == ["write the files", "rechunk to Zarr", "climatology and trend"]
    held, busy = found["whole"]
    assert 0 < busy < held
    assert held == pytest.approx(sum(row[2] for row in found["accounts"]) + found["between"][0])
    assert "core-hours held" in ran.texts()["cost"]
    folder = Path("pangeo-example")
    assert len(list(folder.glob("tas_*.nc"))) == 6
    assert (folder / "climatology.png").stat().st_size > 10_000
    assert (folder / "tas.zarr" / "tas").is_dir()
    assert len({job.id for job in queue.queue(ended=True)} - before) >= 1
    assert set(ran.figures()) == {"figure"}
