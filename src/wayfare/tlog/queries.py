"""Reading a log: its head, its published checkpoint, its tiles, proofs and receipts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from django.db import connection

from wayfare.tlog import merkle, notes
from wayfare.tlog.merkle import EMPTY, HASH_SIZE, Unproven
from wayfare.tlog.tiles import WIDTH, Fetch, Tile, TileNodes, bundle, hashes_in, holding


class Head(NamedTuple):
    """How far a log has grown, signed or not."""

    size: int
    root: bytes


class NotPublished(LookupError):
    """There is no such tile, leaf or checkpoint in what the log has published."""


def _one(query: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def head(log: str) -> Head:
    """Return how far a log has grown."""
    row = _one("select size, root from log_head where log = %s", [log])
    return Head(row[0], bytes(row[1])) if row else Head(0, EMPTY)


def signed_size(log: str) -> int | None:
    """Return the size of the checkpoint published last, None if there is none."""
    row = _one("select max(size) from log_checkpoint where log = %s", [log])
    return row[0] if row else None


class Signed(NamedTuple):
    """The checkpoint published last: of how many leaves, and when."""

    size: int
    at: datetime


def last_signed(log: str) -> Signed | None:
    """Return how far a log was signed last, and when; None if it never was."""
    row = _one("select size, at from log_checkpoint where log = %s order by size desc limit 1", [log])
    return Signed(*row) if row else None


def latest(log: str, cosigned: bool = True) -> notes.Note | None:
    """Return the checkpoint published last, with or without the cosignatures it has, None if there is none."""
    row = _one("select size, note from log_checkpoint where log = %s order by size desc limit 1", [log])
    if row is None:
        return None
    return _with_cosignatures(log, *row) if cosigned else notes.parse_note(row[1].encode())


def checkpoint_of(log: str, size: int) -> notes.Note | None:
    """Return the checkpoint published at a size or, failing that, the first one after it."""
    row = _one("select size, note from log_checkpoint where log = %s and size >= %s order by size limit 1", [log, size])
    return _with_cosignatures(log, *row) if row else None


def _with_cosignatures(log: str, size: int, text: str) -> notes.Note:
    with connection.cursor() as cursor:
        cursor.execute("select line from log_cosignature where log = %s and size = %s order by witness", [log, size])
        return notes.parse_note((text + "".join(line for (line,) in cursor.fetchall())).encode())


class Key(NamedTuple):
    """A public key of a log, and when it signed; still does if `retired` is None."""

    verifier: str
    since: datetime
    retired: datetime | None

    def line(self) -> str:
        """Return its line in a list. A retired one is a comment: who takes every other line trusts what signs now."""
        if self.retired is None:
            return f"{self.verifier}\n"
        since, retired = (at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (self.since, self.retired))
        return f"# retired {since} {retired} {self.verifier}\n"


def keys_text(log: str) -> str:
    """Return the verifier keys that sign a log now, a line each, and after them those that did, with their time."""
    return "".join(key.line() for key in sorted(keys(log), key=lambda key: key.retired is not None))


def keys(log: str) -> list[Key]:
    """Return the keys that sign a log and those that did, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select verifier, since, retired from log_key where log = %s order by since desc, verifier", [log]
        )
        return [Key(*row) for row in cursor.fetchall()]


def fetcher(log: str) -> Fetch:
    """Return what reads a log's tiles, as far as it has grown. It raises: NotPublished."""

    def fetch(tile: Tile) -> bytes:
        if tile.level is None:
            row = _one("select commitments from log_bundle where log = %s and number = %s", [log, tile.number])
        else:
            row = _one(
                "select hashes from log_tile where log = %s and level = %s and number = %s",
                [log, tile.level, tile.number],
            )
        data = bytes(row[0])[: tile.width * HASH_SIZE] if row else b""
        if len(data) < tile.width * HASH_SIZE:
            raise NotPublished(f"{tile.path()} is not in the log")
        return bundle(hashes_in(data, tile)) if tile.level is None else data

    return fetch


def published_tile(log: str, tile: Tile) -> bytes:
    """Return a tile's bytes as published: as far as the latest checkpoint reaches. Raises: NotPublished."""
    size = signed_size(log) or 0
    if holding(tile.level or 0, tile.number, size).width < tile.width:
        raise NotPublished(f"{tile.path()} is not in the log of {size} leaves")
    return fetcher(log)(tile)


_kept: dict[tuple[Any, Any, str], TileNodes] = {}


