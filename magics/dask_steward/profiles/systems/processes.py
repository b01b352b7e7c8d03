"""Dask's one-machine scheduler in processes: nothing is started that outlives a computation."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from dask_steward.profiles.fields import Positive
from dask_steward.profiles.models import Options
from dask_steward.profiles.one_machine import OneMachineProfile


class ProcessesOptions(Options):
    """Arguments of ``dask.multiprocessing.get``."""

    num_workers: Positive | None = Field(
        default=None, description="Number of processes. Not given: the cores of the machine.", examples=[4]
    )


class ProcessesProfile(OneMachineProfile):
    """Dask's scheduler in processes beside the kernel."""

    summary: ClassVar[str] = "Dask's one-machine scheduler in processes of each computation; no cluster is started."
    dask_class: ClassVar[str] = "dask.multiprocessing.get"
    builtin: ClassVar[dict[str, Any]] = {
        "title": "Processes",
        "description": "Tasks run in processes that each computation makes. No cluster is started.",
    }

    system: Literal["processes"] = Field(
        default="processes", description="What the cluster runs on.", examples=["processes"]
    )
    options: ProcessesOptions = Field(
        default_factory=lambda: ProcessesOptions(),
        description="Arguments of the scheduler.",
        examples=[{"num_workers": 4}],
    )


PROFILE = ProcessesProfile
