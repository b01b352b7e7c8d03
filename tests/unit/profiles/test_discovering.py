"""Profiles from what a site offers, and files that keep what a person wrote."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from dask_steward.control import preview_text, probing
from dask_steward.errors import ProfileError
from dask_steward.managers.slurm_offer import Node, Partition, Site, User
from dask_steward.profiles import ProfileStore, discovered, discovering
from dask_steward.profiles.discovering import Found, Kind, Proposal, propose, shape_of
from dask_steward.profiles.layers import Layer

GIB = 2**30
ANN = User("ann", frozenset({"users"}))


@pytest.mark.parametrize("module", [discovering, preview_text])
def test_examples_in_the_documentation(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


def nodes(count: int, cores: int, memory: int, **more: object) -> list[Node]:
    return [Node(f"n{cores}{memory}{i}", ("p",), cores, memory, **more) for i in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("partition", "kind", "shape"),
    [
        # A quarter of a node, with a quarter of its memory.
        (Partition("p"), Kind(9, 64, 256 * GIB), (16, 4, 64 * GIB, 0)),
        (Partition("p", exclusive=True), Kind(9, 64, 256 * GIB), (64, 8, 256 * GIB, 0)),
        # Two processes of 2 GiB, although 4 cores would be 4.
        (Partition("p"), Kind(9, 4, 5 * GIB), (4, 2, 5 * GIB, 0)),
        (Partition("p", max_memory_per_cpu=GIB), Kind(9, 64, 256 * GIB), (16, 4, 16 * GIB, 0)),
        (Partition("p", max_memory_per_node=3 * GIB), Kind(9, 8, 256 * GIB), (8, 1, 3 * GIB, 0)),
        # One GPU of four, with its share.
        (Partition("p"), Kind(9, 48, 400 * GIB, "a100", 4), (12, 1, 100 * GIB, 1)),
        (Partition("p", exclusive=True), Kind(9, 48, 400 * GIB, "a100", 4), (48, 1, 400 * GIB, 4)),
    ],
)
def test_a_job_of_a_sensible_size(partition: Partition, kind: Kind, shape: tuple[int, int, int, int]) -> None:
    found = shape_of(partition, kind)
    assert (found.cores, found.processes, found.memory, found.gpus) == shape


def test_a_mixed_partition_has_a_profile_for_each_kind_of_node() -> None:
    site = Site(
        (Partition("p"),),
        (
            *nodes(2, 64, 1000 * GIB),
            *nodes(8, 64, 250 * GIB),
            *nodes(2, 64, 251 * GIB),  # the same hardware
            *nodes(1, 48, 500 * GIB, gpus=(("a100", 4),)),
            *nodes(1, 48, 500 * GIB, gpus=(("h100", 8),)),
        ),
    )

    found, left_out = propose(site, ANN)

    assert [one.name for one in found] == ["slurm-p", "slurm-p-1000g", "slurm-p-a100", "slurm-p-h100"]
    assert left_out == {}
    assert found[0].remarks[0].startswith("Nodes: 10, each with 64 CPUs, 250 GiB")
    gpu = found[2].fields
    assert gpu["options.job_extra_directives"] == ["--gres=gpu:a100:1"]
    assert gpu["options.worker_extra_args"] == ["--resources", "GPU=1"]


def test_names_are_never_given_twice() -> None:
    site = Site(
        (Partition("a/b"), Partition("a b"), Partition("ü" * 60)),
        tuple(Node(f"n{i}", ("a/b", "a b", "ü" * 60), 4 + i % 2, 8 * GIB) for i in range(4)),
    )

    names = [one.name for one in propose(site, ANN)[0]]

    assert len(set(names)) == len(names) == 6
    assert all(len(name) <= 64 for name in names)


@pytest.mark.parametrize(
    ("partition", "walltime"),
    [
        (Partition("p"), "04:00:00"),
        (Partition("p", default_time=600), "00:10:00"),
        (Partition("p", max_time=1800), "00:30:00"),
        (Partition("p", default_time=7200, max_time=3600), "01:00:00"),
    ],
)
def test_walltime(partition: Partition, walltime: str) -> None:
    (found,), _ = propose(Site((partition,), tuple(nodes(1, 4, 8 * GIB))), ANN)
    assert found.fields["options.walltime"] == walltime


# --- files ---


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore([Layer(tmp_path, "user")])


def proposal(**fields: object) -> Proposal:
    known = {"title": "P", "system": "slurm", "options.queue": "p", "options.cores": 4, "options.memory": "8 GiB"}
    more = {f"options.{name}": value for name, value in fields.items()}
    return Proposal("slurm-p", "p", {**known, **more}, ("Nodes: 3.",))


def run(store: ProfileStore, wanted: Proposal, probed: bool = True) -> discovered.Change:
    (change,) = discovered.changes(store.user_folder, [wanted], probed=[wanted.place] if probed else ())
    if change.action in ("new", "changed"):
        discovered.write(store, change)
    return change


def test_a_file_that_nobody_touched_is_written_anew(store: ProfileStore, tmp_path: Path) -> None:
    assert run(store, proposal()).action == "new"
    assert run(store, proposal()).action == "same"

    change = run(store, proposal(cores=8))

    assert change.action == "changed"
    assert "-  cores: 4\n+  cores: 8\n" in change.diff
    assert "discovered:" not in change.diff.replace('"# discovered:"', "")
    assert store.resolve("slurm-p").to_json()["options"]["cores"] == 8
    assert (tmp_path / "slurm-p.yaml").read_text() == discovered.text_of(proposal(cores=8))


def test_every_field_that_a_person_touched_stays(store: ProfileStore, tmp_path: Path) -> None:
    run(store, proposal(walltime="01:00:00", account="a"))
    file = tmp_path / "slurm-p.yaml"
    text = file.read_text().replace("title: P", "# mine\ntitle: Ours").replace("  account: a\n", "")
    file.write_text(text.replace("  cores: 4", "  cores: 2"))

    change = run(store, proposal(walltime="02:00:00", account="b", cores=8, memory="9 GiB"))

    assert change.action == "changed"
    assert set(change.kept) == {"title", "options.account", "options.cores"}
    options = store.resolve("slurm-p").to_json()["options"]
    assert (options["cores"], options["account"], options["walltime"]) == (2, None, "02:00:00")
    assert options["memory"] == 9 * GIB
    assert "# mine\ntitle: Ours" in file.read_text()
    # What was kept once is a person's for ever, also when the site comes back to what it was.
    assert run(store, proposal(walltime="02:00:00", account="b", cores=4, memory="9 GiB")).action == "changed"
    assert store.resolve("slurm-p").to_json()["options"]["cores"] == 2


def test_a_field_that_is_found_no_more_goes(store: ProfileStore) -> None:
    run(store, proposal(account="a"))
    run(store, proposal())
    assert store.resolve("slurm-p").to_json()["options"]["account"] is None


@pytest.mark.parametrize(
    "text",
    [
        "system: slurm\n",
        "# discovered: 1 nonsense\nsystem: slurm\n",
        "# discovered: 1 0123456789abcdef {broken\nsystem: slurm\n",
        "# discovered: 1 0123456789abcdef {broken}\nsystem: slurm\n",
        "",
    ],
)
def test_a_persons_file_is_left_alone(store: ProfileStore, tmp_path: Path, text: str) -> None:
    (tmp_path / "slurm-p.yaml").write_text(text)
    assert run(store, proposal()).action == "yours"
    assert (tmp_path / "slurm-p.yaml").read_text() == text


def test_a_generated_file_that_is_broken_by_hand_is_left_alone(store: ProfileStore, tmp_path: Path) -> None:
    run(store, proposal())
    file = tmp_path / "slurm-p.yaml"
    broken = file.read_text() + "options: {cores: [\n"
    file.write_text(broken)

    assert run(store, proposal(cores=8)).action == "same"
    assert file.read_text() == broken


def test_a_file_with_the_other_suffix_counts(store: ProfileStore, tmp_path: Path) -> None:
    (tmp_path / "slurm-p.yml").write_text("system: slurm\n")
    assert run(store, proposal()).action == "yours"
    assert not (tmp_path / "slurm-p.yaml").exists()


def test_a_file_that_changes_between_the_look_and_the_write_is_not_overwritten(
    store: ProfileStore, tmp_path: Path
) -> None:
    run(store, proposal())
    (change,) = discovered.changes(tmp_path, [proposal(cores=8)])
    file = tmp_path / "slurm-p.yaml"
    file.write_text(file.read_text() + "# a thought\n")

    with pytest.raises(ProfileError, match="changed meanwhile"):
        discovered.write(store, change)
    assert file.read_text().endswith("# a thought\n")


def test_what_a_probe_found_outlives_a_discovery_without_one(store: ProfileStore) -> None:
    run(store, proposal(interface="ib0", local_directory="$TMPDIR"))

    assert run(store, proposal(cores=8), probed=False).action == "changed"

    options = store.resolve("slurm-p").to_json()["options"]
    assert (options["interface"], options["local_directory"], options["cores"]) == ("ib0", "$TMPDIR", 8)


# --- what a probe printed ---

HERE = {"10.0.0.1": "eth0", "192.168.1.1": "ib0"}
REPORT = """\
node n7
scratch SLURM_TMPDIR ext2/ext3 /local/4711
scratch TMPDIR nfs /home/ann/tmp
address lo 127.0.0.1
address eth1 10.0.0.7
address ib0 192.168.1.7
reached 10.0.0.1 eth1
reached 192.168.1.1 ib0
python yes
steward-probe end
"""


@pytest.mark.parametrize(
    ("report", "found"),
    [
        (REPORT, Found("ib0", None, "$SLURM_TMPDIR")),
        (REPORT.replace("reached 192.168.1.1 ib0\n", ""), Found("eth1", "eth0", "$SLURM_TMPDIR")),
        (REPORT.replace("ext2/ext3", "lustre"), Found("ib0")),
        (REPORT.replace("ext2/ext3", "tmpfs"), Found("ib0")),
        (REPORT.replace("SLURM_TMPDIR ext2/ext3", "TMPDIR xfs"), Found("ib0", None, "$TMPDIR")),
        # What jobs merely inherit from here says nothing of the nodes.
        (REPORT.replace("SLURM_TMPDIR ext2/ext3 /local/4711", "TMPDIR xfs /tmp/ann"), Found("ib0")),
        # A node that is this machine.
        ("address eth0 10.0.0.1\nreached 10.0.0.1 lo\n", Found("eth0")),
    ],
)
def test_a_report_of_a_probe(report: str, found: Found) -> None:
    assert probing.read(report, HERE, tmpdir="/tmp/ann") == found


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (REPORT.replace("python yes", "python no"), "options.python"),
        ("node n7\npython yes\n", "cannot reach this machine by TCP (10.0.0.1, 192.168.1.1)"),
        ("reached 10.0.0.1 \n", "lack the command ip"),
    ],
)
def test_what_a_probe_says_against_a_partition(report: str, words: str) -> None:
    assert words in str(probing.read(report, HERE, tmpdir="").problem)
