"""Importing entries from files, and exporting the ledger to one (`docs/ledger.md`, Files)."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import orjson

from wayfare.ledger import operations as ledger
from wayfare.ledger import projections, registry
from wayfare.ledger import queries as stored
from wayfare.ledger.entries import own
from wayfare.ledger.entries.operations import latest_us
from wayfare.ledger.entries.reading import CHUNK, Chunk, Outlook, feed, guess_format, require_text, whole
from wayfare.ledger.entries.screening import screen
from wayfare.ledger.entries.sources import BadFile, Source, open_bytes
from wayfare.ledger.entries.tables import NULLS, shapes
from wayfare.ledger.queries import StoredEntry
from wayfare.ledger.rules import Entry, Refused, Result

if TYPE_CHECKING:
    from wayfare.ledger.presence import Presence

_ENTRY_BYTES = 200
"""About as long as an entry in a file is; shorter in Parquet, where a smaller memory only asks more often."""
_WORTH_HEARING = 10


class ImportStopped(Exception):
    """The import ended half-way; what is in stays. `again`: the same import, run again, goes on from there."""

    def __init__(self, problem: str, *, again: bool) -> None:
        super().__init__(problem)
        self.again = again


class Imported(NamedTuple):
    """What an import came to; `pending` and `position` are of the whole ledger, after it."""

    read: int
    accepted: int
    duplicate: int
    conflict: int
    rejected: int
    pending: int
    position: int


def _spool(stream: BinaryIO, kept: ExitStack) -> str:
    """Keep what can be read only once in a temporary file (in TMPDIR), since a file is gone through twice."""
    copy = kept.enter_context(tempfile.NamedTemporaryFile(prefix="wayfare-import-"))  # noqa: SIM115 - kept
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.flush()
    return copy.name


def _source(name: str, format_: str | None, kept: ExitStack) -> Source:
    path = name
    if name == "-":
        path = _spool(sys.stdin.buffer, kept)
    elif Path(name).is_dir():
        raise BadFile(name, "is a directory; name the files in it")
    elif not os.path.lexists(name):
        raise BadFile(name, "does not exist; check the path")
    source = Source(path, name, "", 0)
    if not Path(path).is_file():
        with open_bytes(source) as stream:
            path = _spool(stream, kept)
            source = Source(path, name, "", 0)
    with open_bytes(source) as file:
        beginning = file.read(4096)
        source = Source(path, name, format_ or guess_format(name, beginning), file.seek(0, os.SEEK_END))
    require_text(source, beginning)
    return source


@contextmanager
def open_sources(names: Sequence[str], format_: str | None) -> Iterator[list[Source]]:
    """Make ready the named files to be read, `-` being standard input; nothing is taken in if one cannot be.

    Raises: BadFile, with the file's name and the mend.
    """
    with ExitStack() as kept:
        sources = [_source(name, format_, kept) for name in names]
        screen(sources)
        yield sources


def _outlook() -> Outlook:
    precounts = {name: one.precount() for name, one in registry.projections.items() if one.precount is not None}
    return Outlook(
        tuple(registry.kinds.values()), frozenset(registry.programmes(None)), latest_us(stored.clock()), precounts
    )


def _chunks(sources: Sequence[Source], most: int) -> Iterator[Chunk]:
    """Yield the chunks that a process of its own reads and checks, ahead of us."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    reader = context.Process(target=feed, args=(sources, _outlook(), most, theirs), daemon=True)
    reader.start()
    theirs.close()
    try:
        with ThreadPoolExecutor(1, "chunks") as taker:
            coming = taker.submit(ours.recv)
            while (chunk := coming.result()) is not None:
                if isinstance(chunk, BadFile):
                    raise chunk
                coming = taker.submit(ours.recv)  # unpacked while the database is at work
                yield chunk
    except EOFError:
        reader.join(5)
        raise _ended_early(reader.exitcode) from None
    finally:
        reader.terminate()
        reader.join()
        ours.close()


def _ended_early(code: int | None) -> ImportStopped:
    """Return why the reading process is gone. Killed, it would be killed again: usually for the memory it took."""
    if code is None or code >= 0:
        return ImportStopped(f"the process that reads the files ended early (exit code {code})", again=True)
    name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    killed = f"the process that reads the files was killed ({name})"
    if -code == signal.SIGKILL:
        out = "somebody killed it, or the machine ran out of memory (dmesg, or journalctl -k, says so)"
        return ImportStopped(f"{killed}: {out}; free memory, or divide the file into smaller ones", again=False)
    return ImportStopped(f"{killed}; if nobody did that by hand, please report it with the file", again=False)


