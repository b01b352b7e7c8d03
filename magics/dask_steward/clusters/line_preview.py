"""The line of a cluster that nobody has started: what is not known yet stands in capitals, which a shell passes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from dask_steward.clusters import jobscript


def line_before(profile: Mapping[str, Any], *, scheduler: bool) -> jobscript.LineEnds:
    """Return what is known of the line before it is open: its silence; the rest stands in capitals."""
    options = profile.get("line") or {}
    port = cast("int", "PORT")
    return jobscript.LineEnds(
        host=options.get("host") or "HOST",
        port=port,
        scheduler_host="HOST" if scheduler else "",
        scheduler_port=port if scheduler else None,
        silence=float(options.get("silence") or 120.0),
        keeper_secret="SECRET",
        job_secret="SECRET",
    )
