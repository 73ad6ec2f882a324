"""Finding tokens: by the secret that a client presents, or all of them without."""

from __future__ import annotations

import hmac
from datetime import datetime

from django.db import connection

from wayfare.access.rules import Token, read_secret, secret_hash, state

_COLUMNS = "id, source, scopes, created_at, expires_at, revoked_at, last_used_at"
_NOBODY = bytes(32)


def _token(row: tuple[object, ...]) -> Token:
    id_, source, scopes, *times = row
    return Token(str(id_), str(source), tuple(str(scopes).split()), *times)  # type: ignore[arg-type]


def token_presented(text: str, *, now: datetime) -> Token | None:
    """Return the token whose secret this is, if it is valid at `now`; else None, whatever the reason.

    The row is found by its public id and the hash compared in constant time, so that the answer's delay says
    nothing about how much of a secret was right.
    """
    parts = read_secret(text)
    if parts is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"select secret_hash, {_COLUMNS} from access_token where id = %s",  # noqa: S608 - fixed columns
            [parts[0]],
        )
        row = cursor.fetchone()
    same = hmac.compare_digest(bytes(row[0]) if row else _NOBODY, secret_hash(parts[1]))
    if row is None or not same:
        return None
    token = _token(row[1:])
    return token if state(token, now) == "valid" else None


def tokens() -> list[Token]:
    """Return every token ever made, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(f"select {_COLUMNS} from access_token order by created_at, id")  # noqa: S608
        return [_token(row) for row in cursor.fetchall()]
