"""`wayfare ledger import` and `wayfare ledger export`."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

import click
import orjson
import psycopg
from django.db import Error as DatabaseError
from tqdm import tqdm

from wayfare.common import trouble
from wayfare.ledger import queries as stored
from wayfare.ledger import registry
from wayfare.ledger.entries.files import ImportStopped, export_entries, import_sources, open_sources
from wayfare.ledger.entries.reading import CHUNK
from wayfare.ledger.entries.sources import BadFile, Source

REFUSED, UNREADABLE, STOPPED = 1, 2, 3
AGAIN = "Entries of whole chunks before it are in; run the same import again and it goes on from there."
MEND = "Entries of whole chunks before it are in; mend that first: to import those again does no harm."


def _fail(problem: str, code: int) -> NoReturn:
    click.echo(f"wayfare: {problem}", err=True)
    sys.exit(code)


@contextmanager
def _rejects(path: str | None, names: tuple[str, ...]) -> Iterator[BinaryIO | None]:
    """Open where refused lines go; - is standard output."""
    if path is None or path == "-":
        yield None if path is None else sys.stdout.buffer
        return
    for name in names:
        if name != "-" and os.path.exists(path) and os.path.exists(name) and os.path.samefile(path, name):
            _fail(f"{path}: is a file to import; name another one for --rejects", UNREADABLE)
    try:
        file = open(path, "wb")  # noqa: SIM115 - closed below
    except OSError as problem:
        _fail(f"{path}: cannot be written ({problem.strerror}); name another file for --rejects", UNREADABLE)
    with file:
        yield file


def _why(problem: Exception) -> str:
    """Return in plain words why an import ended half-way."""
    cause = problem.__cause__ or problem
    if isinstance(cause, psycopg.errors.DiskFull):
        return "the database's disk is full; make room"
    if trouble.code_of(problem) == "busy":
        return "another session holds the ledger's lock, and did not let go of it in time"
    if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
        return f"the disk is full ({problem.filename or 'temporary files, rejects'}); make room"
    return " ".join(str(problem).split())


def _advice(problem: Exception) -> str:
    """Return what to do about an import that ended half-way: to run it again only where that can help."""
    cause = problem.__cause__ or problem
    passing = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
    again = problem.again if isinstance(problem, ImportStopped) else isinstance(cause, passing)
    return AGAIN if again else MEND


@contextmanager
def _bar(sources: list[Source]) -> Iterator[tqdm[NoReturn]]:
    total = sum(source.size for source in sources)
    width, height = shutil.get_terminal_size()  # a terminal that knows no size still gets a bar
    hidden = not sys.stderr.isatty()
    with tqdm(desc="import", total=total, unit="B", unit_scale=True, disable=hidden, ncols=width, nrows=height) as bar:
        yield bar


def _there(_context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a file that does not exist, before there is a home or a database."""
    for name in names:
        if name != "-" and not os.path.lexists(name):
            _fail(f"{name}: does not exist; check the path", UNREADABLE)
    return names


def _take_in_what_lies_beside(files: tuple[str, ...]) -> None:
    for file in files:
        for beside in registry.beside_exports.values():
            if file != "-" and (path := beside.path(file)).is_file():
                beside.take_in(path)


