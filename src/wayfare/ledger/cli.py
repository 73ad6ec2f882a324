"""Commands of the log: show it, prove from it, hold it to account, publish it, and check somebody else's."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from tqdm import tqdm

from wayfare.ledger import registry
from wayfare.ledger.source import LEDGER
from wayfare.tlog import audit as auditing
from wayfare.tlog import files, notes, receipts
from wayfare.tlog.refusals import LogRefusal
from wayfare.tlog.source import SOURCES

_KEY = "A verifier key, as `wayfare log keys` and the page of the log show it; may be repeated."


_of = click.option(
    "--log", "name", type=click.Choice(list(SOURCES)), default="ledger", show_default=True, help="Which of our logs."
)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn a refusal into exit 1 with its words on standard error."""
    from wayfare.tlog.keys import KeyProblem
    from wayfare.tlog.queries import NotPublished

    try:
        yield
    except (LogRefusal, files.Unreadable, NotPublished, KeyProblem) as problem:
        code = getattr(problem, "code", None)
        click.echo(f"wayfare: {problem}{f' ({code})' if code else ''}", err=True)
        sys.exit(1)


@contextmanager
def _progress(total: int, unit: str) -> Iterator[Callable[[int], object]]:
    """Show how far a count has come, on a terminal."""
    with tqdm(total=total, unit=unit, unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        yield lambda done: bar.update(done - bar.n)


def _verifiers(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[notes.Verifier]:
    try:
        return [notes.parse_verifier(value) for value in values]
    except notes.Malformed as problem:
        raise click.BadParameter(f"{problem} ({problem.code})") from None


def _bytes_of(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as problem:
        raise click.UsageError(f"{path}: {problem.strerror}") from None


@click.command()
@_of
def checkpoint(name: str) -> None:
    """Print the latest signed checkpoint, with the cosignatures it has."""
    from wayfare.tlog import queries

    note = queries.latest(name)
    if note is None:
        click.echo("wayfare: the log has no checkpoint yet; it is made while `wayfare up` runs", err=True)
        sys.exit(1)
    click.echo(str(note), nl=False)


@click.command()
@_of
def keys(name: str) -> None:
    """Print the verifier keys that sign the log, and those that did."""
    from wayfare.tlog import queries

    click.echo(queries.keys_text(name), nl=False)


@click.command()
@click.argument("position", type=click.IntRange(1, 2**63 - 1))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="A file. Default: here.")
@_of
def prove(position: int, output: Path | None, name: str) -> None:
    """Write the receipt of an entry: proof that it is in the log, to be checked without asking anyone.

    A receipt holds the entry. Give it to those who may see it. Making one of the ledger is a line of the access record.
    """
    from wayfare.tlog import queries

    with refusing():
        bodies = SOURCES[name].bodies(position - 1, 1)
        if not bodies:
            raise queries.NotPublished(f"the log {name} has no position {position}")
        receipt = str(queries.receipt(name, position - 1, bodies[0]))
    if name == LEDGER.log:
        registry.note_reading(position, position)
    if output is None or str(output) == "-":
        click.echo(receipt, nl=False)
        return
    try:
        output.write_text(receipt, newline="")
    except OSError as problem:
        raise click.UsageError(f"--output {output}: {problem.strerror}") from None


@click.command()
@click.argument("old", type=click.IntRange(1, 2**63 - 1))
@click.argument("new", type=click.IntRange(1, 2**63 - 1))
@_of
def consistency(old: int, new: int, name: str) -> None:
    """Print the proof that the log of one size is the beginning of the log of another, hash by hash (RFC 6962)."""
    from wayfare.tlog import queries

    with refusing():
        for one in queries.consistency(name, old, new):
            click.echo(base64.b64encode(one).decode())


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@_of
def verify(as_json: bool, name: str) -> None:
    """Recompute a log from the rows that it commits to; exit 1 and name the first position that differs."""
    from wayfare.tlog import health, queries
    from wayfare.tlog.verify import verified

    with _progress(queries.head(name).size, "leaf") as tell:
        found = verified(SOURCES[name], tell=tell)
    try:
        health.remember(name, found, at=datetime.now(UTC))
    except OSError as problem:
        click.echo(f"wayfare: what was found could not be kept for the page of the logs: {problem}", err=True)
    for line in found.differences:
        click.echo(line, err=as_json)
    if as_json:
        click.echo(json.dumps(found._asdict()))
    elif not found.differences:
        click.echo(f"All {found.leaves:,} leaves are those of the rows; {found.signed:,} of them are signed.")
    sys.exit(1 if found.differences else 0)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_of
def export(folder: Path, name: str) -> None:
    """Write the log as files that any web server can publish; what is there already stays."""
    from wayfare.tlog import queries

    try:
        with refusing(), _progress(queries.head(name).size, "leaf") as tell:
            size = files.written(name, folder, tell)
            (folder / "keys").write_text(queries.keys_text(name))
    except OSError as problem:
        raise click.UsageError(f"{problem.filename}: {problem.strerror}") from None
    click.echo(f"{folder} holds the log of {size:,} leaves.")


@click.command()
@click.argument("place")
@click.option("--key", "known", multiple=True, required=True, callback=_verifiers, help=_KEY)
@click.option("--witness", "witnesses", multiple=True, callback=_verifiers, help="A witness's verifier key.")
@click.option("--quorum", type=click.IntRange(0), default=0, help="How many of the witnesses must have signed.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="A file that remembers between audits.")
def audit(
    place: str, known: list[notes.Verifier], witnesses: list[notes.Verifier], quorum: int, state: Path | None
) -> None:
    """Check somebody's log, at a URL or in a folder, with its public key alone; say what was proved and what not.

    With --state an audit that was broken off goes on where it was, and the next one sees whether the log continues.
    """
    with refusing(), tqdm(unit="leaf", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def tell(done: int, size: int) -> None:
            bar.total = size
            bar.update(done - bar.n)

        try:
            found = auditing.audit(
                files.reader(place), known, witnesses=witnesses, quorum=quorum, state=state, tell=tell
            )
        except OSError as problem:
            raise click.UsageError(f"--state {state}: {problem.strerror}") from None
        except auditing.NoState as problem:
            raise click.UsageError(f"--state: {problem}") from None
    click.echo(auditing.said(found, place, quorum))


@click.command()
@click.argument("receipt", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--key", "known", multiple=True, required=True, callback=_verifiers, help=_KEY)
def check(receipt: Path, known: list[notes.Verifier]) -> None:
    """Check the receipt of an entry, a file or `-`, without asking anyone."""
    with refusing():
        found = receipts.check(_bytes_of(receipt), known)
    head = found.head
    click.echo(f"This entry is at position {found.leaf + 1} of the log {head.origin}, which had {head.size}:")
    for name, value in receipts.fields(found.extra):
        click.echo(f"  {name}: {value.encode('unicode_escape').decode() if not value.isprintable() else value}")
    signed = ", ".join(dict.fromkeys(one.by.name for one in found.signed))
    click.echo(f"Signed by {signed}. It proves that this was recorded, not that it is true.")


@click.command()
@_of
def rotate(name: str) -> None:
    """Make new keys for the log; the old private halves are destroyed, the public ones stay published as retired."""
    from wayfare.ledger import jobs
    from wayfare.tlog.keys import rotated

    with refusing():
        jobs.opened(name)
        for verifier in rotated(jobs.folder(name)).verifiers:
            click.echo(str(verifier))
    click.echo("The next checkpoint is signed by these. Tell those who audit the log, and its witnesses.", err=True)
