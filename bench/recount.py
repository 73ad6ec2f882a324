"""How fast a whole recount is against a bare window and group over the same Parquet, and how much memory it takes.

Makes the columnar copy of a ledger of N departures (about 3.6 entries each: second confirmations, retractions,
corrections, withdrawals, links, returns), spread over the years and over files as an import would. Then times, each
in processes of their own, the best of two runs each, taken in turn: (1) bare DuckDB: the latest entry of each departure
by a window, counted by year and kind; (2) our recount: every counted departure under all its facts, and every finding,
as tables of the engine's. Prints one JSON object. With `--engine spark` the recount runs on Spark too, and its widest
table must have DuckDB's bytes.

    .venv/bin/python bench/recount.py [--departures 10000000] [--engine spark] [--folder DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SRC = Path(__file__).resolve().parent.parent / "src"
CHUNK = 280_000
"""Departures a file: about a million entries."""
BY = ("year", "nationality", "sex", "age", "destination", "evidence", "assistance", "programme")
BARE = """
  select year(make_timestamp("at")) as year, kind, count(*) from (
    select "at", kind, row_number() over (partition by departure order by "at" desc, entry_id desc) as nth
    from read_parquet('{files}') where departure is not null) where nth = 1 group by all"""

HISTORY = """
copy (
  with own as (
    select i, of('departure', i) as departure, of('first', i) as first,
      of('person', i - if(again, 1, 0)) as person, again, 'p' || (h % 90) as programme,
      1420070400000000 + i * {step} + h % 80000000000 as registered_at, h
    from (select i, hash(i) as h, hash(i) % 33 = 0 and i % {chunk} > 0 as again from range({low}, {high}) t(i))),
  told as (
    select i, 'enrolled' as kind, of('enrolled', i) as entry_id, registered_at - 86400000000 as at, person,
      nationality: 'N' || chr(65 + (h % 26)::int) || chr(65 + (h // 26 % 10)::int), sex: (h % 3)::tinyint,
      birth: (1940 + h % 75)::int * 10000 + 100 * (1 + h // 75 % 12)::int + 15,
      rank: null::tinyint, departure: null::uuid, ref: null::uuid, person_b: null::uuid, programme: null::varchar,
      destination: null::varchar, assistance: null::tinyint
    from own where not again
    union all by name select i, 'departure_registered' as kind, of('registered', i) as entry_id, registered_at as at,
      departure, person, programme, 'D' || chr(65 + (h // 90 % 26)::int) || 'X' as destination,
      (h % 8)::tinyint as assistance from own
    union all by name select i, 'departure_confirmed' as kind, first as entry_id,
      registered_at + 2000000000000 as at, departure, (h // 8 % 6)::tinyint as rank from own
    union all by name select i, 'departure_confirmed' as kind, of('second', i) as entry_id,
      registered_at + 2000600000000 as at, departure, (h // 16 % 5)::tinyint as rank from own where h % 100 < 40
    union all by name select i, 'departure_confirmed' as kind, of('third', i) as entry_id,
      registered_at + 2005000000000 as at, departure, 3::tinyint as rank from own where h % 100 < 8
    union all by name select i, 'confirmation_retracted' as kind, of('retracted', i) as entry_id,
      registered_at + 2003000000000 as at, first as ref from own where h % 100 in (2, 50)
    union all by name select i, 'facts_corrected' as kind, of('facts', i) as entry_id, registered_at + 5000000 as at,
      person, 'NEW' as nationality, if(h % 200 < 100, 0, null)::int as birth from own where h % 100 in (3, 4, 5, 6)
    union all by name select i, 'departure_corrected' as kind, of('corrected', i) as entry_id,
      registered_at + if(h % 2 = 0, -5000000, 5000000) as at, departure, 'DZX' as destination, 1::tinyint as assistance
      from own where h % 100 in (7, 8, 9, 10)
    union all by name select i, 'departure_withdrawn' as kind, of('withdrawn', i) as entry_id,
      registered_at + 9000000 as at, departure from own where h % 100 in (11, 12)
    union all by name select i, 'returned' as kind, of('returned', i) as entry_id, registered_at - 1000000 as at, person
      from own where again and h % 2 = 0
    union all by name select i, 'persons_linked' as kind, of('linked', i) as entry_id, registered_at + 7000000 as at,
      person, of('person', i - 1) as person_b from own where h % 100 = 13 and not again and i % {chunk} > 0
    union all by name select i, 'persons_unlinked' as kind, of('unlinked', i) as entry_id, registered_at + 8000000
      as at, of('linked', i) as ref from own where h % 400 = 13 and not again and i % {chunk} > 0)
  select {position} + row_number() over (order by "at", entry_id) as position, {columns} from told
  order by kind, position
) to '{target}' (format parquet, compression zstd, compression_level 1)"""


def make(folder: Path, departures: int) -> tuple[list[Path], int]:
    """Write the columnar copy of the histories; return its files and how many entries they hold."""
    import duckdb

    from wayfare.statistics.columns import SCHEMA

    columns = ", ".join(f'"{name}"::{type_} as "{name}"' for name, type_ in SCHEMA.items() if name != "position")
    files, position = [], 0
    with duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "spill")}) as engine:
        engine.execute("create macro of(what, i) as md5(what || i)::uuid")
        for low in range(0, departures, CHUNK):
            target = folder / f"entries-{low:012}.parquet"
            high = min(low + CHUNK, departures)
            names = {
                "low": low,
                "high": high,
                "step": 347_000_000_000_000 // departures,
                "chunk": CHUNK,
                "position": position,
            }
            engine.execute(HISTORY.format(**names, columns=columns, target=target))
            rows = engine.execute(f"select max(position) from '{target}'").fetchone()
            assert rows is not None
            position = rows[0]
            files.append(target)
    return files, position


def bare(files: list[Path]) -> tuple[float, str]:
    """Run the window and group that the recount is held against; return its seconds and what it found, in a word."""
    import duckdb

    start = time.monotonic()
    with duckdb.connect(config={"memory_limit": "6GB", "temp_directory": str(files[0].parent / "spill")}) as engine:
        engine.execute("set preserve_insertion_order = false")
        cells = engine.execute(BARE.format(files=files[0].parent / "entries-*.parquet")).fetchall()
    return time.monotonic() - start, f"{len(cells)} cells"


def recounted(files: list[Path], engine: str) -> tuple[float, str]:
    """Recount everything; return the seconds, and what was found with the SHA-256 of the widest table's bytes."""
    from wayfare.departures.rules import Programme
    from wayfare.statistics import engines, queries
    from wayfare.statistics.recount import recount

    zones = ("Europe/Paris", "Europe/Athens", "America/St_Johns", "Asia/Tehran", "Australia/Lord_Howe")
    programmes = {f"p{n}": Programme(f"p{n}", "FRA", zones[n % len(zones)]) for n in range(90)}
    start = time.monotonic()
    running = engines.engine(engine)
    found = recount(running, running.entries(files), programmes)
    counted, findings = running.keep(found.counted), running.keep(found.findings)
    departures = counted.count().to_pyarrow().as_py()
    by_kind = findings.group_by("kind").agg(number=findings.count()).to_pyarrow().to_pylist()
    seconds = time.monotonic() - start
    rows = sorted(queries.tabulate(counted, list(programmes), BY, "departures"))
    table = queries.render(queries.Table(BY, "departures", 0, rows), "csv")
    kinds = sorted((row["kind"], row["number"]) for row in by_kind)
    return seconds, f"{departures} counted, {kinds}, {hashlib.sha256(table).hexdigest()}"


def apart(what: str, folder: Path) -> dict[str, Any]:
    """Run one side in a process of its own; return its seconds, peak memory and result."""
    command = [sys.executable, __file__, "--side", what, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def side(what: str, folder: Path) -> None:
    """Run one side here and print what it took."""
    from wayfare.site import runtime

    runtime.set_up_django()
    import pandas  # noqa: F401 - pyarrow would import it with the first array, and imports are not what is timed

    import wayfare.statistics.queries  # noqa: F401 - as above

    files = sorted(folder.glob("entries-*.parquet"))
    seconds, result = bare(files) if what == "bare" else recounted(files, what)
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) << 10
    print(json.dumps({"seconds": round(seconds, 1), "peak_megabytes": round(peak / 1e6), "result": result}))


def measured(folder: Path, departures: int, spark: bool) -> dict[str, Any]:
    files, entries = make(folder, departures)
    size = sum(path.stat().st_size for path in files)
    runs = [(apart("bare", folder), apart("duckdb", folder)) for _ in range(2)]
    base, ours = (min(sides, key=lambda one: one["seconds"]) for sides in zip(*runs, strict=True))
    report = {
        "departures": departures,
        "entries": entries,
        "parquet_megabytes": round(size / 1e6),
        "bare_seconds": base["seconds"],
        "bare_peak_megabytes": base["peak_megabytes"],
        "recount_seconds": ours["seconds"],
        "recount_peak_megabytes": ours["peak_megabytes"],
        "ratio": round(ours["seconds"] / max(base["seconds"], 0.01), 2),
        "result": ours["result"],
    }
    if spark:
        other = apart("spark", folder)
        report |= {"spark_seconds": other["seconds"], "spark_same_bytes": other["result"] == ours["result"]}
    return report


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--departures", type=int, default=10_000_000)
    arguments.add_argument("--engine", choices=("duckdb", "spark"), default="duckdb")
    arguments.add_argument("--folder", type=Path, default=None, help="where the Parquet goes; default: a temporary one")
    arguments.add_argument("--side", choices=("bare", "duckdb", "spark"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    sys.path.insert(0, str(SRC))
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-", dir=given.folder) as temporary:
        os.environ |= {"WAYFARE_HOME": str(Path(temporary) / "home"), "PYTHONPATH": str(SRC)}
        if given.side:
            side(given.side, given.folder)
        else:
            print(json.dumps(measured(Path(temporary), given.departures, given.engine == "spark")))


if __name__ == "__main__":
    main()
