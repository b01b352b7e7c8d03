"""Moments as a person reads them."""

from __future__ import annotations

import time
from datetime import datetime


def ago(then: float | str | None, now: float | None = None) -> str:
    """Return how long ago a moment was, short.

    Examples
    --------
    >>> [ago(1000 - s, 1000) for s in (0.4, 59, 61, 7300, 180000)]
    ['0 s', '59 s', '1 min', '2 h 1 min', '2 d 2 h']
    """
    moment = epoch(then)
    if moment is None:
        return ""
    passed = max(0, int((time.time() if now is None else now) - moment))
    if passed < 60:
        return f"{passed} s"
    minutes, hours, days = passed // 60, passed // 3600, passed // 86400
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days < 1 else f"{days} d {hours % 24} h"


def epoch(moment: float | str | None) -> float | None:
    """Return a moment (seconds since the epoch, or ISO 8601) as seconds since the epoch."""
    if moment is None or isinstance(moment, (int, float)):
        return moment
    try:
        return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
