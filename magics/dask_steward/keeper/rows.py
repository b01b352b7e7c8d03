"""Rows of tables, workers or jobs: taken only while somebody looks, and told as what has changed since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from dask_steward.errors import UsageError

Row = dict[str, Any]

#: Seconds between two looks while somebody follows; a page that is asked for takes rows of half that age.
INTERVAL = 1.0
#: Rows of a page at most, and where no number is given.
MOST, USUAL = 10_000, 100


class Rows:
    """The rows of one table.

    Parameters
    ----------
    key : str
        The field that names a row, unique in the table.
    take : callable
        Returns all rows as they are now.

    Attributes
    ----------
    version : int
        Rises with each change that was seen.
    """

    def __init__(self, key: str, take: Callable[[], Awaitable[list[Row]]]) -> None:
        self.version = 0
        self._key, self._take = key, take
        self._rows: dict[str, Row] = {}
        self._taken: float | None = None
        self._taking = asyncio.Lock()

    async def page(self, offset: int = 0, limit: int = USUAL, sort: str | None = None) -> dict[str, Any]:
        """Return part of the rows: ``{version, total, offset, rows}``.

        Parameters
        ----------
        offset, limit : int
            Which rows.
        sort : str, optional
            A field, with ``-`` before it for the largest first; rows that have no value there come last.

        Raises
        ------
        UsageError
            If there is no such field.
        """
        rows = list((await self._now()).values())
        if sort:
            rows = _sorted(rows, sort)
        found = rows[offset : offset + min(limit, MOST)]
        return {"version": self.version, "total": len(rows), "offset": offset, "rows": found}

    async def follow(self, beat: float) -> AsyncIterator[tuple[str, dict[str, Any]] | None]:
        """Yield ``snapshot`` with all rows, then ``delta`` whenever some have changed, at most once a second.

        None stands for a `beat` (seconds) without news.
        """
        seen, version = await self._now(), self.version
        rows = list(seen.values())
        yield "snapshot", {"version": version, "total": len(rows), "offset": 0, "rows": rows}
        told = time.monotonic()
        while True:
            await asyncio.sleep(INTERVAL)
            rows_now = await self._now()
            if self.version != version:
                since, version = version, self.version
                before, seen, told = seen, rows_now, time.monotonic()
                # A row that did not change is the same object: see `_now`.
                changed = [row for key, row in seen.items() if before.get(key) is not row]
                gone = [key for key in before if key not in seen]
                counts = {"since": since, "version": version, "total": len(seen)}
                yield "delta", {**counts, "changed": changed, "gone": gone}
            elif time.monotonic() - told >= beat:
                told = time.monotonic()
                yield None

    async def _now(self) -> dict[str, Row]:
        """Return the rows by key; those of a moment ago serve several readers."""
        async with self._taking:
            if self._taken is None or time.monotonic() - self._taken > INTERVAL / 2:
                before = self._rows
                found = {row[self._key]: row for row in await self._take()}
                self._rows = {key: before[key] if before.get(key) == row else row for key, row in found.items()}
                if (
                    self._taken is None
                    or before.keys() != self._rows.keys()
                    or any(before[key] is not row for key, row in self._rows.items())
                ):
                    self.version += 1
                self._taken = time.monotonic()
            return self._rows


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    field = sort.removeprefix("-")
    if rows and field not in rows[0]:
        raise UsageError(
            f"sort: {field!r} is no field of these rows.",
            field="sort",
            value=sort,
            hint=f"They have {', '.join(rows[0])}.",
        )
    known = [row for row in rows if row[field] is not None]
    return sorted(known, key=lambda row: row[field], reverse=sort.startswith("-")) + [
        row for row in rows if row[field] is None
    ]
