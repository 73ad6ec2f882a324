"""Making and ending tokens and sessions; staff and their work; looking into a file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import connection, transaction

from wayfare.access.purposes import PURPOSES, ROLES
from wayfare.access.rules import SCOPES, Token, secret_hash, write_secret
from wayfare.access.statements import called, done, rows
from wayfare.ledger.rules import Refused

LEAST_WORDS = 10
"""Characters in a reason that says something."""
_OFFICE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
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


SESSION = timedelta(hours=12)


def begin_session(staff: UUID, how: str, *, at: datetime) -> str:
    """Begin a session of a member of staff; return its secret, which is told here and never again.

    `how`: passkey, totp, recovery or command. Only its hash is kept.
    """
    secret = secrets.token_urlsafe(32)
    done(
        "insert into access_session (hash, staff, began_at, used_at, ends_at, how) values (%s, %s, %s, %s, %s, %s)",
        [secret_hash(secret), staff, at, at, at + SESSION, how],
    )
    return secret


def note_session_use(secret: str, *, at: datetime) -> None:
    """Note that a session was used, at most once a minute; half an hour after that it ends."""
    done(
        "update access_session set used_at = %s where hash = %s and used_at < %s and ended_at is null",
        [at, secret_hash(secret), at - USED_EVERY],
    )


def end_session(secret: str, *, at: datetime) -> None:
    """End a session."""
    done("update access_session set ended_at = %s where hash = %s and ended_at is null", [at, secret_hash(secret)])


def end_all_sessions(staff: UUID, *, at: datetime) -> int:
    """End every session of a member of staff; return how many."""
    return done("update access_session set ended_at = %s where staff = %s and ended_at is null", [at, staff])


def add_office(office: str, name: str, timezone: str) -> None:
    """Add an office under a short lower-case id, or give the one that is there another name and time zone.

    Raises: Refused.
    """
    if not _OFFICE.fullmatch(office):
        raise Refused("office", f"{office!r} is no office's id; use lower-case letters, digits and hyphens")
    done(
        "insert into access_office (id, name, timezone) values (%s, %s, %s)"
        " on conflict (id) do update set name = excluded.name, timezone = excluded.timezone",
        [office, name, timezone],
    )


def join(
    name: str,
    email: str,
    office: str,
    roles: Collection[str],
    language: str,
    *,
    at: datetime,
    staff: UUID | None = None,
) -> UUID:
    """Take on a member of staff, under an id that was given out before or a new one; return it. Raises: Refused."""
    check_roles(roles)
    staff = staff or uuid4()
    with transaction.atomic():
        if not rows("select from access_office where id = %s", [office]):
            raise Refused("office", f"{office!r} is no office; see `wayfare staff offices`")
        check_unused(email)
        done(
            "insert into access_staff (id, name, email, office, language, joined_at) values (%s, %s, %s, %s, %s, %s)",
            [staff, name, email, office, language, at],
        )
        _give(staff, roles)
    return staff


def check_unused(email: str) -> None:
    """Refuse an e-mail address that a colleague has. Raises: Refused."""
    if rows("select from access_staff where lower(email) = lower(%s) and left_at is null", [email]):
        raise Refused("email", "is that of a colleague already; use another, or let them leave first")


def change_roles(staff: UUID, roles: Collection[str], *, at: datetime) -> None:
    """Give a member of staff these roles and no others; their sessions end. Raises: Refused."""
    check_roles(roles)
    with transaction.atomic():
        done("delete from access_role where staff = %s", [staff])
        _give(staff, roles)
        end_all_sessions(staff, at=at)


def leave(staff: UUID, *, at: datetime) -> bool:
    """Let a member of staff leave: from the next request on they open nothing. Return False if they had left."""
    with transaction.atomic():
        end_all_sessions(staff, at=at)
        return done("update access_staff set left_at = %s where id = %s and left_at is null", [at, staff]) == 1


def check_roles(roles: Collection[str]) -> None:
    """Refuse roles that there are none of, and none at all. Raises: Refused."""
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Refused("roles", "are missing or unknown; one or more of " + ", ".join(ROLES))


def _give(staff: UUID, roles: Collection[str]) -> None:
    for role in roles:
        done("insert into access_role (staff, role) values (%s, %s) on conflict do nothing", [staff, role])


class Unbound(RuntimeError):
    """The database would show everything to whoever asks: nothing is opened."""


class Look(NamedTuple):
    """A look that is on the record: its position in the access log, whose file, and what of it is open now."""

    position: int
    person: UUID
    groups: tuple[str, ...]


@contextmanager
def acting(secret: str) -> Iterator[None]:
    """Act as whom a session's secret belongs to, in one transaction and no longer than it lasts.

    The database itself finds out who that is. Without a session, or with one that ended, it shows no file. Raises:
    Unbound.
    """
    with transaction.atomic():
        _set_session(secret)
        yield
        if len(connection.savepoint_ids) > 0:  # within a longer transaction, which must not go on as this actor
            _set_session("")


def _set_session(secret: str) -> None:
    ((_, bound),) = rows("select set_config('app.session', %s, true), row_security_active('access_log')", [secret])
    if not bound:
        raise Unbound(
            "the application acts as a role that row-level security does not bind, such as the owner of its tables;"
            " let it make its own role (docs/operating.md), and start it again"
        )


def add_file(person: UUID, office: str, *, at: datetime) -> None:
    """Let there be a file of a person, of the actor's own office. Within `acting`. Raises: Forbidden."""
    called("insert into access_file (person, office, made_at) values (%s, %s, %s) returning 1", [person, office, at])


