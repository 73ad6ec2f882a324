"""Columns of rows as PostgreSQL's binary arrays (`array_send` in its source): half of the work of writing them as text.

An array is put together of items, each of which is ready-made once, however often it comes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

UUIDS, TEXTS, BYTES, PLACES = 2950, 25, 17, 27
"""PostgreSQL's numbers of types whose binary form is the bytes themselves, UTF-8 for text; `tid` as it is read."""
NULL = struct.pack(">i", -1)


def item(value: bytes) -> bytes:
    """Return a value as an item of an array: its length before it."""
    return len(value).to_bytes(4, "big") + value


def array(kind: int, values: Iterable[bytes]) -> bytes:
    """Return the array of some values of one of the kinds above."""
    return binary(kind, list(map(item, values)))


def binary(kind: int, items: Sequence[bytes]) -> bytes:
    """Return the array of some items (`item`, or NULL), which are of one of the kinds above."""
    if not items:
        return struct.pack(">iii", 0, 0, kind)
    return struct.pack(">iiiii", 1, 0, kind, len(items), 1) + b"".join(items)
