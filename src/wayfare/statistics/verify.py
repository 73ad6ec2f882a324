"""Holding the live projections against a whole recount by the other implementation, and the ledger against itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import ibis
import pyarrow as pa
from django.db import connection, transaction

from wayfare.ledger import queries as ledger
from wayfare.statistics.queries import recounted
from wayfare.statistics.recount import COUNTED

NAMED = 20
"""Differences of one sort that are named one by one; the rest are counted."""
_STEP = 200_000

_LIVE_COUNTED = (
    "select departure::text, p.key, cluster::text, (extract(epoch from exited_at) * 1000000)::bigint, day::text,"
    " nationality, sex, age, destination, evidence, assistance"
    " from departures_counted join departures_programme p on p.id = programme_id"
)
_LIVE_FINDINGS = (
    "select subject::text, kind, p.key, (extract(epoch from at) * 1000000)::bigint"
    " from departures_finding left join departures_programme p on p.id = programme_id"
)
_CELLS = {
    "cells by month": "select programme_id::text, to_char(day, 'YYYY-MM-01'), nationality, sex::text, age, destination,"
    " evidence, assistance, count(*) from departures_counted group by 1, 2, 3, 4, 5, 6, 7, 8"
    " {word} select programme_id::text, month::text, nationality, sex::text, age, destination, evidence, assistance,"
    " departures from departures_monthcell",
    "cells by day": "select programme_id::text, day::text, destination, evidence, count(*) from departures_counted"
    " group by 1, 2, 3, 4 {word} select programme_id::text, day::text, destination, evidence, departures"
    " from departures_daycell",
    "marks of repetition": "select departure::text, count(*) over (partition by cluster) > 1 from departures_counted"
    " {word} select departure::text, repeats from departures_counted",
    "tally": "select kind, count(*) from ledger_entry group by kind"
    " {word} select kind, entries from ledger_tally where entries > 0",
}


def _arrow(query: str, names: Sequence[str], types: Sequence[pa.DataType]) -> pa.Table:
    """Read a query into Arrow, some rows at a time."""
    parts = []
    schema = pa.schema(list(zip(names, types, strict=True)))
    with connection.chunked_cursor() as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_STEP):
            lists = zip(*rows, strict=True)
            parts.append(pa.table([pa.array(c, t) for c, t in zip(lists, types, strict=True)], schema=schema))
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _differences(what: str, recount: ibis.Table, live: ibis.Table) -> Iterator[str]:
    for word, extra in (("missing", recount.difference(live)), ("too much", live.difference(recount))):
        number = int(extra.count().to_pyarrow().as_py())
        if number:
            for row in extra.limit(NAMED).to_pyarrow().to_pylist():
                facts = ", ".join(f"{name} {value}" for name, value in row.items())
                yield f"{what}: {word} in the live projection: {facts}"
            if number > NAMED:
                yield f"{what}: {word} in the live projection: {number - NAMED} more"


def _sql_differences() -> Iterator[str]:
    with connection.cursor() as cursor:
        for what, query in _CELLS.items():
            one, two = query.split(" {word} ")
            for word, left, right in (("missing", one, two), ("too much", two, one)):
                cursor.execute(f"({left}) except all ({right}) limit {NAMED}")
                for row in cursor.fetchall():
                    yield f"{what}: {word}: {', '.join(map(str, row))}"


def _ledger_differences(head: int) -> Iterator[str]:
    """Name positions that are missing and rows whose digest is not that of their body."""
    expected = 1
    with connection.chunked_cursor() as cursor:
        cursor.execute("select position, body, digest from ledger_entry where position <= %s order by position", [head])
        while rows := cursor.fetchmany(_STEP):
            for position, body, digest in rows:
                if position != expected:
                    yield f"ledger: positions {expected} to {position - 1} are missing"
                if hashlib.sha256(body.encode()).digest() != bytes(digest):
                    yield f"ledger: the digest at position {position} is not that of its entry"
                expected = position + 1


def differences() -> tuple[int, list[str]]:
    """Recount everything by reading (b) and compare; return the position compared at, and each difference in words.

    Compares, as of one moment: counted departures, findings, cells, marks of repetition, tally, positions, digests.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not connection.savepoint_ids:
                cursor.execute("set transaction isolation level repeatable read, read only")
        head = ledger.head()
        text, whole, small = pa.string(), pa.int64(), pa.int8()
        types = [text, text, text, whole, text, text, small, text, text, text, text]
        counted = _arrow(_LIVE_COUNTED, COUNTED, types)
        findings = _arrow(_LIVE_FINDINGS, ("subject", "kind", "programme", "at"), [text, text, text, whole])
        found = [*_ledger_differences(head), *_sql_differences()]
        _, recount = recounted(head)
        recount_counted = recount.counted.mutate(sex=recount.counted.sex.cast("int8"))
        found += _differences("counted departures", recount_counted, ibis.memtable(counted))
        found += _differences("findings", recount.findings, ibis.memtable(findings))
    return head, found
