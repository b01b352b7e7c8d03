"""Progress of Dask's data frames, which are rewritten before they are computed, under other names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import pytest
from distributed import Client

import dask_steward as ds
from tests.faces.notebook import LIMIT

ROWS, PARTS = 1000, 8


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with ds.start("local", workers=1) as cluster, cluster.get_client() as found:
        yield found


@pytest.fixture(scope="module")
def frame() -> Any:
    return dd.from_pandas(pd.DataFrame({"k": [n % 7 for n in range(ROWS)], "v": range(ROWS)}), npartitions=PARTS)


def done(progress: Any) -> dict[str, Any]:
    """Wait until what is followed has ended; return it."""
    deadline = time.monotonic() + LIMIT
    while not (found := progress.view()["computations"]) or found[-1]["ended"] is None:
        assert time.monotonic() < deadline, progress.view()
        time.sleep(0.05)
    return dict(found[-1])


CASES: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "a sum": (lambda frame: (frame.v + 1).sum(), {"from_pandas", "getitem", "add", "sum"}),
    "rows that are chosen": (lambda frame: frame[frame.v > 10].assign(w=1), {"from_pandas", "result"}),
    "a mean of groups": (lambda frame: frame.groupby("k").v.mean(), {"from_pandas", "mean", "getitem"}),
    "another index": (lambda frame: frame.set_index("v"), {"from_pandas", "result"}),
    "a merge": (lambda frame: frame.merge(frame, on="v", shuffle_method="tasks").v.sum(), {"shuffle", "merge", "sum"}),
}


@pytest.mark.parametrize("case", CASES)
def test_compute_of_what_is_followed_before(client: Client, frame: Any, case: str) -> None:
    make, words = CASES[case]
    collection = make(frame)
    progress = ds.widgets.Progress(collection)
    assert progress.view()["computations"] == []

    collection.compute()

    found = done(progress)
    assert found["status"] == "finished"
    assert found["done"] == found["total"] > PARTS
    assert words <= {group["name"] for group in found["groups"]}, found["groups"]


@pytest.mark.parametrize("persist", [lambda one: one.persist(), lambda one: dask.persist(one)[0]], ids=["own", "dask"])
def test_persist_is_found_before_and_after(client: Client, frame: Any, persist: Callable[[Any], Any]) -> None:
    collection = frame[frame.v > 20].assign(w=time.time())
    before = ds.widgets.Progress(collection)
    kept = persist(collection)
    after = ds.widgets.Progress(kept)

    assert done(before)["id"] == done(after)["id"]
    # What is made of it is followed, too.
    total = kept.w.sum()
    progress = ds.widgets.Progress(total)
    total.compute()
    assert done(progress)["name"] == "sum"


def test_two_at_once_are_one_computation(client: Client, frame: Any) -> None:
    least, most = frame.v.min(), frame.v.max()
    progress = ds.widgets.Progress(least, most)

    assert dask.compute(least, most) == (0, ROWS - 1)

    assert set(done(progress)["name"].split(", ")) == {"min", "max"}
