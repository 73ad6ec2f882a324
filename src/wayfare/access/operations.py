"""Making and ending tokens."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection

from wayfare.access.rules import SCOPES, Token, secret_hash, write_secret
from wayfare.ledger.rules import Refused

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
USED_EVERY = timedelta(minutes=1)


def issue_token(*, source: str, scopes: Collection[str], at: datetime, days: int | None = None) -> tuple[Token, str]:
    """Make a token for a source; return it and its secret, which is told here and never again.

    `days`: how long it is valid, None for until it is revoked. Raises: Refused.
    """
    if not _SLUG.fullmatch(source):
        raise Refused("source", f"{source!r} is not a slug; use letters, digits, hyphen and underscore")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise Refused("scope", "is missing or unknown; one or both of " + ", ".join(SCOPES))
    if days is not None and not 0 < days <= 36_500:
        raise Refused("expires", "is not a number of days from 1 to 36500")
    secret = secrets.token_urlsafe(32)
    token = Token(
        id=secrets.token_hex(8),
        source=source,
        scopes=tuple(scope for scope in SCOPES if scope in scopes),
        created_at=at,
        expires_at=None if days is None else at + timedelta(days=days),
        revoked_at=None,
        last_used_at=None,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into access_token (id, secret_hash, source, scopes, created_at, expires_at)"
            " values (%s, %s, %s, %s, %s, %s)",
            [token.id, secret_hash(secret), source, " ".join(token.scopes), at, token.expires_at],
        )
    return token, write_secret(token.id, secret)


def revoke_token(token_id: str, *, at: datetime) -> bool:
    """End a token for good, from the next request on; return False if it was ended before.

    Raises: Refused, if there is no such token.
    """
    with connection.cursor() as cursor:
        cursor.execute("update access_token set revoked_at = %s where id = %s and revoked_at is null", [at, token_id])
        if cursor.rowcount:
            return True
        cursor.execute("select 1 from access_token where id = %s", [token_id])
        if cursor.fetchone() is None:
            raise Refused("id", f"{token_id!r} is no token's id; see `wayfare token list`")
    return False


def note_use(token: Token, *, at: datetime) -> None:
    """Note that a token was used; at most once a minute, and never waiting for another that notes the same."""
    if token.last_used_at is not None and at - token.last_used_at < USED_EVERY:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "update access_token set last_used_at = %s where id in"
            " (select id from access_token where id = %s for no key update skip locked)",
            [at, token.id],
        )
