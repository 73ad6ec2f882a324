"""What the ledger's own log commits to: the canonical form of each entry, position by position."""

from __future__ import annotations

from django.db import connection

from wayfare.ledger.log.operations import Source


def _bodies(after: int, limit: int) -> list[bytes]:
    """Canonical forms have no line breaks (RFC 8785), so that they travel as the lines of one text: twice as fast."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select string_agg(body, e'\\n' order by position) from"
            " (select position, body from ledger_entry where position > %s order by position limit %s) entry",
            [after, limit],
        )
        (lines,) = cursor.fetchone()
    return lines.encode().split(b"\n") if lines is not None else []


LEDGER = Source("ledger", _bodies)
