"""Commands: programmes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from django.db import transaction

from wayfare.departures import kinds, operations, queries
from wayfare.departures.rules import EVIDENCE
from wayfare.ledger.rules import Refused

PROGRAMME_FIELDS = {"key", "title", "country", "timezone", "counts_from", "office"}


@click.command()
@click.option("--key", required=True, help="A short name: letters, digits, hyphens.")
@click.option("--title", required=True)
@click.option("--country", required=True, help="The country people depart from, ISO 3166-1 alpha-3.")
@click.option("--timezone", required=True, help="An IANA time zone, such as Europe/Paris.")
@click.option(
    "--counts-from",
    default="boarding_pass",
    show_default=True,
    type=click.Choice(EVIDENCE),
    help="The weakest evidence that counts.",
)
@click.option("--office", help="The office whose staff read its exact figures.")
def add(key: str, title: str, country: str, timezone: str, counts_from: str, office: str | None) -> None:
    """Configure a programme. The same again changes nothing."""
    try:
        with transaction.atomic():
            new = operations.add_programme(key, title, country, timezone, counts_from)
            if office is not None:
                operations.set_programme_office(key, office)
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    click.echo(f"Programme {key} {'added' if new else 'was there already; nothing changed'}.")


@click.command()
@click.argument("key")
@click.argument("office")
def office(key: str, office: str) -> None:
    """Name the office of a programme: its statisticians, supervisors and auditors read the programme's exact figures.

    With - as OFFICE, no office's staff do.
    """
    try:
        operations.set_programme_office(key, None if office == "-" else office)
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    click.echo(f"Programme {key} has {'no office' if office == '-' else f'the office {office}'} now.")


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def list_(as_json: bool) -> None:
    """List the configured programmes."""
    offices = queries.offices()
    programmes = [one._asdict() | {"office": offices.get(key)} for key, one in queries.programmes().items()]
    if as_json:
        click.echo(json.dumps({"programmes": programmes}, ensure_ascii=False))
        return
    if not programmes:
        click.echo("There is no programme yet; add one with `wayfare programme add`.", err=True)
    for one in programmes:
        place = f"{one['key']}\t{one['country']}\t{one['timezone']}\t{one['counts_from']}"
        click.echo(f"{place}\t{one['office'] or '-'}\t{one['title']}")


def _decoded(file: Path) -> object:
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=kinds.once)
    except OSError as problem:
        raise click.UsageError(f"{file}: {problem.strerror}; name a readable JSON file") from None
    except Refused as refusal:
        raise click.UsageError(f"{file}: {refusal}") from None
    except (ValueError, RecursionError) as problem:
        raise click.UsageError(f"{file}: is not JSON ({problem}); it should hold a list of programmes") from None


def _read_programmes(file: Path) -> list[dict[str, Any]]:
    rows = _decoded(file)
    if isinstance(rows, dict) and rows.keys() == {"programmes"}:  # what `programme list --json` prints
        rows = rows["programmes"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise click.UsageError(f'{file}: is not a list of objects; write [{{"key": …}}, …]')
    for number, row in enumerate(rows, 1):
        for name in ("key", "title", "country", "timezone"):
            if not isinstance(row.get(name), str):
                raise click.UsageError(f"{file}: programme {number}: {name}: is missing or not text")
        for name in row.keys() - PROGRAMME_FIELDS:
            raise click.UsageError(f"{file}: programme {number}: {name}: is not a field of a programme; leave it out")
    return rows


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def import_(file: Path, as_json: bool) -> None:
    """Configure the programmes of a JSON list, all or none. The same again changes nothing.

    FILE is as `programme list --json` prints it, or the bare list; - is standard input.
    """
    rows = _read_programmes(file)
    try:
        with transaction.atomic():
            added = 0
            for row in rows:
                office = row.pop("office", None)
                added += operations.add_programme(**row)
                if office is not None:
                    operations.set_programme_office(row["key"], office)
    except Refused as refusal:
        raise click.UsageError(f"{file}: {refusal}") from None
    if as_json:
        click.echo(json.dumps({"read": len(rows), "added": added}))
    else:
        click.echo(f"{len(rows)} programmes read, {added} added.")
