"""Reading entries from JSON lines, CSV and Parquet, strictly and in constant memory (`contracts.md`).

Knows neither Django nor the database, so that a process of its own can run it.
"""

from __future__ import annotations

import csv
import gc
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

import orjson

from wayfare.departures import kinds
from wayfare.departures.forecast import foresee
from wayfare.departures.rules import Programme
from wayfare.ledger.rules import Ahead, Entry, Refused

CHUNK = 50_000
"""Entries in one transaction."""
CHUNK_BYTES = 24 << 20
ASIDE = frozenset({"position", "recorded_at"})
"""What an export adds; another ledger gives its own."""
LISTS = frozenset({"persons", "assistance", "facts.assistance"})
EMPTY_LIST = ";"
"""In a CSV cell, where nothing at all means absent."""
NULLS = "facts.nulls"
"""The column that names facts given as an explicit null."""
NEEDED = ("entry_id", "kind", "occurred_at", "source")
_SHOWN_CHARS = 1_000
_PARQUET_ROWS = 1_000
_NOT_TEXT = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PK": "a ZIP archive"}
BOM = b"\xef\xbb\xbf"


class BadFile(Exception):
    """A file that cannot be read as entries at all; says which, and the mend."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem

    def __reduce__(self) -> tuple[type[BadFile], tuple[str, str]]:
        return BadFile, (self.name, self.problem)


class Source(NamedTuple):
    """A file to read: where its bytes are, what the user calls it, its format and its size."""

    path: str
    name: str
    format: str
    size: int


class Read(NamedTuple):
    """One entry as a file holds it: the line, the value or why there is none, and the text it came from."""

    line: int
    value: object
    text: bytes | None = None


class Chunk(NamedTuple):
    """Consecutive entries of one file, read; `shown` has the refused ones as JSON, by index."""

    source: int
    done_bytes: int
    lines: list[int]
    items: list[tuple[Any, ...] | Refused]
    """Entries without their data, which travel once, in canonical form."""
    shown: dict[int, bytes]
    ahead: Ahead


class Outlook(NamedTuple):
    """What is configured when a file is read: programmes and their row ids by key, and the latest `occurred_at`."""

    programmes: dict[str, Programme]
    ids: dict[str, int]
    latest_us: int


def open_bytes(source: Source) -> BinaryIO:
    """Open a source. Raises: BadFile, with the mend."""
    try:
        return open(source.path, "rb")
    except PermissionError:
        raise BadFile(source.name, "may not be read by this user; give read permission to it") from None
    except OSError as problem:
        raise BadFile(source.name, f"cannot be read ({problem.strerror})") from None


def lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each line; of one beyond the limit only its beginning."""
    limit = kinds.LINE_LIMIT + 2
    number = 0
    while line := file.readline(limit):
        number += 1
        if len(line) == limit and line[-1] != 10:
            while (more := file.readline(1 << 16)) and more[-1] != 10:
                pass
        if number == 1:
            line = line.removeprefix(BOM)
        yield number, line.rstrip(b"\r\n")


def _read_jsonl(file: BinaryIO) -> Iterator[Read]:
    for number, line in lines(file):
        if not line or line.isspace():
            continue
        try:
            value = kinds.decode(line)
            if isinstance(value, dict) and ("position" in value or "recorded_at" in value):
                value = {name: field for name, field in value.items() if name not in ASIDE}
        except Refused as refusal:
            value = refusal
        yield Read(number, value, line)


def _split(text: str) -> list[str]:
    return [] if text in ("", EMPTY_LIST) else text.split(";")


def _sex(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) else text


def _of_text(name: str, text: str) -> Any:
    """Return what a text cell says."""
    if name in LISTS or name == NULLS:
        return _split(text)
    return _sex(text) if name in ("sex", "facts.sex") else text


def _of_value(name: str, value: Any) -> Any:
    """Return what a typed Parquet cell says."""
    match value:
        case str():
            return _of_text(name, value)
        case datetime() | date():
            return value.isoformat()
        case bytes() if len(value) == 16:
            return str(UUID(bytes=value))
        case UUID():
            return str(value)
        case float() if value.is_integer() and name in ("sex", "facts.sex"):
            return int(value)
    return value


