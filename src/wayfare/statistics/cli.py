"""Commands: tables."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from wayfare.access.rules import EVERYTHING
from wayfare.ledger.rules import Refused
from wayfare.ledger.source import LEDGER
from wayfare.statistics import published, queries
from wayfare.tlog import notes, witnesses
from wayfare.tlog.refusals import LogRefusal


def _is_here(output: Path | None) -> bool:
    return output is None or str(output) == "-"


def _write(output: Path | None, content: bytes) -> None:
    """Write what was asked for to a file, or to standard output."""
    try:
        if output is None or _is_here(output):
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            output.write_bytes(content)
    except OSError as problem:
        raise click.UsageError(f"--output {output or '-'}: {problem.strerror}") from None


@click.command()
@click.option("--programme", "programmes", multiple=True, help="A programme's key; may be repeated. Default: all.")
@click.option("--by", default="", help="Dimensions joined by commas: " + ", ".join(queries.DIMENSIONS) + ".")
@click.option("--measure", default="departures", show_default=True, help="departures or persons.")
@click.option("--from", "since", default="", help="The first month or year, such as 2026-01 or 2026. Default: all.")
@click.option("--to", "until", default="", help="The last month or year. Default: all.")
@click.option("--as-of", type=int, default=None, help="A ledger position. Default: now.")
@click.option("--engine", default="live", show_default=True, help="live, duckdb or spark: the same bytes from each.")
@click.option("--format", "form", default="csv", show_default=True, help=", ".join(queries.FORMATS) + ".")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="A file. Default: here.")
def table(
    programmes: tuple[str, ...],
    by: str,
    measure: str,
    since: str,
    until: str,
    as_of: int | None,
    engine: str,
    form: str,
    output: Path | None,
) -> None:
    """Count departures or persons by dimensions, as of a ledger position."""
    names = [name.strip() for name in by.split(",")] if by.strip() else []
    try:
        if form not in queries.FORMATS:
            raise Refused("format", f"{form!r} is not a format; one of " + ", ".join(queries.FORMATS))
        if form == "parquet" and _is_here(output) and sys.stdout.isatty():
            raise Refused("format", "parquet is not for a terminal; add --output FILE, or send it on with > or |")
        found = queries.table(
            programmes=programmes, by=names, measure=measure, as_of=as_of, engine=engine,
            period=queries.period(since, until), reader=EVERYTHING,
        )  # fmt: skip
        content = queries.render(found, form)
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    _write(output, content)
    click.echo(f"As of ledger position {found.position}. Time zones {found.zones}.", err=True)
    if found.zones_then:
        click.echo(f"When the ledger was at this position, time zones {found.zones_then} were in use.", err=True)


@click.command()
@click.option("--programme", "programmes", multiple=True, help="A programme's key; may be repeated. Default: all.")
@click.option("--by", default="", help="Dimensions joined by commas: " + ", ".join(queries.DIMENSIONS) + ".")
@click.option("--measure", default="departures", show_default=True, help="departures or persons.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="A file. Default: here.")
def publish(programmes: tuple[str, ...], by: str, measure: str, output: Path | None) -> None:
    """Write a table with its proof: the position it stands at and the signed checkpoint over it."""
    names = [name.strip() for name in by.split(",")] if by.strip() else []
    try:
        content = bytes(published.publish(witnesses.published(LEDGER.log), programmes, names, measure))
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    _write(output, content)


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key", "known", multiple=True, help="A verifier key to trust. Default: those that this log recorded.")
def verify_table(file: Path, known: tuple[str, ...]) -> None:
    """Recount a published table from the ledger, and check the checkpoint that it carries."""
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise click.UsageError(f"{file}: {problem.strerror}") from None
    try:
        keys = [notes.parse_verifier(key) for key in known] or None
        found = published.read(data)
        checkpoint = published.verify(found, keys)
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    except LogRefusal as problem:
        click.echo(f"wayfare: {file}: {problem} ({problem.code})", err=True)
        sys.exit(1)
    click.echo(f"The table is what the ledger gives at position {found.position:,}, counted again from the entries.")
    click.echo(f"Its checkpoint is signed, and the log {checkpoint.origin} continues it.")
