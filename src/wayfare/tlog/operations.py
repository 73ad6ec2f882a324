"""Growing a log and signing its head: two transactions, so that nothing is signed before it is there to stay."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count, pairwise
from typing import NamedTuple

from django.db import connection

from wayfare.common.postgres.copy_rows import bigint_field, bytes_field, row, smallint_field, text_field, whole
from wayfare.common.postgres.literals import text_array
from wayfare.common.postgres.statements import copied, run
from wayfare.tlog import notes, parts, queries
from wayfare.tlog.keys import Keys
from wayfare.tlog.merkle import HASH_SIZE
from wayfare.tlog.parts import Source
from wayfare.tlog.queries import Head
from wayfare.tlog.tiles import WIDTH, Edge, hashes_in, holding
from wayfare.tlog.writers import writing

LOCK = 0x574C4F47  # "WLOG": who grows or signs a log does so alone
CHANNEL = "wayfare_log"
WORTH_SHARING = 4
"""Whole parts in a row that say that a log is far behind."""
SIGN_SECONDS = 0.5
"""How often a log that catches up is signed on its way."""


class WouldFork(RuntimeError):
    """The log does not continue what it signed before: its database is older than its last word, or was changed."""


def _alone(log: str) -> None:
    run("select pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, log])


def grow(source: Source) -> int:
    """Add leaves for what is new, in order, at most to the end of a part; return how many were added."""
    with writing():
        _alone(source.log)
        head = queries.head(source.log)
        bodies = source.bodies(head.size, parts.SIZE - head.size % parts.SIZE)
        if bodies:
            nonces = os.urandom(HASH_SIZE * len(bodies))
            made = parts.part(parts.cut(nonces), bodies)
            edge = _edge(source.log, head.size)
            changed = edge.extend(made.leaves)
            after = Head(edge.size, edge.root())
            _write(source.log, _Batch(head, after, nonces, b"".join(made.commitments), changed))
    return len(bodies)


class _Batch(NamedTuple):
    """What a log grows by: nonces and commitments side by side; by (level, number) the tiles as they come to stand."""

    before: Head
    after: Head
    nonces: bytes
    commitments: bytes
    tiles: dict[tuple[int, int], bytes]


def _edge(log: str, size: int) -> Edge:
    fetch = queries.fetcher(log)
    return Edge(size, [hashes_in(fetch(tile), tile) if tile.width else [] for tile in Edge.tiles(size)])


def _write(log: str, batch: _Batch) -> None:
    """Write a batch: what was begun before grows, and what is new is copied in."""
    size = batch.before.size
    new_tiles = []
    for (level, number), hashes in batch.tiles.items():
        if holding(level, number, size).width:
            run(
                "update log_tile set hashes = %s::bytea where log = %s and level = %s::int2 and number = %s::int8",
                [_hex(hashes), log, level, number],
            )
        else:
            new_tiles.append(row(text_field(log), smallint_field(level), bigint_field(number), bytes_field(hashes)))
    new_bundles = []
    for number, nonces, commitments in _bundles(batch):
        if number == size // WIDTH and size % WIDTH:
            run(
                "update log_bundle set commitments = commitments || %s::bytea, nonces = nonces || %s::bytea"
                " where log = %s and number = %s::int8",
                [_hex(commitments), _hex(nonces), log, number],
            )
        else:
            new_bundles.append(
                row(text_field(log), bigint_field(number), bytes_field(commitments), bytes_field(nonces))
            )
    copied("copy log_tile (log, level, number, hashes) from stdin (format binary)", whole(new_tiles))
    copied("copy log_bundle (log, number, commitments, nonces) from stdin (format binary)", whole(new_bundles))
    run(
        "insert into log_head (log, size, root) values (%s, %s::bigint, %s::bytea)"
        " on conflict (log) do update set size = excluded.size, root = excluded.root",
        [log, batch.after.size, _hex(batch.after.root)],
    )


def _hex(value: bytes) -> str:
    return "\\x" + value.hex()


def _bundles(batch: _Batch) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield what goes into each bundle: its number, nonces and commitments."""
    size, end = batch.before.size, batch.after.size
    cuts = [size, *range(size - size % WIDTH + WIDTH, end, WIDTH), end]
    for start, stop in pairwise(cuts):
        part = slice((start - size) * HASH_SIZE, (stop - size) * HASH_SIZE)
        yield start // WIDTH, batch.nonces[part], batch.commitments[part]


