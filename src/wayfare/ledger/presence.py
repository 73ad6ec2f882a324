"""Knowing that an id is nowhere in the ledger, without asking for it there: for whoever appends very many entries.

A Bloom filter (Bloom 1970) over every id that entries have or name. It may say "perhaps" of what is absent, never
"absent" of what is there, as long as it has heard of every position: `cover` sees to that, under the writers' lock.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from django.db import connection

from wayfare.common.postgres.copy_rows import HEADER
from wayfare.ledger.rules import Entry

Ids = npt.NDArray[np.uint64]
"""UUIDs as rows of two numbers."""

BITS_AN_ID = 12
"""With four bits set an id, one absent id in 150 is taken for present, and is then looked for."""
_HASHES = 4
_IDS_AN_ENTRY = 3
_LARGEST_BITS = 1 << 32
_ROW = np.dtype([("fields", ">i2"), *((f"{n}{i}", t) for i in range(3) for n, t in (("length", ">i4"), ("id", "V16")))])
_HEADER_BYTES = len(HEADER)
_ENOUGH_BYTES = 1 << 20


def ids_of(texts: Sequence[str]) -> Ids:
    """Return UUIDs as rows of two numbers."""
    return np.frombuffer(bytes.fromhex("".join(texts).replace("-", "")), np.uint64).reshape(-1, 2)


class Presence:
    """What may be in the ledger, up to `position`."""

    def __init__(self, expected_entries: int) -> None:
        bits = min(_LARGEST_BITS, 1 << max(16, (expected_entries * _IDS_AN_ENTRY * BITS_AN_ID).bit_length()))
        self._mask = np.uint64(bits - 1)
        self._bits = np.zeros(bits // 8, np.uint8)
        self.position = 0

    def _places(self, ids: Ids) -> Ids:
        """Return the bits of each id, one row a hash (double hashing: Kirsch and Mitzenmacher 2006)."""
        one = ids[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ ids[:, 1]
        one ^= one >> np.uint64(29)
        other = ids[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F) ^ (ids[:, 0] >> np.uint64(31)) | np.uint64(1)
        return np.stack([one + np.uint64(n) * other for n in range(_HASHES)]) & self._mask

    def add(self, ids: Ids) -> None:
        """Take note of ids."""
        places = self._places(ids).ravel()
        bits = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
        np.bitwise_or.at(self._bits, places >> np.uint64(3), bits)

    def perhaps(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """Return for each id whether it may be in the ledger."""
        places = self._places(ids)
        bits = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
        found = (self._bits[places >> np.uint64(3)] & bits) != 0
        return np.asarray(found.all(axis=0), np.bool_)

    def note(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Take note of entries that are committed, right after what is covered."""
        assert entries[0][0] == self.position + 1
        for texts in (
            [entry.entry_id for _, entry in entries],
            [entry.subject for _, entry in entries],
            [entry.object for _, entry in entries if entry.object is not None],
        ):
            self.add(ids_of(texts))
        self.position = entries[-1][0]

    def cover(self, head: int) -> None:
        """Hear of every entry up to the head that was not heard of; the caller holds the writers' lock."""
        if head == self.position:
            return
        with (
            connection.cursor() as cursor,
            cursor.cursor.copy(
                "copy (select entry_id, subject, coalesce(object, subject) from ledger_entry"  # noqa: S608 - numbers
                f" where position > {self.position:d} and position <= {head:d}) to stdout (format binary)"
            ) as copy,
        ):
            read = bytearray()
            for part in copy:
                read += part
                if len(read) > _ENOUGH_BYTES:
                    self._add_rows(read)
            self._add_rows(read)
        self.position = head

    def _add_rows(self, data: bytearray) -> None:
        """Take the whole rows from the beginning of what was read, and note their ids."""
        start = _HEADER_BYTES if data.startswith(HEADER[:11]) else 0
        count = (len(data) - start) // _ROW.itemsize
        found = np.frombuffer(bytes(data[start:]), _ROW, count)
        for name in ("id0", "id1", "id2"):
            self.add(np.frombuffer(found[name].tobytes(), np.uint64).reshape(-1, 2))
        del data[: start + count * _ROW.itemsize]
