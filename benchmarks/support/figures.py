"""Figures of two sides from one run: medians, spread, and how they compare."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from support import machine


@dataclass
class Side:
    """The values of one side, in the order in which they were measured.

    Attributes
    ----------
    values : list of float
        In the unit of the figure.
    cut : set of int
        Values whose measurement was given up: the true value is above.
    """

    values: list[float] = field(default_factory=list)
    cut: set[int] = field(default_factory=set)

    def add(self, value: float, *, cut: bool = False) -> None:
        if cut:
            self.cut.add(len(self.values))
        self.values.append(value)

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values else math.nan

    @property
    def median_cut(self) -> bool:
        """Whether the median is a lower bound only."""
        return bool(self.cut) and self.median >= min(self.values[i] for i in self.cut)

    def show(self) -> str:
        if not self.values:
            return "–"
        sign = "> " if self.median_cut else ""
        low, high = min(self.values), max(self.values)
        more = ">" if self.cut else ""
        spread = f" ({_digits(low)}–{more}{_digits(high)})" if len(self.values) > 1 else ""
        return f"{sign}{_digits(self.median)}{spread}"


@dataclass
class Figure:
    """One quantity, ours and the peer's.

    Attributes
    ----------
    name, unit : str
        What it is.
    peer_name : str
        Whose figure stands beside ours.
    at_most, at_least : float or None
        The goal for ours / peer.
    limit : float or None
        The goal for ours alone: at most this, in the figure's unit.
    """

    name: str
    unit: str
    peer_name: str = ""
    at_most: float | None = None
    at_least: float | None = None
    limit: float | None = None
    ours: Side = field(default_factory=Side)
    peer: Side = field(default_factory=Side)

    @property
    def ratio(self) -> float | None:
        """Median of ours / median of the peer's."""
        if not self.ours.values or not self.peer.values or self.peer.median == 0:
            return None
        return self.ours.median / self.peer.median

    @property
    def pairs(self) -> list[float]:
        """Ours / the peer's of each alternation: what a slow change of the machine's load cannot move."""
        return [a / b for a, b in zip(self.ours.values, self.peer.values, strict=False) if b]

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.limit is not None and self.ours.values:
            return self.ours.median <= self.limit
        ratio = self.ratio
        if ratio is None:
            return None
        if self.at_most is not None:
            return ratio <= self.at_most
        return ratio >= self.at_least if self.at_least is not None else None

    def goal(self) -> str:
        if self.limit is not None:
            return f"≤ {_digits(self.limit)} {self.unit}"
        if self.at_most is not None:
            return f"≤ {self.at_most:g}×"
        return f"≥ {self.at_least:g}×" if self.at_least is not None else ""

    def row(self) -> list[str]:
        ratio, pairs = self.ratio, self.pairs
        below = "< " if self.peer.median_cut else ""
        met = {None: "", True: "met", False: "MISSED"}[self.met]
        pairwise = ""
        if pairs and ratio is not None:
            pairwise = f"{below}{statistics.median(pairs):.2f} ({min(pairs):.2f}–{max(pairs):.2f})"
        return [
            self.name,
            self.unit,
            self.ours.show(),
            self.peer.show(),
            f"{below}{ratio:.2f}" if ratio is not None else "",
            pairwise,
            " ".join(filter(None, (self.goal(), met))),
        ]

    def to_json(self) -> dict[str, Any]:
        def side(one: Side) -> dict[str, Any]:
            return {
                "values": one.values,
                "given_up": sorted(one.cut),
                "median": one.median if one.values else None,
            }

        return {
            "name": self.name,
            "unit": self.unit,
            "ours": side(self.ours),
            "peer": {"name": self.peer_name, **side(self.peer)},
            "ratio": self.ratio,
            "pairwise": self.pairs,
            "goal": self.goal(),
            "met": self.met,
        }


def _digits(value: float) -> str:
    return (
        f"{value:.0f}"
        if abs(value) >= 100 or float(value).is_integer()
        else f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table; the first is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


HEAD = ("figure", "unit", "ours: median (min–max)", "peer: median (min–max)", "ratio", "pair-wise", "goal")


def parser(description: str, runs: int) -> argparse.ArgumentParser:
    """Return the arguments that all benchmarks take."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--runs", type=_positive, default=runs, help=f"measurements of each side (default {runs})")
    made.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return made


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def say(text: str) -> None:
    """Tell how far it is, beside the result."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


def alternate(runs: int, figure: Figure, ours: Callable[[], float], peer: Callable[[], float]) -> None:
    """Measure A B A B …, the first side changing from pair to pair so that neither always comes after a pause."""
    for run in range(runs):
        sides = [(figure.ours, ours, "ours"), (figure.peer, peer, figure.peer_name)]
        for side, measure, name in sides if run % 2 == 0 else sides[::-1]:
            value = measure()
            side.add(value)
            say(f"{figure.name}: {name} {_digits(value)} {figure.unit}")


def report(title: str, figures: Sequence[Figure], *, as_json: bool, notes: Sequence[str] = ()) -> int:
    """Print the figures; return 1 when a goal was missed, else 0."""
    missed = any(one.met is False for one in figures)
    if as_json:
        result = {
            "benchmark": title,
            "date": time.strftime("%Y-%m-%d %H:%M"),
            "machine": machine.description(),
            "figures": [one.to_json() for one in figures],
            "notes": list(notes),
        }
        print(json.dumps(result, indent=1))
    else:
        print(f"### {title}\n\n{machine.sentence()}\n")
        print(table([HEAD, *(one.row() for one in figures)]))
        peers = sorted({one.peer_name for one in figures if one.peer_name})
        if peers:
            print(f"\npeer: {'; '.join(peers)}")
        for note in notes:
            print(f"* {note}")
        print(flush=True)
    return int(missed)
