"""Who opened and corrected a file, by visit, as its person sees it: whoever shows it to the person asks here.

The database decides which those are (`access_looks_of`): none that is held back now, every other one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from wayfare.access.queries import put_words
from wayfare.access.statements import called
from wayfare.access.visits import in_order, key


class Held(NamedTuple):
    """That a look was held back from the person's view for a time that is over."""

    until: datetime
    basis: str


class Entry(NamedTuple):
    """One entry of a visit."""

    position: int
    """In the access record."""
    at: datetime
    groups: tuple[str, ...]
    corrected: bool
    """Whether it is a correction of these groups; else they were opened."""


class Seen(NamedTuple):
    """A visit: looks and corrections for one task within one hour (`visits`)."""

    who: str
    """Their name; empty if it is not known any more."""
    roles: tuple[str, ...]
    """Those of theirs today that the purpose is for; none if they have others now."""
    purpose: str
    entries: tuple[Entry, ...]
    """Oldest first."""
    why: str
    """The words that were asked for: a reason, or the legal basis; empty once they went with an erasure."""
    second: str
    """Who approved it, for an emergency."""
    open_until: datetime | None
    """When the work ended for which it was open, or will."""
    held: Held | None

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the field groups that were opened."""
        return in_order(group for one in self.entries if not one.corrected for group in one.groups)

    @property
    def corrected(self) -> tuple[str, ...]:
        """Return the field groups that were corrected."""
        return in_order(group for one in self.entries if one.corrected for group in one.groups)

    @property
    def openings(self) -> int:
        """Return how many of the entries are openings."""
        return sum(not one.corrected for one in self.entries)


def shown_by_staff(person: UUID) -> list[Seen]:
    """Return the looks into a file that its person sees, oldest first, for staff to print or show. Within `acting`.

    For who has work on the file in hand, for supervisors of its office, and for data protection. Raises: Forbidden.
    """
    return _seen(called("select * from access_shown(%s)", [person]))


def _seen(found: list[tuple[Any, ...]]) -> list[Seen]:
    entries = [(orjson.loads(body), *rest) for body, *rest in found]
    for body, *_, words in entries:
        told = orjson.loads(words) if words else []
        spoken = [(body["position"], field, bytes.fromhex(nonce), text) for field, nonce, text in told]
        put_words([body], spoken)
    together: dict[Any, list[tuple[Any, ...]]] = {}
    for one in entries:  # what was held back stands apart, with its hold
        body, held = one[0], (one[5], one[6])
        visit = key(body["kind"], body["task"], datetime.fromisoformat(body["at"]), body["position"])
        together.setdefault((visit, held), []).append(one)
    return [_one(same) for same in together.values()]


def _one(same: list[tuple[Any, ...]]) -> Seen:
    body, who, roles, second, open_until, held_until, held_basis, _ = same[0]
    return Seen(
        who or "",
        tuple(roles),
        body["purpose"],
        tuple(_entry(one) for one, *_rest in same),
        body.get("reason") or body.get("basis") or "",
        second or "",
        open_until,
        Held(held_until, held_basis) if held_until else None,
    )


def _entry(body: dict[str, Any]) -> Entry:
    at, corrected = datetime.fromisoformat(body["at"]), body["kind"] == "correction"
    return Entry(body["position"], at, tuple(body["groups"]), corrected)
