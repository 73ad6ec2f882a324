"""Statements on the application's connection with little between: prepared on the server, sent together where it pays.

For the append's own transaction, where each journey to the server and back is a good part of the time. Everything
else goes through Django's cursors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import psycopg
from django.db import connection

_AT_ONCE = 1_000
"""Rows in one piece of a copy."""


def run(query: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[tuple[Any, ...]]:
    """Execute a fixed statement; within `together` it is only sent, and fails when something is fetched, or at the end.

    `query` holds no value that came from outside. Raises: psycopg.Error.
    """
    cursor = psycopg.Cursor(connection.connection)
    cursor.execute(query.encode(), parameters, prepare=True)
    return cursor


@contextmanager
def together() -> Iterator[None]:
    """Send statements without waiting for each other's answers (libpq's pipeline mode); no COPY within."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def copied(query: str, parts: Iterable[bytes]) -> None:
    """Run a fixed `copy … from stdin` with these bytes; not within `together`. Raises: psycopg.Error."""
    left = iter(parts)
    with psycopg.Cursor(connection.connection).copy(query.encode()) as copy:
        while some := b"".join(islice(left, _AT_ONCE)):
            copy.write(some)


def is_together() -> bool:
    """Tell whether statements are sent `together` just now, so that there is no COPY."""
    return bool(connection.connection.pgconn.pipeline_status)
