"""Keeping the counted departures, the cells and the findings in step with the ledger, inside each append.

A count is a function of a set of entries, and it falls apart along references: the entries that name the same
persons, departures and entries, directly or through others, form a component that no other entry can touch. So
an append reads the components of what is new, counts them by the rule, and writes what differs from before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date
from typing import Any, NamedTuple

import orjson
from django.db import connection

from wayfare.common.postgres.copy_rows import whole
from wayfare.common.postgres.literals import array
from wayfare.common.postgres.statements import copied, run
from wayfare.departures import queries, rules
from wayfare.departures.forecast import (
    COUNTED_COLUMNS,
    Cell,
    CountedRow,
    FindingKey,
    FindingRest,
    Forecast,
    cell_of,
    counted_rows,
    encoded,
    finding_rows,
)
from wayfare.ledger import registry
from wayfare.ledger.queries import by_component, connected_to
from wayfare.ledger.rules import Connected, Entry, Fresh, instant_us

NAME = "departures"
"""This projection's name."""
_INSTANT = "timestamptz 'epoch' + {} * interval '1 microsecond'"
_MICROSECONDS = "(extract(epoch from {}) * 1000000)::bigint"


class Fact(NamedTuple):
    """An entry as the rule reads it."""

    entry_id: str
    kind: str
    at: int
    data: dict[str, Any]


def fact(entry_id: str, kind: str, body: str | bytes) -> Fact:
    """Return a stored entry as the rule reads it."""
    data = orjson.loads(body)
    return Fact(entry_id, kind, instant_us(data["occurred_at"]), data)


class Before(NamedTuple):
    """What stood for some components before."""

    counted: dict[str, CountedRow]
    findings: dict[FindingKey, FindingRest]


_NOTHING = Before({}, {})


def _before(stored: Sequence[Fact]) -> Before:
    """Return what stands for stored entries."""
    departures = {one.data["departure"] for one in stored if "departure" in one.data}
    counted = run(
        "select departure::text, programme_id, cluster::text, "  # noqa: S608 - fixed text
        + _MICROSECONDS.format("exited_at")
        + ", day, nationality, sex, age, destination, evidence, assistance, repeats from departures_counted"
        " where departure = any(%s::uuid[])",
        [array(departures)],
    )
    findings = run(
        "select subject::text, kind, programme_id, "  # noqa: S608 - fixed text
        + _MICROSECONDS.format("at")
        + " from departures_finding where subject = any(%s::uuid[])",
        [array(departures | {one.entry_id for one in stored})],
    )
    return Before(
        {row[0]: row for row in counted},
        {(subject, kind): (programme, at) for subject, kind, programme, at in findings},
    )


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return value.isoformat() if isinstance(value, date) else str(value)


def _columns(rows: Sequence[Sequence[Any]]) -> list[str]:
    return [array(map(_text, column)) for column in zip(*rows, strict=True)]


_FEW = 100
"""More rows than this come in by COPY."""


_INSERT_COUNTED = f"""
insert into departures_counted ({COUNTED_COLUMNS})
select departure, programme, cluster, {_INSTANT.format("exited_us")}, day, nationality, sex, age, destination, evidence,
  assistance, repeats
from unnest(%s::uuid[], %s::int2[], %s::uuid[], %s::bigint[], %s::date[], %s::text[], %s::int2[], %s::text[],
  %s::text[], %s::text[], %s::text[], %s::bool[])
  as n(departure, programme, cluster, exited_us, day, nationality, sex, age, destination, evidence, assistance, repeats)
"""  # noqa: S608 - fixed text
_CELL = "programme_id, {}, nationality, sex, age, destination, evidence, assistance"
_CELLS = "%s::int2[], %s::date[], %s::text[], %s::int2[], %s::text[], %s::text[], %s::text[], %s::text[]"


def _add_to(period: str) -> str:
    cell = _CELL.format(period)
    return (
        f"insert into departures_{period}cell as c ({cell}, departures) select * from unnest({_CELLS}, %s::int[])"  # noqa: S608
        f" on conflict ({cell}) do update set departures = c.departures + excluded.departures"
    )


def _drop_empty(period: str) -> str:
    """Return what drops those of some cells that are empty; by key, since an index of empty ones would cost more."""
    cell = _CELL.format(period)
    return (
        f"delete from departures_{period}cell c using unnest({_CELLS}) as e ({cell})"  # noqa: S608 - fixed text
        f" where (c.{cell.replace(', ', ', c.')}) = (e.{cell.replace(', ', ', e.')}) and c.departures = 0"
    )


_ADD_TO_MONTHS, _ADD_TO_DAYS = _add_to("month"), _add_to("day")
_DROP_MONTHS, _DROP_DAYS = _drop_empty("month"), _drop_empty("day")
_ADD_ALL = f"with counted as ({_INSERT_COUNTED}), months as ({_ADD_TO_MONTHS}) {_ADD_TO_DAYS}"


def _write_counted(gone: list[CountedRow], come: list[CountedRow], foreseen: Sequence[tuple[Cell, bytes]]) -> None:
    """Take departures out, put departures in, and add the difference to the cells."""
    if gone:
        run("delete from departures_counted where departure = any(%s::uuid[])", [array(row[0] for row in gone)])
    months, days = _changes(map(cell_of, gone), [*map(cell_of, come), *(cell for cell, _ in foreseen)])
    if come and months and days and not foreseen and len(come) <= _FEW:
        run(_ADD_ALL, [*_columns(come), *_columns(months), *_columns(days)])
    else:
        _put_in(come, foreseen)
        if months:
            run(_ADD_TO_MONTHS, _columns(months))
        if days:
            run(_ADD_TO_DAYS, _columns(days))
    for drop, changes in ((_DROP_MONTHS, months), (_DROP_DAYS, days)):
        if fewer := [row[:-1] for row in changes if row[-1] < 0]:
            run(drop, _columns(fewer))


