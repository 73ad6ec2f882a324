"""Keeping the counted departures, the cells and the findings in step with the ledger, inside each append.

A count is a function of a set of entries, and it falls apart along references: the entries that name the same
persons, departures and entries, directly or through others, form a component that no other entry can touch. So
an append reads the components of what is new, counts them by the rule, and writes what differs from before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction

from wayfare.departures import queries, rules
from wayfare.departures.kinds import KINDS
from wayfare.ledger import operations as ledger
from wayfare.ledger.queries import Connected, array, connected, references
from wayfare.ledger.rules import Entry, datetime_of, instant_us

CountedRow = tuple[str, int, str, datetime, date, str, int, str, str, str, str, bool]
FindingKey = tuple[str, str]
FindingRest = tuple[int | None, datetime]


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


def _stored_component(fresh: Iterable[Entry]) -> list[Fact]:
    """Return the stored entries that the new ones are connected to."""
    things: set[str] = set()
    named: set[str] = set()
    nameable: set[str] = set()
    for entry in fresh:
        kind = KINDS[entry.kind]
        (named if kind.names_entry else things).add(entry.subject)
        if entry.object is not None:
            things.add(entry.object)
        if kind.can_be_named:
            nameable.add(entry.entry_id)
    found = connected(things, named, nameable)
    return [fact(row.entry_id, row.kind, row.body) for row in found.values()]


def counted_rows(counted: Sequence[rules.Counted], ids: Mapping[str, int]) -> dict[str, CountedRow]:
    """Return the rows of `departures_counted` for counted departures, by departure."""
    times = Counter(one.cluster for one in counted)
    return {
        c.departure: (
            c.departure,
            ids[c.programme],
            c.cluster,
            datetime_of(c.exited_at),
            c.day,
            c.nationality,
            c.sex,
            c.age,
            c.destination,
            c.evidence,
            c.assistance,
            times[c.cluster] > 1,
        )
        for c in counted
    }


def _counted_before(departures: Iterable[str]) -> dict[str, CountedRow]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select departure::text, programme_id, cluster::text, exited_at, day, nationality, sex, age, destination,"
            " evidence, assistance, repeats from departures_counted c"
            " join unnest(%s::uuid[]) as d(id) on c.departure = d.id",
            [array(departures)],
        )
        return {row[0]: row for row in cursor.fetchall()}


def _found_before(subjects: Iterable[str]) -> dict[FindingKey, FindingRest]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select subject::text, kind, programme_id, at from departures_finding f"
            " join unnest(%s::uuid[]) as s(id) on f.subject = s.id",
            [array(subjects)],
        )
        return {(subject, kind): (programme, at) for subject, kind, programme, at in cursor.fetchall()}


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return value.isoformat() if isinstance(value, date) else str(value)


def _columns(rows: Sequence[Sequence[Any]]) -> list[str]:
    return [array(map(_text, column)) for column in zip(*rows, strict=True)]


def _write_counted(gone: list[CountedRow], come: list[CountedRow]) -> None:
    with connection.cursor() as cursor:
        if gone:
            cursor.execute(
                "delete from departures_counted where departure = any(%s::uuid[])",
                [array(row[0] for row in gone)],
            )
        if come:
            cursor.execute(
                "insert into departures_counted (departure, programme_id, cluster, exited_at, day, nationality, sex,"
                " age, destination, evidence, assistance, repeats) select * from unnest(%s::uuid[], %s::int2[],"
                " %s::uuid[], %s::timestamptz[], %s::date[], %s::text[], %s::int2[], %s::text[], %s::text[],"
                " %s::text[], %s::text[], %s::bool[])",
                _columns(come),
            )


def _write_cells(gone: Iterable[CountedRow], come: Iterable[CountedRow]) -> None:
    months: Counter[tuple[Any, ...]] = Counter()
    days: Counter[tuple[Any, ...]] = Counter()
    for rows, sign in ((gone, -1), (come, 1)):
        for _, programme, _, _, day, nationality, sex, age, destination, evidence, assistance, _ in rows:
            month = day.replace(day=1)
            months[(programme, month, nationality, sex, age, destination, evidence, assistance)] += sign
            days[(programme, day, destination, evidence)] += sign
    month_rows = sorted((*cell, change) for cell, change in months.items() if change)
    day_rows = sorted((*cell, change) for cell, change in days.items() if change)
    with connection.cursor() as cursor:
        if month_rows:
            cursor.execute(
                "insert into departures_monthcell as c (programme_id, month, nationality, sex, age, destination,"
                " evidence, assistance, departures) select * from unnest(%s::int2[], %s::date[], %s::text[],"
                " %s::int2[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[])"
                " on conflict (programme_id, month, nationality, sex, age, destination, evidence, assistance)"
                " do update set departures = c.departures + excluded.departures",
                _columns(month_rows),
            )
        if day_rows:
            cursor.execute(
                "insert into departures_daycell as c (programme_id, day, destination, evidence, departures)"
                " select * from unnest(%s::int2[], %s::date[], %s::text[], %s::text[], %s::int[])"
                " on conflict (programme_id, day, destination, evidence)"
                " do update set departures = c.departures + excluded.departures",
                _columns(day_rows),
            )
        if any(row[-1] < 0 for row in month_rows):
            cursor.execute("delete from departures_monthcell where departures = 0")
        if any(row[-1] < 0 for row in day_rows):
            cursor.execute("delete from departures_daycell where departures = 0")


def _write_findings(before: dict[FindingKey, FindingRest], after: dict[FindingKey, FindingRest], position: int) -> None:
    gone = [key for key, rest in before.items() if after.get(key) != rest]
    come = [(*key, *rest, position) for key, rest in after.items() if before.get(key) != rest]
    with connection.cursor() as cursor:
        if gone:
            cursor.execute(
                "delete from departures_finding f using unnest(%s::uuid[], %s::text[]) as g(subject, kind)"
                " where f.subject = g.subject and f.kind = g.kind",
                _columns(gone),
            )
        if come:
            cursor.execute(
                "insert into departures_finding (subject, kind, programme_id, at, position) select * from"
                " unnest(%s::uuid[], %s::text[], %s::int2[], %s::timestamptz[], %s::int8[])",
                _columns(come),
            )


def _store(
    outcome: rules.Outcome,
    ids: Mapping[str, int],
    position: int,
    before: dict[str, CountedRow],
    found_before: dict[FindingKey, FindingRest],
) -> None:
    """Write what differs between the outcome of some components and what stood for them before."""
    after = counted_rows(outcome.counted, ids)
    gone = [row for departure, row in before.items() if after.get(departure) != row]
    come = [row for departure, row in after.items() if before.get(departure) != row]
    if gone or come:
        _write_counted(gone, come)
        _write_cells(gone, come)
    findings = {
        (f.subject, f.kind): (ids[f.programme] if f.programme else None, datetime_of(f.at)) for f in outcome.findings
    }
    if findings or found_before:
        _write_findings(found_before, findings, position)


def project(fresh: Sequence[tuple[int, Entry]]) -> None:
    """Bring the projections into step with new entries, before they are written (a ledger projector)."""
    stored = _stored_component(entry for _, entry in fresh)
    new = [entry for _, entry in fresh]
    programmes, ids = queries.programmes_and_ids()
    outcome = rules.count([*stored, *new], programmes)
    before: dict[str, CountedRow] = {}
    found_before: dict[FindingKey, FindingRest] = {}
    if stored:
        departures = {one.data["departure"] for one in stored if "departure" in one.data}
        before = _counted_before(departures)
        found_before = _found_before(departures | {one.entry_id for one in stored})
    _store(outcome, ids, fresh[-1][0], before, found_before)


class _Components:
    """Union-find over the ids that entries refer to."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, node: str) -> str:
        parent = self.parent
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(self, one: str, other: str) -> None:
        self.parent[self.root(one)] = self.root(other)


