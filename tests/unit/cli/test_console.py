"""Arguments, tables and sentences that the shell and the magics share."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from dask_steward.console import arguments, held, moments, sentences, tables
from dask_steward.console.arguments import HelpShown, Parser
from dask_steward.errors import UsageError


@pytest.mark.parametrize("module", [arguments, held, moments, sentences, tables])
def test_examples_in_the_documentation(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def state(**changes: Any) -> dict[str, Any]:
    """Return a cluster's state as its keeper answers."""
    return {
        "id": "a123456789",
        "name": "night",
        "profile": "slurm",
        "system": "slurm",
        "state": "running",
        "reason": None,
        "since": 1000.0,
        "workers": {"asked": 4, "queued": 0, "running": 4, "lost": 0},
        "holdings": [],
        **changes,
    }


class TestParser:
    def test_an_error_is_an_exception_with_one_sentence(self) -> None:
        parser = Parser(prog="x")
        parser.add_argument("--jobs", type=arguments.whole(1))
        with pytest.raises(UsageError) as caught:
            parser.parse_args(["--jobs", "0"])
        assert str(caught.value) == "--jobs: must be 1 or more, not 0. See: x --help."

    def test_abbreviations_are_errors(self) -> None:
        # An abbreviation that works today means something else once an option is added.
        parser = Parser(prog="x")
        parser.add_argument("--workers")
        with pytest.raises(UsageError, match="--work"):
            parser.parse_args(["--work", "1"])

    def test_help_does_not_end_the_process(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(HelpShown):
            Parser(prog="x").parse_args(["--help"])
        assert capsys.readouterr().out.startswith("usage: x")

    @pytest.mark.parametrize(("text", "seconds"), [("1.5", 1.5), ("5 min", 300.0), ("0", 0.0)])
    def test_time_limits(self, text: str, seconds: float) -> None:
        assert arguments.seconds(text) == seconds


class TestSettings:
    def test_the_value_may_hold_anything(self) -> None:
        assert arguments.parse_settings(["environment.A=b=c d", "x="]) == {"environment.A": "b=c d", "x": ""}

    @pytest.mark.parametrize("pairs", [["x"], ["=1"], [" =1"], ["a=1", "a=2"]])
    def test_wrong_ones(self, pairs: list[str]) -> None:
        with pytest.raises(UsageError):
            arguments.parse_settings(pairs)


class TestTable:
    def test_numbers_stand_right_and_wide_letters_count_double(self) -> None:
        found = tables.table(("NAME", ">N", "WHY"), [["日本", 5, None], ["ab", 10, "x"]])
        assert found == "NAME   N  WHY\n日本   5\nab    10  x"

    def test_a_cell_cannot_break_the_table_or_the_terminal(self) -> None:
        assert tables.one_line("a\nb\t\x1b[31mc") == "a b ?[31mc"

    def test_colour_does_not_move_columns(self) -> None:
        plain = tables.table(("STATE", "X"), [["ok", 1], ["failed", 2]])
        painted = tables.table(("STATE", "X"), [["ok", 1], ["failed", 2]], paint=lambda _, text: f"<{text}>")
        assert painted.replace("<", "").replace(">", "") == plain


class TestSentences:
    def test_workers_are_never_one_number_when_they_differ(self) -> None:
        found = sentences.workers(state(workers={"asked": 6, "queued": 3, "running": 2, "lost": 1}))
        assert found == "2 workers running, 3 queued, 1 lost, 6 asked for"

    def test_a_finished_start(self) -> None:
        assert sentences.progress(state(), 1.14, end=True) == "night: 4 workers running (1.1 s)"

    def test_a_waiting_start_says_why(self) -> None:
        waiting = state(
            state="pending",
            workers={"asked": 4, "queued": 4, "running": 0, "lost": 0},
            holdings=[{"state": "queued", "reason": "Slurm: Resources, expected 14:05"}],
        )
        assert sentences.progress(waiting, 3.2) == (
            "night: pending, 0 workers running, 4 queued, 4 asked for — Slurm: Resources, expected 14:05 (3.2 s)"
        )

    def test_a_start_that_was_not_waited_for_is_not_called_running(self) -> None:
        assert sentences.progress(state(state="starting"), 0.1, end=True).startswith("night: starting, ")

    def test_all_about_a_cluster_leaves_out_what_is_not_known(self) -> None:
        text = sentences.cluster_text(state(reason="because", warnings=["disk full"]))
        assert "reason   because" in text
        assert "warning  disk full" in text
        assert "dashboard" not in text
        assert "None" not in text

    def test_an_application_has_its_managers_page_and_what_defends_it_is_said(self) -> None:
        held = [{"kind": "application", "id": "application_1_2", "state": "running", "link": "http://rm/app/1"}]
        defences = [
            {"name": "line", "in_force": True, "words": "it ends itself"},
            {"name": "lifetime", "in_force": False, "words": "YARN says no", "at": None},
        ]
        text = sentences.cluster_text(state(holdings=held, defences=defences))
        assert "manager's page  http://rm/app/1" in text
        assert "defence         line: it ends itself" in text
        assert "defence         lifetime (not in force): YARN says no" in text

    def test_nothing_held_is_an_answer(self) -> None:
        assert held.held_text([]) == "held: nothing"

    def test_one_log_has_no_headline(self) -> None:
        assert sentences.logs_text({"keeper": "a\n"}) == "a"
        assert sentences.logs_text({"keeper": "a", "job 1": "b"}) == "== keeper ==\na\n\n== job 1 ==\nb"
