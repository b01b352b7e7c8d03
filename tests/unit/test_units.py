from __future__ import annotations

import math

import pytest
from dask.utils import byte_sizes, parse_bytes, parse_timedelta, timedelta_sizes
from hypothesis import example, given
from hypothesis import strategies as st

from dask_steward import units

NUMBERS = st.one_of(
    st.integers(0, 10**15).map(str),
    st.floats(0, 1e15, allow_nan=False).map(repr),
    st.sampled_from(["", "1e3", "1E3", "1_000", "007", "5.", "1e400"]),
)
SPACES = st.sampled_from(["", " ", "  "])
ANY = st.one_of(st.text(max_size=12), st.text("0123456789.eE+-_ kKmMgGtTpPiIbBsuhdw", max_size=10))


def read_or_refuse(read, value):
    """What a function makes of a value; None where it refuses."""
    try:
        found = read(value)
    except (ValueError, KeyError, IndexError, OverflowError):
        return None
    return found if isinstance(found, (int, float)) and math.isfinite(found) and found >= 0 else None


@given(
    st.tuples(SPACES, NUMBERS, SPACES, st.sampled_from([*byte_sizes, "GB", "GiB", "kB", "x"]), SPACES)
    .map("".join)
    .filter(str.strip)
)
@example("MB")
@example("5.4 kB")
def test_sizes_are_those_of_dask(text: str) -> None:
    assert read_or_refuse(units.parse_size, text) == read_or_refuse(parse_bytes, text)


@given(
    st.one_of(
        ANY.filter(lambda text: text.replace(" ", "")), st.integers(), st.floats().filter(lambda n: not -1 < n < 0)
    )
)
def test_whatever_dask_reads_as_a_size_is_read_the_same(value: object) -> None:
    assert read_or_refuse(units.parse_size, value) == read_or_refuse(parse_bytes, value)


@given(st.tuples(NUMBERS, SPACES, st.sampled_from([*timedelta_sizes, "Minutes", "x"])).map("".join))
@example("300 ms")
@example("w")
def test_durations_are_those_of_dask(text: str) -> None:
    assert read_or_refuse(units.parse_duration, text) == read_or_refuse(parse_timedelta, text)


@given(st.one_of(ANY.filter(lambda text: not text.strip().startswith(".")), st.integers(), st.floats()))
def test_whatever_dask_reads_as_a_duration_is_read_the_same(value: object) -> None:
    theirs = read_or_refuse(parse_timedelta, value)
    if theirs is not None:
        assert units.parse_duration(value) == theirs  # type: ignore[arg-type]


@given(ANY)
def test_a_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    for read in (units.parse_size, units.parse_duration, units.parse_walltime):
        sentence, found = "must", None
        try:
            found = read(text)
        except ValueError as error:
            sentence = str(error)
        assert "must" in sentence
        assert found is None or found >= 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 min", 1800),
        ("1 h 30 min", 5400),
        ("1h30m", 5400),
        ("2 hrs", 7200),
        ("01:30:00", 5400),
        ("1-12:00:00", 129600),
        (".5 s", 0.5),
    ],
)
def test_durations_that_dask_does_not_read(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value", [True, None, "", " ", "-5", "-5 s", "5 parsecs", "1:30", "nan", math.inf, math.nan, [], -1, 10**400]
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="must"):
        units.parse_duration(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [True, None, "", "-4 GB", "4 GX", "GB GB", math.inf, math.nan, "1e400", [], -1])
def test_what_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="must"):
        units.parse_size(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        # The forms of sbatch --time: https://slurm.schedmd.com/sbatch.html#OPT_time
        ("90", 5400),
        ("90:30", 5430),
        ("01:30:00", 5400),
        ("2-12", 216000),
        ("2-12:30", 217800),
        ("2-12:30:15", 217815),
        ("2 h", 7200),
        ("1.5 s", 2),
        (90, 5400),
        ("UNLIMITED", None),
        ("infinite", None),
    ],
)
def test_walltimes_as_slurm_reads_them(text: str, seconds: int | None) -> None:
    assert units.parse_walltime(text) == seconds


def test_walltimes_of_other_systems() -> None:
    assert units.parse_walltime("90", bare=1) == 90  # PBS: seconds
    assert units.parse_walltime("1:30", pair=3600) == 5400  # LSF: hours and minutes
    assert units.parse_walltime("2", bare=3600, pair=3600) == 7200  # OAR: hours


@pytest.mark.parametrize("value", ["", "0", "00:00:00", "abc", "1:2:3:4", "-1", "1-", "1:", True, None, "9" * 5000])
def test_what_is_no_walltime(value: object) -> None:
    with pytest.raises(ValueError, match="must"):
        units.parse_walltime(value)  # type: ignore[arg-type]


@given(st.integers(1, 10**9))
def test_a_walltime_that_is_written_is_read_again(seconds: int) -> None:
    assert units.parse_walltime(units.format_walltime(seconds)) == seconds


@given(st.integers(0, 2**53))
def test_a_size_that_is_written_is_read_again(size: int) -> None:
    assert units.parse_size(units.format_size(size)) == size


@given(st.one_of(st.integers(0, 10**9), st.floats(0, 1e9)))
def test_a_duration_that_is_written_is_read_again(seconds: float) -> None:
    assert units.parse_duration(units.format_duration(seconds)) == seconds


def test_the_differences_from_dask_are_still_there() -> None:
    # If this fails Dask has been mended, and the module's docstring can forget it.
    assert parse_timedelta(".5 s") == 1.5
    assert parse_bytes("") == 1
