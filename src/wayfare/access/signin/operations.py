"""Coming in and being let in again: each verb one transaction. What proves nothing raises NotProved."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import hashers, password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from wayfare.access import events
from wayfare.access import operations as access
from wayfare.access.door import door, read
from wayfare.access.rules import secret_hash
from wayfare.access.signin import keys, queries, rules, totp, tries
from wayfare.access.signin.passkeys import Assertion, NewPasskey
from wayfare.access.signin.rules import NotProved
from wayfare.access.statements import called, done, rows
from wayfare.ledger import zones
from wayfare.ledger.rules import Refused

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]+")
_NO_PASSWORD = "!"  # noqa: S105 - Django's mark of a password that none matches
_WEIGHED = 72
"""So many characters of a password zxcvbn looks at; its time grows with the square."""
_FORGET_CHALLENGES = timedelta(hours=1)


# Invitations


class LooksAlike(Refused):
    """An e-mail address that may look like another one's."""


def invite(
    name: str,
    email: str,
    office: str,
    roles: Collection[str],
    language: str = "en",
    *,
    by: str | None,
    at: datetime,
) -> str:
    """Invite somebody to the staff; return the secret of the link, which is told here and never again.

    An earlier invitation to the same address that is still open is withdrawn. The roles that an administrator gives
    count from when a second colleague has confirmed them. `by`: as `access.administering`. Raises: Refused, Forbidden.
    """
    name, email = rules.plain(name), rules.folded_email(email)
    if not 1 <= len(name) <= 200:
        raise Refused("name", "is missing or longer than 200 characters; write the name colleagues know them by")
    if not _EMAIL.fullmatch(email):
        raise Refused("email", f"{email!r} is no e-mail address; write it like ada@example.org")
    if rules.looks_like_another(email):
        raise LooksAlike("email", f"{email!a} may look like another address; write it in letters of one script")
    if language not in dict(settings.LANGUAGES):
        raise Refused("language", "is none of " + ", ".join(dict(settings.LANGUAGES)))
    access.check_roles(roles)
    secret = secrets.token_urlsafe(32)
    with access.administering(by):
        if office not in {one.id for one in queries.offices()}:
            raise Refused("office", f"{office!r} is no office; see `wayfare staff offices`")
        access.check_unused(email)
        called("select access_withdraw(%s, %s)", [email, at])
        called(
            "select access_invite(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                secret_hash(secret),
                uuid4(),
                name,
                email,
                office,
                sorted(set(roles)),
                language,
                at,
                at + rules.INVITATION,
            ],
        )
    return secret


def withdraw(email: str, *, by: str | None, at: datetime) -> bool:
    """Withdraw the open invitation to an address; return False if there is none. Raises: Forbidden."""
    with access.administering(by):
        ((withdrawn,),) = called("select access_withdraw(%s, %s)", [rules.folded_email(email), at])
    return bool(withdrawn)


def accept_with_passkey(secret: str, passkey: NewPasskey, name: str, *, at: datetime) -> str:
    """Accept an invitation by a new passkey; return the secret of the session that begins. Raises: NotProved."""
    with door():
        staff = _accept(secret, at)
        _store(staff, passkey, name, at)
        return access.begin_session(staff, "passkey", at=at)


def accept_with_password(secret: str, password: str, generator: str, code: str, *, at: datetime) -> str:
    """Accept an invitation by a password and a code generator; return the secret of the session that begins.

    `generator`: the secret in base32 of which `code` shows that the phone has it. Raises: Refused, NotProved.
    """
    found = queries.invitation(secret, at=at)
    if found is None:
        raise NotProved("invitation")
    check_password(password, email=found.email, name=found.name)
    step = step_shown(generator, code, at)
    encoded = hashers.make_password(password)
    with door():
        staff = _accept(secret, at)
        done("insert into access_password (staff, encoded, set_at) values (%s, %s, %s)", [staff, encoded, at])
        put_generator(staff, generator, step, at)
        return access.begin_session(staff, "totp", at=at)


def step_shown(generator: str, code: str, at: datetime) -> int:
    """Return the step of a code that shows that a phone has a new generator. Raises: Refused."""
    step = totp.step_of(generator, code, at)
    if step is None:
        raise Refused("code", "is not the one that the phone shows now; wait for the next one and write that")
    return step


def put_generator(staff: UUID, generator: str, step: int, at: datetime) -> None:
    """Store a code generator, sealed for its owner, of which `step` is used. With the door open."""
    box = keys.sealed(keys.of_this_home(), staff.bytes, generator.encode())
    done("insert into access_totp (staff, sealed, last_step, set_at) values (%s, %s, %s, %s)", [staff, box, step, at])


def _accept(secret: str, at: datetime) -> UUID:
    """Use an invitation up; of two at once the second waits here, and then finds it used."""
    ((staff,),) = rows("select access_accept(%s, %s)", [secret_hash(secret), at])
    if staff is None:
        raise NotProved("invitation")
    return UUID(str(staff))


