"""What a start would submit, without a start: run by the interpreter that a profile names, as a keeper is.

``python -m dask_steward.keeper.preview`` reads a list of requests (``{profile, ask, most}``) as JSON from its standard
input and prints as many answers. Nothing is submitted, nothing is written. What is known only once a cluster runs is
shown in capitals, which a shell need not quote: all else is as it will be.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from dask_steward.errors import StartFailed, StewardError
from dask_steward.keeper.request import asked_size

#: Why there is nothing to show of a system.
_NO_JOBS = {
    "ssh": "system: ssh submits no job: workers are started on options.hosts at once, as dask-steward doctor checks.",
    "address": "system: address takes nothing: the scheduler and its workers are somebody else's.",
}
CLUSTER = "CLUSTER"
"""Stands for the id of the cluster."""


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a start of one profile would take, or the error that it would end with."""
    profile, ask = dict(request["profile"]), dict(request.get("ask") or {})
    try:
        if profile.get("system") == "local":
            return _local(profile, ask)
        if profile.get("system") == "slurm":
            from dask_steward.clusters.slurm_preview import preview

            return preview(profile, ask, CLUSTER, int(request.get("most") or 1))
        if profile.get("system") == "yarn":
            from dask_steward.clusters import yarn_preview

            return yarn_preview.preview(profile, ask, CLUSTER)
    except StewardError as error:
        return {"error": error.to_dict()}
    if profile.get("system") in _NO_JOBS:
        return {"error": StartFailed(_NO_JOBS[profile["system"]], field="system", value=profile["system"]).to_dict()}
    unknown = StartFailed(f"system: {profile.get('system')!r} has no preview in this version.", field="system")
    return {"error": unknown.to_dict()}


def _local(profile: Mapping[str, Any], ask: Mapping[str, Any]) -> dict[str, Any]:
    from dask_steward.clusters.base import units_of
    from dask_steward.clusters.local import size_of

    ask = asked_size(ask, profile)
    workers = ask.get("workers")
    size = size_of(profile.get("options") or {}, int(workers) if workers is not None else None)
    unit = {"workers": 1, "cores": size.threads, "memory": size.memory or 0}
    return {"workers": units_of(unit, ask) if ask else size.workers, "threads": size.threads, "memory": size.memory}


def main() -> int:
    """Answer the requests on the standard input."""
    # Whatever else is printed here (a configuration's warning, a library's greeting) must not mix with the answer.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answers = [answer(request) for request in json.load(sys.stdin)]
    with out:
        json.dump(answers, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
