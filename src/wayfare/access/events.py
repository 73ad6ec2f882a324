"""Security events: who did or tried what, from where, when. One line each in one form, without any secret.

A line is `<UTC> <level> wayfare.security: <JSON>`, its keys sorted. `event` says what; `door` the address's pattern
(never the address: it may hold a secret), `address` who asked, `staff` the colleague if they are known. Names, e-mail
addresses and what was typed are in none. The events are listed in `docs/operating.md`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

log = logging.getLogger("wayfare.security")
EVENTS = {
    "signed_in": "a session began (how)",
    "not_signed_in": "a proof of identity was refused (why)",
    "slowed": "too many tries",
    "signed_out": "a session was ended by its owner",
    "sessions_ended": "others of somebody's sessions were ended (whose, count)",
    "passkey_added": "to one's own account",
    "passkey_removed": "from one's own account",
    "passkey_copied": "a passkey's counter went back; it opens nothing any more (whose)",
    "password_set": "a password and a code generator were set",
    "password_changed": "the password was changed",
    "password_unblocked": "sign-in by password was allowed again (whose)",
    "generator_changed": "the code generator was replaced",
    "not_changed": "a change of one's own account was refused (why)",
    "invited": "a link to come in was made (roles, office)",
    "invitation_withdrawn": "a link to come in was withdrawn",
    "roles_changed": "a colleague's roles were changed (whose, before, after)",
    "left": "a colleague was let go (whose)",
    "office_set": "an office was added or changed (office)",
    "recovery_asked": "somebody asks for account recovery (account)",
    "recovery_approved": "a colleague approved an account recovery (recovery, enough)",
    "recovery_stopped": "a colleague stopped an account recovery (recovery)",
    "refused": "a page, a file or an act that is not theirs (why)",
    "form_refused": "a form that no page of ours sent (why)",
    "token_refused": "an API token that does not open this (why)",
    "not_opened": "a sealed value is not what was sealed in its place (why)",
}
"""What can happen, and in brackets what else its line says."""
_WATCHED = frozenset(
    {"not_signed_in", "slowed", "passkey_copied", "refused", "form_refused", "token_refused", "not_opened"}
)
"""What somebody who watches wants to see: written as warnings."""
_asking: ContextVar[dict[str, str | None] | None] = ContextVar("asking", default=None)


@contextmanager
def asked(door: str, address: str) -> Iterator[None]:
    """Say, for the time of one request, at which door and from which address it came."""
    before = _asking.set({"door": door, "address": address, "staff": None})
    try:
        yield
    finally:
        _asking.reset(before)


def known(staff: UUID) -> None:
    """Say which colleague the request in hand is of."""
    if (asking := _asking.get()) is not None:
        asking["staff"] = str(staff)


def at_door(door: str) -> None:
    """Say at which door the request in hand turned out to be."""
    if (asking := _asking.get()) is not None:
        asking["door"] = door


def note(event: str, **facts: object) -> None:
    """Write an event down. `facts`: ids, codes, counts, never what somebody typed."""
    if event not in EVENTS:
        raise ValueError(f"{event!r} is no event; add it to EVENTS")
    told = {"event": event, **(_asking.get() or {}), **facts}
    line = json.dumps(told, sort_keys=True, default=str, separators=(",", ":"))
    log.log(logging.WARNING if event in _WATCHED else logging.INFO, "%s", line)
