"""Growing a log and signing its head: two transactions, so that nothing is signed before it is there to stay."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from django.db import connection, transaction

from wayfare.ledger.log import merkle, notes, queries
from wayfare.ledger.log.keys import Keys
from wayfare.ledger.log.merkle import HASH_SIZE
from wayfare.ledger.log.tiles import WIDTH, Edge, hashes_in
from wayfare.ledger.queries import array, text_array
from wayfare.ledger.statements import run

LOCK = 0x574C4F47  # "WLOG": who grows or signs a log does so alone
CHANNEL = "wayfare_log"
AT_ONCE = 20_000
"""No more leaves than this in one transaction."""


class Source(NamedTuple):
    """What a log commits to: `bodies(after, limit)` returns the bodies at positions after + 1, after + 2 … in order."""

    log: str
    bodies: Callable[[int, int], list[bytes]]


class WouldFork(RuntimeError):
    """The log does not continue what it signed before: its database is older than its last word, or was changed."""


def _alone(log: str) -> None:
    run("select pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, log])


def grow(source: Source, at_most: int = AT_ONCE) -> int:
    """Add leaves for what is new, in order; return how many were added.

    A leaf is a commitment: the SHA-256 of a nonce of its own and a body. It binds the log to the body, and says nothing
    of it to who has not both.
    """
    with connection.wrap_database_errors, transaction.atomic():
        _alone(source.log)
        size = queries.head(source.log).size
        bodies = source.bodies(size, at_most)
        if not bodies:
            return 0
        edge = _edge(source.log, size)
        random = os.urandom(HASH_SIZE * len(bodies))
        nonces = [random[n : n + HASH_SIZE] for n in range(0, len(random), HASH_SIZE)]
        commitments = [sha256(nonce + body).digest() for nonce, body in zip(nonces, bodies, strict=True)]
        changed = edge.extend([merkle.leaf_hash(one) for one in commitments])
        _write_bundles(source.log, size, commitments, nonces)
        run(
            "insert into log_tile (log, level, number, hashes)"
            " select %s, * from unnest(%s::int2[], %s::int8[], %s::bytea[])"
            " on conflict (log, level, number) do update set hashes = excluded.hashes",
            [source.log, array(level for level, _ in changed), array(n for _, n in changed), _bytes(changed.values())],
        )
        run(
            "insert into log_head (log, size, root) values (%s, %s::bigint, %s::bytea)"
            " on conflict (log) do update set size = excluded.size, root = excluded.root",
            [source.log, edge.size, "\\x" + edge.root().hex()],
        )
    return len(bodies)


def _bytes(values: Iterable[bytes]) -> str:
    return text_array("\\x" + value.hex() for value in values)


def _edge(log: str, size: int) -> Edge:
    fetch = queries.fetcher(log)
    return Edge(size, [hashes_in(fetch(tile), tile) if tile.width else [] for tile in Edge.tiles(size)])


def _write_bundles(log: str, size: int, commitments: list[bytes], nonces: list[bytes]) -> None:
    first = WIDTH - size % WIDTH
    cuts = [0, *range(first, len(commitments), WIDTH), len(commitments)]
    parts = [(size + start) // WIDTH for start in cuts[:-1]]
    pieces = [[b"".join(hashes[start:end]) for start, end in pairwise(cuts)] for hashes in (commitments, nonces)]
    run(
        "insert into log_bundle as b (log, number, commitments, nonces)"
        " select %s, * from unnest(%s::int8[], %s::bytea[], %s::bytea[]) on conflict (log, number)"
        " do update set commitments = b.commitments || excluded.commitments, nonces = b.nonces || excluded.nonces",
        [log, array(parts), _bytes(pieces[0]), _bytes(pieces[1])],
    )


def sign(log: str, keys: Keys, now: Callable[[], float] = time.time) -> notes.Checkpoint | None:
    """Sign and publish a log's head; return it, or None if it has been signed already.

    The head was committed before, so that nothing is signed that could be lost. The word given last, kept beside the
    keys, must be its beginning: a database brought back from an old backup, or changed behind the triggers, is never
    signed over. Raises: WouldFork.
    """
    with connection.wrap_database_errors, transaction.atomic():
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


def _check_continues(log: str, head: queries.Head, keys: Keys) -> None:
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
    while grow(source) == AT_ONCE:
        sign(source.log, keys)
    return sign(source.log, keys)
