"""Groups of a profile: jobs of other shapes, checked together with the profile's own options."""

from __future__ import annotations

import os

import pytest
from jsonschema import Draft202012Validator

from dask_steward.clusters.adaptive import Limits, limits_of
from dask_steward.errors import ProfileError
from dask_steward.profiles.groups import merged
from dask_steward.profiles.models import from_json
from dask_steward.profiles.schema import schema

BASE = """
system: slurm
options: {queue: normal, cores: 4, processes: 2, memory: 8 GB, account: climate}
groups:
  bigmem:
    scale: {jobs: 2}
    resources: {bigmem: 1}
    options: {memory: 64 GB, queue: large}
"""


def problems_of(site, text: str) -> list[str]:
    site.write("wrong", f"system: slurm\noptions: {{cores: 4, processes: 2, memory: 8 GB}}\n{text}")
    return [problem.split(": ", 1)[1] for problem in site.problems("wrong")]


def test_a_group_has_the_profiles_options_but_for_its_own(site) -> None:
    site.write("a", BASE)
    profile = site.store.resolve("a")
    group = profile.groups["bigmem"]
    options = merged(profile.options, group)
    assert (options.memory, options.queue, options.cores, options.account) == (64 * 10**9, "large", 4, "climate")
    assert (group.scale.jobs, group.resources) == (2, {"bigmem": 1.0})


def test_the_json_of_a_group_holds_only_what_it_says_itself(site) -> None:
    site.write("a", BASE)
    profile = site.store.resolve("a").expanded({})
    data = profile.to_json()
    assert data["groups"]["bigmem"]["options"] == {"memory": 64 * 10**9, "queue": "large"}
    assert from_json(data).to_json() == data
    assert from_json(data) == profile


def test_variables_of_a_group_are_replaced_at_the_start_and_those_of_the_node_are_not(site) -> None:
    site.write(
        "a",
        """
        system: slurm
        groups: {gpu: {options: {queue: $QUEUE, local_directory: $TMPDIR, cores: $CORES}}}
        """,
    )
    group = site.store.resolve("a").expanded({"QUEUE": "gpus", "CORES": "3"}).groups["gpu"]
    assert (group.options.queue, group.options.local_directory, group.options.cores) == ("gpus", "$TMPDIR", 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("groups: {big: {options: {memory: 64 XB}}}", "groups.big.options.memory = 64 XB: has no unit"),
        ("groups: {big: {options: {cores: 1}}}", "groups.big.options.processes = 2: is more than options.cores, 1"),
        ("groups: {big: {options: {partition: x}}}", "groups.big.options.partition = x: use queue"),
        ("groups: {big: {options: {memry: 1 GB}}}", "did you mean groups.big.options.memory?"),
        ("groups: {big: {memory: 1 GB}}", "did you mean groups.big.options.memory?"),
        ("groups: {big: {scale: {jobs: 1, cores: 2}}}", "groups.big.scale: names jobs and cores"),
        ("groups: {big: {adapt: {minimum: 3, maximum: 2}}}", "groups.big.adapt.minimum = 3: is more than"),
        ("groups: {big: {scale: {jobs: 3}, adapt: {maximum: 2}}}", "groups.big.scale.jobs = 3: is more than"),
        ("groups: {big: {resources: {mem: -1}}}", "groups.big.resources.mem = -1: must be a number of at least 0"),
        ('groups: {big: {options: {protocol: "tcp://"}}}', "groups.big.options.protocol: cannot be set for one group"),
        ("groups: {big: {options: {job_extra_directives: --array=1}}}", "groups.big.options.job_extra_directives[0]"),
        ("groups: {main: {}}", "main is the group of the profile's own options"),
        ("groups: {Big: {}}", "must be a name of lower-case letters"),
        (f"groups: {{{'b' * 33}: {{}}}}", "must be a name of lower-case letters"),
        ("groups: [big]", "must be a mapping of names to values"),
        ("groups: {big: 3}", "groups.big = 3: must be a mapping with the fields title, scale"),
    ],
)
def test_what_is_wrong_with_a_group_is_named_with_its_path(site, text: str, expected: str) -> None:
    found = problems_of(site, text)
    assert any(expected in problem for problem in found), found


def test_what_is_wrong_with_the_profiles_own_options_is_said_once(site) -> None:
    site.write("wrong", "system: slurm\noptions: {cores: 1, processes: 2}\ngroups: {a: {}, b: {}}")
    assert len(site.problems("wrong")) == 1


@pytest.mark.parametrize("system", ["local", "threads"])
def test_only_queue_systems_have_groups(site, system: str) -> None:
    site.write("a", f"system: {system}\ngroups: {{big: {{}}}}")
    assert any("unknown field" in problem for problem in site.problems("a"))


