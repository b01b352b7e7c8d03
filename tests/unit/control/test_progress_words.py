"""Progress in words, as lines of text, and as HTML that any program shows."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_steward.console.progress_text import computation_lines, progress_text, short
from dask_steward.control.display import html_of
from dask_steward.control.progress_html import progress_html
from dask_steward.control.progress_words import bar, headline, span, time_left
from dask_steward.progress_data import Computation, ProgressView


def group(name: str = "mean", done: int = 240, total: int = 2000, **more: Any) -> Any:
    base = {"erred": 0, "running": 2, "cancelled": 0, "memory": 0, "spilled": 0, "seconds": 0.5}
    return {"name": name, "done": done, "total": total, **base, **more}


def computation(**more: Any) -> Computation:
    base: dict[str, Any] = {
        "id": "c1",
        "client": "Client-1",
        "name": "mean",
        "status": "running",
        "started": 100.0,
        "ended": None,
        "groups": [group("open_dataset", 1000, 1000, memory=2**30, spilled=2**29), group()],
        "more": 0,
        "done": 1240,
        "total": 3000,
        "erred": 0,
        "running": 2,
        "cancelled": 0,
        "memory": 2**30,
        "spilled": 2**29,
        "per_second": 212.4,
        "left": {"low": 60.0, "high": 130.0},
        "waits": None,
        "error": None,
    }
    return {**base, **more}  # type: ignore[return-value]


ERROR = {
    "key": "('mean-abc', 3)",
    "name": "mean",
    "worker": "w0",
    "job": "4711",
    "message": "ValueError: no such day",
    "traceback": '  File "/home/ada/run.py", line 3, in f\n    raise ValueError("no such day")\n',
}


def view(*computations: Computation, **more: Any) -> ProgressView:
    base = {"cluster": "a", "cluster_name": "a", "warnings": [], "stale": None, "ended": False}
    return {**base, "computations": list(computations), **more}  # type: ignore[return-value]


def test_a_computation_in_one_line() -> None:
    assert headline(computation(), now=112.0) == (
        "mean 1240/3000, 212 tasks/s, 1 GiB in memory, 512 MiB on disk, 1–2 min left, 12 s so far"
    )


def test_one_that_has_ended_says_how() -> None:
    ended = computation(status="erred", ended=170.0, erred=3, left=None)
    assert headline(ended).startswith("mean 1240/3000 erred, 3 erred")
    assert headline(ended).endswith("in 1 min")


def test_lines_are_aligned_and_say_what_it_waits_for() -> None:
    lines = computation_lines(computation(waits="3 workers queued: Priority"), now=112.0)
    assert lines[1:] == [
        "  open_dataset  ████████████████████  1000/1000  0.5 s a task, 1 GiB in memory, 512 MiB on disk",
        "  mean          ██░░░░░░░░░░░░░░░░░░   240/2000  0.5 s a task",
        "  waits: 3 workers queued: Priority",
    ]


def test_an_error_has_its_task_worker_job_and_traceback() -> None:
    text = progress_text(view(computation(error=ERROR)), now=112.0)
    assert "first error: ValueError: no such day" in text
    assert "in task ('mean-abc', 3) of mean on worker w0 in job 4711" in text
    assert '      File "/home/ada/run.py", line 3, in f' in text


def test_one_line_for_several() -> None:
    found = short(view(computation(), computation(name="sum")), now=112.0)
    assert "\n" not in found
    assert "sum 1240/3000" in found
    assert found.endswith("(+1 more)")


def test_nothing_yet_and_nothing_new() -> None:
    assert progress_text(view()) == "nothing was submitted yet"
    found = progress_text(view(computation(), stale="The keeper does not answer.", warnings=["Worker w0 is paused."]))
    assert "warning: Worker w0 is paused." in found
    assert "not up to date: The keeper does not answer." in found


def test_a_terminal_is_not_moved_by_what_a_task_says() -> None:
    wild = computation(name="a\x1b[2Jb", error={**ERROR, "message": "x\x1b[31m\ny", "traceback": "a\x1b[2J\n\tb"})
    text = progress_text(view(wild))
    assert "\x1b" not in text
    assert "\t" not in text


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_bar_is_full_only_at_the_end(done: int, total: int) -> None:
    found = bar(done, total)
    assert len(found) == 20
    assert ("░" not in found) == (total > 0 and done >= total)


@given(st.floats(0, 1e7), st.floats(1, 20))
def test_a_range_of_time_reads_forward(low: float, factor: float) -> None:
    found = time_left({"low": low, "high": low * factor})
    assert found.endswith(" left")
    assert span(low).partition(" ")[0] in found


# --- HTML -------------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Collects what a page may not have, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html_needs_nothing_and_closes_what_it_opens() -> None:
    found = Reader(progress_html(view(computation(error=ERROR, waits="x"), warnings=["y"], stale="z"), note="n"))

    assert set(found.tags) <= {"div", "p", "strong", "table", "tbody", "tr", "th", "td", "br", "pre"}
    assert {name for name, _ in found.attributes} <= {"style", "colspan"}
    assert "url(" not in str(found.attributes)
    text = "".join(found.text)
    for part in ("mean", "open_dataset", "1000/1000", "no such day", "worker w0", "waits: x", "Warning: y", "z", "n"):
        assert part in text


def test_html_shows_bars_without_any_style() -> None:
    """GitHub drops styles: a bar is text."""
    assert "████" in "".join(Reader(progress_html(view(computation()))).text)


def test_html_has_no_path_address_or_host() -> None:
    wild = {**ERROR, "message": "OSError: tcp://10.0.0.7:8786 node017", "traceback": 'File "/home/ada/run.py"'}
    found = progress_html(view(computation(error=wild), warnings=["node017 is full"]), hidden={"node017"})
    for private in ("10.0.0.7", "8786", "/home", "ada", "node017"):
        assert private not in found
    assert "run.py" in found


def test_html_runs_nothing_of_what_a_task_says() -> None:
    wild = computation(name="<script>", error={**ERROR, "message": "<img src=x onerror=alert(1)>"}, waits="</div>")
    found = Reader(progress_html(view(wild)))
    assert not {"script", "img"} & set(found.tags)


def test_the_clusters_html_has_its_computations_and_warnings() -> None:
    state = {
        "name": "mine",
        "state": "running",
        "reason": "on node017",
        "profile": "slurm",
        "system": "slurm",
        "workers": {"running": 2, "queued": 0, "asked": 2, "lost": 0},
        "threads": 4,
        "memory": {"limit": 2**30, "used": 2**29, "spilled": 2**20},
        "holdings": [{"node": "node017"}],
        "computations": [computation(error=ERROR)],
        "warnings": ["Worker w0 is paused."],
    }
    found = html_of(state)
    text = "".join(Reader(found).text)

    assert "512 MiB of 1 GiB, 1 MiB on disk" in text
    assert "open_dataset" in text
    assert "Worker w0 is paused." in text
    assert "node017" not in found
    assert "run.py" not in found  # a traceback is the Progress's


@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_less_than_a_second_is_a_second(seconds: float) -> None:
    assert span(seconds) == "1 s"
