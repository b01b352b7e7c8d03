"""The main computation of the example notebooks on one machine: ours, plain xarray, and distributed's own cluster.

Daily temperature in one NetCDF file for each year; monthly means, their climatology, and the spread of the anomalies.

ours            ``ds.start("local")`` and a client
plain xarray    no Dask: the files are read into memory and computed by one thread
LocalCluster    ``LocalCluster()`` and a client, with as many workers and threads as ours

Timed in a fresh kernel from the request to the number, the start of the cluster included; the row "computation alone"
leaves it out. All sides must find the same number. ``--size`` is in MB of data in memory.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from support.figures import Figure, parser, report, say
from support.kernels import Kernel

YEARS = 8
#: Full size: what a laptop still has in memory, so that plain xarray can do it at all.
SIZE = 2000
WRITE = """
import sys
import numpy as np
import xarray as xr
folder, years, nlat = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for year in range(2000, 2000 + years):
    rng = np.random.default_rng(year)
    time = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]").astype("datetime64[ns]")
    season = 10 * np.cos(2 * np.pi * np.arange(time.size) / time.size)[:, None, None]
    values = (season + rng.standard_normal((time.size, nlat, 2 * nlat), dtype="float32")).astype("float32")
    xr.Dataset({"tas": (("time", "lat", "lon"), values)}, coords={"time": time}).to_netcdf(f"{folder}/tas_{year}.nc")
"""
PLAIN = 'xr.concat([xr.open_dataset(file) for file in files], dim="time").tas.load()'
CHUNKED = 'xr.open_mfdataset(files, combine="nested", concat_dim="time", chunks={"time": 92}).tas'
CELL = """
import time
import glob
import xarray as xr
files = sorted(glob.glob({folder!r} + "/tas_*.nc"))
{start}
began = time.perf_counter()
tas = {read}
monthly = tas.resample(time="1MS").mean(){keep}
climatology = monthly.groupby("time.month").mean("time")
spread = float((monthly.groupby("time.month") - climatology).std())
print("BENCH", time.perf_counter() - began, round(spread, 5))
{end}
"""
SIDES = {
    "ours": (
        "import dask_steward as ds\nfrom distributed import Client\n"
        "cluster = ds.start('local', workers=2, set={'options.threads_per_worker': 1})\nclient = Client(cluster)",
        CHUNKED,
        "client.close()\ncluster.close()",
    ),
    "plain xarray": ("", PLAIN, ""),
    "LocalCluster": (
        "from distributed import Client, LocalCluster\n"
        "cluster = LocalCluster(n_workers=2, threads_per_worker=1)\nclient = Client(cluster)",
        CHUNKED,
        "client.close()\ncluster.close()",
    ),
}


def measure(folder: Path, side: str) -> tuple[float, float, float]:
    """Return seconds from the request to the number, those of the computation alone, and the number."""
    start, read, end = SIDES[side]
    keep = "" if side == "plain xarray" else ".persist()"
    with Kernel() as kernel:
        ran = kernel.run(CELL.format(folder=str(folder), start=start, read=read, keep=keep, end=end), limit=1800)
        seconds, spread = map(float, (ran.value or "nan nan").split())
        return ran.seconds, seconds, spread


def main() -> int:
    arguments = parser(__doc__ or "", runs=3)
    arguments.add_argument("--size", type=int, default=SIZE, help=f"MB of data in memory (default {SIZE})")
    given = arguments.parse_args()
    nlat = max(6, round((given.size * 1e6 / (4 * 365.25 * YEARS * 2)) ** 0.5))
    against = {
        "plain xarray": Figure(f"monthly anomalies of {given.size} MB", "s", "plain xarray, no Dask"),
        "LocalCluster": Figure("the same", "s", "LocalCluster of two workers"),
    }
    alone = Figure("… computation alone", "s", "LocalCluster of two workers")
    numbers = set()

    def take(run: int, folder: Path) -> None:
        order = list(SIDES) if run % 2 == 0 else list(SIDES)[::-1]
        for side in order:
            whole, seconds, spread = measure(folder, side)
            numbers.add(spread)
            say(f"{side}: {whole:.1f} s, the computation {seconds:.1f} s")
            if side == "ours":
                for figure in against.values():
                    figure.ours.add(whole)
                alone.ours.add(seconds)
            else:
                against[side].peer.add(whole)
            if side == "LocalCluster":
                alone.peer.add(seconds)

    with tempfile.TemporaryDirectory(prefix="dsk-bench-") as name:
        subprocess.run([sys.executable, "-c", WRITE, name, str(YEARS), str(nlat)], check=True)
        for run in range(given.runs):
            take(run, Path(name))
    if max(numbers) - min(numbers) > 1e-4 * max(numbers):
        raise RuntimeError(f"the sides found different numbers: {sorted(numbers)}")
    notes = [f"{YEARS} files, a grid of {nlat} x {2 * nlat} points; two workers of one thread each"]
    return report("gridded", [*against.values(), alone], as_json=given.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
