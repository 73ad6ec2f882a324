"""`wayfare ledger zones`: under which version of the time zones the figures stand, and taking another one into use."""

from __future__ import annotations

import json
from collections import Counter

import click

from wayfare.departures import zones
from wayfare.ledger import zones as installed

LISTED = 200
"""Cells by programme and day that are listed; with `--json` all are, under every dimension."""


def _by_day(cells: list[zones.Moved]) -> list[str]:
    before: Counter[tuple[str, str]] = Counter()
    after: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        before[cell.programme, cell.day] += cell.before
        after[cell.programme, cell.day] += cell.after
    return [
        f"  {programme:<24}{day}  {before[programme, day]:>10,} -> {after[programme, day]:,}"
        for programme, day in sorted(before)
    ]


def _show(change: zones.Change, as_json: bool) -> None:
    if as_json:
        whole = change._asdict() | {"cells": [cell._asdict() for cell in change.cells]}
        click.echo(json.dumps(whole))
        return
    lines = _by_day(change.cells)
    for line in lines[:LISTED]:
        click.echo(line)
    if len(lines) > LISTED:
        click.echo(f"  and {len(lines) - LISTED:,} more days; --json lists all.")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@click.pass_context
def group(context: click.Context, as_json: bool) -> None:
    """Show under which version of the time zones the figures stand, and what the installed one would move."""
    if context.invoked_subcommand is not None:
        return
    change = zones.preview()
    if not as_json:
        for act in zones.history():
            moved = f"{act.cells:,} cells moved" if act.from_version else "the first on record"
            click.echo(f"{act.at:%Y-%m-%d %H:%M} {act.to_version} in use from position {act.position:,}; {moved}")
        if change.from_version == installed.INSTALLED:
            click.echo(f"The figures stand under time zones {installed.INSTALLED}, which are installed.")
        else:
            click.echo(
                f"Installed: {installed.INSTALLED}. Cells by day that it would move: {len(change.cells):,}."
                f" Take it into use with {zones.COMMAND} adopt."
            )
    _show(change, as_json)


@group.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def adopt(as_json: bool) -> None:
    """Take the installed version into use: put it on record with the cells that move, and count anew what moves."""
    change = zones.adopt()
    if not as_json:
        click.echo(
            f"Time zones {installed.INSTALLED} were in use already; nothing changed."
            if change.from_version == installed.INSTALLED
            else f"Time zones {installed.INSTALLED} are in use from position {change.position:,};"
            f" {len(change.cells):,} cells by day moved, and are on record."
        )
    _show(change, as_json)
