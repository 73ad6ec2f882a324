"""Files of programmes: the list that `programme list --json` prints, and the one that lies beside an export.

An export of the ledger holds entries alone. `FILE.programmes.json` beside it holds the programmes that they name, as
`programme import` reads them, and `ledger import FILE` adds those that are not configured yet.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
from django.db import transaction

from wayfare.access.queries import is_office
from wayfare.departures import operations, queries
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import Refused

FIELDS = {"key", "title", "country", "timezone", "counts_from", "office"}


class Imported(NamedTuple):
    """How many programmes were added, and which offices are not here: nobody's staff read those exact figures."""

    added: int
    unknown_offices: dict[str, str]


def listed() -> bytes:
    """Return all programmes as a JSON list, without offices, which belong to an installation."""
    programmes = [one._asdict() for one in queries.programmes().values()]
    return json.dumps(programmes, ensure_ascii=False, indent=1).encode() + b"\n"


def _decoded(file: Path) -> object:
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=parsing.once)
    except OSError as problem:
        raise click.UsageError(f"{file}: {problem.strerror}; name a readable JSON file") from None
    except Refused as refusal:
        raise click.UsageError(f"{file}: {refusal}") from None
    except (ValueError, RecursionError) as problem:
        raise click.UsageError(f"{file}: is not JSON ({problem}); it should hold a list of programmes") from None


def read(file: Path) -> list[dict[str, Any]]:
    """Return the programmes in a file; - is standard input. Raises: click.UsageError."""
    rows = _decoded(file)
    if isinstance(rows, dict) and rows.keys() == {"programmes"}:  # what `programme list --json` prints
        rows = rows["programmes"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise click.UsageError(f'{file}: is not a list of objects; write [{{"key": …}}, …]')
    for number, row in enumerate(rows, 1):
        for name in ("key", "title", "country", "timezone"):
            if not isinstance(row.get(name), str):
                raise click.UsageError(f"{file}: programme {number}: {name}: is missing or not text")
        for name in row.keys() - FIELDS:
            raise click.UsageError(f"{file}: programme {number}: {name}: is not a field of a programme; leave it out")
    return rows


def add_all(file: Path, rows: list[dict[str, Any]]) -> Imported:
    """Configure programmes, all or none. Raises: click.UsageError."""
    added, unknown = 0, {}
    try:
        with transaction.atomic():
            for row in rows:
                office = row.get("office")
                added += operations.add_programme(**{name: row[name] for name in row if name != "office"})
                if office is not None and is_office(office):
                    operations.set_programme_office(row["key"], office)
                elif office is not None:
                    unknown[row["key"]] = str(office)
    except Refused as refusal:
        raise click.UsageError(f"{file}: {refusal}") from None
    return Imported(added, unknown)


def add_missing(path: Path) -> None:
    """Add the programmes of a file that lies beside an export and are not configured yet, and say so.

    Others stay as they are. Raises: click.UsageError, for a file that cannot be read.
    """
    there = queries.programmes()
    rows = read(path)
    missing = [row for row in rows if row["key"] not in there]
    if missing:
        added = add_all(path, missing).added
        click.echo(f"{added} programmes added, from {path}.", err=True)
    for row in rows:
        here = there.get(row["key"])
        if here and any(row.get(name, value) != value for name, value in here._asdict().items()):
            click.echo(f"Programme {row['key']} is configured otherwise in {path}; it stays as it is here.", err=True)
