"""The columnar copy of entries that are in no ledger, made by the code that copies the ledger."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from wayfare.departures.rules import Counted, Finding
from wayfare.ledger.rules import Entry
from wayfare.statistics import columns
from wayfare.statistics.recount import Recount


def copied(entries: Iterable[Entry], folder: Path | None = None) -> Path:
    """Return a Parquet file of the copy that holds some entries in order, from position 1."""
    folder = Path(folder or tempfile.mkdtemp(prefix="wayfare-test-copy-"))
    lines = folder / "lines"
    with lines.open("wb") as out:
        for position, e in enumerate(entries, 1):
            fields = (position, e.kind, e.entry_id, e.at, e.subject, e.object or "", e.body.decode())
            out.write("\t".join(map(str, fields)).encode() + b"\n")
    columns.write(lines, folder / "entries.parquet")
    return folder / "entries.parquet"


def flat(counted: Iterable[Counted]) -> list[tuple[Any, ...]]:
    """Return what reading (a) counted as sorted plain rows."""
    return sorted((*c[:4], c.day.isoformat(), *c[5:]) for c in counted)


def rows(found: Recount) -> tuple[list[tuple[Any, ...]], Counter[Finding]]:
    """Return what a recount counted as sorted plain rows like `flat`, and its findings."""
    counted, findings = (table.to_pyarrow().to_pylist() for table in found.readable())
    order: Sequence[str] = Counted._fields
    return (
        sorted(tuple(row[name] for name in order) for row in counted),
        Counter(Finding(row["subject"], row["kind"], row["programme"], row["at"]) for row in findings),
    )