def join_team(person: UUID, staff: UUID) -> None:
    """Put a member of staff on a person's case team: the actor, or as a supervisor anyone. Raises: Forbidden."""
    called(
        "insert into access_team (person, staff) values (%s, %s) on conflict do nothing returning 1", [person, staff]
    )


def take_up(
    actor: UUID,
    person: UUID,
    purpose: str,
    *,
    basis: str = "",
    reason: str = "",
    at: datetime,
    hours: int | None = None,
) -> UUID:
    """Take up work on a person's file as the actor's task; return its id. A purpose comes from here.

    `hours`: until the task ends by itself, at most those of its purpose. Whether the actor may look is decided at each
    look. Within `acting`. Raises: Refused, for a purpose that asks for words and has none; Forbidden.
    """
    known = PURPOSES.get(purpose)
    if known is None:
        raise Refused("purpose", f"{purpose!r} is none; one of " + ", ".join(PURPOSES))
    if known.needs in ("reason", "approval") and len(reason.strip()) < LEAST_WORDS:
        raise Refused("reason", "is missing; say in a sentence why this file is opened now")
    if known.needs == "basis" and len(basis.strip()) < LEAST_WORDS:
        raise Refused("basis", "is missing; name the law, the article and the request")
    lasts = timedelta(hours=min(hours or known.hours, known.hours))
    task = uuid4()
    called(
        "insert into access_task (id, purpose, person, staff, opened_at, ends_at, basis, reason)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s) returning 1",
        [task, purpose, person, actor, at, at + lasts, basis.strip(), reason.strip()],
    )
    return task


def close_task(task: UUID, *, at: datetime) -> None:
    """End a task of the actor's: nothing is opened for it any more. Within `acting`."""
    done("update access_task set closed_at = %s where id = %s and closed_at is null", [at, task])


def look(task: UUID, groups: Collection[str], how: str = "page") -> Look:
    """Write a look into the access log; from here to the end of the transaction these groups of the file are open.

    `how`: page, api, command or job. Within `acting`. Raises: Forbidden.
    """
    ((position, person),) = called("select place, whose from access_look(%s, %s, %s)", [task, list(groups), how])
    return Look(position, person, tuple(groups))


def approve(task: UUID) -> int:
    """Approve that a colleague breaks the glass; the person and the data-protection officer are told.

    Returns the position in the access log. Within `acting`. Raises: Forbidden.
    """
    ((position,),) = called("select access_approve(%s)", [task])
    return int(position)


def hold_back(position: int, until: datetime, basis: str) -> int:
    """Hold a look back from the person's own view until a date, on a legal basis; never longer than a year at a time.

    Returns the position in the access log at which that is written. Within `acting`. Raises: Forbidden.
    """
    ((held,),) = called("select access_hold_back(%s, %s, %s)", [position, until, basis])
    return int(held)


def note_seen(notice: int, *, at: datetime) -> None:
    """Mark a notice as seen by a data-protection officer. Within `acting`."""
    done("update access_notice set seen_at = %s where id = %s and seen_at is null", [at, notice])
