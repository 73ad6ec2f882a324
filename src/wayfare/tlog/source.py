"""What the logs commit to: the canonical form of each entry of a table, position by position."""

from __future__ import annotations

from functools import partial

import psycopg
from django.db import connections

from wayfare.tlog.parts import Source

_LINES = (
    "select string_agg(body, e'\\n' order by position) from {} where position > %s and position <= %s"
    " group by position / 1024 order by position / 1024"
)


def _bodies(table: str, alias: str, after: int, limit: int) -> list[bytes]:
    """Canonical forms have no line breaks (RFC 8785), so that they travel as the lines of a few texts.

    Positions have no gaps, so that a range of them is a number of them.
    """
    connection = connections[alias]
    connection.ensure_connection()
    found: list[bytes] = []
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_LINES.format(table), [after, after + limit], binary=True)
        if (result := cursor.pgresult) is not None:  # as bytes, not as the text that a row would hold
            for row in range(result.ntuples):
                found += (result.get_value(row, 0) or b"").split(b"\n")
    return found


def in_table(log: str, table: str, alias: str = "default") -> Source:
    """Return the source of a log over a table of gapless positions and bodies, each in canonical form.

    `alias`: the connection that reads it.
    """
    return Source(log, partial(_bodies, table, alias))


SOURCES: dict[str, Source] = {}
"""What is logged, by the log's short name; rooms above put theirs here when they are loaded."""