def nodes(log: str, size: int) -> TileNodes:
    """Return the nodes of a log's tree of a size; a process keeps the tiles it used last, of committed sizes only."""
    if connection.in_atomic_block:
        return TileNodes(fetcher(log), size)
    where = connection.settings_dict["HOST"], connection.settings_dict["NAME"], log
    known = _kept.get(where)
    _kept[where] = found = TileNodes(fetcher(log), size) if known is None else known.of_size(size)
    return found


def root_at(log: str, size: int) -> bytes:
    """Return the root that a log had at a size, from its tiles as they are stored now. Raises: NotPublished."""
    return merkle.range_root(0, size, TileNodes(fetcher(log), head(log).size))


def inclusion(log: str, index: int, size: int) -> list[bytes]:
    """Return the proof that a leaf is in the tree of a size. Raises: Unproven."""
    return merkle.inclusion_proof(index, 0, size, nodes(log, size))


def consistency(log: str, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of one size is the beginning of that of another.

    Raises: Unproven, NotPublished.
    """
    if new > head(log).size:
        raise NotPublished(f"the log has fewer than {new} leaves")
    if old == 0:
        raise Unproven("empty_old_tree", "every tree is consistent with the empty one, so a proof of it says nothing")
    return merkle.consistency_proof(0, old, new, nodes(log, new))


def nonce(log: str, index: int) -> bytes:
    """Return the nonce that hides a leaf. Raises: NotPublished."""
    row = _one(
        "select substring(nonces from %s for 32) from log_bundle where log = %s and number = %s",
        [index % WIDTH * HASH_SIZE + 1, log, index // WIDTH],
    )
    if row is None or len(row[0]) != HASH_SIZE:
        raise NotPublished(f"the log has no leaf {index}")
    return bytes(row[0])


def receipt(log: str, index: int, body: bytes) -> notes.Proof:
    """Return the proof that a body is in the log: it verifies without asking anyone. For whoever may see the body.

    Raises: NotPublished, when the leaf is not under a checkpoint yet.
    """
    note = latest(log)
    size = notes.parse_checkpoint(note.text).size if note else 0
    if note is None or index >= size:
        raise NotPublished(f"leaf {index} is not under a checkpoint yet; ask again in a moment")
    return notes.Proof(index, inclusion(log, index, size), note, nonce(log, index) + body)


class Leaves(NamedTuple):
    """A range of a log's leaves as stored, each kind side by side: what hides them, what is public, their hashes."""

    nonces: bytes
    commitments: bytes
    hashes: bytes


def leaves(log: str, start: int, end: int) -> Leaves:
    """Return the leaves from `start`, a multiple of 256, up to `end`; of each kind, those before the first gap."""
    first, last = start // WIDTH, -(-end // WIDTH)
    bundles, rows = (
        _unbroken(
            first,
            f"select number, {columns} from {table} and number >= %s and number < %s order by number",  # noqa: S608 - ours
            [log, first, last],
        )
        for columns, table in (
            ("nonces, commitments", "log_bundle where log = %s"),
            ("hashes", "log_tile where log = %s and level = 0"),
        )
    )
    columns = [row[1] for row in bundles], [row[2] for row in bundles], [row[1] for row in rows]
    return Leaves(*(b"".join(column)[: (end - start) * HASH_SIZE] for column in columns))


def _unbroken(first: int, query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """Return numbered rows from the first on as long as none is missing."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(query, parameters, binary=True)  # in text, bytes would be twice as many
        return [row for number, row in enumerate(cursor.fetchall(), first) if row[0] == number]


class Extent(NamedTuple):
    """How far a log has grown, and how many leaves and hashes are stored for it."""

    head: Head
    leaves: int
    hashes: int


def extent(log: str) -> Extent:
    """Return how much a log says that it has and how much it has, as of one moment."""
    row = _one(
        "select (select size from log_head where log = log.name), (select root from log_head where log = log.name),"
        " (select coalesce(sum(length(commitments)), 0) from log_bundle where log = log.name),"
        " (select coalesce(sum(length(hashes)), 0) from log_tile where log = log.name)"
        " from (values (%s)) log (name)",
        [log],
    )
    size, root, commitments, hashes = row or (None, None, 0, 0)
    known = Head(0, EMPTY) if size is None else Head(size, bytes(root))
    return Extent(known, commitments // HASH_SIZE, hashes // HASH_SIZE)
