"""Holding the counted departures against a whole recount by the other implementation (`recount.py`).

What PostgreSQL holds is streamed to the engine of the recount and compared there, row by row and as often as it
stands: nothing of the size of the ledger passes through Python's memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import ibis
from django.db import connection

from wayfare.departures import zones
from wayfare.statistics.queries import recounted
from wayfare.statistics.recount import COUNTED

NAMED = 20
"""Differences of one sort that are named one by one; the rest are counted."""
_PIECE = 256 << 20

_FACTS = {"nationality": "varchar", "sex": "tinyint", "age": "varchar"}
_TRAVEL = {"destination": "varchar", "evidence": "varchar", "assistance": "varchar"}


class _Live(NamedTuple):
    """A live table as it is read: the query, and its columns with their types in DuckDB."""

    query: str
    columns: dict[str, str]


_LIVE = {
    "counted": _Live(
        "select departure, p.key, cluster, (extract(epoch from exited_at) * 1000000)::bigint, day, nationality, sex,"
        " age, destination, evidence, assistance, repeats from departures_counted",
        {"departure": "uuid", "programme": "varchar", "cluster": "uuid", "exited_at": "bigint", "day": "varchar"}
        | {**_FACTS, **_TRAVEL, "repeats": "boolean"},
    ),
    "findings": _Live(
        "select subject, kind, p.key, (extract(epoch from at) * 1000000)::bigint from departures_finding",
        {"subject": "uuid", "kind": "varchar", "programme": "varchar", "at": "bigint"},
    ),
    "cells by month": _Live(
        "select p.key, month, nationality, sex, age, destination, evidence, assistance, departures"
        " from departures_monthcell",
        {"programme": "varchar", "month": "varchar", **_FACTS, **_TRAVEL, "departures": "bigint"},
    ),
    "cells by day": _Live(
        "select p.key, day, nationality, sex, age, destination, evidence, assistance, departures"
        " from departures_daycell",
        {"programme": "varchar", "day": "varchar", **_FACTS, **_TRAVEL, "departures": "bigint"},
    ),
}


def _load(backend: Any, live: _Live, folder: Path) -> ibis.Table:
    """Stream a live table into DuckDB, a piece at a time."""
    name = ibis.util.gen_name("live")
    columns = ", ".join(f'"{column}" {type_}' for column, type_ in live.columns.items())
    types = ", ".join(f"'{column}': '{type_}'" for column, type_ in live.columns.items())
    path = folder / "piece"
    fill = (
        f"insert into {name} select * from read_csv('{path}', auto_detect = false, header = false, delim = '\t',"  # noqa: S608
        f" quote = '\"', escape = '\"', nullstr = '', columns = {{{types}}})"
    )
    backend.raw_sql(f"create temp table {name} ({columns})")
    with connection.cursor() as cursor, path.open("wb") as out:
        query = f"{live.query} left join departures_programme p on p.id = programme_id"
        with cursor.cursor.copy(f"copy ({query}) to stdout (format csv, delimiter e'\\t')") as copy:
            for part in copy:  # whole rows
                out.write(part)
                if out.tell() > _PIECE:
                    out.flush()
                    backend.raw_sql(fill)
                    out.seek(0)
                    out.truncate()
        out.flush()
        backend.raw_sql(fill)
    return backend.table(name)


def _differences(what: str, expected: ibis.Table, live: ibis.Table) -> Iterator[str]:
    """Name the rows that stand more often on one side than on the other."""
    sides = [table.mutate(side=ibis.literal(sign, "int64")) for table, sign in ((expected, 1), (live, -1))]
    both = ibis.union(sides[0], sides[1].select(*sides[0].columns))
    groups = both.group_by(expected.columns).agg(surplus=both.side.sum())
    found = groups.filter(groups.surplus != 0)
    for word, extra in (("missing", found.filter(found.surplus > 0)), ("too much", found.filter(found.surplus < 0))):
        rows = extra.drop("surplus").limit(NAMED).to_pyarrow().to_pylist()
        for row in rows:
            facts = ", ".join(f"{name} {value}" for name, value in row.items())
            yield f"{what}: {word} in the live projection: {facts}"
        if len(rows) == NAMED:
            number = int(extra.count().to_pyarrow().as_py())
            if number > NAMED:
                yield f"{what}: {word} in the live projection: {number - NAMED} more"


def _cells(counted: ibis.Table, period: str) -> ibis.Table:
    """Return the cells by `month` or by `day` as they should be."""
    counted = counted.mutate(month=counted.day.substr(0, 7) + "-01")
    return counted.group_by("programme", period, *_FACTS, *_TRAVEL).agg(departures=counted.count())


def _marks(counted: ibis.Table) -> ibis.Table:
    """Return the marks of repetition as they should be."""
    times = counted.group_by("cluster").agg(times=counted.count())
    several = times.filter(times.times > 1)
    again = counted.semi_join(several, "cluster").select("departure", repeats=ibis.literal(True))
    once = counted.anti_join(several, "cluster").select("departure", repeats=ibis.literal(False))
    return again.union(once)


def _projection_differences(head: int, folder: Path) -> Iterator[str]:
    found = recounted(head)
    backend = found.engine.backend
    live = {name: _load(backend, table, folder) for name, table in _LIVE.items()}
    counted = live["counted"]
    yield from _differences("counted departures", found.counted.select(*COUNTED), counted.select(*COUNTED))
    yield from _differences("findings", found.findings, live["findings"])
    yield from _differences("cells by month", _cells(counted, "month"), live["cells by month"])
    yield from _differences("cells by day", _cells(counted, "day"), live["cells by day"])
    yield from _differences("marks of repetition", _marks(counted), counted.select("departure", "repeats"))


def differences(head: int) -> Iterator[str]:
    """Recount everything by reading (b) and yield each difference of the live projection, in words.

    Compares counted departures, findings, cells and marks of repetition. The caller holds one look (`one_look`).
    """
    if problem := zones.difference():
        yield f"time zones: {problem}"
    with TemporaryDirectory(prefix="wayfare-verify-") as folder:
        yield from _projection_differences(head, Path(folder))
