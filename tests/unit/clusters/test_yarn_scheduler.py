"""A scheduler in the application's master, as the keeper looks for it from afar."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from distributed.security import Security

from dask_steward.clusters import yarn_scheduler
from dask_steward.errors import StartFailed
from dask_steward.managers.yarn import Application


def application(**known: Any) -> Any:
    master = SimpleNamespace(address="127.0.0.1:1")
    given = {"id": "application_1_0001", "over": None, "report": None, "node": None, "client": master, "doubt": print}
    return SimpleNamespace(**{**given, **known})


@pytest.mark.parametrize("answers", [False, True])
def test_a_port_that_cannot_be_reached_is_said(answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a node on whose port nobody, or somebody else, answers, then the start fails with a sentence."""
    monkeypatch.setattr(yarn_scheduler, "ARRIVE_LIMIT", 0.3)
    monkeypatch.setattr(yarn_scheduler, "KNOCK_LIMIT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        if not answers:
            other.close()
        with pytest.raises(StartFailed) as caught:
            asyncio.run(yarn_scheduler.arrive(application(), [port], Security()))

    assert f"on 127.0.0.1, but cannot be reached from here on port {port}." in str(caught.value)
    assert "Set options.port to a port of the nodes that this machine reaches" in str(caught.value)


def test_a_port_that_is_taken_is_told_by_the_exit_status_alone() -> None:
    said = "Application driver failed with exit code 73, see logs for more information."
    report = Application("application_1_0001", "x", "me", "default", "FAILED", diagnostics=said, node="n7")

    with pytest.raises(StartFailed, match="cannot listen on port 8786 of n7: something else does"):
        asyncio.run(yarn_scheduler.arrive(application(over="failed", report=report), [8786], Security()))
