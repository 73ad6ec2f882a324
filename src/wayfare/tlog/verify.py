"""Recomputing a whole log from the rows it commits to, and holding every stored hash against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import NamedTuple

from django.db import connection

from wayfare.tlog import notes, parts, queries
from wayfare.tlog.merkle import HASH_SIZE
from wayfare.tlog.notes import Malformed, Unverified, Verifier
from wayfare.tlog.parts import Source
from wayfare.tlog.tiles import HEIGHT, WIDTH, Edge, Tile, holding

_WORTH_SHARING = 4 * parts.SIZE
"""A log of more leaves than this is verified by several processes."""


class Findings(NamedTuple):
    """How many leaves were recomputed, how many of them are under a signed checkpoint, and what differs, in words."""

    leaves: int
    signed: int
    differences: list[str]


def verified(
    source: Source, known: list[Verifier] | None = None, tell: Callable[[int], object] = lambda done: None
) -> Findings:
    """Recompute a log from its source; the first position that differs is named, and ends the search.

    `known`: the keys that may sign (None: those the log recorded). `tell` hears how many leaves are done. A log that
    grows meanwhile is verified as it was at first.
    """
    signed, said = _checkpoint(source.log, known)  # before the extent is read: what is signed later may be beyond it
    extent, edge = queries.extent(source.log), Edge()
    differs = next(_differences(source, extent.head.size, edge, tell), "")
    if not differs and edge.root() != extent.head.root:
        differs = "the root of the log is not that of its leaves"
    problems = [differs] if differs else [*_superfluous(extent), *source.beside()]
    if signed is not None and not said:
        said = _beside(source.log, extent.head.size, signed)
    return Findings(edge.size, signed.size if signed else 0, [*problems, *([said] if said else [])])


def _differences(source: Source, size: int, edge: Edge, tell: Callable[[int], object]) -> Iterator[str]:
    """Extend an empty edge to a size, part by part; yield what differs, the first position first."""
    fetch = queries.fetcher(source.log)
    jobs = ((source, start, min(start + parts.SIZE, size)) for start in range(0, size, parts.SIZE))
    shared = size > _WORTH_SHARING and not connection.in_atomic_block
    for recomputed in parts.in_order(_recomputed, jobs, shared):
        if recomputed.differs:
            yield recomputed.differs
        changed = edge.extend(recomputed.roots, level=1) | edge.extend(recomputed.rest)
        for (level, number), data in changed.items():
            tile = Tile(level, number, len(data) // HASH_SIZE)
            try:
                stored = fetch(tile)
            except queries.NotPublished:
                stored = b""
            if (at := _differing(data, stored)) is not None:
                yield _under((number * WIDTH + at) << HEIGHT * level, tile)
        tell(edge.size)


class _Recomputed(NamedTuple):
    """A part of a log: the roots of its full tiles of leaves, the leaves that fill none, and what differs in it."""

    roots: list[bytes]
    rest: list[bytes]
    differs: str


def _recomputed(source: Source, start: int, end: int) -> _Recomputed:
    """Recompute the leaves of a part and hold them against what is stored. In a process of its own."""
    stored = queries.leaves(source.log, start, end)
    commitments, leaves, roots = parts.part(parts.cut(stored.nonces), source.bodies(start, end - start))
    differs = ""
    if (at := _differing(b"".join(commitments), stored.commitments)) is not None:
        what = "is committed to, and is no more" if at == len(commitments) else "differs from what was committed to"
        differs = f"position {start + at + 1} {what}"
    elif len(leaves) < end - start:
        differs = f"position {start + len(leaves) + 1} is the first that is missing from the leaves"
    elif (at := _differing(b"".join(leaves), stored.hashes)) is not None:
        differs = _under(start + at, holding(0, (start + at) // WIDTH, end))
    return _Recomputed(roots, leaves[len(roots) * WIDTH :], differs)


def _under(index: int, tile: Tile) -> str:
    return f"position {index + 1} is the first under a hash that differs, in {tile.path()}"


def _differing(ours: bytes, theirs: bytes) -> int | None:
    """Return which hash is the first that differs, None if they are the same."""
    if ours == theirs:
        return None
    pairs = zip_longest(parts.cut(ours), parts.cut(theirs))
    return next(at for at, (one, other) in enumerate(pairs) if one != other)


def _superfluous(extent: queries.Extent) -> Iterator[str]:
    """Yield what more is stored than a log of its size has."""
    size = extent.head.size
    if extent.leaves != size:
        yield f"the log of {size} leaves holds {extent.leaves}"
    expected = sum(size >> HEIGHT * level for level in range(8))
    if extent.hashes != expected:
        yield f"the tiles of the log of {size} leaves hold {extent.hashes} hashes, not {expected}"


def _checkpoint(log: str, known: list[Verifier] | None) -> tuple[notes.Checkpoint | None, str]:
    """Return the latest checkpoint, if there is one and its signature holds, and what is wrong with it."""
    try:
        note = queries.latest(log)
        if note is None:
            return None, ""
        keys = known if known is not None else [notes.parse_verifier(key.verifier) for key in queries.keys(log)]
        notes.verify(note, keys)
        return notes.parse_checkpoint(note.text), ""
    except (Malformed, Unverified) as problem:
        return None, f"the latest checkpoint does not hold: {problem}"


def _beside(log: str, size: int, signed: notes.Checkpoint) -> str:
    """Return in what a log of a size differs from a checkpoint."""
    if signed.size > size:
        return f"a tree of {signed.size} was signed, but the log has {size} leaves"
    try:
        root = queries.root_at(log, signed.size)
    except queries.NotPublished as problem:
        return f"the tree of the latest checkpoint cannot be read: {problem}"
    return "" if root == signed.root else f"the latest checkpoint, of {signed.size} leaves, has another root"
