"""Tables: counted departures, or human beings, by dimensions, as of a ledger position; one result on each engine."""

from __future__ import annotations

import csv
import io
import json
import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db import connection

from wayfare.access.rules import Reader
from wayfare.departures import queries as departures
from wayfare.departures import zones
from wayfare.departures.rules import Programme
from wayfare.ledger import queries as ledger
from wayfare.ledger.rules import Refused
from wayfare.ledger.zones import INSTALLED
from wayfare.statistics import columns, engines
from wayfare.statistics.recount import Recount, recount

DIMENSIONS = (
    *("year", "quarter", "month", "day", "nationality", "sex", "age", "destination", "evidence", "assistance"),
    "programme",
)
MEASURES = ("departures", "persons")
ENGINES = ("live", *engines.ENGINES)
FORMATS = ("csv", "json", "parquet", "sdmx-csv", "sdmx-csv-1.0.0")
PERIODS = {"year": "YYYY", "quarter": 'YYYY"-Q"Q', "month": "YYYY-MM", "day": "YYYY-MM-DD"}


class Table(NamedTuple):
    """A table and the ledger position it stands at; each row is the dimensions as text, then the number.

    `zones` is the version of the time zones that it was made with; `zones_then`, that in use when the ledger was at
    this position, where it was another one.
    """

    by: tuple[str, ...]
    measure: str
    position: int
    rows: list[tuple[Any, ...]]
    zones: str = INSTALLED
    zones_then: str | None = None


class Period(NamedTuple):
    """The days from `first` to `last`, both included; None is open. Whole months, as the projections keep them."""

    first: date | None = None
    last: date | None = None


EVER = Period()


class Backwards(Refused):
    """A period that ends before it begins."""


_MONTH = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2]))?", re.ASCII)


def period(since: str = "", until: str = "") -> Period:
    """Return the period from the beginning of one month or year to the end of another, such as `2026-01` or `2026`.

    An empty text is open. Raises: Refused, naming `from` or `to`.
    """
    found = Period(_edge("from", since, last=False), _edge("to", until, last=True))
    if found.first and found.last and found.first > found.last:
        raise Backwards("to", f"{until!r} is before {since!r}; write a later month or year")
    return found


def _edge(field: str, text: str, *, last: bool) -> date | None:
    if not text:
        return None
    match = _MONTH.fullmatch(text)
    if match is None or not int(match[1]):
        raise Refused(field, f"{text!r} is not a month or a year; write it as 2026-01 or 2026")
    year, month = int(match[1]), int(match[2] or (12 if last else 1))
    return date(year, month, monthrange(year, month)[1] if last else 1)


def _checked(
    programmes: Sequence[str] | None, by: Sequence[str], measure: str, engine: str, reader: Reader
) -> dict[str, Programme]:
    for name in by:
        if name not in DIMENSIONS:
            raise Refused("by", f"{name!r} is not a dimension; any of " + ", ".join(DIMENSIONS))
        if list(by).count(name) > 1:
            raise Refused("by", f"{name!r} stands twice; name each dimension once")
    if measure not in MEASURES:
        raise Refused("measure", f"{measure!r} is not a measure; departures or persons")
    if engine not in ENGINES:
        raise Refused("engine", f"{engine!r} is not an engine; one of " + ", ".join(ENGINES))
    configured, _ids = departures.readable(reader)
    for key in programmes or ():
        if key not in configured:
            raise Refused("programme", f"{key!r} is not configured here; see `wayfare programme list`")
    return {key: configured[key] for key in programmes} if programmes else configured


def _at(as_of: int | None) -> int:
    head = ledger.head()
    if as_of is None:
        return head
    if not 0 <= as_of <= head:
        raise Refused("as_of", f"{as_of} is not a position of this ledger; from 0 to {head}")
    return as_of


_FAST = (
    *("max_parallel_workers_per_gather = 4", "parallel_setup_cost = 0", "parallel_tuple_cost = 0.001"),
    *("work_mem = '256MB'", "jit = off"),
)
"""For one question over millions of cells: every core at once, hash tables in memory, no compiler for half a second."""


