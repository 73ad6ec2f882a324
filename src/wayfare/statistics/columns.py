"""The columnar copy: the ledger's coded facts as Parquet, extended by what is new, never rewritten.

Files are named by the positions they hold, so the folder needs no manifest: a file is there whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from wayfare.departures.rules import assistance_text
from wayfare.ledger import queries as ledger
from wayfare.ledger.rules import instant_us

DAY_US = 86_400_000_000
FILE_ENTRIES = 1_000_000
SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("kind", pa.string()),
        ("entry_id", pa.string()),
        ("at", pa.int64()),
        ("utc_day", pa.int32()),
        ("person", pa.string()),
        ("person_b", pa.string()),
        ("departure", pa.string()),
        ("ref", pa.string()),
        ("programme", pa.string()),
        ("nationality", pa.string()),
        ("sex", pa.int8()),
        ("birth_date", pa.string()),
        ("gives_birth_date", pa.bool_()),
        ("destination", pa.string()),
        ("assistance", pa.string()),
        ("evidence", pa.string()),
    ]
)


def row(position: int, kind: str, data: dict[str, Any]) -> tuple[Any, ...]:
    """Return one entry as a row of the columnar copy; absent facts are null."""
    at = instant_us(data["occurred_at"])
    facts = data.get("facts", data)
    persons = data.get("persons")
    return (
        position,
        kind,
        data["entry_id"],
        at,
        at // DAY_US,
        persons[0] if persons else data.get("person"),
        persons[1] if persons else None,
        data.get("departure"),
        data.get("confirmation") or data.get("link"),
        data.get("programme"),
        facts.get("nationality"),
        facts.get("sex"),
        facts.get("birth_date"),
        "birth_date" in facts,
        facts.get("destination"),
        assistance_text(facts["assistance"]) if "assistance" in facts else None,
        data.get("evidence"),
    )


def arrow(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Return rows as an Arrow table of the copy's schema."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in SCHEMA]
    return pa.table([pa.array(c, field.type) for c, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def files(folder: Path) -> list[tuple[int, int, Path]]:
    """Return (first position, last position, path) of the files that hold the ledger without gaps, in order."""
    found = sorted(
        (int(path.stem.split("-")[1]), int(path.stem.split("-")[2]), path) for path in folder.glob("entries-*.parquet")
    )
    chain: list[tuple[int, int, Path]] = []
    for first, last, path in found:
        if first == (chain[-1][1] + 1 if chain else 1):
            chain.append((first, last, path))
    return chain


def _write(folder: Path, table: pa.Table, first: int, last: int) -> None:
    partial = folder / "partial"
    pq.write_table(table, partial, compression="zstd", use_dictionary=["kind", "programme"])
    descriptor = os.open(partial, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    partial.rename(folder / f"entries-{first:012}-{last:012}.parquet")


def _pieces(after: int, upto: int) -> Iterable[tuple[pa.Table, int, int]]:
    tables: list[pa.Table] = []
    first, held = after + 1, 0
    for batch in ledger.walk(after, upto, 20_000):
        tables.append(arrow([row(e.position, e.kind, orjson.loads(e.body)) for e in batch]))
        held += len(batch)
        if held >= FILE_ENTRIES:
            yield pa.concat_tables(tables), first, batch[-1].position
            tables, first, held = [], batch[-1].position + 1, 0
    if tables:
        yield pa.concat_tables(tables), first, upto


def extend(folder: Path, upto: int) -> list[Path]:
    """Bring the copy up to a position, writing only what is new; return the files that hold it.

    Safe for several at once and against kill -9: a file appears whole under its final name, or not at all.
    """
    with _alone(folder):
        chain = files(folder)
        last = chain[-1][1] if chain else 0
        if last < upto:
            for table, first, end in _pieces(last, upto):
                _write(folder, table, first, end)
            chain = files(folder)
    return [path for first, _, path in chain if first <= upto]
