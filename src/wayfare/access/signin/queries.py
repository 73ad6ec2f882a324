"""Reading what sign-in stores: invitations by their secret, one's own passkeys and sessions, colleagues, recoveries."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wayfare.access import statements
from wayfare.access.door import read
from wayfare.access.queries import IDLE
from wayfare.access.rules import secret_hash
from wayfare.access.signin.passkeys import Stored
from wayfare.access.signin.rules import folded_email


class Invitation(NamedTuple):
    """An invitation that can still be accepted."""

    staff: UUID
    """The id that the new colleague will have."""
    name: str
    email: str
    office: str
    office_name: str
    roles: tuple[str, ...]
    language: str
    expires_at: datetime


class Passkey(NamedTuple):
    """A passkey as its owner sees it."""

    id: bytes
    name: str
    made_at: datetime
    used_at: datetime | None
    copied_at: datetime | None


class Session(NamedTuple):
    """A session as its owner sees it."""

    hash: bytes
    began_at: datetime
    used_at: datetime
    ends_at: datetime
    how: str


class Colleague(NamedTuple):
    """A member of staff, or one who was invited."""

    staff: UUID
    name: str
    email: str
    office: str
    office_name: str
    roles: tuple[str, ...]
    state: str
    """active, left, invited or run_out."""
    since: datetime


class Recovery(NamedTuple):
    """An open request for account recovery."""

    id: UUID
    staff: UUID
    name: str
    email: str
    office: str
    code: str
    asked_at: datetime
    expires_at: datetime
    usable_at: datetime | None
    """From when it can be used; None while approvals are missing."""
    approvals: int
    mine: bool
    """The actor has approved it."""
    obstacle: str | None
    """Why an approval by the actor would not count (`access.duties`); None if it would."""


class Office(NamedTuple):
    """An office."""

    id: str
    name: str
    timezone: str


def invitation(secret: str, *, at: datetime) -> Invitation | None:
    """Return the invitation that a secret opens; None if it is unknown, used, withdrawn or has run out."""
    rows = read(
        "select i.staff, i.name, i.email, i.office, o.name, i.roles, i.language, i.expires_at"
        " from access_invitation i join access_office o on o.id = i.office"
        " where i.hash = %s and i.used_at is null and i.withdrawn_at is null and i.expires_at > %s",
        [secret_hash(secret), at],
    )
    for staff, name, email, office, office_name, roles, language, expires_at in rows:
        return Invitation(staff, name, email, office, office_name, tuple(roles), language, expires_at)
    return None


def passkey(credential_id: bytes) -> Stored | None:
    """Return the passkey of a credential id; None if there is none that may be used."""
    rows = read(
        "select k.staff, k.credential, k.sign_count from access_passkey k join access_staff s on s.id = k.staff"
        " where k.id = %s and k.copied_at is null and s.left_at is null",
        [credential_id],
    )
    return Stored(rows[0][0], bytes(rows[0][1]), rows[0][2]) if rows else None


def passkeys(staff: UUID) -> list[Passkey]:
    """Return the passkeys of a member of staff, oldest first."""
    rows = read(
        "select id, name, made_at, used_at, copied_at from access_passkey where staff = %s order by made_at, id",
        [staff],
    )
    return [Passkey(bytes(id_), *rest) for id_, *rest in rows]


def has_password(staff: UUID) -> bool:
    """Tell whether a member of staff can sign in by a password and a code."""
    return bool(read("select 1 from access_password join access_totp using (staff) where staff = %s", [staff]))


def sessions(staff: UUID, *, at: datetime) -> list[Session]:
    """Return the sessions of a member of staff that have not ended, newest first."""
    rows = read(
        "select hash, began_at, used_at, ends_at, how from access_session where staff = %s and ended_at is null"
        " and ends_at > %s and used_at > %s order by began_at desc",
        [staff, at, at - IDLE],
    )
    return [Session(bytes(hash_), *rest) for hash_, *rest in rows]


class Begun(NamedTuple):
    """Whose a session is, since when and by which proof."""

    staff: UUID
    began_at: datetime
    how: str


def session_of(secret: str) -> Begun:
    """Return what a session began as; there has to be one."""
    (row,) = read("select staff, began_at, how from access_session where hash = %s", [secret_hash(secret)])
    return Begun(*row)


def staff_of(email: str) -> UUID | None:
    """Return which colleague has an e-mail address now, None if nobody has. Never for an answer to a stranger."""
    query = "select id from access_staff where lower(email) = %s and left_at is null"
    found = statements.rows(query, [folded_email(email)])
    return found[0][0] if found else None


def email_of(staff: UUID) -> str:
    """Return the e-mail address of a member of staff."""
    return str(statements.rows("select email from access_staff where id = %s", [staff])[0][0])


def offices() -> list[Office]:
    """Return the offices by their names."""
    return [Office(*row) for row in statements.rows("select id, name, timezone from access_office order by name, id")]


def colleagues(*, at: datetime) -> list[Colleague]:
    """Return all staff and all open invitations, by name; who has left comes last. For administrators."""
    rows = read(
        "select s.id, s.name, s.email, s.office, (select name from access_office where id = s.office),"
        " array(select role from access_role where staff = s.id order by role),"
        " case when s.left_at is null then 'active' else 'left' end, coalesce(s.left_at, s.joined_at)"
        " from access_staff s"
        " union all select i.staff, i.name, i.email, i.office, (select name from access_office where id = i.office),"
        " i.roles, case when i.expires_at > %s then 'invited'"
        " else 'run_out' end, i.made_at from access_invitation i where i.used_at is null and i.withdrawn_at is null",
        [at],
    )
    found = [
        Colleague(staff, name, email, office, office_name, tuple(roles), state, since)
        for staff, name, email, office, office_name, roles, state, since in rows
    ]
    return sorted(found, key=lambda one: (one.state == "left", one.name.casefold(), one.since))


def colleague(staff: UUID, *, at: datetime) -> Colleague | None:
    """Return one of them; None if there is no such."""
    return next((one for one in colleagues(at=at) if one.staff == staff), None)


def _recoveries() -> list[Recovery]:
    return [Recovery(*row) for row in statements.rows("select * from access_recoveries()")]


def recoveries(actor: UUID) -> list[Recovery]:
    """Return the open requests of colleagues that the actor may know of: of the own office, to senior roles all.

    Within `acting`.
    """
    return [one for one in _recoveries() if one.staff != actor]


def own_recoveries(actor: UUID) -> list[Recovery]:
    """Return the open requests in the actor's own name. Within `acting`."""
    return [one for one in _recoveries() if one.staff == actor]


