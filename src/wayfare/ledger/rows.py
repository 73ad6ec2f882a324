"""Entries as rows for PostgreSQL's binary COPY (`common/postgres/copy_rows.py`). Pure."""

from __future__ import annotations

import struct
from functools import lru_cache

from wayfare.common.postgres.copy_rows import NULL, POSTGRES_EPOCH_US, text_field

ENTRY_COLUMNS = (
    "position, recorded_at, entry_id, occurred_at, kind, source, subject, object, body, digest"  # head, then tail
)
_HEAD = struct.Struct(">hiqiq")
_ID_AND_TIME = struct.Struct(">i16siq")
_ID = struct.Struct(">i16s")
_LENGTH = struct.Struct(">i")
_DIGEST_LENGTH = _LENGTH.pack(32)
_AFTER_BODY = 4 + 32
_of_hex = bytes.fromhex


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
