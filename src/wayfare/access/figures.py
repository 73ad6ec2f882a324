"""What is published of visits to files: counts by month and by year, with small ones kept back. Pure.

A count under `SMALL` is not told. Nor may it follow from the others: where a total and all of its parts but one are
told, the smallest of those is kept back too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from wayfare.access.purposes import PURPOSES

SMALL = 5
"""Counts from here on are told."""
VISITS, APPROVED, UNAPPROVED = "visits", "approved", "unapproved"
COLUMNS = (VISITS, *PURPOSES, APPROVED, UNAPPROVED)
"""All visits; those by purpose, which add up to all; emergencies that a second person approved, and others."""
Cell = tuple[str, str]
"""A period, YYYY-MM or YYYY, and a column."""


class Line(NamedTuple):
    """A total and the cells that add up to it."""

    total: Cell
    parts: tuple[Cell, ...]

    def cells(self) -> tuple[Cell, ...]:
        """Return the total and its parts."""
        return (self.total, *self.parts)


class Figures(NamedTuple):
    """Counts by period and column, and which of them are not told."""

    counts: dict[Cell, int]
    kept_back: frozenset[Cell]

    def told(self, period: str, column: str) -> int | None:
        """Return a count, None if it is not told."""
        cell = period, column
        return None if cell in self.kept_back else self.counts[cell]

    def periods(self, years: bool) -> list[str]:
        """Return the whole years, or the months, newest first."""
        found = {period for period, _ in self.counts if (len(period) == 4) is years}
        return sorted(found, reverse=True)

    def per_thousand(self, period: str) -> float | None:
        """Return how many of a thousand visits were made in an emergency; None if that is not told."""
        broken, visits = self.told(period, "break_glass"), self.told(period, VISITS)
        return None if broken is None or not visits else 1000 * broken / visits


def months_until(first: str, end: str) -> list[str]:
    """Return the months from the first up to one that is not among them, each as YYYY-MM."""
    at, stop = (int(text[:4]) * 12 + int(text[5:]) - 1 for text in (first, end))
    return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(at, stop)]


def figures(counted: Mapping[Cell, int], end: str) -> Figures:
    """Return what is published of counts by month: of each month before `end` (YYYY-MM), and of each whole year.

    `counted`: by month and column, those of no count left out.
    """
    counted = {cell: n for cell, n in counted.items() if cell[0] < end}
    months = months_until(min((month for month, _ in counted), default=end), end)
    counts = {(month, column): counted.get((month, column), 0) for month in months for column in COLUMNS}
    for month in months:
        counts[month, VISITS] = sum(counts[month, purpose] for purpose in PURPOSES)
    years = [month[:4] for month in months if month.endswith("-12")]
    for year in years:
        for column in COLUMNS:
            counts[year, column] = sum(counts[month, column] for month in months if month.startswith(year))
    return Figures(counts, kept_back(counts, list(_lines(months, years))))


def _lines(months: Sequence[str], years: Sequence[str]) -> Iterator[Line]:
    for period in (*months, *years):
        yield Line((period, VISITS), tuple((period, purpose) for purpose in PURPOSES))
    for year in years:
        for column in COLUMNS:
            yield Line((year, column), tuple((month, column) for month in months if month.startswith(year)))


def kept_back(counts: Mapping[Cell, int], lines: Sequence[Line]) -> frozenset[Cell]:
    """Return the cells that are not told: small ones, and those from which a small one would follow within a line."""
    hidden = {cell for cell, n in counts.items() if n < SMALL}
    while True:
        more = {cell for line in lines if (cell := _to_hide(line, counts, hidden)) is not None}
        if not more:
            return frozenset(hidden)
        hidden |= more


def _to_hide(line: Line, counts: Mapping[Cell, int], hidden: set[Cell]) -> Cell | None:
    """Return what else of a line must be kept back, None if nothing has to."""
    unknown = [cell for cell in line.cells() if cell in hidden]
    told = [cell for cell in line.cells() if cell not in hidden]
    if not unknown or not told:
        return None
    full = line.total not in hidden and all(counts[cell] == SMALL - 1 for cell in unknown)
    if len(unknown) > 1 and not full:
        return None
    return min(told, key=lambda cell: (cell == line.total, counts[cell], cell))
