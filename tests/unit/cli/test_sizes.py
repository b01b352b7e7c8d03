"""Sizes, groups and losses in words: what the shell and the magics share."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dask_steward.cli.parser import build_parser
from dask_steward.console import held, sentences
from dask_steward.console.arguments import adapt_arguments, scale_arguments
from dask_steward.control.sizes import of_group, size_now
from dask_steward.errors import UsageError
from dask_steward.magics.parser import line_parser, parse

UNIT = {"workers": 2, "cores": 4, "memory": 8_000_000_000}
GROUPS = {
    "main": {"asked": 4, "queued": 0, "running": 4, "lost": 0, "jobs": 2, "unit": UNIT, "adapt": None},
    "bigmem": {"asked": 6, "queued": 4, "running": 2, "lost": 0, "jobs": 3, "unit": UNIT, "adapt": None},
}


def shell(line: str) -> Any:
    return build_parser(["x"]).parse_args(line.split())


def magic(line: str) -> Any:
    return parse(line_parser(), line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("scale 3", {"workers": 3, "group": None}),
        ("scale 3 --jobs", {"jobs": 3, "group": None}),
        ("scale 3 --unit jobs --group bigmem", {"jobs": 3, "group": "bigmem"}),
        ("scale 10 --unit cores", {"cores": 10, "group": None}),
        ("scale 64GB --unit memory", {"memory": 64 * 10**9, "group": None}),
        ("scale 0", {"workers": 0, "group": None}),
    ],
)
def test_a_size_in_any_unit(line: str, expected: dict[str, Any]) -> None:
    assert scale_arguments(magic(line)) == expected
    assert scale_arguments(shell(line.replace("scale", "scale ID", 1))) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("adapt 0 8", {"minimum": 0, "maximum": 8, "group": None}),
        ("adapt 0 8 --group gpu --hold 2min", {"minimum": 0, "maximum": 8, "hold": "2min", "group": "gpu"}),
        (
            "adapt 1 2 --queue-patience 90s --target-duration 10s --interval 500ms",
            {
                "minimum": 1,
                "maximum": 2,
                "queue_patience": "90s",
                "target_duration": "10s",
                "interval": "500ms",
                "group": None,
            },
        ),
        ("adapt --off --group gpu", {"active": False, "group": "gpu"}),
    ],
)
def test_an_adaptive_size(line: str, expected: dict[str, Any]) -> None:
    assert adapt_arguments(magic(line)) == expected
    assert adapt_arguments(shell(line.replace("adapt", "adapt ID", 1))) == expected


@pytest.mark.parametrize("line", ["scale x", "scale 1.5", "scale 3GB", "scale 3XB --unit memory", "scale 1 --unit gb"])
def test_what_is_no_size(line: str) -> None:
    with pytest.raises(UsageError):
        scale_arguments(magic(line))


@pytest.mark.parametrize("line", ["adapt", "adapt 1", "adapt 3 1", "adapt --off --hold 1s", "adapt 1 2 --hold soon"])
def test_what_is_no_adaptive_size(line: str) -> None:
    with pytest.raises(UsageError):
        adapt_arguments(magic(line))


def test_the_size_that_a_group_has_now() -> None:
    state = {"workers": {"asked": 10}, "groups": GROUPS, "unit": UNIT}
    assert [size_now(state, group) for group in (None, "main", "bigmem", "gone")] == [2, 2, 3, 1]
    assert size_now({"workers": {"asked": 6}, "unit": {"workers": 1}}, None) == 6


@pytest.mark.parametrize("group", ["", 3, ["a"]])
def test_what_is_no_name_of_a_group(group: Any) -> None:
    with pytest.raises(UsageError, match="group"):
        of_group(group)


class TestWords:
    def state(self, **changes: Any) -> dict[str, Any]:
        workers = {"asked": 10, "queued": 4, "running": 6, "lost": 0}
        return {"id": "a", "name": "night", "state": "running", "workers": workers, "groups": GROUPS, **changes}

    def test_the_answer_to_a_change_of_size(self) -> None:
        text = sentences.resized(self.state(), "10 cores are rounded up to 3 jobs of 4 cores: 12 cores.")
        assert text == (
            "night: 6 workers running, 4 queued, 10 asked for\n10 cores are rounded up to 3 jobs of 4 cores: 12 cores."
        )
        assert sentences.resized(self.state(), None, "bigmem") == (
            "night, bigmem: 2 workers running, 4 queued, 6 asked for"
        )

    def test_an_adaptive_group_says_its_bounds(self) -> None:
        groups = {**GROUPS, "bigmem": {**GROUPS["bigmem"], "adapt": {"minimum": 0, "maximum": 4}}}
        assert sentences.resized(self.state(groups=groups), None, "bigmem").endswith("adapts between 0 and 4")
        assert held.groups_table(groups).splitlines()[2].endswith("0 to 4")

    def test_groups_are_shown_where_there_are_any(self) -> None:
        assert held.groups_table({"main": GROUPS["main"]}) == ""
        assert held.groups_table(GROUPS).splitlines() == [
            "GROUP   ASKED  QUEUED  RUNNING  LOST  JOBS",
            "main        4       0        4     0     2",
            "bigmem      6       4        2     0     3",
        ]

    def test_jobs_that_wait_say_why_since_when_and_until_when(self) -> None:
        now = time.time()
        job = {"kind": "job", "id": "4711", "state": "queued", "since": now - 61, "expected_start": now + 5}
        text = held.holdings_table([{**job, "group": "bigmem", "reason": "Priority: 3 jobs are before yours"}])
        header, row = text.splitlines()
        assert header.split() == ["KIND", "ID", "GROUP", "STATE", "NODE", "SINCE", "EXPECTED", "REASON"]
        assert "1 min" in row
        assert held.clock(now + 5) in row
        assert row.endswith("Priority: 3 jobs are before yours")

    def test_columns_without_anything_in_them_are_left_out(self) -> None:
        text = held.holdings_table([{"kind": "process", "id": "7", "state": "running", "group": "main"}])
        assert text.splitlines()[0].split() == ["KIND", "ID", "STATE", "NODE", "SINCE", "REASON"]

    def test_hundreds_of_jobs_end_in_a_line(self) -> None:
        jobs = [{"kind": "job", "id": str(n), "state": "running" if n < 50 else "queued"} for n in range(200)]
        lines = held.holdings_table(jobs).splitlines()
        assert len(lines) == held.MOST_ROWS + 2
        assert lines[-1] == "… and 160 more: 10 running, 150 queued (--json has all)"

    @pytest.mark.parametrize("log", ["one\n\nKilled \x1b[31mtwo\n", ["one", "", "Killed \x1b[31mtwo"]])
    def test_a_loss_says_where_when_why_and_how_its_log_ended(self, log: Any) -> None:
        loss = {"id": "4711", "node": "n3", "at": time.time() - 130, "reason": "its node failed", "log": log}
        assert held.losses_text([loss]).splitlines() == [
            "lost jobs: 1",
            "  4711 on n3, 2 min ago: its node failed",
            "      one",
            "      Killed ?[31mtwo",
        ]
        assert held.losses_text([{"id": None, "reason": "x"}]).splitlines()[1] == "  a job: x"
        assert held.losses_text([]) == ""

    def test_only_the_last_losses_are_told(self) -> None:
        text = held.losses_text([{"id": str(number), "reason": "x"} for number in range(9)])
        assert text.splitlines()[0] == "lost jobs: 9, the last 5"
        assert text.splitlines()[1:] == [f"  {number}: x" for number in range(4, 9)]

    def test_all_of_it_stands_in_the_status(self) -> None:
        jobs = [{"kind": "job", "id": "1", "state": "queued", "group": "main"}]
        text = sentences.cluster_text(self.state(holdings=jobs, losses=[{"id": "2", "reason": "x"}]))
        assert [part.split()[0] for part in text.split("\n\n")] == ["id", "GROUP", "KIND", "lost"]

    def test_the_list_of_all_says_how_long_logs_stay(self) -> None:
        until = time.time() + 60
        ended = self.state(state="stopped", logs_until=until, logs="/l")
        headers, rows = sentences.cluster_table([ended, self.state(state="stopped", logs_until=None)], ended=True)
        assert headers[-2:] == ("LOGS", "REASON")
        assert [row[-2] for row in rows] == [f"until {held.clock(until)}", ""]
        assert sentences.cluster_table([ended])[0] == sentences.CLUSTER_HEADERS
        assert f"/l, until {held.clock(until)}" in sentences.cluster_text(ended)
        assert "deleted" in sentences.cluster_text(self.state(state="stopped", logs="/l"))

    def test_no_logs_say_why(self) -> None:
        assert sentences.logs_text({}) == sentences.logs_text({}, self.state()) == "no logs yet"
        assert sentences.logs_text({}, {"state": "stopped", "logs_until": None}) == "no logs: they were deleted"
        assert sentences.logs_text({}, {"state": "failed", "logs_until": 1.0}) == "no such log"
