"""Reading entries from JSON lines, CSV and Parquet, strictly and in constant memory (`docs/ledger.md`, Files).

Knows neither Django nor the database, so that a process of its own can run it.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from wayfare.ledger import registry
from wayfare.ledger.entries import parsing
from wayfare.ledger.entries.csv_rows import csv_header, read_csv
from wayfare.ledger.entries.parquet_rows import open_parquet, read_parquet
from wayfare.ledger.entries.sources import BOM, BadFile, Read, Source, first_line, lines, open_bytes
from wayfare.ledger.entries.tables import ASIDE
from wayfare.ledger.entries.types import EntryType
from wayfare.ledger.registry import Precount
from wayfare.ledger.rules import Ahead, Entry, Refused

CHUNK = 50_000
"""Entries in one transaction."""
CHUNK_BYTES = 24 << 20
_SHOWN_CHARS = 1_000
_NOT_TEXT = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PK": "a ZIP archive or a workbook"}


class Chunk(NamedTuple):
    """Consecutive entries of one file, read; `shown` has the refused ones as JSON, by index."""

    source: int
    done_bytes: int
    lines: list[int]
    items: list[tuple[Any, ...] | Refused]
    """Entries without their data, which travel once, in canonical form."""
    shown: dict[int, bytes]
    ahead: dict[str, Ahead]
    """What each projection worked out ahead, by its name."""


class Outlook(NamedTuple):
    """What holds when a file is read: entry types, the programmes' keys, the latest `occurred_at`, who counts ahead."""

    types: tuple[EntryType, ...]
    programmes: frozenset[str]
    latest_us: int
    precounts: dict[str, Precount]
    """By the projection's name."""


def _read_jsonl(file: BinaryIO) -> Iterator[Read]:
    for number, line in lines(file):
        if not line or line.isspace():
            continue
        try:
            value = parsing.decode(line)
            if isinstance(value, dict) and ("position" in value or "recorded_at" in value):
                value = {name: field for name, field in value.items() if name not in ASIDE}
        except Refused as refusal:
            value = refusal
        yield Read(number, value, line)


def read(source: Source) -> Iterator[tuple[Read, Callable[[], int]]]:
    """Yield the entries of a source in order, each with a function that tells the bytes read so far."""
    if source.format == "parquet":
        table = open_parquet(source)
        rows = max(1, table.metadata.num_rows)
        for one in read_parquet(table):
            yield one, lambda at=one.line: source.size * at // rows  # type: ignore[misc]
        return
    with open_bytes(source) as file:
        entries = _read_jsonl(file) if source.format == "jsonl" else read_csv(file, csv_header(source))
        for one in entries:
            yield one, file.tell


def _shown(one: Read) -> bytes:
    """Return a refused entry as JSON: as it was decoded, or else (the beginning of) its text."""
    value = one.cells if isinstance(one.value, Refused) else one.value
    if value is not None:
        try:
            return orjson.dumps(value, default=str)
        except orjson.JSONEncodeError:
            pass
    text = one.text or str(value or "").encode(errors="backslashreplace")
    beginning = text if len(text) <= parsing.LINE_LIMIT else text[:_SHOWN_CHARS]
    return orjson.dumps(beginning.decode(errors="backslashreplace"))


def _parsed(one: Read, outlook: Outlook) -> Entry | Refused:
    if isinstance(one.value, Refused):
        return one.value
    try:
        return parsing.parse(one.value, programmes=outlook.programmes, latest_us=outlook.latest_us)
    except Refused as refusal:
        return Refused(refusal.field, refusal.reason, refusal.entry_id)  # without its traceback


def chunks(source: Source, index: int, outlook: Outlook, most: int = CHUNK) -> Iterator[Chunk]:
    """Read and check a source's entries, `most` at a time (fewer when they are long), and count them ahead."""
    numbers: list[int] = []
    items: list[Entry | Refused] = []
    shown: dict[int, bytes] = {}
    size = 0
    done: Callable[[], int] = lambda: 0  # noqa: E731

    def chunk(done_bytes: int) -> Chunk:
        ahead = {name: precount(items) for name, precount in outlook.precounts.items()}
        bare = [item if isinstance(item, Refused) else item[:-1] for item in items]
        return Chunk(index, done_bytes, numbers, bare, shown, ahead)

    for one, done in read(source):
        item = _parsed(one, outlook)
        if isinstance(item, Refused):
            shown[len(items)] = _shown(one)
            size += len(shown[len(items)])
        numbers.append(one.line)
        items.append(item)
        size += len(one.text or b"")
        if len(items) == most or size > CHUNK_BYTES:
            yield chunk(done())
            numbers, items, shown, size = [], [], {}, 0
    yield chunk(source.size)


def whole(items: Sequence[tuple[Any, ...] | Refused]) -> list[Entry | Refused]:
    """Return the items of a chunk as the ledger takes them."""
    return [item if isinstance(item, Refused) else Entry(*item) for item in items]


def feed(sources: Sequence[Source], outlook: Outlook, most: int, pipe: Connection) -> None:
    """Read sources and send their chunks, then None; a BadFile is sent in place of what cannot be read.

    The main function of the reading process. The pipe holds it back when the other end is slower.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    registry.register(outlook.types)
    gc.disable()  # nothing here makes cycles, and looking for them in long lists takes a third of the time
    try:
        for index, source in enumerate(sources):
            try:
                for chunk in chunks(source, index, outlook, most):
                    pipe.send(chunk)
            except BrokenPipeError:
                raise
            except OSError as problem:
                pipe.send(BadFile(source.name, f"cannot be read to its end ({problem.strerror or problem})"))
                return
            except BadFile as problem:
                pipe.send(problem)
                return
            except Exception as problem:  # noqa: BLE001 - a traceback would say nothing of the file
                what = (
                    f"cannot be read to its end ({type(problem).__name__}: {first_line(problem)}); please report this"
                )
                pipe.send(BadFile(source.name, what))
                return
        pipe.send(None)
    except BrokenPipeError:  # the importing process is gone
        os._exit(1)


def guess_format(name: str, beginning: bytes) -> str:
    """Return jsonl, csv or parquet, by the suffix or else by the first bytes. Raises: BadFile."""
    known = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet"}
    known[".pq"] = "parquet"
    suffix = Path(name).suffix.lower()
    if suffix in known:
        return known[suffix]
    if beginning.startswith(b"PAR1"):
        return "parquet"
    text = beginning.removeprefix(BOM).lstrip()
    if not text or text.startswith(b"{") or name == "-":
        first = text.split(b"\n", 1)[0]
        return "csv" if b"entry_id" in first and not text.startswith(b"{") else "jsonl"
    if b"entry_id" in text.split(b"\n", 1)[0]:
        return "csv"
    raise BadFile(name, "its format cannot be told from its name; add --format jsonl, csv or parquet")


def require_text(source: Source, beginning: bytes) -> None:
    """Refuse a text file that is plainly something else. Raises: BadFile, with the mend."""
    if source.format == "parquet":
        return
    if beginning.startswith(b"PAR1"):
        raise BadFile(source.name, f"is Parquet, not {source.format}; add --format parquet")
    for magic, what in _NOT_TEXT.items():
        if beginning.startswith(magic):
            mend = "save it as UTF-8" if what == "UTF-16" else "unpack it, or save the sheet as CSV"
            raise BadFile(source.name, f"is {what}, not {source.format}; {mend}")
