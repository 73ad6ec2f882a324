"""Entries from CSV (RFC 4180): a header row of field names, then an entry a line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import compress
from typing import BinaryIO

from wayfare.ledger.entries.parsing import LINE_LIMIT
from wayfare.ledger.entries.sources import BadFile, Read, Source, lines, open_bytes
from wayfare.ledger.entries.tables import NEEDED, of_text, one_name_each, shapes, unfold
from wayfare.ledger.rules import Refused

_OTHER_MARKS = {";": "semicolons (;)", "\t": "tabs", "|": "vertical bars (|)"}


def _cells(line: bytes) -> list[str]:
    """Return the cells of one line. Raises: Refused."""
    if len(line) > LINE_LIMIT:
        raise Refused("entry", f"is longer than {LINE_LIMIT:,} bytes; an entry is a few hundred")
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
    """Return the columns of a CSV file, unnamed ones as empty text; none for an empty file.

    Raises: BadFile, with the mend.
    """
    with open_bytes(source) as file:
        numbered = lines(file)
        first = next(numbered, (0, b""))[1]
        if not first.strip():
            if any(line.strip() for _, line in numbered):
                raise BadFile(source.name, "its first line is empty; put the header row of field names there")
            return []
    _is_a_line_of_text(source, first)
    try:
        columns = [name.strip() for name in _cells(first)]
    except Refused as refusal:
        raise BadFile(source.name, f"its first line {refusal.reason}") from None
    _all_needed(source, columns)
    one_name_each(source, columns)
    return columns


def _is_a_line_of_text(source: Source, first: bytes) -> None:
    if b"\0" in first:
        raise BadFile(source.name, "holds NUL characters, as UTF-16 does; save it as UTF-8")
    if b"\r" in first:
        raise BadFile(
            source.name, "its lines end in CR alone, as old Macintosh programs write; save it with LF or CR LF"
        )
    if first.lower().startswith(b"sep="):
        raise BadFile(source.name, "its first line is 'sep=', which only spreadsheets read; remove that line")
    for mark, called in _OTHER_MARKS.items():
        if sum(name.strip(' "') in NEEDED for name in first.decode(errors="replace").split(mark)) > 1:
            problem = f"its columns are divided by {called}, not by commas; save it as CSV with commas"
            raise BadFile(source.name, problem)


def _all_needed(source: Source, columns: list[str]) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        wrong = next((name for name in columns if name.casefold() == missing[0]), None)
        mend = f"write {wrong!r} in small letters" if wrong else "add a header row of field names"
        raise BadFile(source.name, f"its first line does not name the column {missing[0]}; {mend}")


def _fitted(row: list[str], columns: list[str]) -> list[str]:
    """Return a row without the commas that spreadsheets add at its end. Raises: Refused, when it does not fit."""
    if len(row) > len(columns) and not any(map(str.strip, row[len(columns) :])):
        return row[: len(columns)]
    problem = f"has {len(row)} cells where the header has {len(columns)}; check commas and quotes"
    raise Refused("entry", problem)


def read_csv(file: BinaryIO, columns: list[str]) -> Iterator[Read]:
    """Yield the rows below the header; blank ones, as spreadsheets write, are no rows."""
    unnamed = [number for number, name in enumerate(columns) if not name]
    named = [bool(name) for name in columns]
    known = shapes()
    typed = [(name, known.get(name)) for name in columns]
    for number, line in lines(file):
        if number == 1 or not line:
            continue
        try:
            row = _cells(line)
            if not any(map(str.strip, row)):
                continue
            if len(row) != len(columns):
                row = _fitted(row, columns)
            for at in unnamed:
                if row[at].strip():
                    raise Refused("entry", f"has a value in column {at + 1}, which has no name in the first line")
            cells = zip(typed, row, strict=True)
            filled = {
                name: of_text(shape, cell)
                for (name, shape), cell in (compress(cells, named) if unnamed else cells)
                if cell
            }
            yield Read(number, unfold(filled, columns), line)
        except Refused as refusal:
            yield Read(number, refusal, line)