def _presence(sources: Sequence[Source]) -> Presence | None:
    """Return a memory of what is in the ledger, where hearing of that costs less than it spares."""
    coming = sum(source.size for source in sources) // _ENTRY_BYTES
    there = stored.head()
    if there >= _WORTH_HEARING * coming:
        return None
    from wayfare.ledger.presence import Presence

    return Presence(there + coming)


def _refusal(result: Result, line: int, entry: bytes, file: str | None) -> bytes:
    refused: dict[str, Any] = {
        "line": line,
        "entry_id": result.entry_id,
        "status": result.status,
        "field": result.field,
        "reason": result.reason,
        "entry": orjson.Fragment(entry),
    }
    if file is not None:
        refused["file"] = file
    return orjson.dumps(refused, option=orjson.OPT_APPEND_NEWLINE)


def _write_refused(
    rejects: BinaryIO, chunk: Chunk, items: Sequence[Entry | Refused], results: Sequence[Result], file: str | None
) -> None:
    for index, result in enumerate(results):
        if result.status in ("conflict", "rejected"):
            item = items[index]
            entry = chunk.shown[index] if isinstance(item, Refused) else item.body
            rejects.write(_refusal(result, chunk.lines[index], entry, file))
    rejects.flush()


def import_sources(
    sources: Sequence[Source],
    rejects: BinaryIO | None = None,
    progress: Callable[[int], object] | None = None,
    *,
    chunk_entries: int = CHUNK,
) -> Imported:
    """Append the entries of files, in their order, and write what is refused to `rejects` as JSON lines.

    Each chunk (`chunk_entries` at most) is one transaction, so an import that is killed and run again ends as if
    it had run once. `progress` is told the bytes read so far. Raises: ImportStopped, BadFile, django.db.Error, OSError.
    """
    tally: Counter[str] = Counter()
    several = len(sources) > 1
    before = [sum(source.size for source in sources[:i]) for i in range(len(sources))]
    presence = _presence(sources)
    try:
        for chunk in _chunks(sources, chunk_entries):
            gc.freeze()  # lists of ten thousands of entries are no place to look for cycles again and again
            items = whole(chunk.items)
            checked = own.refuse_forged(items)
            ahead = chunk.ahead if checked is items else None  # what is refused here was worked out with the rest
            results = ledger.append(checked, presence=presence, ahead=ahead) if items else []
            tally.update([result.status for result in results])
            if rejects is not None:
                _write_refused(rejects, chunk, items, results, sources[chunk.source].name if several else None)
            if progress is not None:
                progress(before[chunk.source] + chunk.done_bytes)
    except BadFile as problem:
        if not tally:
            raise
        raise ImportStopped(str(problem), again=False) from None
    parts = {status: tally[status] for status in ("accepted", "duplicate", "conflict", "rejected")}
    return Imported(tally.total(), **parts, pending=projections.pending(), position=stored.head())


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _write_jsonl(batches: Iterator[list[StoredEntry]], out: BinaryIO) -> int:
    count = 0
    for batch in batches:
        out.write(
            b"".join(
                b'{"position":%d,"recorded_at":"%s",%s\n'
                % (entry.position, _instant(entry.recorded_at).encode(), entry.body[1:].encode())
                for entry in batch
            )
        )
        count += len(batch)
    out.flush()
    return count


def _row(entry: StoredEntry) -> dict[str, Any]:
    """Return an entry as one row of the table that `tables.unfold` reads back."""
    data = orjson.loads(entry.body)
    facts = data.pop("facts", {})
    row = data | {f"facts.{name}": value for name, value in facts.items() if value is not None}
    row = {name: ";".join(value) if isinstance(value, list) else value for name, value in row.items()}
    if nulls := [name for name, value in facts.items() if value is None]:
        row[NULLS] = ";".join(nulls)
    return row | {"position": entry.position, "recorded_at": entry.recorded_at}


def _write_parquet(batches: Iterator[list[StoredEntry]], out: BinaryIO) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("position", pa.int64()),
            ("recorded_at", pa.timestamp("us", tz="UTC")),
            *((name, pa.int64() if shape == "number" else pa.string()) for name, shape in shapes().items()),
        ]
    )
    count = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_pylist([_row(entry) for entry in batch], schema=schema))
            count += len(batch)
    out.flush()
    return count


def export_entries(out: BinaryIO, format_: str, *, first: int = 1, last: int | None = None) -> int:
    """Write the entries from position `first` to `last` (default: the head now) and return how many.

    `format_`: jsonl or parquet. What `import_sources` reads, with `position` and `recorded_at`.
    """
    upto = stored.head() if last is None else min(last, stored.head())
    batches = stored.walk(first - 1, upto)
    return (_write_parquet if format_ == "parquet" else _write_jsonl)(batches, out)
