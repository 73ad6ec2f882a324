"""One command."""

from __future__ import annotations

import click

from tests.toy_room import projection


@click.command()
def seats() -> None:
    """Count the seats of each flight."""
    for flight, number in projection.flights().items():
        click.echo(f"{flight}\t{number}")
