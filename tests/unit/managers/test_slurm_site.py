"""What a Slurm site offers: parsers on recorded and written answers, access rules, and a real Slurm as their judge."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dask_steward.managers import slurm_site, slurm_site_parse
from dask_steward.managers.base import Unknown
from dask_steward.managers.slurm import Slurm
from dask_steward.managers.slurm_offer import Access, Association, Partition, Site, User, access
from tests.support.private_slurm import PrivateSlurm

RECORDED = Path(__file__).parent / "recorded"
GIB = 2**30
NOBODY = User("nobody", frozenset({"nogroup"}))


def test_examples_in_the_documentation() -> None:
    result = doctest.testmod(slurm_site_parse)
    assert result.attempted > 0
    assert result.failed == 0


def test_recorded_partitions() -> None:
    found = {
        one.name: one for one in slurm_site_parse.parse_partitions((RECORDED / "partitions-22.05.txt").read_text())
    }

    assert found["debug"] == Partition("debug", default=True, default_time=600, max_time=1800)
    assert found["closed"] == Partition("closed", state="DOWN", max_time=86400)
    assert found["grp"].groups == ("daemon",)
    assert found["acc"].accounts == ("climate",)
    assert found["denied"].denied_accounts == ("climate",)
    assert found["denied"].accounts is None
    assert found["qosp"].qos == ("high",)
    assert found["rootp"].root_only
    assert found["hid"].hidden
    assert (found["excl"].exclusive, found["excl"].state, found["excl"].max_memory_per_cpu) == (
        True,
        "DRAIN",
        500 * 2**20,
    )
    assert (found["resv"].needs_reservation, found["resv"].max_nodes, found["resv"].max_cpus_per_node) == (True, 1, 2)
    assert found["excl"].max_time is None


def test_recorded_nodes() -> None:
    nodes = slurm_site_parse.parse_nodes((RECORDED / "nodes-22.05.txt").read_text())

    assert [node.name for node in nodes] == ["n1", "g1", "old"]
    plain, gpu, old = nodes
    assert (plain.cores, plain.memory, plain.gpus, plain.features) == (4, 4000 * 2**20, (), ())
    assert plain.partitions == ("debug", "normal")
    assert (gpu.cores, gpu.memory, gpu.gpus) == (46, (512000 - 16000) * 2**20, (("a100", 4),))
    assert (gpu.sockets, gpu.threads_per_core, gpu.features) == (2, 2, ("avx512", "nvme"))
    assert old.cores == 64 - 2 * 2  # before 22.05 Slurm leaves the subtraction to us
    assert old.partitions == ()


def test_recorded_accounting() -> None:
    associations = slurm_site_parse.parse_associations((RECORDED / "associations-22.05.txt").read_text())

    assert associations[0] == Association("climate", None, ("normal", "high"), "normal", 7200)
    assert associations[1] == Association("ocean", "gpu", ("normal",), None, None)
    assert slurm_site_parse.parse_qos("Name|MaxWall\nnormal|\nlong|7-00:00:00\n") == {"normal": None, "long": 604800}


@pytest.mark.parametrize("text", ["", "\n", "slurm_load_partitions error: Unable to contact", "PartitionName="])
def test_answers_that_are_no_list_hold_nothing_wrong(text: str) -> None:
    assert slurm_site_parse.parse_partitions(text) == ()
    assert slurm_site_parse.parse_nodes(text) == ()
    assert slurm_site_parse.parse_associations(text) == ()


ENFORCED = frozenset({"associations", "limits", "qos"})
MINE = (
    Association("climate", None, ("normal", "high"), "normal"),
    Association("ocean", None, ("normal",), None, 3600),
)


def offer(*partitions: Partition, enforced: frozenset[str] = ENFORCED) -> Site:
    return Site(partitions, (), MINE, "climate", {"normal": 86400, "high": 7200}, enforced)


ANN = User("ann", frozenset({"users", "Lab"}))


@pytest.mark.parametrize(
    ("partition", "expected"),
    [
        (Partition("p"), Access(None, None, None, ("climate", "ocean"), 86400)),
        (Partition("p", max_time=60), Access(None, None, None, ("climate", "ocean"), 60)),
        (Partition("p", accounts=("OCEAN",)), Access(None, "ocean", None, ("ocean",), 3600)),
        (Partition("p", denied_accounts=("climate",)), Access(None, "ocean", None, ("ocean",), 3600)),
        # A list of what is allowed makes Slurm forget what is denied.
        (
            Partition("p", accounts=("climate",), denied_accounts=("climate",)),
            Access(None, None, None, ("climate",), 86400),
        ),
        (Partition("p", qos=("high",)), Access(None, None, "high", ("climate", "ocean"), 7200)),
        (Partition("p", groups=("Lab",)), Access(None, None, None, ("climate", "ocean"), 86400)),
    ],
)
def test_what_a_job_has_to_name(partition: Partition, expected: Access) -> None:
    assert access(offer(partition), partition, ANN) == expected


@pytest.mark.parametrize(
    ("partition", "words"),
    [
        (Partition("p", state="DRAIN"), "its state is DRAIN"),
        (Partition("p", hidden=True), "hides"),
        (Partition("p", root_only=True), "only root"),
        (Partition("p", needs_reservation=True), "reservations"),
        (Partition("p", min_nodes=2), "2 nodes at least"),
        (Partition("p", groups=("other",)), r"none of its groups \(other\)"),
        (Partition("p", accounts=("bio",)), r"climate, ocean\) it takes none; it takes bio"),
        (Partition("p", denied_accounts=("climate", "ocean")), "it takes none"),
        (Partition("p", qos=("urgent",)), "qualities of service"),
    ],
)
def test_why_a_partition_cannot_be_used(partition: Partition, words: str) -> None:
    found = access(offer(partition), partition, ANN)
    assert found.refused is not None
    assert re.search(words, found.refused)


def test_root_is_asked_for_no_group_and_may_be_kept_out() -> None:
    root = User("root", frozenset({"root"}), is_root=True)
    for partition, refused in (
        (Partition("p", groups=("other",)), False),
        (Partition("p", root_only=True), False),
        (Partition("p", no_root=True), True),
    ):
        assert (access(offer(partition, enforced=frozenset()), partition, root).refused is not None) is refused


def test_accounts_count_only_where_they_are_enforced() -> None:
    partition = Partition("p", accounts=("bio",), qos=("urgent",))
    assert access(offer(partition, enforced=frozenset()), partition, ANN).refused is None
    nobody = Site((partition,), (), enforced=ENFORCED)
    assert str(access(nobody, partition, ANN).refused).startswith("you have no account; it takes bio")


PARTITIONS = """\
PartitionName=grp Nodes=ALL AllowGroups=daemon State=UP
PartitionName=mine Nodes=ALL AllowGroups=nogroup State=UP
PartitionName=acc Nodes=ALL AllowAccounts=climate State=UP
PartitionName=rootp Nodes=ALL RootOnly=YES State=UP
PartitionName=drained Nodes=ALL State=DRAIN
PartitionName=resv Nodes=ALL ReqResv=YES State=UP"""


@pytest.mark.requires("slurm", "root")
def test_what_is_said_of_access_is_what_slurm_does(make_slurm: Callable[..., PrivateSlurm]) -> None:
    slurm = make_slurm(nodes=1, extra=PARTITIONS)
    site = slurm_site.ask_site(Slurm(), NOBODY)
    assert not isinstance(site, Unknown)
    as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=/tmp")
    for partition in site.partitions:
        if partition.state == "DOWN":  # Slurm takes jobs there, and starts none
            continue
        words = ("sbatch", "--test-only", f"--partition={partition.name}", "--chdir=/tmp", "--output=/dev/null")
        done = slurm.run(*as_nobody, *words, check=False, text="#!/bin/bash\ntrue\n")
        assert (access(site, partition, NOBODY).refused is None) is (done.returncode == 0), (partition, done.stderr)


@pytest.mark.requires("slurm")
def test_a_live_site(slurm: PrivateSlurm) -> None:
    site = slurm_site.ask_site(Slurm(), User.of_process())

    assert not isinstance(site, Unknown)
    assert [one.name for one in site.partitions if one.default] == ["debug"]
    assert {(one.name, one.cores, one.memory) for one in site.nodes} == {
        (f"n{i}", slurm.cpus, slurm.mem * 2**20) for i in (1, 2, 3)
    }
    assert site.notes == (f"{slurm_site.ACCOUNTING_OFF}.",)


@pytest.mark.requires("slurm")
def test_a_controller_that_is_down_is_unknown(slurm: PrivateSlurm) -> None:
    slurm.controller_down()
    answer = slurm_site.ask_site(Slurm(), NOBODY, timeout=1.0)
    assert isinstance(answer, Unknown)
    assert "scontrol did not answer within 1 s" in answer.reason
