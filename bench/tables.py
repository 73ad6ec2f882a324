"""How long live tables take over ten million departures: every combination of up to three dimensions, both measures.

Fills `departures_counted` and its cells, in a home of its own, with synthetic rows (by default shaped by
`--figures`, a file like `returns_by_corridor.csv` of the package: year, country left, country returned to, people;
scaled to N), then times each table from the question to its sorted rows, best of `--repeat`. Prints the slowest on
standard error and one JSON object.

    .venv/bin/python bench/tables.py [--departures 10000000] [--figures FILE] [--repeat 2] [--folder DIR]
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

from home import SRC, installation

PACKAGED = SRC / "wayfare" / "departures" / "data" / "returns_by_corridor.csv"

ROWS = """
insert into departures_counted (departure, programme_id, cluster, exited_at, day, nationality, sex, age, destination,
  evidence, assistance, repeats)
select gen_random_uuid(), programme_id, case when r < 0.02 then md5((n / 2)::text)::uuid else gen_random_uuid() end,
  day + interval '12 hours', day, destination, 1 + (r * 1000)::int % 2,
  (array['Y_LT14','Y_LT14','Y_LT14','Y14-17','Y18-34','Y18-34','Y18-34','Y35-64','Y35-64','Y_GE65','UNK'])
    [1 + (r * 100000)::int % 11],
  destination,
  (array['pass_scanned','pass_scanned','pass_scanned','pass_scanned','pass_scanned','pass_scanned','carrier_flown',
    'exit_stamp','arrival_confirmed','boarding_pass'])[1 + (r * 1000000)::int % 10],
  (array['none','cash','cash+reintegration','in_kind_before'])[1 + (r * 10000000)::int % 4],
  r < 0.02
from (select c.programme_id, c.destination, n, random() as r, make_date(c.year, 1, 1) + (random() * 364)::int as day
      from bench_corridor c, generate_series(1, c.people) n) departure"""
CELLS = (
    """insert into departures_monthcell (programme_id, month, nationality, sex, age, destination, evidence, assistance,
    departures) select programme_id, date_trunc('month', day)::date, nationality, sex, age, destination, evidence,
    assistance, count(*) from departures_counted group by 1, 2, 3, 4, 5, 6, 7, 8""",
    """insert into departures_daycell (programme_id, day, nationality, sex, age, destination, evidence, assistance,
    departures) select programme_id, day, nationality, sex, age, destination, evidence, assistance, count(*)
    from departures_counted group by 1, 2, 3, 4, 5, 6, 7, 8""",
)


def fill(figures: Path, departures: int) -> dict[str, int]:
    """Fill the live tables; return how many rows each has."""
    from django.db import connections

    from wayfare.departures import operations, queries

    with figures.open(newline="") as file:
        corridors = [
            (int(year), left, to, int(people)) for year, left, to, people in itertools.islice(csv.reader(file), 1, None)
        ]
    for country in sorted({left for _, left, _, _ in corridors}):
        operations.add_programme(country.lower(), country, country if country != "XKX" else "SRB", "Europe/Paris")
    ids = queries.programme_ids()
    scale = departures / sum(people for *_, people in corridors)
    with connections["owner"].cursor() as cursor:
        cursor.execute("set synchronous_commit = off")
        cursor.execute("create temp table bench_corridor (programme_id int, year int, destination text, people int)")
        cursor.executemany(
            "insert into bench_corridor values (%s, %s, %s, %s)",
            [(ids[left.lower()], year, to, round(people * scale)) for year, left, to, people in corridors],
        )
        indexes = _taken_away(cursor)
        for statement in (ROWS, *indexes, *CELLS):
            cursor.execute(statement)
        found = {}
        for table in ("counted", "monthcell", "daycell"):
            cursor.execute(f"vacuum analyze departures_{table}")
            cursor.execute(f"select count(*) from departures_{table}")
            found[table] = int(cursor.fetchone()[0])
    return found


def _taken_away(cursor: Any) -> list[str]:
    """Drop the indexes of the counted rows while they are filled; return what makes them again."""
    cursor.execute(
        "select indexname, indexdef from pg_indexes where tablename = 'departures_counted'"
        " and indexname not like '%_pkey'"
    )
    there = cursor.fetchall()
    for name, _ in there:
        cursor.execute(f'drop index "{name}"')
    return [definition for _, definition in there]


def timed(repeat: int, most: int) -> list[dict[str, Any]]:
    """Time every table of up to `most` dimensions; return them slowest first."""
    from wayfare.access.rules import EVERYTHING
    from wayfare.statistics import queries

    found = []
    for number in range(most + 1):
        for by in itertools.combinations(queries.DIMENSIONS, number):
            for measure in queries.MEASURES:
                seconds = []
                for _ in range(repeat):
                    start = time.monotonic()
                    rows = queries.table(by=by, measure=measure, reader=EVERYTHING).rows
                    seconds.append(time.monotonic() - start)
                found.append(
                    {"by": ",".join(by), "measure": measure, "seconds": round(min(seconds), 3), "rows": len(rows)}
                )
    return sorted(found, key=lambda one: -one["seconds"])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--departures", type=int, default=10_000_000)
    arguments.add_argument("--figures", type=Path, default=PACKAGED)
    arguments.add_argument("--repeat", type=int, default=2)
    arguments.add_argument("--dimensions", type=int, default=3)
    arguments.add_argument(
        "--home", type=Path, default=None, help="a home to keep and use again; default: a temporary one"
    )
    given = arguments.parse_args()
    with installation(given.home):
        from wayfare.departures import queries

        filled = fill(given.figures, given.departures) if not queries.programmes() else {}
        tables = timed(given.repeat, given.dimensions)
        slow = [one for one in tables if one["seconds"] >= 1]
        for one in tables[:40]:
            print(f"{one['seconds']:7.3f} s  {one['rows']:8} rows  {one['measure']} by {one['by']}", file=sys.stderr)
        report = {"rows": filled, "tables": len(tables), "over_one_second": len(slow), "slowest": tables[0]}
        print(json.dumps(report))


if __name__ == "__main__":
    main()
