"""Logs of containers: the one of the master by its own name, and whether all of them came before the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dask_steward.clusters.yarn_logs import ContainerLogs
from dask_steward.managers import yarn_logs, yarn_parse
from dask_steward.managers.base import Unknown

APPLICATION = "application_1795312792011_0001"
MASTER = "container_e17_1795312792011_0001_02_000001"


def test_the_container_of_a_master_is_the_one_that_the_report_names() -> None:
    raw = {"id": APPLICATION, "state": "RUNNING", "amContainerLogs": f"http://n1:8042/node/containerlogs/{MASTER}/ada"}

    assert yarn_parse.application(raw).am_container == MASTER
    assert yarn_parse.application({"id": APPLICATION, "state": "ACCEPTED"}).am_container is None


def test_whether_all_came_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    down: set[str] = set()

    def running(node: str, container: str, user: str, *, scheme: str, timeout: float) -> str | Unknown:
        asked.append(container)
        return Unknown(f"{node} is down") if container in down else f"of {container}\n"

    monkeypatch.setattr(yarn_logs, "running", running)
    nodes = {APPLICATION: "n1:1", "container_2": "n1:1", "container_3": "n2:1", "container_4": None}
    master: list[str | None] = [None]
    logs = ContainerLogs(
        lambda id: str(tmp_path / f"{id}.log"), nodes.get, lambda: list(nodes), user="ada", master=lambda: master[0]
    )

    assert not asyncio.run(logs.bring_last()), "the master's container was not known"
    master[0] = MASTER
    assert asyncio.run(logs.bring_last()), "one that has no node yet has no log"
    assert asked.count(MASTER) == 1
    assert (tmp_path / f"{APPLICATION}.log").read_text() == f"of {MASTER}\n"
    down.add("container_3")
    logs._brought.clear()
    assert not asyncio.run(logs.bring_last())
    down.clear()
    assert asyncio.run(logs.bring_last())
