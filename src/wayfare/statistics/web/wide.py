"""A table of one or two dimensions as a page shows it: one in rows, the other in columns. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

MOST_ROWS, MOST_COLUMNS = 400, 12
"""What a page shows of a table; its files hold all of it."""


class Totals(NamedTuple):
    """The numbers at the edges: of each row, of each column, of all. Persons do not add up: each set is counted."""

    rows: dict[str, int]
    columns: dict[str, int]
    whole: int


class Wide(NamedTuple):
    """Rows by key, each with its numbers by column; the columns that are shown; how many of each are left out."""

    rows: dict[str, dict[str, int]]
    columns: list[str]
    totals: Totals
    left_rows: int
    left_columns: int


def added(rows: Iterable[Sequence[Any]]) -> Totals:
    """Return the totals of a table whose numbers add up."""
    by_row, by_column, whole = defaultdict[str, int](int), defaultdict[str, int](int), 0
    for row in rows:
        by_row[row[0]] += row[-1]
        if len(row) > 2:
            by_column[row[1]] += row[-1]
        whole += row[-1]
    return Totals(dict(by_row), dict(by_column), whole)


def wide(rows: Iterable[Sequence[Any]], totals: Totals) -> Wide:
    """Return rows of (key, number) or (key, column, number) as lines, with the largest columns in their order."""
    lines = defaultdict[str, dict[str, int]](dict)
    for row in rows:
        lines[row[0]][row[1] if len(row) > 2 else ""] = row[-1]
    largest = sorted(totals.columns, key=lambda name: (-totals.columns[name], name))[:MOST_COLUMNS]
    shown = dict(list(lines.items())[:MOST_ROWS])
    return Wide(shown, sorted(largest), totals, len(lines) - len(shown), len(totals.columns) - len(largest))
