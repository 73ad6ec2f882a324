"""What one changes of one's own account later: the password, the code generator.

Each verb is one transaction. Where a way to come in changes, every other session of its owner ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth import hashers

from wayfare.access.door import door, read
from wayfare.access.signin import operations, queries, rules
from wayfare.access.signin.rules import NotProved
from wayfare.access.statements import done
from wayfare.ledger.rules import Refused


class Password(NamedTuple):
    """When a password and its code generator were last set, as their owner is told."""

    set_at: datetime
    generator_at: datetime


def password(staff: UUID) -> Password | None:
    """Return when password and generator of a member of staff were set; None if they have none."""
    query = "select p.set_at, t.set_at from access_password p join access_totp t using (staff) where p.staff = %s"
    found = read(query, [staff])
    return Password(*found[0]) if found else None


def set_password(staff: UUID, name: str, new: str, generator: str, code: str, session: str, *, at: datetime) -> int:
    """Let somebody who has none so far sign in by a password with a code, too; return how many sessions ended.

    `generator`: the secret in base32 of which `code` shows that the phone has it. `session`: the secret of the one
    that stays. Raises: Refused, by the field.
    """
    operations.check_password(new, email=queries.email_of(staff), name=name)
    step, encoded = operations.step_shown(generator, code, at), hashers.make_password(new)
    with door():
        if not done(
            "insert into access_password (staff, encoded, set_at) values (%s, %s, %s) on conflict do nothing",
            [staff, encoded, at],
        ):
            raise Refused("password", "is set already; change it instead")
        operations.put_generator(staff, generator, step, at)
        return operations.end_other_sessions(staff, session, at=at)


def change_password(staff: UUID, name: str, old: str, new: str, session: str, *, at: datetime) -> int:
    """Change a password for who knows the old one; return how many sessions ended. Raises: NotProved, Refused."""
    encoded = _proved(staff, old)
    operations.check_password(new, email=queries.email_of(staff), name=name)
    made = hashers.make_password(new)
    with door():
        changed = done(
            "update access_password set encoded = %s, set_at = %s where staff = %s and encoded = %s",
            [made, at, staff, encoded],
        )
        if not changed:
            raise NotProved("password")  # another change came between
        return operations.end_other_sessions(staff, session, at=at)


def change_generator(staff: UUID, old: str, generator: str, code: str, session: str, *, at: datetime) -> int:
    """Replace a code generator for who knows the password; return how many sessions ended.

    Raises: NotProved, Refused.
    """
    _proved(staff, old)
    step = operations.step_shown(generator, code, at)
    with door():
        if not done("delete from access_totp where staff = %s", [staff]):
            raise NotProved("generator")
        operations.put_generator(staff, generator, step, at)
        return operations.end_other_sessions(staff, session, at=at)


def _proved(staff: UUID, old: str) -> str:
    """Return a password as it is stored, if this is it. Raises: NotProved."""
    found = read("select encoded from access_password where staff = %s", [staff])
    if not found or len(old) > rules.PASSWORD_MOST or not hashers.check_password(old, found[0][0]):
        raise NotProved("password")
    return str(found[0][0])
