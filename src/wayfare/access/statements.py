"""Statements on the application's connection; what a function of the database refuses is told by its word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import ProgrammingError, connection

from wayfare.access import events
from wayfare.access.rules import Forbidden

_REFUSED = "access: "
"""Before the word that a function of ours refuses with (`access_refuse`)."""


def rows(query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Return the rows that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def bound(query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return the same with the parameters sent apart: who sees the server's statements does not see what is in them.

    For secrets: `pg_stat_activity` shows a role all that its other sessions say.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return list(psycopg.Cursor(connection.connection).execute(query, parameters).fetchall())


def done(query: str, parameters: Sequence[Any]) -> int:
    """Run a statement; return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return int(cursor.rowcount)


@contextmanager
def refusals() -> Iterator[None]:
    """Raise what the database refuses as Forbidden, by the word that it refuses with."""
    try:
        with connection.wrap_database_errors:
            yield
    except ProgrammingError as problem:
        cause = problem.__cause__
        if not isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise
        said = cause.diag.message_primary or ""
        word = said.removeprefix(_REFUSED) if said.startswith(_REFUSED) else "not_yours"
        events.note("refused", why=word)
        raise Forbidden(word) from None


def called(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of what the database itself decides. Raises: Forbidden, by the word that it refuses with."""
    with refusals():
        return rows(query, parameters)
