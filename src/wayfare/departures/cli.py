"""Commands: programmes."""

from __future__ import annotations

import json
from pathlib import Path

import click
from django.db import transaction

from wayfare.departures import operations, programme_files, queries
from wayfare.departures.rules import EVIDENCE
from wayfare.ledger.rules import Refused


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


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def import_(file: Path, as_json: bool) -> None:
    """Configure the programmes of a JSON list, all or none. The same again changes nothing.

    FILE is as `programme list --json` prints it, or the bare list; - is standard input.
    """
    rows = programme_files.read(file)
    done = programme_files.add_all(file, rows)
    for key, office in done.unknown_offices.items():
        mend = f"add it with `wayfare staff office`, then `wayfare programme office {key} OFFICE`"
        click.echo(f"Programme {key}: there is no office {office!r} here, so it has none; {mend}.", err=True)
    if as_json:
        click.echo(json.dumps({"read": len(rows), "added": done.added}))
    else:
        click.echo(f"{len(rows)} programmes read, {done.added} added.")
