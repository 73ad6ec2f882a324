"""The looks into a file as the person whom it is about sees them: whoever shows them to the person asks here.

The database decides which those are (`access_looks_of`): none that is held back now, every other one.
"""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from wayfare.access.queries import put_words
from wayfare.access.statements import called


class Held(NamedTuple):
    """That a look was held back from the person's view for a time that is over."""

    until: datetime
    basis: str


class Seen(NamedTuple):
    """Looks by one task into the same field groups, one after the other."""

    who: str
    """Their name; empty if it is not known any more."""
    roles: tuple[str, ...]
    """Those of theirs today that the purpose is for; none if they have others now."""
    purpose: str
    groups: tuple[str, ...]
    at: tuple[datetime, ...]
    """When, oldest first; as many as `positions`."""
    positions: tuple[int, ...]
    """In the access log."""
    why: str
    """The words that were asked for: a reason, or the legal basis; empty once they went with an erasure."""
    second: str
    """Who approved it, for an emergency."""
    open_until: datetime | None
    """When the work ended for which it was open, or will."""
    held: Held | None


def shown_by_staff(person: UUID) -> list[Seen]:
    """Return the looks into a file that its person sees, oldest first, for staff to print or show. Within `acting`.

    For who has work on the file in hand, for supervisors of its office, and for data protection. Raises: Forbidden.
    """
    return _seen(called("select * from access_shown(%s)", [person]))


def _seen(found: list[tuple[Any, ...]]) -> list[Seen]:
    looks = [(orjson.loads(body), *rest) for body, *rest in found]
    for body, *_, words in looks:
        told = orjson.loads(words) if words else []
        spoken = [(body["position"], field, bytes.fromhex(nonce), text) for field, nonce, text in told]
        put_words([body], spoken)
    together = groupby(looks, lambda look: (look[0]["task"], look[0]["groups"], look[5], look[6]))
    return [_one(list(same)) for _, same in together]


def _one(looks: list[tuple[Any, ...]]) -> Seen:
    body, who, roles, second, open_until, held_until, held_basis, _ = looks[0]
    return Seen(
        who or "",
        tuple(roles),
        body["purpose"],
        tuple(body["groups"]),
        tuple(datetime.fromisoformat(one["at"]) for one, *_ in looks),
        tuple(one["position"] for one, *_ in looks),
        body.get("reason") or body.get("basis") or "",
        second or "",
        open_until,
        Held(held_until, held_basis) if held_until else None,
    )
