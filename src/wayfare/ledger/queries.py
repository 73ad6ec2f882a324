"""Reading the ledger: its head, its entries in order, and all that is connected by reference to some ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from wayfare.ledger import registry


def array(values: Iterable[object]) -> str:
    """Return ids, codes or numbers as PostgreSQL's array literal, for a cast such as `%s::uuid[]`.

    Much faster to write than adapting each element; so only for values without quotation marks, commas, braces
    or spaces, which ids and codes never hold.
    """
    return "{" + ",".join(map(str, values)) + "}"


class StoredEntry(NamedTuple):
    """One row of the ledger; `body` is the canonical JSON text, ids are lower-case text."""

    position: int
    entry_id: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    source: str
    body: str


class Connected(NamedTuple):
    """One entry found by following references."""

    position: int
    entry_id: str
    kind: str
    subject: str
    object: str | None
    body: str


_COLUMNS = "position, entry_id::text, kind, occurred_at, recorded_at, source, body"


def head() -> int:
    """Return the greatest position, 0 for an empty ledger."""
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(position), 0) from ledger_entry")
        return int(cursor.fetchone()[0])


def tally() -> dict[str, int]:
    """Return the number of entries of each kind."""
    with connection.cursor() as cursor:
        cursor.execute("select kind, entries from ledger_tally where entries > 0 order by kind")
        return dict(cursor.fetchall())


def entries(after: int = 0, limit: int = 1000, upto: int | None = None) -> list[StoredEntry]:
    """Return up to `limit` entries with `after` < position (≤ `upto`), in position order."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {_COLUMNS} from ledger_entry where position > %s"  # noqa: S608 - fixed column list
            " and position <= coalesce(%s, 9223372036854775807) order by position limit %s",
            [after, upto, limit],
        )
        return [StoredEntry(*row) for row in cursor.fetchall()]


def walk(after: int = 0, upto: int | None = None, step: int = 10_000) -> Iterator[list[StoredEntry]]:
    """Yield the entries in position order, `step` at a time, in constant memory."""
    while batch := entries(after, step, upto):
        yield batch
        after = batch[-1].position


_BY_ID = """select position, entry_id::text, kind, subject::text, object::text, body from ledger_entry e
            join unnest(%s::uuid[]) as wanted(id) on e.{column} = wanted.id"""


def _found(column: str, ids: Iterable[str]) -> list[Connected]:
    with connection.cursor() as cursor:
        cursor.execute(_BY_ID.format(column=column), [array(ids)])
        return [Connected(*row) for row in cursor.fetchall()]


def connected(things: Set[str], named: Set[str], nameable: Set[str]) -> dict[str, Connected]:
    """Return every stored entry that references connect to some ids, by `entry_id`.

    `things`: ids of what entries speak of (persons, departures); `named`: entry ids that some entry names;
    `nameable`: entry ids that others may name. Cost: a few index probes for each id found, however long the
    ledger is.
    """
    found: dict[str, Connected] = {}
    seen_things: set[str] = set()
    seen_named: set[str] = set()
    seen_nameable: set[str] = set()
    while things or named or nameable:
        seen_things |= things
        seen_named |= named
        seen_nameable |= nameable
        rows: list[Connected] = []
        if things or nameable:
            rows += _found("subject", things | nameable)
        if things:
            rows += _found("object", things)
        if named:
            rows += _found("entry_id", named)
        next_things: set[str] = set()
        next_named: set[str] = set()
        next_nameable: set[str] = set()
        for row in rows:
            if row.entry_id in found:
                continue
            found[row.entry_id] = row
            kind = registry.kinds[row.kind]
            (next_named if kind.names_entry else next_things).add(row.subject)
            if row.object is not None:
                next_things.add(row.object)
            if kind.can_be_named:
                next_nameable.add(row.entry_id)
        things = next_things - seen_things
        named = next_named - seen_named
        nameable = next_nameable - seen_nameable
    return found


def references(after: int, upto: int) -> tuple[set[str], set[str], set[str]]:
    """Return what the entries with `after` < position ≤ `upto` refer to, as `connected` takes it."""
    things: set[str] = set()
    named: set[str] = set()
    nameable: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "select entry_id::text, kind, subject::text, object::text from ledger_entry"
            " where position > %s and position <= %s",
            [after, upto],
        )
        for entry_id, name, subject, other in cursor.fetchall():
            kind = registry.kinds[name]
            (named if kind.names_entry else things).add(subject)
            if other is not None:
                things.add(other)
            if kind.can_be_named:
                nameable.add(entry_id)
    return things, named, nameable