def _within(column: str, period: Period) -> str:
    """Return the condition that a column of days is within a period."""
    first = f" and {column} >= %(first)s" if period.first else ""
    return first + (f" and {column} <= %(last)s" if period.last else "")


def _live(
    programmes: dict[str, Programme], by: Sequence[str], measure: str, period: Period = EVER
) -> list[tuple[Any, ...]]:
    """Read the live projections, in the order of the table's rows; every name put into SQL is one of ours.

    Rows are put together as they are stored, and only what is left is written as text and sorted.
    """
    cells, kept = ("departures_daycell", "day") if "day" in by else ("departures_monthcell", "month")
    of_these = "where programme_id = any(%(ids)s)"
    stored = _grouped(_stored(by, kept), "sum(departures)", f"{cells} {of_these}{_within(kept, period)}")
    if measure == "persons":
        columns = _stored(by, "day")
        again = _grouped(
            ["cluster", *columns], "count(*)", f"departures_counted {of_these} and repeats{_within('day', period)}"
        )
        names = [column.split()[-1] for column in columns]
        more = f"select {', '.join([*names, '1 - n'])} from ({again} having count(*) > 1) again"  # noqa: S608
        stored = _grouped(names, "sum(n)", f"({stored} union all {more}) measured")
    join = " join departures_programme p on p.id = programme_id" if "programme" in by else ""
    order = " order by " + ", ".join(str(n + 1) for n in range(len(by))) if by else ""
    ids = departures.programme_ids()
    with connection.cursor() as cursor:
        for setting in _FAST:
            cursor.execute(f"set local {setting}")
        cursor.execute(
            f"select {', '.join([*_words(by), 'n::bigint'])} from ({stored}) stored{join}{order}",  # noqa: S608
            {"ids": [ids[key] for key in programmes], **period._asdict()},
        )
        return [row for row in cursor.fetchall() if row[-1]]


def _stored(by: Sequence[str], period: str) -> list[str]:
    """Return the columns that dimensions are made of; of all periods, the finest that is asked for."""
    columns = ["programme_id" if name == "programme" else name for name in by if name not in PERIODS]
    finest = next((name for name in reversed(PERIODS) if name in by), None)
    if finest:
        columns.append((period if finest == period else f"date_trunc('{finest}', {period}::timestamp)") + " as period")
    return columns


def _grouped(columns: Sequence[str], number: str, source: str) -> str:
    groups = " group by " + ", ".join(str(n + 1) for n in range(len(columns))) if columns else ""
    return f"select {', '.join([*columns, number + ' as n'])} from {source}{groups}"  # noqa: S608 - our own names


def _words(by: Sequence[str]) -> list[str]:
    """Return the expressions that write dimensions as text, sorted by code points."""
    words = {name: f"to_char(period::timestamp, '{form}')" for name, form in PERIODS.items()} | {"programme": "p.key"}
    return [words.get(name, f"{name}::text") + ' collate "C"' for name in by]


def columns_folder() -> Path:
    """Return the folder of the columnar copy."""
    return Path(settings.WAYFARE_HOME) / "columns"


def recounted(position: int, engine: str = "duckdb") -> Recount:
    """Return the whole recount as of a position, from the columnar copy, extended as needed."""
    paths = columns.extend(columns_folder(), position)
    running = engines.engine(engine)
    return recount(running, running.entries(paths), departures.programmes(), position)


def _columnar(
    programmes: dict[str, Programme], by: Sequence[str], measure: str, position: int, engine: str, period: Period = EVER
) -> list[tuple[Any, ...]]:
    counted = recounted(position, engine).counted
    if period.first:
        counted = counted.filter(counted.day >= period.first.isoformat())
    if period.last:
        counted = counted.filter(counted.day <= period.last.isoformat())
    return sorted(tabulate(counted, list(programmes), by, measure))