def _by_component(rows: Collection[Connected]) -> list[list[Connected]]:
    """Return found entries grouped into components."""
    components = _Components()
    for row in rows:
        components.join(row.entry_id, row.subject)
        if row.object is not None:
            components.join(row.entry_id, row.object)
    groups: defaultdict[str, list[Connected]] = defaultdict(list)
    for row in rows:
        groups[components.root(row.entry_id)].append(row)
    return list(groups.values())


def rebuild(step: int = 20_000) -> int:
    """Throw the projections away and count the whole ledger anew by the rule; return the head's position.

    One transaction, under the writers' lock, in memory bounded by the entries of `step` positions and what
    they are connected to: each component is counted when its first entry comes by.
    """
    with transaction.atomic():
        head, _ = ledger.open_for_writing()
        with connection.cursor() as cursor:
            for table in ("counted", "monthcell", "daycell", "finding"):
                cursor.execute(f"delete from departures_{table}")  # noqa: S608 - fixed names
        ledger.recount_tally()
        programmes, programme_ids = queries.programmes_and_ids()
        for after in range(0, head, step):
            upto = min(after + step, head)
            found = connected(*references(after, upto))
            facts = [
                fact(row.entry_id, row.kind, row.body)
                for group in _by_component(found.values())
                if after < min(row.position for row in group) <= upto
                for row in group
            ]
            if facts:
                _store(rules.count(facts, programmes), programme_ids, head, {}, {})
    return head
