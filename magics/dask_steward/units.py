"""Sizes in bytes, durations in seconds and walltimes, read from what people write.

Everything that ``dask.utils.parse_bytes`` and ``dask.utils.parse_timedelta`` take is taken with the same value,
without importing Dask. On top of it durations know ``min``, ``hr`` and ``sec``, sums ("1 h 30 min") and clock times
("01:30:00"), which Dask refuses. Negative, infinite and boolean values are errors here, since no field of a profile
has a use for them.

Two differences are on purpose: ``".5 s"`` is half a second, and nothing is no size. Dask reads 1.5 seconds and one byte
(it puts a 1 before what does not begin with a digit; seen in dask 2026.8).
"""

from __future__ import annotations

import math
import re

_SIZES = {"b": 1, "": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _SIZES |= {_letter: 1000**_power, f"{_letter}b": 1000**_power}
    _SIZES |= {f"{_letter}i": 1024**_power, f"{_letter}ib": 1024**_power}

_DURATIONS: dict[str, float] = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DURATIONS |= {"millisecond": 1e-3, "microsecond": 1e-6, "nanosecond": 1e-9}
_DURATIONS |= {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATIONS |= {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_DURATIONS |= {f"{unit}s": seconds for unit, seconds in tuple(_DURATIONS.items()) if len(unit) > 2}
# Not known to Dask, but what people write:
_DURATIONS |= {"sec": 1, "secs": 1, "min": 60, "mins": 60, "hr": 3600, "hrs": 3600}

_SIZE_WORDS = "a size such as 4 GB, 512 MiB or a number of bytes"
_DURATION_WORDS = "a duration such as 30 s, 10 min, 2 h, 1 d or a number of seconds"
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([^\W\d_]+)")
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d+):(\d+)")
_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+(?::\d+){0,2})")


def _split(text: str) -> tuple[str, str]:
    """Split ``"4GB"`` into ``("4", "GB")``: the longest tail of letters is the unit."""
    end = len(text)
    while end and text[end - 1].isalpha():
        end -= 1
    return text[:end], text[end:]


def _amount(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def parse_size(value: str | int | float) -> int:
    """Read a size.

    Parameters
    ----------
    value : str, int or float
        ``"4 GB"``, ``"512MiB"``, ``"1e9"`` or a number of bytes. ``k``, ``M``, ``G``, ``T``, ``P`` (with or without
        ``B``) are powers of 1000, ``Ki``, ``Mi`` … powers of 1024; capitals do not matter. A unit alone means one.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    ValueError
        With a sentence that says what is allowed.

    Examples
    --------
    >>> parse_size("4 GB"), parse_size("4 GiB"), parse_size(100)
    (4000000000, 4294967296, 100)
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be {_SIZE_WORDS}")
    if isinstance(value, str):
        text = value.replace(" ", "")
        if not text:
            raise ValueError(f"must be {_SIZE_WORDS}")
        number, unit = _split(text if any(character.isdigit() for character in text) else f"1{text}")
        amount = _amount(number)
        if amount is None:
            raise ValueError(f"must be {_SIZE_WORDS}")
        if unit.lower() not in _SIZES:
            raise ValueError(f"has no unit that is known ({unit}); must be {_SIZE_WORDS}")
        found: int | float = amount * _SIZES[unit.lower()]
    else:
        found = value
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError(f"must be finite: {_SIZE_WORDS}")
    if found < 0:
        raise ValueError(f"must not be negative: {_SIZE_WORDS}")
    return int(found)


def parse_duration(value: str | int | float) -> int | float:
    """Read a duration.

    Parameters
    ----------
    value : str, int or float
        ``"30 min"``, ``"1.5h"``, ``"300 ms"``, ``"1 h 30 min"``, ``"01:30:00"``, ``"1-12:00:00"`` (a day and a half)
        or a number of seconds. ``m`` is a minute. A unit alone means one.

    Returns
    -------
    int or float
        Seconds; an int where the value is whole.

    Raises
    ------
    ValueError
        With a sentence that says what is allowed.

    Examples
    --------
    >>> parse_duration("30 min"), parse_duration("300ms"), parse_duration("01:30:00"), parse_duration(5)
    (1800, 0.3, 5400, 5)
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be {_DURATION_WORDS}")
    text = _digits(value).replace(" ", "")
    if text.startswith("-") and text != "-":
        raise ValueError(f"must not be negative: {_DURATION_WORDS}")
    found = _clock(text)
    if found is None:
        found = _one(text)
    if found is None:
        found = _sum(text)
    if found is None:
        unit = _split(text)[1]
        known = f"has no unit that is known ({unit}); " if unit and unit.lower() not in _DURATIONS else ""
        raise ValueError(f"{known}must be {_DURATION_WORDS}")
    if not math.isfinite(found):
        raise ValueError(f"must be finite: {_DURATION_WORDS}")
    return int(found) if int(found) == found else found


def _digits(value: str | int | float) -> str:
    try:
        return str(value)
    except ValueError:  # an int of more than sys.get_int_max_str_digits() digits
        raise ValueError(f"is too large; must be {_DURATION_WORDS}") from None


def _clock(text: str) -> float | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def _one(text: str) -> float | None:
    """Read one number with one unit, by the rule of Dask's parse_timedelta."""
    if not text:
        return None
    number, unit = _split(text if text[0].isdigit() or text[0] == "." else f"1{text}")
    amount = _amount(number)
    factor = _DURATIONS.get(unit.lower() or "s")
    return None if amount is None or factor is None else amount * factor


def _sum(text: str) -> float | None:
    """Read ``1h30min``: several numbers, each with its unit."""
    total = 0.0
    end = 0
    for match in _PART.finditer(text):
        factor = _DURATIONS.get(match[2].lower())
        if match.start() != end or factor is None:
            return None
        total += float(match[1]) * factor
        end = match.end()
    return total if end and end == len(text) else None


def parse_walltime(value: str | int | float, *, bare: int = 60, pair: int = 60) -> int | None:
    """Read a walltime as a queue system does, or as a duration with units.

    Parameters
    ----------
    value : str, int or float
        ``"01:00:00"``, ``"2-12:00:00"``, ``"2-12"`` (days and hours), ``"90"``, ``"90:00"``, ``"2 h"`` or
        ``"unlimited"``.
    bare : int
        Seconds that a lone number counts: 60 for Slurm and LSF, 1 for PBS, SGE and HTCondor, 3600 for OAR.
    pair : int
        Seconds that the first of two numbers counts (``"90:00"``), and sixty times the second: 60 for Slurm
        (minutes:seconds; https://slurm.schedmd.com/sbatch.html#OPT_time) and PBS, 3600 for LSF and OAR (hours:minutes).

    Returns
    -------
    int or None
        Seconds, rounded up; None means without limit.

    Raises
    ------
    ValueError
        With a sentence that says what is allowed.

    Examples
    --------
    >>> parse_walltime("01:00:00"), parse_walltime("90"), parse_walltime("2-12"), parse_walltime("2 h")
    (3600, 5400, 216000, 7200)
    """
    words = "a walltime such as 01:30:00, 2-12:00:00 or 90 min"
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be {words}")
    text = _digits(value).strip()
    if text.lower() in ("unlimited", "infinite"):
        return None
    match = _WALLTIME.fullmatch(text)
    if match is None:
        try:
            seconds = parse_duration(text)
        except ValueError:
            raise ValueError(f"must be {words}") from None
    elif len(text) > 30:
        raise ValueError(f"is too long; must be {words}")
    else:
        parts = [int(part) for part in match[2].split(":")]
        if match[1] is not None:  # days-hours[:minutes[:seconds]]
            seconds = int(match[1]) * 86400 + sum(n * unit for n, unit in zip(parts, (3600, 60, 1), strict=False))
        elif len(parts) == 3:
            seconds = parts[0] * 3600 + parts[1] * 60 + parts[2]
        elif len(parts) == 2:
            seconds = parts[0] * pair + parts[1] * pair // 60
        else:
            seconds = parts[0] * bare
    if seconds <= 0:
        raise ValueError(f"must be more than nothing: {words}")
    return math.ceil(seconds)


def format_walltime(seconds: int | float) -> str:
    """Write a walltime as ``HH:MM:SS``, from a day on as ``D-HH:MM:SS``.

    Examples
    --------
    >>> format_walltime(5400), format_walltime(216000)
    ('01:30:00', '2-12:00:00')
    """
    minutes, second = divmod(math.ceil(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days}-{clock}" if days else clock


def format_size(size: int) -> str:
    """Write a size so that `parse_size` reads the same number of bytes again.

    Examples
    --------
    >>> format_size(4_000_000_000), format_size(512 * 1024**2), format_size(1500), format_size(1501)
    ('4 GB', '512 MiB', '1.5 kB', '1501')
    """
    for unit in ("PB", "PiB", "TB", "TiB", "GB", "GiB", "MB", "MiB", "kB", "KiB"):
        factor = _SIZES[unit.lower()]
        for text in (f"{size // factor} {unit}", f"{size / factor:.1f} {unit}"):
            if size >= factor and parse_size(text) == size:
                return text
    return str(size)


def format_duration(seconds: int | float) -> str:
    """Write a duration so that `parse_duration` reads the same number of seconds again.

    Examples
    --------
    >>> format_duration(1800), format_duration(5400), format_duration(0.3), format_duration(86400)
    ('30 min', '1.5 h', '300 ms', '1 d')
    """
    for unit, factor in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        for text in (f"{seconds / factor:.0f} {unit}", f"{seconds / factor:.1f} {unit}"):
            if seconds >= factor and parse_duration(text) == seconds:
                return text
    return f"{seconds} s"


def size_text(number: float | None) -> str:
    """Return a number of bytes for a person, to three digits.

    Examples
    --------
    >>> size_text(4_000_000_000), size_text(1500), size_text(0)
    ('3.73 GiB', '1.46 KiB', '0 B')
    """
    if number is None:
        return ""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while abs(number) >= 1000 and len(units) > 1:
        number /= 1024
        units.pop(0)
    return f"{number:.0f} B" if units[0] == "B" else f"{number:.3g} {units[0]}"