def check_password(password: str, *, email: str, name: str) -> None:
    """Refuse a password that is short, among those most used, or made of its owner's name. Raises: Refused."""
    if not rules.PASSWORD_LEAST <= len(password) <= rules.PASSWORD_MOST:
        raise Refused("password", f"is shorter than {rules.PASSWORD_LEAST} characters or far too long; use a sentence")
    common = password_validation.CommonPasswordValidator(), password_validation.NumericPasswordValidator()
    try:
        password_validation.validate_password(password, None, common)
        guessed = rules.is_made_of(password, email, name, "wayfare") or _is_easy(password, email, name)
    except ValidationError:
        guessed = True
    if guessed:
        raise Refused("password", "is one of the first that anybody would try; use a sentence of your own")


def _is_easy(password: str, *known: str) -> bool:
    """Tell whether a password is guessed soon by whoever tries common words, years, keys in a row and repetitions."""
    from zxcvbn import zxcvbn  # its lists of words take time to read, and hardly any command needs them

    words = [word for text in (*known, "wayfare") for word in re.findall(r"\w{3,}", text)]
    return bool(zxcvbn(password[:_WEIGHED], user_inputs=words)["guesses"] < rules.PASSWORD_GUESSES)


# Coming in


def use_challenge(challenge: bytes, *, at: datetime) -> None:
    """Use a challenge up, before its answer is looked at. Raises: NotProved for one that was used before."""
    with door():
        done("delete from access_challenge where used_at < %s", [at - _FORGET_CHALLENGES])
        used = done(
            "insert into access_challenge (hash, used_at) values (%s, %s) on conflict do nothing",
            [secret_hash(challenge.hex()), at],
        )
    if not used:
        raise NotProved("replayed")


def sign_in_with_passkey(proof: Assertion, *, at: datetime) -> str:
    """Begin a session by a passkey's proof; return its secret.

    A passkey whose counter went back was copied, and we cannot tell which of the two is the owner's: it opens nothing
    any more. Raises: NotProved.
    """
    with door():
        with connection.cursor() as cursor:
            cursor.execute(
                "select k.sign_count from access_passkey k join access_staff s on s.id = k.staff where k.id = %s"
                " and k.staff = %s and k.copied_at is null and s.left_at is null for update of k",
                [proof.id, proof.staff],
            )
            row = cursor.fetchone()
        if row is None:
            raise NotProved("no_passkey")
        if not rules.copied(row[0], proof.sign_count):
            done(
                "update access_passkey set sign_count = %s, used_at = %s where id = %s",
                [proof.sign_count, at, proof.id],
            )
            return access.begin_session(proof.staff, "passkey", at=at)
        done("update access_passkey set copied_at = %s where id = %s", [at, proof.id])
    events.note("passkey_copied", whose=proof.staff, counter=row[0], told=proof.sign_count)
    raise NotProved("copied")


def sign_in_with_code(email: str, password: str, code: str, *, at: datetime, device: bytes | None = None) -> str:
    """Begin a session by a password and a code together; return its secret. Raises: NotProved.

    The same is computed for an address that nobody has, for a wrong password, for a wrong code, and for an account of
    which this way is blocked. `device`: the hash by which it is known for this account.
    """
    found = read(
        "select s.id, p.encoded, t.sealed from access_staff s join access_password p on p.staff = s.id"
        " join access_totp t on t.staff = s.id where lower(s.email) = %s and s.left_at is null",
        [rules.folded_email(email)],
    )
    staff, encoded, box = found[0] if found else (None, _NO_PASSWORD, b"")
    allowed = staff is not None and tries.try_password(staff, device)
    right = hashers.check_password(password[: rules.PASSWORD_MOST], encoded) and len(password) <= rules.PASSWORD_MOST
    key = keys.of_this_home()
    opened = keys.unsealed(key, staff.bytes, bytes(box)) if staff else None
    step = totp.step_of(opened.decode() if opened else totp.NOBODY, code, at)
    if staff is None or not right or opened is None or step is None:
        raise NotProved("password_or_code")
    if not allowed:
        raise NotProved("password_blocked")
    with door():
        if not done("update access_totp set last_step = %s where staff = %s and last_step < %s", [step, staff, step]):
            raise NotProved("code_used")
        tries.password_was_right(staff, device)
        return access.begin_session(staff, "totp", at=at)


# One's own passkeys and sessions


def add_passkey(staff: UUID, passkey: NewPasskey, name: str, *, at: datetime) -> None:
    """Add a passkey to those of a member of staff. Raises: NotProved."""
    with door():
        _store(staff, passkey, name, at)


def _store(staff: UUID, passkey: NewPasskey, name: str, at: datetime) -> None:
    try:
        with transaction.atomic():
            done(
                "insert into access_passkey (id, staff, credential, sign_count, name, made_at)"
                " values (%s, %s, %s, %s, %s, %s)",
                [passkey.id, staff, passkey.credential, passkey.sign_count, rules.plain(name)[:60], at],
            )
    except IntegrityError:
        raise NotProved("passkey_known") from None


