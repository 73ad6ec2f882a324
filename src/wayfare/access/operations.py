"""Making and ending tokens and sessions; staff and their work; looking into a file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import connection, transaction

from wayfare.access.door import door
from wayfare.access.purposes import PURPOSES, ROLES
from wayfare.access.rules import SCOPES, Forbidden, Token, scopes_named, secret_hash, write_secret
from wayfare.access.statements import bound, called, done, rows
from wayfare.common import texts
from wayfare.ledger.entries import own
from wayfare.ledger.rules import Refused, TooLong

LEAST_WORDS = 10
"""Characters in a reason that says something."""
NAME_LIMIT = 200
WORDS_LIMIT = 1_000
"""Characters of a reason or a legal basis."""
_OFFICE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
USED_EVERY = timedelta(minutes=1)


def issue_token(*, source: str, scopes: Collection[str], at: datetime, days: int | None = None) -> tuple[Token, str]:
    """Make a token for a source, by a command on this machine; return it and its secret, which is told once, here.

    `days`: how long it is valid, None for until it is revoked. Raises: Refused.
    """
    if not _SLUG.fullmatch(source):
        raise Refused("source", f"{source!r} is not a slug; use letters, digits, hyphen and underscore")
    if own.is_own(source):
        problem = f"{source!r} is this installation's own: only its pages and commands write as it"
        raise Refused("source", f"{problem}; choose another name")
    if not scopes or not all(scopes_named([scope]) for scope in scopes):
        raise Refused("scope", "is missing or unknown; one or more of " + ", ".join(SCOPES))
    if days is not None and not 0 < days <= 36_500:
        raise Refused("expires", "is not a number of days from 1 to 36500")
    secret = secrets.token_urlsafe(32)
    token = Token(
        id=secrets.token_hex(8),
        source=source,
        scopes=scopes_named(scopes),
        created_at=at,
        expires_at=None if days is None else at + timedelta(days=days),
        revoked_at=None,
        last_used_at=None,
    )
    with door():
        called(
            "select access_make_token(%s, %s, %s, %s, %s, %s)",
            [token.id, secret_hash(secret), source, " ".join(token.scopes), at, token.expires_at],
        )
    return token, write_secret(token.id, secret)


def revoke_token(token_id: str, *, at: datetime) -> bool:
    """End a token for good, from the next request on; return False if it was ended before.

    Raises: Refused, if there is no such token.
    """
    with door():
        ((ended,),) = called("select access_revoke_token(%s, %s)", [token_id, at])
    if ended is None:
        raise Refused("id", f"{token_id!r} is no token's id; see `wayfare token list`")
    return bool(ended)


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


def note_ledger_read(first: int, last: int, count: int, *, token: str | None = None, by: str | None = None) -> int:
    """Put on the access record that entries from one position to another are read; return the line's position.

    It is committed when this returns, unless a transaction is under way. `token`: the id of the token that reads them;
    `by`: the secret of an auditor's session; neither: a command on this machine does. Raises: Forbidden.
    """
    with transaction.atomic() if token else administering(by):
        ((place,),) = called("select access_ledger_read(%s, %s, %s, %s)", [first, last, count, token])
    return int(place)


def note_read_by_command(first: int, last: int) -> None:
    """Put on the access record that a command on this machine shows entries of the ledger."""
    note_ledger_read(first, last, max(0, last - first + 1))


def note_programme_office(programme: str, office: str | None) -> None:
    """Put on the access record which office's staff read a programme's exact figures from now on.

    Within `administering`. Raises: Forbidden.
    """
    called("select access_note_programme(%s, %s)", [programme, office])


SESSION = timedelta(hours=12)


def begin_session(staff: UUID, how: str, *, at: datetime) -> str:
    """Begin a session of a member of staff; return its secret, which is told here and never again.

    `how`: passkey, totp, recovery, command, or example, which the database allows for the colleagues of a demo alone.
    Only its hash is kept; that it began is a line of the access log. Raises: Forbidden.
    """
    secret = secrets.token_urlsafe(32)
    with door():
        called("select access_begin_session(%s, %s, %s, %s, %s)", [secret_hash(secret), staff, how, at, at + SESSION])
    return secret


def note_session_use(secret: str) -> None:
    """Note that a session is used, at most once a minute; half an hour after that it ends."""
    bound("select access_use_session(%s)", [secret])


def end_session(secret: str, *, at: datetime) -> None:
    """End a session."""
    bound("select access_end_session(%s, %s)", [secret, at])


def administering(by: str | None) -> AbstractContextManager[None]:
    """Act as the administrator whose session's secret this is, or with None by a command on this machine."""
    return door() if by is None else acting(by)