def unfold(cells: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Return the entry that a row's filled cells are; `columns` are all the table has."""
    entry: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for name, value in cells.items():
        if name == NULLS:
            facts.update(dict.fromkeys(value))
        elif name.startswith("facts."):
            facts[name[6:]] = value
        elif name not in ASIDE:
            entry[name] = value
    if facts:
        entry["facts"] = facts
    if entry.get("kind") == "enrolled" and "birth_date" in columns:
        entry.setdefault("birth_date", None)
    if entry.get("kind") == "departure_registered" and "assistance" in columns:
        entry.setdefault("assistance", [])
    return entry


def _cells(line: bytes) -> list[str]:
    """Return the cells of one CSV line (RFC 4180, an entry a line). Raises: Refused."""
    if len(line) > kinds.LINE_LIMIT:
        raise Refused("entry", f"is longer than {kinds.LINE_LIMIT:,} bytes; an entry is a few hundred")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Refused("entry", "is not UTF-8 text; export it as UTF-8") from None
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error as problem:
        raise Refused("entry", f"is not a CSV row ({problem}); an entry stands on one line") from None


def csv_header(source: Source) -> list[str]:
    """Return the columns of a CSV file; none for an empty one. Raises: BadFile, with the mend."""
    with open_bytes(source) as file:
        first = next((line for _, line in lines(file)), b"")
    if not first:
        return []
    try:
        columns = [name.strip() for name in _cells(first)]
    except Refused as refusal:
        raise BadFile(source.name, f"its first line {refusal.reason}") from None
    missing = [name for name in NEEDED if name not in columns]
    if missing and any(len(first.decode().split(mark)) >= len(NEEDED) for mark in (";", "\t")):
        raise BadFile(source.name, "its columns are not divided by commas; save it as CSV with commas")
    if missing:
        raise BadFile(
            source.name,
            f"its first line does not name the column {missing[0]}; add a header row of field names",
        )
    for name in columns:
        if columns.count(name) > 1:
            raise BadFile(source.name, f"names the column {name!r} twice; keep one")
    return columns


def _read_csv(file: BinaryIO, columns: list[str]) -> Iterator[Read]:
    for number, line in lines(file):
        if number == 1 or not line:
            continue
        try:
            row = _cells(line)
            if len(row) != len(columns):
                problem = f"has {len(row)} cells where the header has {len(columns)}; check commas and quotes"
                raise Refused("entry", problem)
            filled = {name: _of_text(name, cell) for name, cell in zip(columns, row, strict=True) if cell}
            yield Read(number, unfold(filled, columns), line)
        except Refused as refusal:
            yield Read(number, refusal, line)


def open_parquet(source: Source) -> Any:
    """Open a Parquet file. Raises: BadFile, with the mend."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    open_bytes(source).close()
    try:
        return pq.ParquetFile(source.path, memory_map=False)
    except (pa.ArrowException, OSError, ValueError) as problem:
        first = str(problem).split("\n")[0][:200]
        raise BadFile(source.name, f"is not a Parquet file that can be read ({first}); write it again") from None


def _cells_of_row(row: dict[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            filled |= {f"{name}.{part}": one for part, one in value.items()}
        else:
            filled[name] = value
    return {
        name: _of_value(name, value)
        for name, value in filled.items()
        if value is not None and (value != "" or name in LISTS)
    }


def _read_parquet(table: Any) -> Iterator[Read]:
    columns = list(table.schema_arrow.names)
    number = 0
    for batch in table.iter_batches(batch_size=_PARQUET_ROWS):
        for row in batch.to_pylist():
            number += 1
            yield Read(number, unfold(_cells_of_row(row), columns))


def read(source: Source) -> Iterator[tuple[Read, Callable[[], int]]]:
    """Yield the entries of a source in order, each with a function that tells the bytes read so far."""
    if source.format == "parquet":
        table = open_parquet(source)
        rows = max(1, table.metadata.num_rows)
        for one in _read_parquet(table):
            yield one, lambda at=one.line: source.size * at // rows  # type: ignore[misc]
        return
    with open_bytes(source) as file:
        entries = _read_jsonl(file) if source.format == "jsonl" else _read_csv(file, csv_header(source))
        for one in entries:
            yield one, file.tell


def _shown(one: Read) -> bytes:
    """Return a refused entry as JSON: as it was decoded, or else (the beginning of) its text."""
    if not isinstance(one.value, Refused):
        try:
            return orjson.dumps(one.value, default=str)
        except orjson.JSONEncodeError:
            pass
    text = one.text or b""
    beginning = text if len(text) <= kinds.LINE_LIMIT else text[:_SHOWN_CHARS]
    return orjson.dumps(beginning.decode(errors="backslashreplace"))


def _parsed(one: Read, outlook: Outlook) -> Entry | Refused:
    if isinstance(one.value, Refused):
        return one.value
    try:
        return kinds.parse(one.value, programmes=outlook.programmes, latest_us=outlook.latest_us)
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
        ahead = foresee(items, outlook.programmes, outlook.ids)
        bare = [item if isinstance(item, Refused) else item[:-1] for item in items]
        return Chunk(index, done_bytes, numbers, bare, shown, ahead)

    for one, done in read(source):
        item = _parsed(one, outlook)
        if isinstance(item, Refused):
            shown[len(items)] = _shown(one)
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
            mend = "save it as UTF-8" if what == "UTF-16" else "unpack it first"
            raise BadFile(source.name, f"is {what}, not {source.format}; {mend}")