def tabulate(counted: ibis.Table, programmes: Sequence[str], by: Sequence[str], measure: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table from counted departures on a columnar engine."""
    counted = counted.filter(counted.programme.isin(list(programmes))) if programmes else counted.limit(0)
    month = counted.day.substr(5, 2).cast("int32")
    quarter = ((month + 2) / 3).floor().cast("int32").cast("string")
    texts = {
        "year": counted.day.substr(0, 4),
        "quarter": counted.day.substr(0, 4) + ibis.literal("-Q") + quarter,
        "month": counted.day.substr(0, 7),
        "sex": counted.sex.cast("string"),
    }
    dimensions = {name: texts[name] if name in texts else counted[name] for name in by}
    number = counted.count() if measure == "departures" else counted.cluster.nunique()
    result = counted.group_by(**dimensions).agg(number=number) if by else counted.agg(number=number)
    table = result.to_pyarrow()
    lists = [table[name].to_pylist() for name in (*by, "number")]
    return [row for row in zip(*lists, strict=True) if row[-1]]


def table(
    *,
    programmes: Sequence[str] | None = None,
    by: Sequence[str] = (),
    measure: str = "departures",
    as_of: int | None = None,
    engine: str = "live",
    period: Period = EVER,
    reader: Reader,
) -> Table:
    """Return a table of the counted departures of some programmes (None: all) as of a ledger position (None: now).

    Of the programmes that the reader may read: another is refused as one that there is not. Of a period, if one is
    given: a person is counted once within it.

    The live engine stands at the head; for an earlier position the columnar engine answers in its place.
    Raises: Refused, naming the argument. Source: `docs/counting.md`.
    """
    chosen = _checked(programmes, by, measure, engine, reader)
    with ledger.one_look():
        position = _at(as_of)
        live = engine == "live" and position == ledger.head()
        rows = _live(chosen, by, measure, period) if live else None
        used, then = zones.of_table(position)
    if rows is None:
        zones.must_agree()
        rows = _columnar(chosen, by, measure, position, "duckdb" if engine == "live" else engine, period)
    return Table(tuple(by), measure, position, rows, used, then)


def _csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def render(found: Table, form: str) -> bytes:
    """Return a table as csv, json, parquet or SDMX-CSV (2.0.0, or 1.0.0 by name); each but csv cites the position.

    JSON and Parquet also hold the version of the time zones.

    Raises: Refused for another format.
    """
    if form == "csv":
        return _csv([*found.by, found.measure], found.rows)
    if form == "json":
        rows = [dict(zip([*found.by, found.measure], row, strict=True)) for row in found.rows]
        whole = {"by": list(found.by), "measure": found.measure, "position": found.position, "zones": found.zones}
        whole |= {"zones_then": found.zones_then} if found.zones_then else {}
        whole["rows"] = rows
        return json.dumps(whole, ensure_ascii=False).encode() + b"\n"
    if form == "sdmx-csv":  # SDMX-CSV 2.0: structure columns first, then dimensions, measure, attributes
        header = ["STRUCTURE", "STRUCTURE_ID", "ACTION", *(n.upper() for n in found.by), "OBS_VALUE", "LEDGER_POSITION"]
        flow = f"WAYFARE:{found.measure.upper()}(1.0)"
        return _csv(header, [("dataflow", flow, "R", *row, found.position) for row in found.rows])
    if form == "sdmx-csv-1.0.0":
        header = ["DATAFLOW", *(n.upper() for n in found.by), "OBS_VALUE", "LEDGER_POSITION"]
        return _csv(header, [(f"WAYFARE:{found.measure.upper()}(1.0)", *row, found.position) for row in found.rows])
    if form == "parquet":
        types = [*(pa.string() for _ in found.by), pa.int64()]
        lists = list(zip(*found.rows, strict=True)) if found.rows else [() for _ in types]
        names = [*found.by, found.measure]
        whole_table = pa.table([pa.array(c, t) for c, t in zip(lists, types, strict=True)], names=names)
        sink = io.BytesIO()
        about = {"position": str(found.position), "zones": found.zones}
        about |= {"zones_then": found.zones_then} if found.zones_then else {}
        pq.write_table(whole_table.replace_schema_metadata(about), sink)
        return sink.getvalue()
    raise Refused("format", f"{form!r} is not a format; one of " + ", ".join(FORMATS))