def test_extends_merges_groups_replaces_their_size_and_null_takes_one_away(site) -> None:
    site.write("base", BASE + "  gpu: {options: {queue: gpu}}\n")
    site.write(
        "child",
        """
        extends: base
        groups:
          bigmem: {scale: {cores: 12}, options: {memory: 128 GB}}
          small: {options: {cores: 2}}
          gpu: null
        """,
    )
    groups = site.store.resolve("child").groups
    assert sorted(groups) == ["bigmem", "small"]
    bigmem = groups["bigmem"]
    assert (bigmem.scale.jobs, bigmem.scale.cores) == (None, 12)
    assert (bigmem.options.memory, bigmem.options.queue, bigmem.resources) == (128 * 10**9, "large", {"bigmem": 1.0})


def test_values_of_a_start_reach_into_groups(site) -> None:
    site.write("a", BASE)
    profile = site.store.resolve(
        "a", {"groups.bigmem.options.memory": "96 GB", "groups.bigmem.scale.jobs": "5", "groups.new.scale.jobs": "1"}
    )
    assert profile.groups["bigmem"].options.memory == 96 * 10**9
    assert profile.groups["bigmem"].scale.jobs == 5
    assert profile.groups["new"].scale.jobs == 1
    with pytest.raises(ProfileError, match=r"groups\.bigmem\.options\.memry"):
        site.store.resolve("a", {"groups.bigmem.options.memry": "1 GB"})


def test_a_locked_option_holds_for_every_group(site) -> None:
    site.write("base", BASE + "lock: [options.account, options.queue]\n", "system")
    site.write("child", "extends: base\ngroups: {mine: {options: {account: other}}}")
    assert "groups.mine.options.account = other: is locked to climate" in site.problems("child")[0]
    # What the administrator gave a group is that group's own value, and stays.
    site.write("fine", "extends: base\ngroups: {mine: {options: {cores: 8}}}")
    profile = site.store.resolve("fine")
    assert profile.groups["bigmem"].options.queue == "large"
    with pytest.raises(ProfileError, match="is locked to large"):
        site.store.resolve("fine", {"groups.bigmem.options.queue": "normal"})
    with pytest.raises(ProfileError, match="is locked to climate"):
        site.store.resolve("fine", {"groups.late.options.account": "other"})


def test_a_field_of_a_group_can_be_locked(site) -> None:
    site.write("base", BASE + "lock: [groups.bigmem.options.memory]\n", "system")
    with pytest.raises(ProfileError, match="is locked to 64 GB"):
        site.store.resolve("base", {"groups.bigmem.options.memory": "128 GB"})
    site.write("typo", BASE + "lock: [groups.bigmem.options.memry]\n", "system")
    assert "did you mean groups.bigmem.options.memory" in site.problems("typo")[0]


def test_a_rule_of_the_site_holds_for_groups(site) -> None:
    site.write("_site", "lock: {slurm: {options.account: climate}}", "system")
    site.write("a", "system: slurm\noptions: {cores: 1}\ngroups: {mine: {options: {account: other}}}")
    assert any("groups.mine.options.account" in problem and "locked" in problem for problem in site.problems("a"))


@pytest.mark.parametrize(
    ("groups", "valid"),
    [
        ({"bigmem": {"scale": {"jobs": 2}, "options": {"memory": "64 GB"}}}, True),
        ({}, True),
        ({"Big": {}}, False),
        ({"main": {}}, False),
        ({"bigmem": {"memory": 3}}, False),
        ({"bigmem": {"scale": {"jobs": 1, "cores": 1}}}, False),
    ],
)
def test_the_schema_says_the_same_of_groups(groups: dict[str, object], valid: bool) -> None:
    assert Draft202012Validator(schema("slurm")).is_valid({"system": "slurm", "groups": groups}) is valid


def test_logs_are_kept_for_seven_days_unless_the_profile_says_else(site) -> None:
    site.write("a", "system: local")
    assert site.store.resolve("a").expanded(os.environ).to_json()["logs_kept"] == 7 * 86400
    assert site.store.resolve("a", {"logs_kept": "12 h"}).logs_kept == 12 * 3600


def test_adapting_has_hold_and_patience(site) -> None:
    site.write("a", "system: slurm\nadapt: {maximum: 3, hold: 5 min, queue_patience: 90 s}")
    adapt = site.store.resolve("a").adapt
    assert (adapt.hold, adapt.queue_patience) == (300, 90)


def test_a_profile_that_says_nothing_of_hold_leaves_it_to_the_keeper(site) -> None:
    # A default here would be taken for a wish: three looks of a second are no five minutes.
    site.write("a", "system: slurm\nadapt: {maximum: 3}")
    limits = limits_of(site.store.resolve("a").expanded({}).to_json()["adapt"])
    assert limits.hold == Limits(minimum=0, maximum=3).hold == 300
    assert limits.queue_patience is None
