"""Recomputing a whole log from the rows it commits to, and holding every stored hash against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from wayfare.ledger.log import merkle, notes, queries
from wayfare.ledger.log.merkle import HASH_SIZE
from wayfare.ledger.log.notes import Malformed, Unverified, Verifier
from wayfare.ledger.log.operations import Source
from wayfare.ledger.log.tiles import HEIGHT, WIDTH, Edge, Tile

_BUNDLES = 64


class Findings(NamedTuple):
    """How many leaves were recomputed, how many of them are under a signed checkpoint, and what differs, in words."""

    leaves: int
    signed: int
    differences: list[str]


def verified(
    source: Source, known: list[Verifier] | None = None, tell: Callable[[int], object] = lambda done: None
) -> Findings:
    """Recompute a log from its source; the first position that differs is named, and ends the search.

    `known`: the keys that may sign (None: those the log recorded). `tell` hears how many leaves are done.
    """
    log = source.log
    head = queries.head(log)
    edge, differs = Edge(), ""
    for differs in _recomputed(source, edge, tell):
        if differs:
            break
    if not differs and edge.size != head.size:
        differs = f"position {edge.size + 1} is the first that is missing: the log says that it has {head.size}"
    if not differs and edge.root() != head.root:
        differs = "the root of the log is not that of its leaves"
    differences = [differs] if differs else list(_tiles_beside(log, head.size))
    signed, problem = _checkpoint(log, head.size, known)
    return Findings(edge.size, signed, [*differences, *([problem] if problem else [])])


def _recomputed(source: Source, edge: Edge, tell: Callable[[int], object]) -> Iterator[str]:
    """Extend an empty edge by each leaf, batch by batch; yield what differs in a batch, or nothing."""
    fetch = queries.fetcher(source.log)
    expected = 0
    for leaves in queries.bundles(source.log, -1, 2**62, _BUNDLES):
        for leaf in leaves:
            if leaf.number != expected:
                yield f"position {expected * WIDTH + 1} is the first that is missing from the leaves"
                return
            expected += 1
        commitments = _cut(b"".join(leaf.commitments for leaf in leaves))
        nonces = _cut(b"".join(leaf.nonces for leaf in leaves))
        bodies = source.bodies(edge.size, len(commitments))
        made = [sha256(nonce + body).digest() for nonce, body in zip(nonces, bodies, strict=False)]
        if made != commitments:
            at = _differing(made, commitments)
            what = "differs from what was committed to" if at < len(made) else "is committed to, and is no more"
            yield f"position {edge.size + at + 1} {what}"
            return
        before = edge.size
        for (level, number), data in edge.extend([merkle.leaf_hash(one) for one in commitments]).items():
            try:
                stored = fetch(Tile(level, number, len(data) // HASH_SIZE))
            except queries.NotPublished:
                stored = b""
            if stored != data:
                first = _first(before, level, number, data, stored)
                yield f"position {first} is the first under a hash that differs, in {Tile(level, number).path()}"
                return
        tell(edge.size)
        yield ""


def _cut(data: bytes) -> list[bytes]:
    return [data[n : n + HASH_SIZE] for n in range(0, len(data), HASH_SIZE)]


def _differing(ours: list[bytes], theirs: list[bytes]) -> int:
    """Return the first index at which two lists differ, the length of the shorter one if they do not."""
    at = 0
    while at < min(len(ours), len(theirs)) and ours[at] == theirs[at]:
        at += 1
    return at


def _first(before: int, level: int, number: int, data: bytes, stored: bytes) -> int:
    """Return the first position under the first hash of a tile that differs."""
    at = _differing(_cut(data), _cut(stored))
    return max(before, (number * WIDTH + at) << HEIGHT * level) + 1


def _tiles_beside(log: str, size: int) -> Iterator[str]:
    """Yield a line if there are more tiles than a log of its size has."""
    there = queries.stored_tiles(log)
    expected, row = 0, size
    while row:
        expected += -(-row // WIDTH)
        row //= WIDTH
    if there != expected:
        yield f"the log of {size} leaves has {there} tiles, not {expected}"


def _checkpoint(log: str, size: int, known: list[Verifier] | None) -> tuple[int, str]:
    """Return the size of the latest checkpoint, and what is wrong with it."""
    try:
        note = queries.latest(log)
        if note is None:
            return 0, ""
        checkpoint = notes.parse_checkpoint(note.text)
        keys = known if known is not None else [notes.parse_verifier(key.verifier) for key in queries.keys(log)]
        notes.verify(note, keys)
    except (Malformed, Unverified) as problem:
        return 0, f"the latest checkpoint does not hold: {problem}"
    if checkpoint.size > size:
        return checkpoint.size, f"a tree of {checkpoint.size} was signed, but the log has {size} leaves"
    try:
        root = queries.root_at(log, checkpoint.size)
    except queries.NotPublished as problem:
        return checkpoint.size, f"the tree of the latest checkpoint cannot be read: {problem}"
    if root != checkpoint.root:
        return checkpoint.size, f"the latest checkpoint, of {checkpoint.size} leaves, has another root"
    return checkpoint.size, ""