def sign(log: str, keys: Keys, now: Callable[[], float] = time.time) -> notes.Checkpoint | None:
    """Sign and publish a log's head; return it, or None if it has been signed already.

    The head was committed before, so that nothing is signed that could be lost. The word given last, kept beside the
    keys, must be its beginning: a database brought back from an old backup, or changed behind the triggers, is never
    signed over. Raises: WouldFork.
    """
    with writing():
        _alone(log)
        head = queries.head(log)
        published = queries.signed_size(log)
        if published == head.size:
            return None
        if published is not None and keys.last() is None:
            raise WouldFork(
                f"the log {log} was signed by other keys than those in {keys.folder}; bring that folder back"
            )
        _check_continues(log, head, keys)
        checkpoint = notes.Checkpoint(keys.name, head.size, head.root)
        seconds = int(now())
        note = notes.signed_note(checkpoint.text(), keys.signers, seconds)
        keys.remember(str(note))
        at = datetime.fromtimestamp(seconds, UTC)
        run(
            "insert into log_checkpoint (log, size, note, at) values (%s, %s::bigint, %s, %s::timestamptz)",
            [log, head.size, note, at.isoformat()],
        )
        _note_keys(log, keys, at)
        run("select pg_notify(%s, %s)", [CHANNEL, f"{log} {head.size}"])
    return checkpoint


def _check_continues(log: str, head: Head, keys: Keys) -> None:
    said = keys.last()
    if said is None:
        return
    last = notes.parse_checkpoint(notes.parse_note(said).text)
    if last.size > head.size:
        raise WouldFork(
            f"the log {log} ends at {head.size}, but {last.size} was signed; bring back a newer backup of the database"
        )
    if queries.root_at(log, last.size) != last.root:
        raise WouldFork(
            f"the log {log} differs within the first {last.size} leaves from what was signed; nothing more is signed."
            " Compare with an export or a witness, and see docs/log.md"
        )


def _note_keys(log: str, keys: Keys, at: datetime) -> None:
    """Record which keys sign from now on, and which do no more."""
    verifiers = text_array(str(verifier) for verifier in keys.verifiers)
    run(
        "insert into log_key (verifier, log, since) select v, %s, %s::timestamptz from unnest(%s::text[]) v"
        " on conflict (verifier) do nothing",
        [log, at.isoformat(), verifiers],
    )
    run(
        "update log_key set retired = %s::timestamptz"
        " where log = %s and retired is null and verifier <> all(%s::text[])",
        [at.isoformat(), log, verifiers],
    )


def keep_up(source: Source, keys: Keys) -> notes.Checkpoint | None:
    """Grow a log to the end of its source and sign it; return the checkpoint, or None if there was nothing new."""
    signed, full = None, 0
    while grow(source) and queries.head(source.log).size % parts.SIZE == 0:
        signed = sign(source.log, keys)
        full += 1
        if full == WORTH_SHARING and not connection.in_atomic_block:
            signed = _catch_up(source, keys) or signed
            full = 0
    return sign(source.log, keys) or signed


def _catch_up(source: Source, keys: Keys) -> notes.Checkpoint | None:
    """Grow a log that ends with a part by whole parts, made by other processes; return the last checkpoint.

    It is signed twice a second: what others follow is never much behind, and most of the time goes into growing. Each
    part is written where the log then ends, or not at all: if somebody else grew it, this ends.
    """
    log, signed = source.log, None
    head = queries.head(log)
    edge, due = _edge(log, head.size), time.monotonic()
    jobs = ((source, start) for start in count(head.size, parts.SIZE))
    for made in parts.in_order(_made, jobs, shared=True):
        if made is None:
            break
        tiles = {(0, number): tile for number, tile in enumerate(made.tiles, edge.size // WIDTH)}
        tiles |= edge.extend(made.roots, level=1)
        batch = _Batch(head, Head(edge.size, edge.root()), made.nonces, made.commitments, tiles)
        with writing():
            _alone(log)
            if queries.head(log) != head:
                break
            _write(log, batch)
        head = batch.after
        if time.monotonic() >= due:
            signed, due = sign(log, keys), time.monotonic() + SIGN_SECONDS
    return signed


class _Made(NamedTuple):
    """A whole part: nonces and commitments side by side, its tiles of leaves and their roots."""

    nonces: bytes
    commitments: bytes
    tiles: list[bytes]
    roots: list[bytes]


def _made(source: Source, start: int) -> _Made | None:
    """Make a whole part; return None if the source has no more whole ones. In a process of its own."""
    bodies = source.bodies(start, parts.SIZE)
    if len(bodies) < parts.SIZE:
        return None
    nonces = os.urandom(HASH_SIZE * len(bodies))
    commitments, leaves, roots = parts.part(parts.cut(nonces), bodies)
    tiles = [b"".join(leaves[n : n + WIDTH]) for n in range(0, len(leaves), WIDTH)]
    return _Made(nonces, b"".join(commitments), tiles, roots)
