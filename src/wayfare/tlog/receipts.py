"""Checking a receipt without asking anyone; `site/static/receipt.js` does the same in the browser."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

import orjson

from wayfare.tlog import merkle, notes
from wayfare.tlog.merkle import HASH_SIZE
from wayfare.tlog.notes import Checkpoint, Malformed, Verified, Verifier


class Checked(NamedTuple):
    """What a receipt proves: which leaf is under which checkpoint, who signed that, and what the entry says."""

    leaf: int
    head: Checkpoint
    signed: list[Verified]
    extra: bytes


def check(data: bytes, known: Iterable[Verifier]) -> Checked:
    """Check a receipt against keys that are trusted. Raises: Malformed, Unproven, Unverified."""
    proof = notes.parse_proof(data)
    head = notes.parse_checkpoint(proof.note.text)
    if proof.extra is None or len(proof.extra) <= HASH_SIZE:
        raise Malformed("no_entry", "the receipt does not hold the entry")
    leaf = merkle.leaf_hash(sha256(proof.extra).digest())
    merkle.check_inclusion(leaf, proof.leaf_index, 0, head.size, proof.hashes, head.root)
    signed = notes.verify(proof.note, [key for key in known if key.name == head.origin])
    return Checked(proof.leaf_index, head, signed, proof.extra)


def fields(extra: bytes) -> list[tuple[str, str]]:
    """Return an entry's own fields as texts, none if it has not the form of an entry."""
    try:
        found = orjson.loads(extra[HASH_SIZE:])
    except orjson.JSONDecodeError:
        return []
    if not isinstance(found, dict):
        return []
    return [(name, value if isinstance(value, str) else orjson.dumps(value).decode()) for name, value in found.items()]
