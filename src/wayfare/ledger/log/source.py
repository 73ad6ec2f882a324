"""What the ledger's own log commits to: the canonical form of each entry, position by position."""

from __future__ import annotations

from django.db import connection

from wayfare.ledger.log.operations import Source


def _bodies(after: int, limit: int) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute("select body from ledger_entry where position > %s order by position limit %s", [after, limit])
        return [body.encode() for (body,) in cursor.fetchall()]


LEDGER = Source("ledger", _bodies)