class Open(NamedTuple):
    """An open recovery as the owner of the installation sees it."""

    id: UUID
    email: str
    asked_at: datetime
    approvals: int
    usable_at: datetime | None


def open_recoveries(*, at: datetime) -> list[Open]:
    """Return every open recovery, oldest first. For commands on the machine."""
    query = (
        "select r.id, s.email, r.asked_at,"
        " (select count(*) from access_recovery_approval a where a.recovery = r.id), r.usable_at"
        " from access_recovery r join access_staff s on s.id = r.staff where r.used_at is null"
        " and r.stopped_at is null and s.left_at is null and coalesce(r.link_ends_at, r.expires_at) > %s"
        " order by r.asked_at, r.id"
    )
    return [Open(*row) for row in read(query, [at])]


class Asked(NamedTuple):
    """A recovery as whoever asked for it sees it."""

    code: str
    usable_at: datetime | None
    """From when a new passkey can be made; None while approvals are missing."""
    ends_at: datetime


def recovery(secret: str, *, at: datetime) -> Asked | None:
    """Return the recovery that a secret was given for; None if it is unknown, used, stopped or has run out.

    For an address that is nobody's there is one, too, which nobody will ever approve.
    """
    rows = read(
        "select code, usable_at, coalesce(link_ends_at, expires_at) from access_recovery"
        " where hash = %s and used_at is null and stopped_at is null and coalesce(link_ends_at, expires_at) > %s",
        [secret_hash(secret), at],
    )
    return Asked(*rows[0]) if rows else None


class Recovered(NamedTuple):
    """That an account was recovered, told to its owner."""

    at: datetime
    by: tuple[str, ...]
    """None of them if a command on the machine let them recover it."""


def last_recovered(staff: UUID) -> Recovered | None:
    """Return when an account was last recovered and which colleagues confirmed; None if it never was."""
    rows = read(
        "select r.used_at, array(select s.name from access_recovery_approval a join access_staff s on s.id = a.staff"
        " where a.recovery = r.id order by a.at) from access_recovery r where r.staff = %s and r.used_at is not null"
        " order by r.used_at desc limit 1",
        [staff],
    )
    return Recovered(rows[0][0], tuple(rows[0][1])) if rows else None