@click.command(name="import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", callback=_there)
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv", "parquet"]), help="Else by the suffix.")
@click.option("--rejects", type=click.Path(), help="Where refused lines go, as JSON lines; - is standard output.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")
@click.option("--chunk", type=click.IntRange(1, 100_000), default=CHUNK, help="Entries in one transaction.")
def import_(files: tuple[str, ...], format_: str | None, rejects: str | None, as_json: bool, chunk: int) -> None:
    """Append the entries of files; - is standard input. Beside an export lie its programmes: missing ones are added.

    Run again after any interruption, it ends as if it had run once. Exit 0: nothing was refused; 1: some
    entries were, the others are in; 2: a file cannot be read, nothing is in; 3: stopped half-way.
    """
    for projection in registry.projections.values():
        projection.ready()
    try:
        with open_sources(files, format_) as sources:
            _take_in_what_lies_beside(files)
            with _rejects(rejects, files) as refused, _bar(sources) as bar:
                done = import_sources(sources, refused, lambda at: bar.update(at - bar.n), chunk_entries=chunk)
    except BadFile as problem:
        _fail(str(problem), UNREADABLE)
    except BrokenPipeError:
        raise
    except (ImportStopped, DatabaseError, psycopg.Error, OSError) as problem:  # COPY's are not wrapped by Django
        _fail(f"the import stopped: {_why(problem)}. {_advice(problem)}", STOPPED)
    if as_json:
        click.echo(orjson.dumps(done._asdict()).decode())
    else:
        click.echo(
            f"{done.read:,} read: {done.accepted:,} accepted, {done.duplicate:,} duplicate, "
            f"{done.conflict:,} in conflict, {done.rejected:,} rejected. "
            f"{done.pending:,} pending. The ledger is at position {done.position:,}.",
            err=rejects == "-",
        )
        if (done.conflict or done.rejected) and not rejects:
            click.echo("Add --rejects FILE to see each refused line with the reason.", err=True)
    if done.conflict or done.rejected:
        sys.exit(REFUSED)


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    """Open where an export goes: a new file appears whole or not at all."""
    path = Path(file)
    if file == "-":
        yield sys.stdout.buffer
        return
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        with open(path, "wb") as out:
            yield out
        return
    part = tempfile.NamedTemporaryFile(  # noqa: SIM115 - renamed once whole
        dir=path.absolute().parent, prefix=f".{path.name}.", delete=False
    )
    try:
        with part:
            yield part  # type: ignore[misc]  # a binary file in all but name
            part.flush()
            os.fsync(part.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(part.name, 0o666 & ~umask)
        os.replace(part.name, path)
    except BaseException:
        os.unlink(part.name)
        raise


_NOT_CONTAINED = (
    "Not contained: people's files, staff, offices, access records, tokens, logs and keys;"
    " `wayfare backup` keeps everything."
)


def _is_stream(file: str) -> bool:
    return file == "-" or (os.path.exists(file) and not stat.S_ISREG(os.stat(file).st_mode))


@contextmanager
def _with_what_lies_beside(file: str) -> Iterator[None]:
    """Write what lies beside an export, where it is a file: all appear whole, or none."""
    with ExitStack() as kept:
        for beside in () if _is_stream(file) else registry.beside_exports.values():
            out = kept.enter_context(_target(str(beside.path(file))))
            out.write(beside.written())
            out.flush()
        yield


_WRITTEN_AS = {"": "jsonl", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_WRITTEN_AS |= {".parquet": "parquet", ".pq": "parquet"}


def _format_of(file: str, wanted: str | None) -> str:
    """Return the format to write, by the suffix if none is wanted; exit where that would mislead."""
    suffix = "" if file == "-" else Path(file).suffix.lower()
    if wanted is None and suffix not in _WRITTEN_AS:
        mend = "name it .jsonl or .parquet, or add --format"
        _fail(f"{file}: an export is written as JSON lines or Parquet, not as {suffix}; {mend}", UNREADABLE)
    chosen = wanted or _WRITTEN_AS[suffix]
    if chosen == "parquet" and file == "-" and sys.stdout.isatty():
        _fail("Parquet is not for a terminal; name a file, or send it on with > or |", UNREADABLE)
    return chosen


@click.command(name="export")
@click.argument("file", metavar="FILE")
@click.option("--from", "first", type=click.IntRange(min=1), default=1, help="The first position.")
@click.option("--to", "last", type=click.IntRange(min=0), help="The last position; else the head.")
@click.option(
    "--format", "format_", type=click.Choice(["jsonl", "parquet"]), help="Else by the suffix: .jsonl, .parquet."
)
def export(file: str, first: int, last: int | None, format_: str | None) -> None:
    """Write entries in position order to a file; - is standard output. It is a line of the access record.

    The programmes that the entries name go into FILE.programmes.json beside it. `wayfare backup` keeps everything else.
    """
    chosen = _format_of(file, format_)
    last = min(stored.head() if last is None else last, stored.head())
    registry.note_reading(first, last)
    try:
        with _with_what_lies_beside(file), _target(file) as out:
            count = export_entries(out, chosen, first=first, last=last)
    except BrokenPipeError:  # whoever reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(REFUSED)
    except OSError as problem:
        full = problem.errno == errno.ENOSPC
        mend = "the disk is full; make room" if full else f"cannot be written ({problem.strerror or problem})"
        _fail(f"{file}: {mend}. Nothing was left there", UNREADABLE)
    click.echo(f"{count:,} entries written.", err=file == "-")
    wheres = [
        f"Their {name}: {f'`{beside.command}`' if _is_stream(file) else beside.path(file)}."
        for name, beside in registry.beside_exports.items()
    ]
    click.echo(" ".join([*wheres, _NOT_CONTAINED]), err=True)
