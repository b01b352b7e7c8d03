"""Parts of logs: whatever stands in a file, parts join to the whole and never stop before its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_steward.control import log_parts
from dask_steward.control.log_parts import NoSuchLog


def whole(path: Path, limit: int) -> tuple[str, int]:
    """Read a file part by part."""
    text, offset = "", 0
    while True:
        part = log_parts.read(str(path), "job 1", offset, limit)
        assert part.offset == offset
        assert part.next - offset <= limit
        if part.next == offset:
            return text, offset
        text, offset = text + part.text, part.next


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200), st.integers(4, 40))
def test_parts_of_a_text_join_to_it(tmp_path_factory: pytest.TempPathFactory, text: str, limit: int) -> None:
    file = tmp_path_factory.mktemp("log") / "a.log"
    file.write_text(text, newline="")
    assert whole(file, limit) == (text, len(text.encode()))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_what_is_no_text_is_read_to_its_last_character(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, limit: int
) -> None:
    file = tmp_path_factory.mktemp("log") / "a.log"
    file.write_bytes(data)
    _, end = whole(file, limit)
    assert len(data) - 3 <= end <= len(data)  # the last may be half a character, of which the rest still comes


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200), st.integers(1, 100))
def test_the_end_is_what_the_file_ends_with(tmp_path_factory: pytest.TempPathFactory, text: str, limit: int) -> None:
    file = tmp_path_factory.mktemp("log") / "a.log"
    file.write_text(text, newline="")
    part = log_parts.read(str(file), "job 1", None, limit)
    assert text.endswith(part.text)
    assert part.next == part.size == len(text.encode())
    assert len(part.text.encode()) <= limit


def test_a_character_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes("a€".encode()[:-1])
    first = log_parts.read(str(file), "job 1", 0, 100)
    assert (first.text, first.next) == ("a", 1)
    file.write_bytes("a€".encode())
    assert log_parts.read(str(file), "job 1", first.next, 100).text == "€"


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_what_is_no_file_is_no_log(tmp_path: Path, what: str) -> None:
    path = tmp_path if what == "folder" else tmp_path / "x"
    with pytest.raises(NoSuchLog):
        log_parts.read(str(path), "job 1", 0, 10)


def test_lines_of_a_log_that_forgets_its_beginning() -> None:
    assert log_parts.added([], ["a"]) == ["a"]
    assert log_parts.added(["a", "b", "b"], ["b", "b", "c"]) == ["c"]
    assert log_parts.added(["a", "b"], []) == []
    assert log_parts.added(["a"], ["b"]) == ["b"]
