"""Reading the ledger: its head, its entries in order, and all that is connected by reference to some ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from django.db import connection, transaction

from wayfare.ledger import registry
from wayfare.ledger.rules import Connected
from wayfare.ledger.statements import run


def array(values: Iterable[object]) -> str:
    """Return ids, codes or numbers as PostgreSQL's array literal, for a cast such as `%s::uuid[]`.

    Much faster to write than adapting each element; so only for values without quotation marks, commas, braces
    or spaces, which ids and codes never hold.
    """
    return "{" + ",".join(map(str, values)) + "}"


def text_array(values: Iterable[str]) -> str:
    """Return any texts as PostgreSQL's array literal, for the cast `%s::text[]`."""
    return '{"' + '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values]) + '"}'


class StoredEntry(NamedTuple):
    """One row of the ledger; `body` is the canonical JSON text, ids are lower-case text."""

    position: int
    entry_id: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    source: str
    body: str


@contextmanager
def one_look() -> Iterator[None]:
    """Let everything that is read within stand as of one moment, whatever is committed meanwhile; nothing is written.

    Within a transaction that is under way, what that one sees.
    """
    with transaction.atomic():
        if not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("set transaction isolation level repeatable read, read only")
        yield


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


_AS_SUBJECT, _AS_OBJECT, _AS_ENTRY = 0, 1, 2


class References:
    """What some entries refer to, and the search for every stored entry that references connect to them.

    The search goes round by round: each asks for what refers to the ids that the last one brought up.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[str, int]] = set()
        self._ahead: list[tuple[str, int]] = []
        self._asked: psycopg.Cursor[tuple[Any, ...]] | None = None

    def add(self, entry_id: str, kind_name: str, subject: str, other: str | None) -> None:
        """Take in what one entry refers to, each id in the role in which others may be found by it."""
        kind = registry.kinds[kind_name]
        self._look_for(subject, _AS_ENTRY if kind.names_entry else _AS_SUBJECT)
        if kind.subject_is_shared:
            self._look_for(subject, _AS_OBJECT)
        if other is not None:
            self._look_for(other, _AS_SUBJECT)
            self._look_for(other, _AS_OBJECT)
        if kind.can_be_named:
            self._look_for(entry_id, _AS_SUBJECT)

    def _look_for(self, id_: str, role: int) -> None:
        if (id_, role) not in self._seen:
            self._seen.add((id_, role))
            self._ahead.append((id_, role))

    def ask(self) -> None:
        """Send the next round of the search; `found` takes its answer."""
        self._asked = None
        if self._ahead:
            by_role = [array(id_ for id_, has in self._ahead if has == role) for role in range(3)]
            self._ahead = []
            self._asked = run("select * from ledger_referring(%s, %s, %s)", by_role)

    def found(self) -> list[Connected]:
        """Return every stored entry that references connect to the ids, directly or through others.

        Cost: a few index probes for each entry found, however long the ledger is.
        """
        found: dict[str, Connected] = {}
        if self._asked is None:
            self.ask()
        while self._asked is not None:
            for row in map(Connected._make, self._asked.fetchall()):
                if row.entry_id not in found:
                    found[row.entry_id] = row
                    self.add(row.entry_id, row.kind, row.subject, row.object)
            self.ask()
        return list(found.values())


def connected(after: int, upto: int) -> list[Connected]:
    """Return the entries with `after` < position ≤ `upto`, and every other that references connect to them."""
    references = References()
    with connection.cursor() as cursor:
        cursor.execute(
            "select entry_id::text, kind, subject::text, object::text from ledger_entry"
            " where position > %s and position <= %s",
            [after, upto],
        )
        for row in cursor.fetchall():
            references.add(*row)
    return references.found()
