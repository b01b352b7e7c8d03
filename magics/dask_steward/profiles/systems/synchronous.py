"""Dask's scheduler in the calling thread, for debugging: nothing is started."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from dask_steward.profiles.models import Options
from dask_steward.profiles.one_machine import OneMachineProfile


class SynchronousOptions(Options):
    """``dask.get`` takes no arguments."""

    not_taken: ClassVar[dict[str, str]] = {"num_workers": "everything runs in the calling thread; use system: threads"}


class SynchronousProfile(OneMachineProfile):
    """Dask's scheduler in the calling thread."""

    summary: ClassVar[str] = "Dask's one-machine scheduler in the calling thread, for debugging; nothing is started."
    dask_class: ClassVar[str] = "dask.get"
    builtin: ClassVar[dict[str, Any]] = {
        "title": "Synchronous",
        "description": "One task after the other in the calling thread, so that a debugger works. Nothing is started.",
    }

    system: Literal["synchronous"] = Field(
        default="synchronous", description="What the cluster runs on.", examples=["synchronous"]
    )
    options: SynchronousOptions = Field(
        default_factory=lambda: SynchronousOptions(), description="This scheduler has no options.", examples=[{}]
    )


PROFILE = SynchronousProfile
