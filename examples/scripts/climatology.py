"""Rechunk files of a model to Zarr, and compute a climatology and its anomalies.

    python climatology.py --profile slurm                 # on a cluster that follows the work, of a profile of yours
    dask-steward batch several-nodes climatology.py       # in a job of its own, of one node or several
    sbatch several-nodes.sbatch                           # the same, at a site without Dask Steward
    python climatology.py                                 # on this machine

In a job the cluster is there already, and `Client()` finds it. The files are written first, so that there is something
to read.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import xarray as xr
from distributed import Client

FIRST = 2000


def write_year(folder: Path, year: int, nlat: int) -> str:
    """Write what a model would have left of one year: daily temperature with seasons and weather."""
    rng = np.random.default_rng(year)
    time = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]").astype("datetime64[ns]")
    lat, lon = np.linspace(-90, 90, nlat), np.arange(2 * nlat) * 180 / nlat
    day = np.arange(time.size)[:, None, None] / time.size
    phi = np.deg2rad(lat)[:, None]
    mean = 40 * np.cos(phi) - 10 - 12 * np.sin(phi) * np.cos(2 * np.pi * day) + 0 * lon
    noise = rng.standard_normal((time.size, nlat, 2 * nlat), dtype="float32")
    tas = ("time", "lat", "lon"), (mean + 2 * noise).astype("float32"), {"units": "degC"}
    file = folder / f"tas_{year}.nc"
    xr.Dataset({"tas": tas}, coords={"time": time, "lat": lat, "lon": lon}).to_netcdf(file)
    return str(file)


def main() -> None:
    """Do it all, on whatever cluster there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", help="start a cluster of this profile; else use the one that is there")
    parser.add_argument("--folder", type=Path, default=Path("climatology"), help="one that all workers see")
    parser.add_argument("--years", type=int, default=4)
    parser.add_argument("--nlat", type=int, default=36, help="points of latitude, and half of those of longitude")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    with ExitStack() as stack:
        if given.profile:
            import dask_steward as ds

            client = stack.enter_context(Client(stack.enter_context(ds.start(given.profile))))
        else:
            # In a job DASK_SCHEDULER_ADDRESS says where the cluster is; without it, Dask makes a small one here.
            client = stack.enter_context(Client())
        print(f"{len(client.nthreads())} workers with {sum(client.nthreads().values())} threads")

        years = range(FIRST, FIRST + given.years)
        files = client.gather(client.map(lambda year: write_year(folder, year, given.nlat), years))

        data = xr.open_mfdataset(files, combine="nested", concat_dim="time", chunks={"time": -1})
        places = data.chunk({"time": -1, "lat": max(1, given.nlat // 4)})
        places.to_zarr(folder / "tas.zarr", mode="w", consolidated=False)

        tas = xr.open_zarr(folder / "tas.zarr", consolidated=False).tas
        monthly = tas.resample(time="1MS").mean().persist()
        climatology = monthly.groupby("time.month").mean("time").compute()
        anomaly = (monthly.groupby("time.month") - climatology).compute()

    climatology.to_dataset(name="tas").to_netcdf(folder / "climatology.nc")
    print(f"climatology of {given.years} years: {dict(climatology.sizes)}")
    print(f"mean of {anomaly.sizes['time']} months' anomalies: {abs(float(anomaly.mean())):.4f} degC")


if __name__ == "__main__":
    main()
