"""Reading the ledger: its head, its entries in order, and all that is connected by reference to some ids."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from wayfare.common.postgres.literals import array
from wayfare.common.postgres.statements import run
from wayfare.ledger.rules import Connected
from wayfare.ledger.scopes import Scope, components


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


def entries(after: int = 0, limit: int = 1000, upto: int | None = None, source: str | None = None) -> list[StoredEntry]:
    """Return up to `limit` entries with `after` < position (≤ `upto`), in position order; of one source, if named."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {_COLUMNS} from ledger_entry where position > %s"  # noqa: S608 - fixed column list
            " and position <= coalesce(%s, 9223372036854775807) and (%s::text is null or source = %s)"
            " order by position limit %s",
            [after, upto, source, source, limit],
        )
        return [StoredEntry(*row) for row in cursor.fetchall()]


def has(subject: str, kind: str) -> bool:
    """Tell whether an entry of a kind speaks of this."""
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from ledger_entry where subject = %s and kind = %s)", [subject, kind])
        return bool(cursor.fetchone()[0])


def walk(after: int = 0, upto: int | None = None, step: int = 10_000) -> Iterator[list[StoredEntry]]:
    """Yield the entries in position order, `step` at a time, in constant memory."""
    while batch := entries(after, step, upto):
        yield batch
        after = batch[-1].position


def references(entries: Sequence[tuple[str, str, str, str | None]], scope: Scope) -> list[str]:
    """Return the arguments of `ledger_connected` for entries given as (entry_id, kind, subject, object)."""
    columns = [array(value or "null" for value in column) for column in zip(*entries, strict=True)] or ["{}"] * 4
    return [*columns, *map(array, scope)]


_CONNECTED = "select * from ledger_connected(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


def connected_to(entries: Sequence[tuple[str, str, str, str | None]], scope: Scope) -> list[Connected]:
    """Return the stored entries that references connect, in a scope, to entries given as in `references`."""
    return list(map(Connected._make, run(_CONNECTED, references(entries, scope))))


def connected(after: int, upto: int, scope: Scope) -> list[Connected]:
    """Return the entries of a scope with `after` < position ≤ `upto`, and every other that they are connected to.

    Cost: a few index probes for each entry found, however long the ledger is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select position, entry_id::text, kind, subject::text, object::text, body from ledger_entry"
            " where position > %s and position <= %s and kind = any(%s)",
            [after, upto, list(scope.kinds)],
        )
        rows = list(map(Connected._make, cursor.fetchall()))
    found = connected_to([(row.entry_id, row.kind, row.subject, row.object) for row in rows], scope)
    return list({row.position: row for row in (*rows, *found)}.values())


def by_component(upto: int, scope: Scope, step: int = 20_000) -> Iterator[list[list[Connected]]]:
    """Yield the components of a scope's entries up to a position, each once, some at a time.

    In memory bounded by the entries of `step` positions and what they are connected to: a component comes when its
    first entry does.
    """
    for after in range(0, upto, step):
        last = min(after + step, upto)
        found = connected(after, last, scope)
        groups: defaultdict[int, list[Connected]] = defaultdict(list)
        for number, row in zip(components(found, scope)[0], found, strict=True):
            groups[number].append(row)
        yield [group for group in groups.values() if after < min(row.position for row in group) <= last]


def clock() -> datetime:
    """Return the database's clock, the one that every process of an installation shares."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        moment = cursor.fetchone()[0]
        assert isinstance(moment, datetime)
        return moment


_CLOCK_SECONDS = 2.0
_heard: dict[tuple[str, str], tuple[float, datetime]] = {}


def clock_nearby() -> datetime:
    """Return the database's clock as it was heard within the last two seconds; for limits of hours."""
    where = connection.settings_dict["HOST"], connection.settings_dict["NAME"]
    now = time.monotonic()
    heard = _heard.get(where)
    if heard is None or not 0 <= now - heard[0] <= _CLOCK_SECONDS:
        heard = _heard[where] = now, clock()
    return heard[1]
