"""Values as PostgreSQL's binary COPY takes them (its documentation of COPY, "Binary Format"). Pure.

A row is the number of its fields, then each field as its length and its bytes; all numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01T00:00Z, from which PostgreSQL counts, in microseconds since 1970."""

ENTRY_COLUMNS = (
    "position, recorded_at, entry_id, occurred_at, kind, source, subject, object, body, digest"  # head, then tail
)
_HEAD = struct.Struct(">hiqiq")
_ID_AND_TIME = struct.Struct(">i16siq")
_ID = struct.Struct(">i16s")
_LENGTH = struct.Struct(">i")
_FIELDS = struct.Struct(">h")
_SMALLINT = struct.Struct(">ih")
_BIGINT = struct.Struct(">iq")
_DIGEST_LENGTH = _LENGTH.pack(32)
_AFTER_BODY = 4 + 32


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


def entry_head(position: int, recorded_us: int) -> bytes:
    """Return the beginning of an entry's row: what the ledger gives it."""
    return _HEAD.pack(10, 8, position, 8, recorded_us - POSTGRES_EPOCH_US)


@lru_cache(10_000)
def _said_by(kind: str, source: str) -> bytes:
    return text_field(kind) + text_field(source)


def entry_tail(
    entry_id: str, at_us: int, kind: str, source: str, subject: str, other: str | None, body: bytes, digest: bytes
) -> bytes:
    """Return the rest of an entry's row: what its source gives it, and its canonical form with the digest."""
    return b"".join(
        (
            _ID_AND_TIME.pack(16, _of_hex(entry_id.replace("-", "")), 8, at_us - POSTGRES_EPOCH_US),
            _said_by(kind, source),
            _ID.pack(16, _of_hex(subject.replace("-", ""))),
            NULL if other is None else _ID.pack(16, _of_hex(other.replace("-", ""))),
            _LENGTH.pack(len(body)),
            body,
            _DIGEST_LENGTH,
            digest,
        )
    )


def body_of(tail: bytes, kind: str, source: str, other: str | None) -> bytes:
    """Return the canonical form that a row's tail holds."""
    start = _ID_AND_TIME.size + len(_said_by(kind, source)) + _ID.size + (4 if other is None else _ID.size) + 4
    return tail[start:-_AFTER_BODY]


def digest_of(tail: bytes) -> bytes:
    """Return the digest that a row's tail holds."""
    return tail[-32:]