def set_office(office: str, name: str, timezone: str, *, by: str | None) -> None:
    """Add an office under a short lower-case id, or give the one that is there another name and time zone.

    `by`: as `administering`. Raises: Refused, Forbidden.
    """
    if not _OFFICE.fullmatch(office):
        mend = "use lower-case letters, digits and hyphens, such as paris-2"
        raise Refused("office", f"{office!r} cannot be the id of an office: {mend}")
    name = texts.one_line(name)
    if not texts.has_writing(name) or len(name) > NAME_LIMIT:
        raise Refused("name", f"has no visible character, or more than {NAME_LIMIT}; write the name of the office")
    with administering(by):
        called("select access_set_office(%s, %s, %s)", [office, name, timezone])


def check_unused(email: str) -> None:
    """Refuse an e-mail address that a colleague has. Raises: Refused."""
    if rows("select from access_staff where lower(email) = lower(%s) and left_at is null", [email]):
        raise Refused("email", "is that of a colleague already; use another, or let them leave first")


def change_roles(staff: UUID, roles: Collection[str], *, by: str | None, at: datetime) -> bool:
    """Let a member of staff have these roles and no others; their sessions end.

    What an administrator gives counts from when a second colleague has confirmed it; what is taken is gone at once.
    `by`: as `administering`. Returns whether a second colleague is waited for. Raises: Refused, Forbidden.
    """
    check_roles(roles)
    with administering(by):
        ((waits,),) = called("select access_change_roles(%s, %s, %s)", [staff, sorted(set(roles)), at])
    return bool(waits)


def confirm_roles(staff: UUID, roles: Collection[str]) -> None:
    """Confirm that a member of staff has the roles that a colleague asked for. Within `acting`. Raises: Forbidden."""
    called("select access_confirm_roles(%s, %s)", [staff, sorted(roles)])


def refuse_roles(staff: UUID) -> None:
    """Refuse them, or take back that one asked for them. Within `acting`. Raises: Forbidden."""
    called("select access_refuse_roles(%s)", [staff])


def leave(staff: UUID, *, by: str | None, at: datetime) -> bool:
    """Let a member of staff leave: from the next request on they open nothing. Return False if they had left.

    `by`: as `administering`. Raises: Forbidden.
    """
    with administering(by):
        ((left,),) = called("select access_leave(%s, %s)", [staff, at])
    return bool(left)


def end_sessions(staff: UUID | None, *, by: str | None, at: datetime) -> int:
    """End the sessions of a colleague, or with None of all staff but whoever asks for it; return how many.

    `by`: as `administering`. Raises: Forbidden.
    """
    with administering(by):
        ((ended,),) = called("select access_end_sessions(%s, %s)", [staff, at])
    return int(ended)


def check_roles(roles: Collection[str]) -> None:
    """Refuse roles that there are none of, and none at all. Raises: Refused."""
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Refused("roles", "are missing or unknown; one or more of " + ", ".join(ROLES))


class Unbound(RuntimeError):
    """The database would show everything to whoever asks: nothing is opened."""


class Within(RuntimeError):
    """Somebody acts in this transaction already: nobody else does until it is over."""


class Look(NamedTuple):
    """A look that is on the record: its position in the access log, whose file, and what of it is open now."""

    position: int
    person: UUID
    groups: tuple[str, ...]


@contextmanager
def acting(secret: str) -> Iterator[None]:
    """Act as whom a session's secret belongs to, in one transaction and no longer than it lasts.

    The database itself finds out who that is. Without a session, or with one that ended, it shows no file. Raises:
    Unbound, Within.
    """
    with transaction.atomic():
        if _set_session(secret):
            raise Within("somebody acts in this transaction already; end that first")
        yield
        if connection.savepoint_ids:  # within a longer transaction, which must not go on as this actor
            _set_session("")


AS_WHOM = (
    "select current_setting('app.session', true), set_config('app.session', %s, true),"
    " row_security_active('access_log')"
)
"""Gives a transaction its session; what comes third is to be held to with `check_bound`."""


def _set_session(secret: str) -> str:
    """Set the session of the transaction under way; return the one that was set before."""
    ((before, _, is_bound),) = bound(AS_WHOM, [secret])
    check_bound(is_bound)
    return str(before or "")


def check_bound(is_bound: bool) -> None:
    """Refuse to go on where policies do not bind the application's role. Raises: Unbound."""
    if not is_bound:
        raise Unbound(
            "the application acts as a role that row-level security does not bind, such as the owner of its tables;"
            " let it make its own role (docs/operating.md), and start it again"
        )


