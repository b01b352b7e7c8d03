"""Dask's names in the user's words: those that real collections give their tasks."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed.utils import key_split
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.clusters.task_names import task_name


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("mean_chunk", "mean"),
        ("mean_combine-partial", "mean"),
        ("mean_agg-aggregate", "mean"),
        ("sum-aggregate", "sum"),
        ("nanmax_chunk-aggregate", "nanmax"),
        ("open_dataset-air", "open_dataset"),
        ("original-open_dataset-air", "open_dataset"),
        ("open_zarr-t2m", "open_zarr"),
        ("rechunk-merge", "rechunk-merge"),
        ("rechunk-split", "rechunk-split"),
        ("rechunk-merge-mean_chunk", "rechunk-merge-mean"),
        ("chunked_step", "chunked_step"),
        ("aggregate", "aggregate"),
        ("chunk", "chunk"),
        ("add-add", "add"),
        ("lambda", "lambda"),
        ("finalize", "result"),
        ("finalize-hlgfinalizecompute", "result"),
        ("_mean_chunk", "mean"),
        ("mean-tree", "mean"),
        ("_private", "_private"),
        ("getitem-fused-assign", "getitem-assign"),
        ("fused", "fused"),
        ("frompandas", "from_pandas"),
        ("readparquetpyarrowfs", "read_parquet"),
        ("read_parquet", "read_parquet"),
        ("split-taskshuffle", "shuffle"),
        ("p2pshuffle", "shuffle"),
        ("hashjoinp2p", "merge"),
        ("repartitiontofewer", "result"),
        ("", ""),
    ],
)
def test_names(prefix: str, name: str) -> None:
    assert task_name(prefix) == name


def names_of(collection: object) -> set[str]:
    (optimized,) = dask.optimize(collection)
    return {task_name(key_split(key)) for key in dict(optimized.__dask_graph__())}


def test_a_mean_of_an_array_is_called_mean() -> None:
    assert "mean" in names_of(da.ones((20, 20), chunks=5).mean(axis=0))


def test_a_mean_of_a_data_set_is_called_mean() -> None:
    data = xr.Dataset({"t": (("time", "x"), np.zeros((20, 4)))}).chunk(time=5)
    names = names_of(data["t"].mean("time"))
    assert any(name.startswith("mean") for name in names), names
    assert not any("aggregate" in name or "partial" in name for name in names)


@given(st.text(alphabet=st.sampled_from("abz_-09"), max_size=30))
def test_never_without_a_name_and_never_twice_another(prefix: str) -> None:
    name = task_name(prefix)
    assert name or not prefix
    assert task_name(name) == task_name(task_name(name))