def remove_passkey(staff: UUID, credential_id: bytes) -> None:
    """Remove a passkey of a member of staff. Raises: Refused, if without it they could not come in."""
    with door():
        done(
            "select from access_passkey where staff = %s order by id for update", [staff]
        )  # two at once would leave none
        left = [one for one in queries.passkeys(staff) if one.id != credential_id and one.copied_at is None]
        if not left and not queries.has_password(staff):
            raise Refused("passkey", "is the only way that you come in; add another before you remove it")
        done("delete from access_passkey where staff = %s and id = %s", [staff, credential_id])


def end_own_session(staff: UUID, hash_: bytes, *, at: datetime) -> None:
    """End one session of a member of staff."""
    with door():
        done(
            "update access_session set ended_at = %s where staff = %s and hash = %s and ended_at is null",
            [at, staff, hash_],
        )


def end_other_sessions(staff: UUID, secret: str, *, at: datetime) -> int:
    """End every session of a member of staff but the one of this secret, and know no device; return how many."""
    with door():
        tries.forget_devices(staff)
        return done(
            "update access_session set ended_at = %s where staff = %s and hash <> %s and ended_at is null",
            [at, staff, secret_hash(secret)],
        )


# Recovery


def ask_recovery(email: str, *, at: datetime) -> str:
    """Ask for account recovery; return the secret of the asker's own page, which nobody else ever sees.

    For an address that nobody has the same is written, about nobody.
    """
    secret = secrets.token_urlsafe(32)
    with door():
        rows(
            "select access_ask_recovery(%s, %s, %s, %s, %s, %s)",
            [
                uuid4(),
                secret_hash(secret),
                rules.folded_email(email),
                rules.spoken_code(),
                at,
                at + rules.RECOVERY,
            ],
        )
    return secret


def recover_by_command(staff: UUID, *, at: datetime) -> str:
    """Let a colleague recover their account at once, by a command on this machine; return the secret of the link."""
    secret = secrets.token_urlsafe(32)
    with door():
        rows(
            "select access_recover_by_command(%s, %s, %s, %s, %s)",
            [uuid4(), secret_hash(secret), staff, at, at + rules.COMMAND_LINK],
        )
    return secret


def approve_recovery(recovery: UUID) -> bool:
    """Approve that a colleague recovers their account; return whether there are now enough approvals.

    The database decides whose approval counts (docs/design/duties.md). Within `acting`. Raises: Forbidden.
    """
    ((enough,),) = called("select access_approve_recovery(%s)", [recovery])
    return bool(enough)


def stop_recovery(recovery: UUID) -> None:
    """Stop an account recovery: the colleague did not ask for it. One objection is enough, until it is used.

    Within `acting` by the colleague themself or one who may approve it, or within `door` by a command.

    Raises: Forbidden.
    """
    called("select access_stop_recovery(%s)", [recovery])


def recovering(secret: str, *, at: datetime) -> tuple[UUID, str, str] | None:
    """Return id, e-mail address and name of whom an approved recovery lets in; None unless it can be used now."""
    found = read(
        "select s.id, s.email, s.name from access_recovery r join access_staff s on s.id = r.staff"
        " where r.hash = %s and r.used_at is null and r.stopped_at is null and r.usable_at <= %s"
        " and r.link_ends_at > %s and s.left_at is null",
        [secret_hash(secret), at, at],
    )
    return (found[0][0], found[0][1], found[0][2]) if found else None


def recover(secret: str, passkey: NewPasskey, name: str, *, at: datetime) -> str:
    """Set a new passkey in the place of all that was lost; return the secret of the session that begins.

    All sessions end, and every earlier passkey, password and code opens nothing any more. Raises: NotProved.
    """
    with door():
        ((staff,),) = rows("select access_use_recovery(%s, %s)", [secret_hash(secret), at])
        if staff is None:
            raise NotProved("recovery")
        _store(staff, passkey, name, at)
        return access.begin_session(staff, "recovery", at=at)


# Staff


def may_leave_the_role(staff: UUID, roles: Collection[str]) -> None:
    """Refuse that the last administrator stops being one. Raises: Refused."""
    if "administrator" in roles:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "select r.staff from access_role r join access_staff s on s.id = r.staff"
            " where r.role = 'administrator' and s.left_at is null"
        )
        if [row[0] for row in cursor.fetchall()] == [staff]:
            raise Refused("roles", "would be without any administrator; make a colleague one first")


def set_office(id: str, name: str, timezone: str, *, by: str | None) -> None:  # noqa: A002 - as the form names it
    """Add an office, or change its name and time zone. Raises: Refused, Forbidden."""
    name = rules.plain(name)
    if not 1 <= len(name) <= 100:
        raise Refused("name", "is missing or longer than 100 characters; write it as people call the office")
    zones.check(timezone)
    try:
        access.set_office(id, name, timezone, by=by)
    except Refused as refusal:
        raise Refused("id", refusal.reason) from None
