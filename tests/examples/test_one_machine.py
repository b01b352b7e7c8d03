"""``local.ipynb`` and ``xarray.ipynb``, on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.notebooks import Ran

pytestmark = pytest.mark.timeout(300)


def test_local_has_the_same_results_everywhere_and_a_debugger_that_stops_at_the_line(play: Callable[..., Ran]) -> None:
    ran = play(
        "local",
        {"PIECES": 4, "NUMBERS": 50_000},
        {
            "results": "[[*map(str, key), *value] for key, value in results.items()]",
            "mean": "float(mean)",
            "times": "min(seconds.values())",
        },
    )
    by_profile = {(profile, kind): values for profile, kind, *values in ran.values["results"]}
    assert len(by_profile) == 8
    for (_, kind), values in by_profile.items():
        assert values == by_profile["synchronous", kind]
    assert ran.values["times"] > 0
    assert ran.values["mean"] == pytest.approx(10, abs=0.001)
    debugged = ran.texts()["debug"]
    assert "the error: invalid literal for int()" in debugged
    assert "saturation_pressure()" in debugged
    # Which of the numbers comes first is Dask's choice.
    assert re.search(r"(ipdb>|\(Pdb\)) [0-9]+\.0\n", debugged)
    assert "mean 38/38 finished" in ran.texts()["cluster"]
    assert set(ran.figures()) == {"figure"}


def test_xarray_finds_the_event_and_its_anomalies_have_no_mean(play: Callable[..., Ran]) -> None:
    ran = play(
        "xarray",
        {"SIZE": 12},
        {
            "sizes": "dict(data.sizes)",
            "mean": "float(anomaly.mean())",
            "by_month": "float(np.abs(anomaly.groupby('time.month').mean('time')).max())",
            "warmest": "str(warmest.astype('datetime64[Y]'))",
            "event": "float(pacific.max())",
            "chill": "[float(value) for value in coldest]",
            "rows": "rows",
            "names": "list(wind)",
        },
    )
    found = ran.values
    assert found["sizes"]["time"] == 1461
    assert found["names"] == ["speed", "is_gale"]
    assert found["mean"] == pytest.approx(0, abs=1e-3)
    assert found["by_month"] == pytest.approx(0, abs=1e-3)
    # 2 degrees were put into the middle of the region in the middle of 2021; a quarter of it is in the climatology.
    assert found["warmest"] == "2021"
    assert 0.5 < found["event"] < 2
    # The poles have -22 degrees in their winter, and wind.
    assert len(found["chill"]) == 4
    assert all(-60 < value < -25 for value in found["chill"])
    days, sizes, tasks, _, means = zip(*found["rows"], strict=True)
    assert days == (10, 366, 1461)
    assert sizes[0] < sizes[1] < sizes[2]
    assert tasks[0] > 147 > tasks[1] > tasks[2] >= 2
    assert means == pytest.approx([means[0]] * 3, abs=1e-3)
    assert set(ran.figures()) == {"map", "chunks"}
    assert len(list(Path("xarray-data").glob("daily_*.nc"))) == 4
    assert len(list(Path("xarray-data").glob("tas_*.zarr"))) == 3
