"""Variables are replaced when a cluster starts, never when a file is read; and a profile travels as JSON."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.errors import ProfileError
from dask_steward.profiles import ProfileStore, from_json, variables

NAMES = st.sampled_from(["A", "B", "EMPTY", "NOT_SET"])
ENVIRON = {"A": "one", "B": "t w o", "EMPTY": ""}
PIECES = st.one_of(
    st.text("/ .-", max_size=5),
    NAMES.map("${{{}:-x y}}".format),
    NAMES.map("${{{}-z}}".format),
    st.sampled_from(["$A", "${A}", "$EMPTY", "${EMPTY}", "${NOT_SET:-$A}", "${NOT_SET:-${B:-c}}"]),
)


@given(st.lists(PIECES, max_size=6).map("".join))
def test_variables_mean_what_they_mean_in_a_shell(text: str) -> None:
    result = subprocess.run(
        ["/bin/sh", "-c", f'printf "%s" "{text}"'], env=ENVIRON, capture_output=True, text=True, check=True
    )
    assert variables.expand(text, ENVIRON) == result.stdout


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("$$A", "$A"), ("5$", "5$"), ("$5", "$5"), ("a$-b", "a$-b"), ("$$$A", "$one"), ("$A_", "?"), ("", "")],
)
def test_dollar_signs(text: str, expanded: str) -> None:
    assert variables.expand(text, {**ENVIRON, "A_": "?"}) == expanded


@pytest.mark.parametrize(
    "text", ["${", "${A", "${}", "${1}", "${A:?x}", "${A-${B}", "$NOT_SET", "${NOT_SET}", "${A:-" * 20 + "}" * 20]
)
def test_references_that_are_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"has |is not set"):
        variables.expand(text, ENVIRON)


@given(st.text("$A{}:-x", max_size=12))
def test_what_is_said_to_have_no_variable_is_not_changed(text: str) -> None:
    if not variables.has_variable(text):
        assert variables.expand(text, {}) == text.replace("$$", "$")


@pytest.fixture
def profile(site):
    site.write(
        "a",
        """
        description: costs $5 per $HOUR
        system: slurm
        scale: {jobs: $JOBS}
        adapt: {maximum: $MOST}
        idle_timeout: ${IDLE:-30 min}
        python: ~/bin/python
        environment: {DATA: $HOME/data, PRICE: $$5}
        tenure: ${TENURE:-kernel}
        options:
          cores: $CORES
          memory: ${MEM:-8 GB}
          local_directory: $TMPDIR
          job_script_prologue: [cd $SLURM_SUBMIT_DIR]
          worker_extra_args: [--name, $SLURM_JOB_ID]
          log_directory: $HOME/logs
          job_extra_directives: ["--mail-user=$USER"]
        """,
    )
    return site.store.resolve("a")


def test_a_file_is_read_without_any_environment(profile) -> None:
    assert profile.scale.jobs == "$JOBS"
    assert profile.idle_timeout == "${IDLE:-30 min}"


def test_expanded_profiles_have_values(profile) -> None:
    found = profile.expanded({"JOBS": "3", "MOST": "9", "HOME": "/home/ada", "CORES": "4", "USER": "ada"})
    assert (found.scale.jobs, found.adapt.maximum, found.idle_timeout, found.tenure) == (3, 9, 1800, "kernel")
    assert found.python == "/home/ada/bin/python"
    assert found.environment == {"DATA": "/home/ada/data", "PRICE": "$5"}
    assert (found.options.cores, found.options.memory) == (4, 8_000_000_000)
    assert found.options.log_directory == "/home/ada/logs"
    assert found.options.job_extra_directives == ("--mail-user=ada",)
    assert found.description == "costs $5 per $HOUR"


def test_fields_of_the_node_stay_as_written(profile) -> None:
    found = profile.expanded(
        {"JOBS": "3", "MOST": "9", "HOME": "/h", "CORES": "4", "USER": "ada", "TMPDIR": "/not/this"}
    )
    assert found.options.local_directory == "$TMPDIR"
    assert found.options.job_script_prologue == ("cd $SLURM_SUBMIT_DIR",)
    assert found.options.worker_extra_args == ("--name", "$SLURM_JOB_ID")


def test_the_local_directory_of_local_workers_is_on_this_machine(site) -> None:
    site.write("a", "system: local\noptions: {local_directory: $TMPDIR/x}")
    assert site.store.resolve("a").expanded({"TMPDIR": "/t"}).options.local_directory == "/t/x"


def test_expanding_names_every_problem_with_its_place(profile, site) -> None:
    with pytest.raises(ProfileError) as caught:
        profile.expanded({"JOBS": "many", "MOST": "9", "HOME": "/h", "USER": "a\nb", "TENURE": "kernl"})
    assert [str(problem).split("a.yaml:")[1] for problem in caught.value.problems] == [
        "10:10: options.cores = $CORES: the variable CORES is not set; set it, or write ${CORES:-default}",
        "3:15: scale.jobs = many: must be a whole number from 0 to 1000000",
        "8:9: tenure = kernl: is not one of the words that are known; "
        "allowed: kernel, server, process, detached; did you mean kernel?",
        "16:26: options.job_extra_directives[0] = '--mail-user=a\\nb': must not hold a line end",
    ]


def test_values_are_checked_together_after_expanding(profile) -> None:
    with pytest.raises(ProfileError, match=r"scale\.jobs = 10: is more than adapt\.maximum, 9"):
        profile.expanded({"JOBS": "10", "MOST": "9", "HOME": "/h", "CORES": "4", "USER": "ada"})


def test_what_comes_out_of_a_variable_is_not_expanded_again(site) -> None:
    site.write("a", "system: local\nenvironment: {A: $X}")
    found = site.store.resolve("a").expanded({"X": "$HOME ~/y $$"})
    assert found.environment == {"A": "$HOME ~/y $$"}
    assert found.expanded({}) is found


@pytest.mark.parametrize("name", ["local", "threads", "processes", "synchronous"])
def test_json_is_plain_and_has_an_inverse(name: str) -> None:
    profile = ProfileStore([]).resolve(name)
    assert from_json(json.loads(json.dumps(profile.to_json()))) == profile


def test_json_of_a_profile_before_and_after_expanding(profile) -> None:
    found = profile.expanded({"JOBS": "3", "MOST": "9", "HOME": "/h", "CORES": "4", "USER": "ada"})
    for each in (profile, found):
        assert from_json(json.loads(json.dumps(each.to_json()))) == each
    assert found.to_json()["idle_timeout"] == 1800
    assert found.to_json()["options"]["memory"] == 8_000_000_000
    assert found != profile


@pytest.mark.parametrize("data", [{}, {"system": "nope"}, {"system": "local", "x": 1}, {"system": None}])
def test_json_that_is_no_profile(data: dict[str, object]) -> None:
    with pytest.raises(ProfileError):
        from_json(data)
