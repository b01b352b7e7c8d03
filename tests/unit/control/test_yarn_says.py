"""What a ResourceManager says of an application that nobody submits."""

from __future__ import annotations

from typing import Any

import pytest

from dask_steward.control import yarn_says
from dask_steward.control.preview_text import preview_text
from dask_steward.control.previewed import Jobs, Preview
from dask_steward.managers.base import Unknown
from dask_steward.managers.user import User
from dask_steward.managers.yarn_offer import Site
from dask_steward.managers.yarn_parse import Largest, Node, Queue

GIB = 2**30
NODES = tuple(Node(f"n{i}", "h", "RUNNING", memory=8 * GIB, vcores=4) for i in range(2))
QUEUE = Queue("default", "root.default", submit="ann", capacity=100.0, maximum=100.0)


def group(name: str = "main", jobs: int = 2, memory: int = 2 * GIB, cores: int = 1, **more: Any) -> Jobs:
    processes = 1 if name == "main" else 0
    return Jobs(name, jobs, processes, cores * processes, cores, memory, "default", None, "spec", "tag", **more)


def asked(
    monkeypatch: pytest.MonkeyPatch,
    *groups: Jobs,
    queue: Queue = QUEUE,
    nodes: tuple[Node, ...] = NODES,
    user: str = "ann",
    test_only: bool = False,
) -> Preview:
    site = Site((queue,), nodes, User(user, frozenset()), True, Largest(8 * GIB, 4, {}))
    monkeypatch.setattr(yarn_says, "ask_site", lambda _: site)
    groups = groups or (group(), group("master", 1, 512 * 2**20))
    return yarn_says.YarnSays({"system": "yarn"}).of(
        Preview("p", "yarn", groups, warnings=("odd",)), test_only=test_only
    )


def test_what_fits_now_starts_now(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, test_only=True)
    assert found.refusal is None
    assert found.start is not None
    assert found.warnings == ("odd",)
    assert "start      now" in preview_text(found)


@pytest.mark.parametrize(
    ("queue", "nodes"),
    [
        (QUEUE, (NODES[0],)),  # the master leaves no room for the second one
        (Queue("default", "root.default", waiting=3), NODES),
    ],
)
def test_what_does_not_fit_now_waits(queue: Queue, nodes: tuple[Node, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    groups = (group(memory=4 * GIB), group("master", 1, 512 * 2**20))
    found = asked(monkeypatch, *groups, queue=queue, nodes=nodes, test_only=True)
    assert found.start is None
    assert "it would wait: not all of it fits into what is free now" in found.warnings


@pytest.mark.parametrize(
    ("groups", "refusal"),
    [
        ((group(memory=9 * GIB),), "a worker asks for 9 GiB, and no container may have more than 8 GiB"),
        ((group(cores=5),), "a worker asks for 5 vcores, and no container may have more than 4"),
        ((group(gpus=1),), "a worker asks for 1 GPUs, and this YARN gives 0"),
        ((group(), group("scheduler", 1, 16 * GIB)), "the scheduler asks for 16 GiB, and no container may have more"),
    ],
)
def test_what_can_never_be_is_refused(groups: tuple[Jobs, ...], refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, *groups)
    assert (found.refusal or "").startswith(refusal)
    assert f"refused: {refusal}" in preview_text(found)


@pytest.mark.parametrize(
    ("queue", "user", "words"),
    [
        (Queue("other", "root.other"), "ann", "YARN knows no queue default (it has other)"),
        (Queue("default", "root.default", maximum_lifetime=7200.0), "ann", "ends every application 2 h after"),
        (Queue("default", "root.default", maximum=20.0, used=20.0), "ann", "uses all that it may: 20 % of the cluster"),
        (Queue("default", "root.default", maximum=20.0), "ann", "some of its containers would wait for ever"),
    ],
)
def test_what_speaks_against_it_is_said(queue: Queue, user: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(monkeypatch, queue=queue, user=user)
    assert found.refusal is None
    assert any(words in one for one in found.warnings)


def test_a_queue_of_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, user="bob").refusal == "the queue default: you may not submit to it: it takes users ann"


def test_a_yarn_that_does_not_answer_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yarn_says, "ask_site", lambda _: Unknown("it is down"))
    found = yarn_says.YarnSays({"system": "yarn"}).of(Preview("p", "yarn", (group(),)), test_only=True)
    assert (found.refusal, found.warnings) == (None, ("YARN could not be asked: it is down",))
