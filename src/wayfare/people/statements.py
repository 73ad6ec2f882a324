"""Calling the vault's functions in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import ProgrammingError, connection

from wayfare.access.rules import Forbidden


class Stale(Exception):
    """Something changed between reading and writing: a correction, or the epoch; do the same again."""


def called(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows that one of the vault's functions gives.

    Raises: Forbidden, by the word that it refuses with; Stale.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())
    except ProgrammingError as problem:
        cause = problem.__cause__
        if not isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise
        said = cause.diag.message_primary or ""
        word = said.removeprefix("access: ") if said.startswith("access: ") else "not_yours"
    if word == "epoch_closed":
        raise Stale("epoch")
    raise Forbidden(word)