def _put_in(come: list[CountedRow], foreseen: Sequence[tuple[Cell, bytes]]) -> None:
    if foreseen or len(come) > _FEW:
        rows = [*map(encoded, come), *(row for _, row in foreseen)]
        copied(f"copy departures_counted ({COUNTED_COLUMNS}) from stdin (format binary)", whole(rows))
    elif come:
        run(_INSERT_COUNTED, _columns(come))


def _changes(gone: Iterable[Cell], come: Iterable[Cell]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return what is to be added to the cells by month and to those by day, in the order of their keys."""
    days: Counter[Cell] = Counter(come)
    days.subtract(gone)
    months: Counter[Cell] = Counter()
    for cell, change in days.items():
        months[(cell[0], cell[1].replace(day=1), *cell[2:])] += change
    return (
        sorted((*cell, change) for cell, change in months.items() if change),
        sorted((*cell, change) for cell, change in days.items() if change),
    )


def _write_findings(
    before: Mapping[FindingKey, FindingRest], after: Mapping[FindingKey, FindingRest], position: int
) -> None:
    gone = [key for key, rest in before.items() if after.get(key) != rest]
    come = [(*key, *rest, position) for key, rest in after.items() if before.get(key) != rest]
    if gone:
        run(
            "delete from departures_finding f using unnest(%s::uuid[], %s::text[]) as g(subject, kind)"
            " where f.subject = g.subject and f.kind = g.kind",
            _columns(gone),
        )
    if come:
        run(
            "insert into departures_finding (subject, kind, programme_id, at, position)"  # noqa: S608 - fixed text
            f" select subject, kind, programme, {_INSTANT.format('at')}, position from"
            " unnest(%s::uuid[], %s::text[], %s::int2[], %s::bigint[], %s::int8[])"
            " as n(subject, kind, programme, at, position)",
            _columns(come),
        )


def _store(
    outcome: rules.Outcome,
    ids: Mapping[str, int],
    position: int,
    before: Before = _NOTHING,
    foreseen: Forecast | None = None,
) -> None:
    """Write what differs between the outcome of some components and what stood for them, and what was foreseen."""
    after = counted_rows(outcome.counted, ids)
    gone = [row for departure, row in before.counted.items() if after.get(departure) != row]
    come = [row for departure, row in after.items() if before.counted.get(departure) != row]
    findings = finding_rows(outcome.findings, ids)
    ahead = [(cell, row) for _, cell, row in foreseen.counted] if foreseen else []
    if foreseen:
        findings.update((key, rest) for _, key, rest in foreseen.findings)
    if gone or come or ahead:
        _write_counted(gone, come, ahead)
    if findings or before.findings:
        _write_findings(before.findings, findings, position)


def _beyond(held: Set[int], forecast: Forecast | None) -> Forecast | None:
    """Return what was foreseen of components that nothing stored is near."""
    if forecast is None or not held:
        return forecast
    return Forecast(
        [one for one in forecast.counted if one[0] not in held],
        [one for one in forecast.findings if one[0] not in held],
    )


def project(news: Fresh, stored_entries: Sequence[Connected]) -> None:
    """Bring the projection into step with new entries, before they are written."""
    stored = [fact(row.entry_id, row.kind, row.body) for row in stored_entries]
    before = _before(stored) if stored else _NOTHING
    facts: list[Fact | Entry] = [*stored, *news.touched]
    programmes, ids = queries.configured({one.data["programme"] for one in facts if "programme" in one.data})
    _store(rules.count(facts, programmes), ids, news.entries[-1][0], before, _beyond(news.held, news.forecast))


def recount(departures: Sequence[str], head: int) -> tuple[list[Cell], list[Cell]]:
    """Count anew what some departures are connected to; return the cells of what went and of what came.

    The caller holds the writers' lock; `head` is the ledger's.
    """
    sought = [(departure, "departure_registered", departure, None) for departure in departures]
    facts = [fact(row.entry_id, row.kind, row.body) for row in connected_to(sought, registry.scope(NAME))]
    before, (programmes, ids) = _before(facts), queries.programmes_and_ids()
    outcome = rules.count(facts, programmes)
    _store(outcome, ids, head, before)
    after = counted_rows(outcome.counted, ids)
    return list(map(cell_of, before.counted.values())), list(map(cell_of, after.values()))


def rebuild(head: int) -> None:
    """Throw counted departures, cells and findings away and count the whole ledger anew by the rule.

    The caller holds the writers' lock; `head` is the ledger's.
    """
    with connection.cursor() as cursor:
        for table in ("counted", "monthcell", "daycell", "finding"):
            cursor.execute(f"delete from departures_{table}")  # noqa: S608 - fixed names
    programmes, ids = queries.programmes_and_ids()
    for groups in by_component(head, registry.scope(NAME)):
        if facts := [fact(row.entry_id, row.kind, row.body) for group in groups for row in group]:
            _store(rules.count(facts, programmes), ids, head)
