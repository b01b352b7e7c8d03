"""Profiles from what a YARN offers."""

from __future__ import annotations

import pytest

from dask_steward.managers import yarn_parse
from dask_steward.managers.user import User
from dask_steward.managers.yarn_offer import Site, labels_of, nodes_of, refused
from dask_steward.managers.yarn_parse import Largest, Node, Queue
from dask_steward.profiles.discovering_yarn import propose, worker_of

GIB = 2**30
ANN = User("ann", frozenset({"physics"}))


def nodes(count: int, vcores: int, memory: int, **more: object) -> tuple[Node, ...]:
    return tuple(
        Node(f"n{vcores}{memory}{i}", "h", "RUNNING", memory=memory, vcores=vcores, **more)  # type: ignore[arg-type]
        for i in range(count)
    )


def site(*queues: Queue, at: tuple[Node, ...] = nodes(3, 16, 65 * GIB), acls: bool = True, **more: object) -> Site:
    return Site(queues, at, ANN, acls, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("vcores", "memory", "largest", "worker"),
    [
        # Four workers a node, and room for the master.
        (16, 65 * GIB, None, (4, 16 * GIB)),
        (64, 257 * GIB, None, (8, 32 * GIB)),
        # 2 GiB each at least.
        (8, 5 * GIB, None, (4, 2 * GIB)),
        (8, 3 * GIB, None, (8, 2 * GIB)),
        # A node so small that the master leaves it half.
        (2, 1536 * 2**20, None, (2, 768 * 2**20)),
        # Within the largest container.
        (16, 65 * GIB, Largest(8 * GIB, 4, {}), (1, 2 * GIB)),
    ],
)
def test_a_worker_of_a_sensible_size(
    vcores: int, memory: int, largest: Largest | None, worker: tuple[int, int]
) -> None:
    here = nodes(2, vcores, memory)
    assert worker_of(site(at=here, largest=largest), here) == worker


def test_the_most_numerous_kind_of_node_counts() -> None:
    here = (*nodes(1, 64, 1000 * GIB), *nodes(4, 16, 65 * GIB))
    assert worker_of(site(at=here), here) == (4, 16 * GIB)


@pytest.mark.parametrize(
    ("queue", "why"),
    [
        (Queue("q", "root.q"), None),
        (Queue("q", "root.q", submit="*"), None),
        (Queue("q", "root.q", submit="bob,ann"), None),
        (Queue("q", "root.q", submit=" physics"), None),
        (Queue("q", "root.q", submit="physics"), "it takes users physics"),
        (Queue("q", "root.q", submit="bob bio,chem"), "it takes users bob and groups bio, chem"),
        (Queue("q", "root.q", submit=""), "it takes nobody but its administrators"),
        (Queue("q", "root.q", state="STOPPED"), "its state is STOPPED"),
        (Queue("q", "root.q", maximum=0.0), "it may use nothing of the cluster"),
    ],
)
def test_who_may_submit_to_a_queue(queue: Queue, why: str | None) -> None:
    found = refused(site(), queue)
    assert found is None if why is None else found is not None and found.endswith(why)


def test_without_rules_everybody_may() -> None:
    assert refused(site(acls=False), Queue("q", "root.q", submit="")) is None


def test_who_may_submit_to_a_queue_may_to_all_below() -> None:
    def acl(text: str) -> dict[str, object]:
        return {"queueAcl": [{"accessType": "SUBMIT_APP", "accessControlList": text}]}

    leaf = {"queueName": "x", "queueAcls": acl(" bio")}
    raw = {"queues": {"queue": [{"queueName": "a", "queueAcls": acl("bob"), "queues": {"queue": [leaf]}}]}}
    (inside,) = yarn_parse.queues({"schedulerInfo": {**raw, "queueAcls": acl(" ")}})
    (open_to_all,) = yarn_parse.queues({"schedulerInfo": {**raw, "queueAcls": acl("*")}})
    assert (inside.path, inside.submit) == ("root.a.x", "bob bio")
    assert open_to_all.submit == "*"


def test_each_queue_that_one_may_use_has_a_profile() -> None:
    found, left_out = propose(
        site(
            Queue("default", "root.default", capacity=60.0, maximum=100.0, submit="*"),
            Queue("x", "root.a.x", maximum_lifetime=7200.0),
            Queue("x", "root.b.x", default_lifetime=3600.0),
            Queue("closed", "root.closed", state="STOPPED"),
            largest=Largest(60 * GIB, 16, {}),
        )
    )
    assert [one.name for one in found] == ["yarn-default", "yarn-root-a-x", "yarn-root-b-x"]
    assert [one.fields["options.queue"] for one in found] == ["default", "root.a.x", "root.b.x"]
    assert found[0].fields["options.worker_memory"] == "15 GiB"  # a quarter of the largest container
    assert left_out == {"closed": "its state is STOPPED"}
    text = [" ".join(one.remarks) for one in found]
    assert "3 with 16 vcores and 65 GiB" in text[0]
    assert "promised 60 % of the cluster, 100 % at most" in text[0]
    assert "YARN ends each of its applications 2 h after its submission" in text[1]
    assert "Lifetime where nobody sets one: 1 h" in text[2]


def test_gpus_have_a_profile_of_their_own() -> None:
    (plain, gpu), _ = propose(
        site(Queue("q", "root.q"), at=nodes(2, 32, 129 * GIB), largest=Largest(129 * GIB, 32, {"yarn.io/gpu": 4}))
    )
    assert (plain.name, gpu.name) == ("yarn-q", "yarn-q-gpu")
    assert "options.worker_gpus" not in plain.fields
    assert gpu.fields["options.worker_gpus"] == 1
    assert (gpu.fields["options.worker_vcores"], gpu.fields["options.worker_memory"]) == (8, "32 GiB")
    assert gpu.fields["options.worker_options"] == {"resources": {"GPU": 1}}


def test_nodes_with_a_label_are_for_those_who_ask_for_it() -> None:
    labelled = nodes(2, 64, 500 * GIB, labels=("gpu",))
    here = site(Queue("q", "root.q", labels=("gpu",)), at=(*nodes(3, 16, 65 * GIB), *labelled))
    (queue,) = here.queues
    assert {one.vcores for one in nodes_of(here, queue)} == {16}
    assert labels_of(here, queue) == {"gpu": 2}
    assert labels_of(here, Queue("r", "root.r")) == {}
    only = site(queue, at=labelled)
    assert nodes_of(only, queue) == labelled
    assert propose(site(Queue("r", "root.r"), at=labelled))[1] == {"r": "it has no node that runs"}
