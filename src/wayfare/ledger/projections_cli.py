"""Commands: where the ledger and its projections stand, rebuilding them, and verifying them."""

from __future__ import annotations

import json
import sys

import click

from wayfare.ledger import projections
from wayfare.ledger.verify import differences


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def status(as_json: bool) -> None:
    """Show where the ledger stands, and what waits or does not fit."""
    found = projections.status()
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"Ledger position: {found['position']:,}")
    for kind, number in found["entries"].items():
        click.echo(f"  {kind:<24}{number:>14,}")
    click.echo(f"Waiting for something they refer to: {found['pending']:,}")
    for name, numbers in found.items():
        if name != "entries" and isinstance(numbers, dict):
            for kind, number in numbers.items():
                click.echo(f"  {kind:<24}{number:>14,}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def rebuild(as_json: bool) -> None:
    """Make the projections anew from the ledger."""
    position = projections.rebuild()
    click.echo(json.dumps({"position": position}) if as_json else f"Rebuilt as of position {position:,}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def verify(as_json: bool) -> None:
    """Recount everything by the other implementation and compare; exit 1 and name each difference."""
    position, found = differences()
    for line in found:
        click.echo(line, err=as_json)
    if as_json:
        click.echo(json.dumps({"position": position, "differences": found}))
    elif not found:
        click.echo(f"As of position {position:,} both readings of the rule and the ledger agree.")
    sys.exit(1 if found else 0)
