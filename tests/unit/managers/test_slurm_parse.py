"""What Slurm printed, read: on output recorded from Slurm 22.05 and on what may happen to it on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.managers import slurm_parse
from dask_steward.managers.base import JobState, JobStatus

MARK = "5e4d3c2b1a09"
TAG = "dask-steward-abcdefghij"
RECORDED = (Path(__file__).parent / "recorded" / "squeue-22.05.txt").read_text(encoding="utf-8")


START = 1795268755.0
"""When job 5 of the recording was submitted."""


def recorded() -> dict[str, JobStatus]:
    return {status.id: status for status in slurm_parse.parse_squeue(RECORDED, MARK)}


def printed(*rows: dict[str, str], mark: str = MARK, header: bool = True) -> str:
    """Return what squeue prints for rows of fields; what a row does not name is as in a fresh queued job."""
    usual = {"JobArrayID": "1", "Name": TAG, "State": "PENDING", "Reason": "None", "NumCPUs": "1", "exit_code": "0"}
    top = [{field: field.upper() for field in slurm_parse.FIELDS}] if header else []
    return "".join(
        f"|{mark}|".join({**usual, **row}.get(field, "N/A") for field in slurm_parse.FIELDS) + f"<{mark}>\n"
        for row in [*top, *rows]
    )


@pytest.mark.parametrize(
    ("job", "state", "native", "reason"),
    [
        ("12", JobState.QUEUED, "PENDING", "Resources"),
        ("15", JobState.QUEUED, "PENDING", "JobHeldUser"),
        ("5", JobState.RUNNING, "RUNNING", None),
        ("3", JobState.ENDED, "COMPLETED", None),
        ("1", JobState.ENDED, "FAILED", "NonZeroExitCode"),
        ("4", JobState.ENDED, "NODE_FAIL", "NodeDown"),
    ],
)
def test_state_and_reason_are_read(job: str, state: JobState, native: str, reason: str | None) -> None:
    found = recorded()[job]
    assert (found.state, found.native, found.reason) == (state, native, reason)


def test_times_are_seconds_and_mean_what_their_names_say() -> None:
    jobs = recorded()

    waiting, running = jobs["12"], jobs["5"]
    assert (waiting.submitted, waiting.started, waiting.expected_start) == (START + 2, None, START + 601)
    assert (waiting.ends, waiting.ended) == (None, None)
    assert (running.started, running.expected_start, running.ended) == (START, None, None)
    assert (running.ends, running.limit) == (START + 600, 600.0)
    assert (jobs["3"].ended, jobs["3"].ends) == (START - 1, None)
    # Slurm gives a job that it never started the moment of its end as a start.
    assert jobs["24"].native == "CANCELLED"
    assert (jobs["24"].node, jobs["24"].started) == (None, None)


def test_where_a_job_waits_and_how_often_it_ran_are_read() -> None:
    jobs = recorded()

    assert (jobs["12"].partition, jobs["28"].partition) == ("debug", "normal")
    assert jobs["12"].priority == (jobs["13"].priority or 0) + 1
    assert jobs["15"].priority == 0  # held
    assert (jobs["8_1"].limit, jobs["22"].limit) == (3600.0, 86400.0)
    assert (jobs["12"].restarts, jobs["20"].restarts) == (0, 1)
    # Without accounting Slurm knows neither.
    assert (jobs["12"].account, jobs["12"].qos) == (None, None)


def test_exit_codes_are_told_for_jobs_that_are_over_only() -> None:
    jobs = recorded()
    assert {job: jobs[job].exit_code for job in ("1", "2", "3", "5", "12")} == {
        "1": "3",
        "2": "signal 9",
        "3": "0",
        "5": None,
        "12": None,
    }


def test_comment_user_node_and_cores_are_read() -> None:
    jobs = recorded()
    assert jobs["1"].comment == f"{TAG}:j1"
    assert jobs["3"].comment is None
    assert (jobs["5"].user, jobs["5"].node, jobs["5"].cores) == ("root", "n1", 4)


def test_tasks_of_our_arrays_are_jobs_of_their_own() -> None:
    jobs = recorded()
    assert [job for job in jobs if job.startswith("7_")] == [f"7_{task}" for task in (3, 4, 5, 6, 7, 8, 9, 1, 2)]
    assert jobs["7_9"].state is JobState.QUEUED
    assert jobs["7_1"].state is JobState.RUNNING


def test_arrays_of_others_stay_one_line() -> None:
    text = printed({"JobArrayID": "12_[1-999999%5]", "Name": "sweep"})
    assert [status.id for status in slurm_parse.parse_squeue(text, MARK)] == ["12_[1-999999%5]"]


def test_names_and_comments_may_hold_anything() -> None:
    odd = recorded()["27"]
    assert odd.name == "we|ird\tn\name é"
    assert odd.comment is not None
    assert odd.comment.startswith("line\nbreak|x")
    assert len(odd.comment) > 900  # and is not cut


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), min_size=1, max_size=5
    )
)
def test_no_name_or_comment_moves_a_field(jobs: list[tuple[str, str]]) -> None:
    text = printed(*({"JobArrayID": str(n), "Name": name, "Comment": note} for n, (name, note) in enumerate(jobs)))
    found = slurm_parse.parse_squeue(text, MARK)
    assert [(status.id, status.name) for status in found] == [(str(n), name) for n, (name, _) in enumerate(jobs)]


@pytest.mark.parametrize("native", ["BRAND_NEW_STATE", "", "running"])
def test_a_state_that_is_not_known_never_passes_for_gone(native: str) -> None:
    (status,) = slurm_parse.parse_squeue(printed({"State": native}), MARK)
    assert not status.state.gone


@pytest.mark.parametrize("native", ["REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "CONFIGURING"])
def test_a_job_that_will_be_started_again_is_not_gone(native: str) -> None:
    (status,) = slurm_parse.parse_squeue(printed({"State": native}), MARK)
    assert status.state is JobState.QUEUED


def test_an_empty_queue_is_a_header_and_nothing_else() -> None:
    assert slurm_parse.parse_squeue(printed(), MARK) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "Welcome to Hydra 2\n",
        "slurm_load_jobs error: Invalid user id",
        RECORDED.replace(MARK, "000000000000"),
    ],
)
def test_no_header_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="no list"):
        slurm_parse.parse_squeue(text, MARK)


def test_an_answer_that_is_cut_is_no_answer() -> None:
    """Regression guard for the worst mistake: jobs at the end of a list that was cut would count as gone."""
    whole = slurm_parse.parse_squeue(RECORDED, MARK)
    for length in range(len(RECORDED)):
        try:
            found = slurm_parse.parse_squeue(RECORDED[:length], MARK)
        except ValueError:
            continue
        # Only between two lines a cut cannot be seen; the exit status tells it.
        assert found == whole[: len(found)]
        assert RECORDED[:length].endswith(f"<{MARK}>\n")


def test_words_of_a_wrapper_around_the_list_are_passed_over() -> None:
    text = "*** Maintenance on Monday ***\n" + printed({"JobArrayID": "7"}) + "\nHave a nice day\n"
    assert [status.id for status in slurm_parse.parse_squeue(text, MARK)] == ["7"]


def test_a_line_with_the_clusters_name_is_passed_over() -> None:
    text = "CLUSTER: hydra\n" + printed({"JobArrayID": "7"}, {"JobArrayID": "8"})
    assert [status.id for status in slurm_parse.parse_squeue(text, MARK)] == ["7", "8"]


def test_something_else_where_an_id_belongs_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no job id"):
        slurm_parse.parse_squeue(printed({"JobArrayID": "oops"}), MARK)


@pytest.mark.parametrize(
    ("expression", "tasks"),
    [
        ("12", ("12",)),
        ("12_7", ("12_7",)),
        ("12+1", ("12+1",)),
        ("12_[3-5]", ("12_3", "12_4", "12_5")),
        ("12_[3-5%2]", ("12_3", "12_4", "12_5")),
        ("12_[1,4-5,9]", ("12_1", "12_4", "12_5", "12_9")),
        ("12_[0-8:4]", ("12_0", "12_4", "12_8")),
        ("12_[3-5,...]", ("12_[3-5,...]",)),
        ("12_[0-4000000]", ("12_[0-4000000]",)),
        ("12_[5-3]", ()),
    ],
)
def test_array_expressions(expression: str, tasks: tuple[str, ...]) -> None:
    assert slurm_parse.expand(expression) == tasks


@pytest.mark.parametrize(
    ("out", "job"),
    [
        ("4711\n", "4711"),
        ("4711;hydra\n", "4711"),
        ("4711;hydra-2.example\r\n", "4711"),
        ("*** Welcome ***\n2000\nhours left\n4711\n", "4711"),
        ("Submitted batch job 4711\n", None),  # not what --parsable prints: the job is looked for in the queue
        ("4711", None),  # half a line may be half an id
        ("4711;hyd", None),
        ("4711 is like yours\n", None),
        ("job 12 is like yours\n", None),
        ("", None),
        ("-5\n", None),
    ],
)
def test_the_id_is_found_in_what_sbatch_printed(out: str, job: str | None) -> None:
    assert slurm_parse.parse_sbatch(out) == job


@pytest.mark.parametrize("text", ["12", "12_3", "12_[3-5,7%2]", "12+1"])
def test_ids(text: str) -> None:
    assert slurm_parse.is_id(text)


@pytest.mark.parametrize("text", ["", "-u", "--me", "12 13", "12,13", "12_", "x12", "12\n", "all", "12_[*]"])
def test_what_is_no_id_never_reaches_scancel(text: str) -> None:
    assert not slurm_parse.is_id(text)


def test_complaints_become_one_line() -> None:
    err = (
        "sbatch: error: Memory specification can not be satisfied\n"
        "sbatch: error: Batch job submission failed: Requested node configuration is not available\n"
    )
    assert slurm_parse.words(err) == (
        "Memory specification can not be satisfied;"
        " Batch job submission failed: Requested node configuration is not available"
    )
    assert slurm_parse.words("slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n") == (
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    )
    assert slurm_parse.words("", "  only on standard output \n") == "only on standard output"
    assert slurm_parse.words("") == ""
