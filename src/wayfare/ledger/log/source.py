"""What the ledger's own log commits to: the canonical form of each entry, position by position."""

from __future__ import annotations

import psycopg
from django.db import connection

from wayfare.ledger.log.parts import Source

_LINES = (
    "select string_agg(body, e'\\n' order by position) from ledger_entry where position > %s and position <= %s"
    " group by position / 1024 order by position / 1024"
)


def _bodies(after: int, limit: int) -> list[bytes]:
    """Canonical forms have no line breaks (RFC 8785), so that they travel as the lines of a few texts.

    Positions have no gaps, so that a range of them is a number of them.
    """
    connection.ensure_connection()
    found: list[bytes] = []
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_LINES, [after, after + limit], binary=True)
        if (result := cursor.pgresult) is not None:  # as bytes, not as the text that a row would hold
            for row in range(result.ntuples):
                found += (result.get_value(row, 0) or b"").split(b"\n")
    return found


LEDGER = Source("ledger", _bodies)
