"""Looking through a file for fields that are never taken in, before any of it is stored (`README.md`).

CSV and Parquet name their fields once. JSON lines name them on every line, so the whole file is gone through:
fast, by what stands before a colon, and line by line only where that could mislead.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from typing import Any, BinaryIO

import orjson

from wayfare.ledger.entries.csv_rows import csv_header
from wayfare.ledger.entries.forbidden import reason_against
from wayfare.ledger.entries.parquet_rows import broken_inside, open_parquet, parquet_columns
from wayfare.ledger.entries.sources import BOM, BadFile, Source, open_bytes
from wayfare.ledger.entries.tables import NEEDED

_NAME = re.compile(rb'"([^"\\]*+)"\s*+:')
_ODD = tuple(b",:[]{} \t\r\n")
"""A match that begins so may lie between two strings, and hide the name that follows."""
_BLOCK = 1 << 20
_OVERLAP = 4_096
_WORTH_SHARING = 64 << 20


class _Found(Exception):
    """A field that is not taken in."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason


def _judge(name: str) -> None:
    if reason := reason_against(name):
        raise _Found(name, reason)


def _names_within(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield from one
            todo += one.values()
        elif isinstance(one, list):
            todo += one


def _read_closely(block: bytes, *, every_line: bool) -> None:
    for line in block.split(b"\n"):
        if not every_line and b"\\" not in line:
            continue
        try:
            value = orjson.loads(line.removeprefix(BOM))
        except orjson.JSONDecodeError:  # refused as a line later; of such a line nothing is stored
            continue
        for name in _names_within(value):
            _judge(name)


def _screen_block(block: bytes, harmless: set[bytes]) -> None:
    odd = False
    for name in set(_NAME.findall(block)) - harmless:
        if not name or name[0] in _ODD:
            odd = True
        else:
            _judge(name.decode(errors="replace"))
            harmless.add(name)
    if odd or b"\\" in block:
        _read_closely(block, every_line=odd)


def _blocks(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines from `start` to `end` in blocks of lines; an endless line in overlapping pieces."""
    file.seek(start)
    rest = b""
    while start < end and (more := file.read(min(_BLOCK, end - start))):
        start += len(more)
        block = rest + more
        cut = block.rfind(b"\n") + 1
        if cut:
            yield block[:cut]
            rest = block[cut:]
        elif len(block) > _BLOCK:
            yield block
            rest = block[-_OVERLAP:]
        else:
            rest = block
    yield rest


def _screen_range(source: Source, limits: tuple[int, int]) -> tuple[str, str] | None:
    """Return the first field not taken in between two offsets, and why not."""
    harmless: set[bytes] = set()
    try:
        with open_bytes(source) as file:
            for block in _blocks(file, *limits):
                _screen_block(block, harmless)
    except _Found as found:
        return found.name, found.reason
    return None


def _ranges(source: Source, parts: int) -> list[tuple[int, int]]:
    """Divide a file into ranges of whole lines."""
    cuts = [0]
    with open_bytes(source) as file:
        for part in range(1, parts):
            file.seek(max(cuts[-1], source.size * part // parts))
            while (more := file.readline(1 << 16)) and more[-1] != 10:
                pass
            cuts.append(file.tell())
    return [*zip(cuts, [*cuts[1:], source.size], strict=True)]


def _screen_jsonl(source: Source) -> tuple[str, str] | None:
    cores = min(4, os.cpu_count() or 1)
    if source.size < _WORTH_SHARING or cores == 1:
        return _screen_range(source, (0, source.size))
    try:
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
            found = pool.map(partial(_screen_range, source), _ranges(source, cores))
            return next((one for one in found if one), None)
    except BrokenProcessPool:
        problem = "could not be looked through: a process was killed, by somebody or for want of memory. Nothing is in"
        raise BadFile(source.name, f"{problem}; free memory, or divide the file into smaller ones") from None


def _schema_names(fields: Any) -> Iterator[str]:
    for field in fields:
        yield field.name
        inner = field.type
        if inner.num_fields:
            yield from _schema_names(inner.field(i) for i in range(inner.num_fields))


def _screen_parquet(source: Source) -> None:
    """Judge the columns; decode the whole file once, so that a break in it is known before anything is in."""
    table = open_parquet(source)
    for name in _schema_names(table.schema_arrow):
        _judge(name)
    columns = parquet_columns(source, table)
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise BadFile(source.name, f"has no column {missing[0]}; a Parquet of entries has a column for each field")
    try:
        for _ in table.iter_batches(batch_size=10_000):
            pass
    except Exception as problem:  # noqa: BLE001 - whatever the library says, it says of the file
        raise broken_inside(source, problem) from None


def screen(sources: Sequence[Source]) -> None:
    """Go through every file before any is taken in.

    Raises: BadFile, when a file cannot be read as entries, or names a field that is not taken in.
    """
    for source in sources:
        try:
            if source.format == "parquet":
                _screen_parquet(source)
            elif source.format == "csv":
                for name in csv_header(source):
                    _judge(name)
            elif found := _screen_jsonl(source):
                raise _Found(*found)
        except _Found as found_here:
            name = json.dumps(found_here.name[:100], ensure_ascii=False)
            problem = f"has a field {name}: {found_here.reason}. Nothing is in; remove the field and import again"
            raise BadFile(source.name, problem) from None
