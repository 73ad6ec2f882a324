"""What counted departures and findings are as rows, and what many entries come to if nothing stored is near them.

Knows neither Django nor the database, so that the process that reads a file can work ahead of the one that appends.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import compress
from typing import Any, NamedTuple

from wayfare.common.postgres.copy_rows import POSTGRES_EPOCH_US, text_field, uuid_bytes
from wayfare.departures import rules
from wayfare.departures.rules import Programme
from wayfare.ledger.rules import Ahead, Entry
from wayfare.ledger.scopes import Scope, components

CountedRow = tuple[str, int, str, int, date, str, int, str, str, str, str, bool]
"""A row of `departures_counted`: departure, programme's id, cluster, exit in microseconds since 1970, civil day,
nationality, sex, age, destination, evidence, assistance, and whether this human being has more than one."""
COUNTED_COLUMNS = (
    "departure, programme_id, cluster, exited_at, day, nationality, sex, age,"
    " destination, evidence, assistance, repeats"
)
Cell = tuple[int, date, str, int, str, str, str, str]
"""Programme's id, day, nationality, sex, age, destination, evidence, assistance."""
FindingKey = tuple[str, str]
FindingRest = tuple[int | None, int]
"""Programme's id, and the instant in microseconds since 1970."""

_POSTGRES_EPOCH_DAY = date(2000, 1, 1).toordinal()
_BEGIN = struct.Struct(">hi16sihi16siqii")
_SEX = struct.Struct(">ih")
_REPEATS = {False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}


class Forecast(NamedTuple):
    """Rows that entries come to by components, each with the number of its component."""

    counted: list[tuple[int, Cell, bytes]]
    """The cell a counted departure adds to, and its row as COPY takes it."""
    findings: list[tuple[int, FindingKey, FindingRest]]


def counted_rows(counted: Sequence[rules.Counted], ids: Mapping[str, int]) -> dict[str, CountedRow]:
    """Return the rows of `departures_counted` for counted departures, by departure."""
    times = Counter([one.cluster for one in counted])
    return {c.departure: (c.departure, ids[c.programme], *c[2:], times[c.cluster] > 1) for c in counted}


def finding_rows(findings: Iterable[rules.Finding], ids: Mapping[str, int]) -> dict[FindingKey, FindingRest]:
    """Return the rows of `departures_finding`, without the position, by their key."""
    return {(f.subject, f.kind): (ids[f.programme] if f.programme else None, f.at) for f in findings}


def cell_of(row: CountedRow) -> Cell:
    """Return the cell, by day and every dimension, that a counted departure adds to."""
    return (row[1], *row[4:11])


@lru_cache(50_000)
def _of_person(nationality: str, sex: int, age: str) -> bytes:
    return text_field(nationality) + _SEX.pack(2, sex) + text_field(age)


@lru_cache(50_000)
def _of_departure(destination: str, evidence: str, assistance: str) -> bytes:
    return text_field(destination) + text_field(evidence) + text_field(assistance)


def encoded(row: CountedRow) -> bytes:
    """Return a row of `departures_counted` as binary COPY takes it, columns as in COUNTED_COLUMNS."""
    departure, programme, cluster, exited_us, day, nationality, sex, age, destination, evidence, assistance, again = row
    since = exited_us - POSTGRES_EPOCH_US
    ordinal = day.toordinal() - _POSTGRES_EPOCH_DAY
    begin = _BEGIN.pack(12, 16, uuid_bytes(departure), 2, programme, 16, uuid_bytes(cluster), 8, since, 4, ordinal)
    return b"".join(
        (begin, _of_person(nationality, sex, age), _of_departure(destination, evidence, assistance), _REPEATS[again])
    )


def foresee(
    programmes: Mapping[str, Programme], ids: Mapping[str, int], scope: Scope, items: Sequence[Entry | Any]
) -> Ahead:
    """Work out ahead what entries come to, each component apart; what is not an Entry of the scope has none (-1)."""
    kinds = scope.kinds
    mine = [isinstance(item, Entry) and item.kind in kinds for item in items]
    entries: list[Entry] = list(compress(items, mine))
    numbers, component_of = components(entries, scope)
    first = {entry.entry_id: entry for entry in reversed(entries)}
    outcome = rules.count(first.values(), programmes)
    counted = [
        (component_of[row[0]], cell_of(row), encoded(row)) for row in counted_rows(outcome.counted, ids).values()
    ]
    findings = [(component_of[key[0]], key, rest) for key, rest in finding_rows(outcome.findings, ids).items()]
    if len(entries) < len(items):
        of_entry = iter(numbers)
        numbers = [next(of_entry) if one else -1 for one in mine]
    return Ahead(numbers, Forecast(counted, findings))
