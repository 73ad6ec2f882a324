"""How often one may try to sign in, counted in the database for all web processes together.

Each kind of try has limits of its own, so that whoever uses up one of them does not shut the others. A device on which
a colleague signed in before is known by a cookie: its tries are counted for itself, and no stranger uses them up.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.utils.crypto import salted_hmac

from wayfare.access.door import door, read
from wayfare.access.rules import secret_hash
from wayfare.access.signin.rules import folded_email
from wayfare.access.statements import called, rows

KNOWN_FOR = timedelta(days=365)
"""So long after its last sign-in a device is known."""


class Pace(NamedTuple):
    """So many tries at once, then one every so many seconds."""

    burst: int
    seconds: int


ADDRESS = {
    "password": Pace(30, 3),
    "passkey": Pace(30, 3),
    "link": Pace(30, 3),
    "recovery": Pace(10, 60),
}
"""For one network address. `link`: the pages behind an invitation's or a recovery's link."""
ACCOUNT = {"password": Pace(5, 30), "recovery": Pace(3, 600)}
"""For one account, whether it exists or not. `password`: at sign-in, and to change one's own."""
DEVICE = Pace(5, 30)
"""For one account on a device that is known, in the place of both."""


def take(kind: str, pace: Pace, whose: str) -> int:
    """Take one try; return 0, or how many seconds to wait before the next (none is taken)."""
    key = salted_hmac("wayfare.tries", whose, algorithm="sha256").digest()
    with door():
        ((wait,),) = rows("select access_take_try(%s, %s, %s, %s)", [kind, key, pace.seconds, pace.burst])
    return int(wait)


def wait_seconds(kind: str, address: str, email: str | None = None, device: bytes | None = None) -> int:
    """Take a try of a kind at an address, and for an account; return 0, or how many seconds to wait.

    `device`: the one that is known for this account, None for any other.
    """
    if device is not None:
        return take(f"{kind} device", DEVICE, device.hex())
    wait = take(f"{kind} address", ADDRESS[kind], address) if kind in ADDRESS else 0
    if not wait and email is not None:
        wait = take(f"{kind} account", ACCOUNT[kind], folded_email(email))
    return wait


def try_password(staff: UUID, device: bytes | None) -> bool:
    """Count a try with an account's password, before it is looked at; return False if this way is blocked."""
    with door():
        ((allowed,),) = rows("select access_try_password(%s, %s)", [staff, device])
    return bool(allowed)


def password_was_right(staff: UUID, device: bytes | None) -> None:
    """Take back that a try was counted as wrong. With the door open."""
    rows("select access_password_was_right(%s, %s)", [staff, device])


def unblock_password(staff: UUID) -> bool:
    """Let an account be signed in to by its password again; return False if it is not blocked.

    Within `acting` by its owner or an administrator, or within `door` by a command. Raises: Forbidden.
    """
    ((unblocked,),) = called("select access_unblock_password(%s)", [staff])
    return bool(unblocked)


def blocked_at(staff: UUID) -> datetime | None:
    """Return since when an account's password is blocked; None if it is not."""
    found = read("select blocked_at from access_password_tries where staff = %s", [staff])
    return found[0][0] if found else None


def known_device(email: str, device_secrets: Collection[str], *, at: datetime) -> bytes | None:
    """Return the hash of the secret by which a device is known for an account; None if it is not."""
    found = read(
        "select d.hash from access_device d join access_staff s on s.id = d.staff where lower(s.email) = %s"
        " and s.left_at is null and d.hash = any (%s) and d.made_at > %s",
        [folded_email(email), [secret_hash(one) for one in device_secrets], at - KNOWN_FOR],
    )
    return bytes(found[0][0]) if found else None


def remember_device(staff: UUID, earlier: Collection[str], *, at: datetime) -> str:
    """Know a device for an account from now on; return its secret, in the place of those it had before."""
    secret = secrets.token_urlsafe(32)
    with door():
        rows(
            "select access_remember_device(%s, %s, %s, %s)",
            [secret_hash(secret), staff, [secret_hash(one) for one in earlier], at],
        )
    return secret


def forget_devices(staff: UUID) -> None:
    """Know no device for an account any more. With the door open."""
    rows("select access_forget_devices(%s)", [staff])