def add_file(person: UUID, office: str, *, at: datetime) -> None:
    """Let there be a file of a person, of the actor's own office. Within `acting`. Raises: Forbidden."""
    called("insert into access_file (person, office, made_at) values (%s, %s, %s) returning 1", [person, office, at])


def join_team(person: UUID, staff: UUID, *, why: str = "") -> None:
    """Put a member of staff on a person's case team: the actor, or as a supervisor anyone. It is on the record.

    `why`: in words, if a counsellor joins a team that others are on. Within `acting`. Raises: Refused, Forbidden.
    """
    _check_words(reason=why)
    with _words_asked("reason", "is missing; say in a sentence why you join this team"):
        called("select access_join_team(%s, %s, %s)", [person, staff, why])


def leave_team(person: UUID, staff: UUID) -> None:
    """Take a member of staff off a person's case team: the actor, or as a supervisor anyone. Within `acting`.

    Raises: Forbidden.
    """
    called("select access_leave_team(%s, %s)", [person, staff])


def _check_words(**given: str) -> None:
    """Refuse words of more than `WORDS_LIMIT` characters. Raises: TooLong."""
    for field, text in given.items():
        if len(text) > WORDS_LIMIT:
            raise TooLong(field, len(text), WORDS_LIMIT)


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
    _check_words(reason=reason, basis=basis)
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
    """Approve a colleague's emergency access; they, the person and the data-protection officer are told.

    Returns the position in the access log. Within `acting`. Raises: Forbidden.
    """
    ((position,),) = called("select access_approve(%s)", [task])
    return int(position)


def refuse_emergency(task: UUID, why: str) -> int:
    """Refuse a colleague's emergency access, in words that they read; nothing was opened. Returns the entry's position.

    Within `acting`. Raises: Refused, Forbidden.
    """
    _check_words(why=why)
    with _words_asked("why", "is missing; say in a sentence why you refuse"):
        ((position,),) = called("select access_refuse_emergency(%s, %s)", [task, why])
    return int(position)


@contextmanager
def _words_asked(field: str, mend: str) -> Iterator[None]:
    """Raise that words are missing as a refusal of the field that asks for them. Raises: Refused, Forbidden."""
    try:
        yield
    except Forbidden as problem:
        if problem.code != "no_words":
            raise
        raise Refused(field, mend) from None


GROUNDS = ("asked", "no_longer_needed", "consent_withdrawn", "unlawful", "legal_duty")
"""Why a person is erased: the points of Article 17(1) GDPR."""


def ask_erasure(person: UUID, ground: str, why: str, *, asked_for: UUID | None = None) -> UUID:
    """Ask that a person is erased; return the request's id. A second colleague decides it, within 14 days.

    `asked_for`: the colleague for whom a command asks, with the door open; nobody can approve it before they
    confirm it. Else within `acting`. Raises: Refused, Forbidden, with `asked_already` if a request waits.
    """
    if ground not in GROUNDS:
        raise Refused("ground", f"{ground!r} is none; one of " + ", ".join(GROUNDS))
    _check_words(why=why)
    with _words_asked("why", "is missing; say in a sentence why the person is erased, without naming them"):
        ((request,),) = called("select access_ask_erasure(%s, %s, %s, %s)", [person, ground, why, asked_for])
    return UUID(str(request))


def confirm_erasure(request: UUID) -> None:
    """Confirm that one asked for what a command asked in one's name. Within `acting`. Raises: Forbidden."""
    called("select access_confirm_erasure(%s)", [request])


def refuse_erasure(request: UUID, why: str) -> None:
    """Refuse an erasure that a colleague asked for, in words that they read. Within `acting`.

    Raises: Refused, Forbidden.
    """
    _check_words(why=why)
    with _words_asked("why", "is missing; say in a sentence why you refuse"):
        called("select access_refuse_erasure(%s, %s)", [request, why])


def withdraw_erasure(request: UUID) -> None:
    """Take back a request for an erasure of one's own. Within `acting`. Raises: Forbidden."""
    called("select access_withdraw_erasure(%s)", [request])


def hold_back(position: int, until: datetime, basis: str) -> int:
    """Hold a look back from the person's own view until a date, on a legal basis; never longer than a year at a time.

    Returns the position in the access log at which that is written. Within `acting`. Raises: Forbidden.
    """
    ((held,),) = called("select access_hold_back(%s, %s, %s)", [position, until, basis])
    return int(held)


def note_seen(notice: int, *, at: datetime) -> None:
    """Mark a notice as read: one of the actor's own, or of data-protection officers. Within `acting`."""
    done("update access_notice set seen_at = %s where id = %s and seen_at is null", [at, notice])
