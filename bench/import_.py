"""How fast an import is against the fastest way into PostgreSQL, and how much memory it takes.

Imports N entries (departure histories with second confirmations and corrections, interleaved) as
JSON lines through `wayfare ledger import`, then copies the very rows it stored by raw binary COPY, in one
transaction, into a table with three indexes: same run, same server. Prints one JSON object.

    .venv/bin/python bench/import_.py [--entries 2000000]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from home import installation

BLOCK = 1 << 20


def histories(entries: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield entries as several offices would send them: some histories open at any time, most complete."""
    chance = random.Random(seed)
    number = 0

    def new() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    def moment() -> str:
        return f"20{15 + number * 10 // entries}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T10:00:00+01:00"

    waiting: list[list[dict[str, Any]]] = []
    while number < entries:
        if len(waiting) < 5_000:
            person, departure, home = new(), new(), chance.choice(("AFG", "ALB", "GEO", "IRQ", "MAR"))
            story: list[dict[str, Any]] = [
                {
                    "kind": "enrolled",
                    "person": person,
                    "programme": "fra",
                    "nationality": home,
                    "sex": 1,
                    "birth_date": "1990-05",
                },
                {"kind": "departure_registered", "departure": departure, "person": person, "programme": "fra"}
                | {"destination": home, "assistance": chance.choice(([], ["cash"], ["cash", "reintegration"]))},
                {"kind": "departure_confirmed", "departure": departure, "evidence": "boarding_pass", "place": "CDG"},
            ]
            if chance.random() < 0.3:
                story.append({"kind": "departure_confirmed", "departure": departure, "evidence": "pass_scanned"})
            if chance.random() < 0.05:
                story.append({"kind": "facts_corrected", "person": person, "facts": {"sex": 2, "birth_date": None}})
            waiting.append(story[::-1])
        at = chance.randrange(len(waiting))
        yield {"entry_id": new(), "occurred_at": moment(), "source": "office-1", **waiting[at].pop()}
        number += 1
        if not waiting[at]:
            waiting[at] = waiting[-1]
            waiting.pop()


def peak_bytes(pid: int) -> int:
    """Return the most memory a process and its children have held so far (Linux)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        own = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0) << 10
        name = status.split(maxsplit=2)[1]
        return (own if name.startswith("python") else 0) + sum(peak_bytes(int(child)) for child in children)
    except (OSError, ProcessLookupError):
        return 0


def imported(file: Path) -> tuple[dict[str, Any], float, int]:
    """Import a file by the command line; return its summary, the seconds it took and its peak memory."""
    start, peak = time.monotonic(), 0
    command = [sys.executable, "-m", "wayfare.site.cli", "ledger", "import", str(file), "--json"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while running.poll() is None:
        peak = max(peak, peak_bytes(running.pid))
        time.sleep(0.1)
    assert running.stdout is not None
    return json.loads(running.stdout.read()), time.monotonic() - start, peak


def copied(folder: Path) -> float:
    """Copy the ledger's rows into a table with three indexes; return the seconds of the copy alone."""
    from django.db import connections

    rows = folder / "rows.bin"
    with connections["owner"].cursor() as cursor:
        with rows.open("wb") as out, cursor.cursor.copy("copy ledger_entry to stdout (format binary)") as copy:
            for part in copy:
                out.write(part)
        cursor.execute("drop table if exists bench_raw")
        cursor.execute("create table bench_raw as select * from ledger_entry limit 0")
        cursor.execute("alter table bench_raw add primary key (position), add unique (entry_id)")
        cursor.execute("create index on bench_raw (subject)")
        start = time.monotonic()
        with rows.open("rb") as source, cursor.cursor.copy("copy bench_raw from stdin (format binary)") as copy:
            while part := source.read(BLOCK):
                copy.write(part)
        seconds = time.monotonic() - start
        cursor.execute("drop table bench_raw")
    return seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--entries", type=int, default=2_000_000)
    entries = arguments.parse_args().entries
    with installation() as folder:
        from wayfare.departures.operations import add_programme

        add_programme("fra", "France", "FRA", "Europe/Paris")
        file = folder / "entries.jsonl"
        with file.open("wb") as out:
            out.writelines(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in histories(entries))
        summary, import_seconds, peak = imported(file)
        assert summary["accepted"] == entries, summary
        copy_seconds = copied(folder)
        print(
            json.dumps(
                {
                    "entries": entries,
                    "file_megabytes": round(file.stat().st_size / 1e6),
                    "import_seconds": round(import_seconds, 1),
                    "import_entries_per_second": round(entries / import_seconds),
                    "copy_seconds": round(copy_seconds, 1),
                    "ratio": round(copy_seconds / import_seconds, 3),
                    "peak_megabytes": round(peak / 1e6),
                }
            )
        )


if __name__ == "__main__":
    main()
