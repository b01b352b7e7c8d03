"""What the keeper adds to computations: why workers are missing, and the job of a worker."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from dask_steward.clusters.base import Counts, HoldingView
from dask_steward.errors import UsageError
from dask_steward.keeper.progress import ask_progress, completed


def keeper(queued: int = 0, reason: str | None = None, agent: Any = None) -> Any:
    views = [HoldingView("job", str(n), "queued", reason=reason, key=f"j{n}") for n in range(queued)]
    workforce = SimpleNamespace(counts=lambda: Counts(4, queued, 4 - queued, 0), job_of={"w0": "4711"}.get)
    observer = SimpleNamespace(memory_warnings=["full"])
    return SimpleNamespace(
        parts=SimpleNamespace(workforce=workforce, agent=agent, observer=observer), holdings=lambda: views
    )


def one(**more: Any) -> Any:
    return {"id": "c1", "ended": None, "waits": None, "error": None, **more}


@pytest.mark.parametrize(
    ("computation", "queued", "reason", "waits"),
    [
        (one(), 0, None, None),
        (one(), 3, "Priority", "3 workers queued: Priority"),
        (one(), 1, None, "1 worker queued"),
        (one(waits="no worker is connected"), 3, "Resources", "3 workers queued: Resources"),
        (
            one(waits="1 of 2 workers is paused"),
            3,
            "Resources",
            "3 workers queued: Resources; 1 of 2 workers is paused",
        ),
        (one(waits="no worker is connected"), 0, None, "no worker is connected"),
        (one(ended=5.0), 3, "Priority", None),
    ],
)
def test_what_it_waits_for(computation: Any, queued: int, reason: str | None, waits: str | None) -> None:
    (found,) = completed([computation], keeper(queued, reason))
    assert found["waits"] == waits


def test_the_job_of_a_worker_whose_task_failed() -> None:
    (found,) = completed([one(error={"worker": "w0", "job": None})], keeper())
    assert found["error"] is not None
    assert found["error"]["job"] == "4711"


def test_what_is_given_is_left_as_it_is() -> None:
    given = one(error={"worker": "w0", "job": None})
    completed([given], keeper(2, "Priority"))
    assert given["waits"] is None
    assert given["error"]["job"] is None


@pytest.mark.parametrize(
    "given", [{"groups": "mean"}, {"keys": [1]}, {"client": 3}, {"since": "now"}, {"since": True}], ids=str
)
def test_a_wrong_question_names_its_field(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        asyncio.run(ask_progress(keeper(agent=object()), given))
    assert caught.value.field in given


def test_before_there_is_a_scheduler() -> None:
    assert asyncio.run(ask_progress(keeper(), {})) == {"computations": [], "warnings": []}
