"""Values as PostgreSQL's binary COPY takes them (its documentation of COPY, "Binary Format"). Pure.

A row is the number of its fields, then each field as its length and its bytes; all numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import chain

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01T00:00Z, from which PostgreSQL counts, in microseconds since 1970."""

_LENGTH = struct.Struct(">i")
_FIELDS = struct.Struct(">h")
_SMALLINT = struct.Struct(">ih")
_BIGINT = struct.Struct(">iq")
_of_hex = bytes.fromhex


def uuid_bytes(text: str) -> bytes:
    """Return a UUID's 16 bytes."""
    return _of_hex(text.replace("-", ""))


def bytes_field(value: bytes) -> bytes:
    """Return bytes with their length."""
    return _LENGTH.pack(len(value)) + value


def text_field(text: str) -> bytes:
    """Return a text with its length."""
    return bytes_field(text.encode())


def smallint_field(number: int) -> bytes:
    """Return an int2 with its length."""
    return _SMALLINT.pack(2, number)


def bigint_field(number: int) -> bytes:
    """Return an int8 with its length."""
    return _BIGINT.pack(8, number)


def row(*fields: bytes) -> bytes:
    """Return a row of fields."""
    return _FIELDS.pack(len(fields)) + b"".join(fields)


def whole(rows: Iterable[bytes]) -> Iterator[bytes]:
    """Return rows as what a COPY takes from its beginning to its end."""
    return chain((HEADER,), rows, (TRAILER,))
