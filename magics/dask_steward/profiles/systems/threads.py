"""Dask's one-machine scheduler in threads: nothing is started."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from dask_steward.profiles.fields import Positive
from dask_steward.profiles.models import Options
from dask_steward.profiles.one_machine import OneMachineProfile


class ThreadsOptions(Options):
    """Arguments of ``dask.threaded.get``."""

    num_workers: Positive | None = Field(
        default=None, description="Number of threads. Not given: the cores of the machine.", examples=[4]
    )


class ThreadsProfile(OneMachineProfile):
    """Dask's scheduler in threads of the kernel."""

    summary: ClassVar[str] = "Dask's one-machine scheduler in threads of the kernel; nothing is started."
    dask_class: ClassVar[str] = "dask.threaded.get"
    builtin: ClassVar[dict[str, Any]] = {
        "title": "Threads",
        "description": "Tasks run in threads of the kernel. Nothing is started.",
    }

    system: Literal["threads"] = Field(default="threads", description="What the cluster runs on.", examples=["threads"])
    options: ThreadsOptions = Field(
        default_factory=lambda: ThreadsOptions(),
        description="Arguments of the scheduler.",
        examples=[{"num_workers": 4}],
    )


PROFILE = ThreadsProfile
