"""Geometry of the staff's charts: whole numbers, which templates write into SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 1_000  # units of a column or bar that is full
STEP, WIDTH = 10, 8  # units from column to column, and of a column


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a column, from the top."""

    kind: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a stack; `words` say its figures."""

    x: int
    words: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Stack:
    """Columns side by side, `top` is what the highest line stands for."""

    columns: list[Column]
    top: int
    step: int = STEP
    column_width: int = WIDTH
    height: int = HEIGHT

    @property
    def width(self) -> int:
        return STEP * len(self.columns)


def stack(labels: Sequence[str], counts: dict[str, list[int]], titles: dict[str, str]) -> Stack:
    """Draw a column for each label: the kinds on top of each other, in their order from below."""
    totals = [sum(counts[kind][number] for kind in counts) for number in range(len(labels))]
    top = rounded_up(max(totals, default=0))
    columns = []
    for number, label in enumerate(labels):
        figures = {kind: counts[kind][number] for kind in counts}
        told = ", ".join(f"{figure:,} {titles[kind]}" for kind, figure in figures.items() if figure)
        columns.append(Column(STEP * number, f"{label}: {told or 'none'}", _parts(figures, top)))
    return Stack(columns, top)


def _parts(figures: dict[str, int], top: int) -> list[Part]:
    parts, below = [], 0
    for kind, figure in figures.items():
        first, last = (HEIGHT * edge // top for edge in (below, below + figure))
        below += figure
        if last > first:
            parts.append(Part(kind, HEIGHT - last, last - first))
    return parts


def length(part: int, whole: int) -> int:
    """Give the length of a bar, of HEIGHT for the whole; what is not nothing can be seen."""
    if part <= 0 or whole <= 0:
        return 0
    return max(HEIGHT * min(part, whole) // whole, 5)


def rounded_up(number: int) -> int:
    """Give the next of the round numbers 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, …"""
    size = 1
    while True:
        for first in (10, 15, 20, 30, 40, 50, 60, 80):
            if number <= first * size:
                return first * size
        size *= 10
