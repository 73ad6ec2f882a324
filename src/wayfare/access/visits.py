"""Entries of the access record by visit: looks and corrections for one task within one hour. Pure.

The record itself has an entry for each opening; a visit is only how they are read and counted. SQL counts by the same
rule (`access_visit_hour`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from wayfare.access.purposes import GROUPS
from wayfare.access.queries import Logged

OPENINGS = ("look", "correction")
"""The kinds of entry that make up a visit."""


class Visit(NamedTuple):
    """One visit, or one entry of another kind, which stands alone."""

    entries: tuple[Logged, ...]
    """Oldest first; at least one."""

    @property
    def last(self) -> Logged:
        """Return the newest entry."""
        return self.entries[-1]

    @property
    def is_visit(self) -> bool:
        """Tell whether it is a visit: other entries are read as they stand."""
        return self.last.kind in OPENINGS

    @property
    def looks(self) -> tuple[Logged, ...]:
        """Return the openings."""
        return tuple(one for one in self.entries if one.kind == "look")

    @property
    def opened(self) -> tuple[str, ...]:
        """Return the field groups that were opened, in the order of a file."""
        return in_order(group for one in self.looks for group in one.groups)

    @property
    def corrected(self) -> tuple[str, ...]:
        """Return the field groups that were corrected, in the order of a file."""
        return in_order(group for one in self.entries if one.kind == "correction" for group in one.groups)


def in_order(groups: Iterable[str]) -> tuple[str, ...]:
    """Return field groups once each, in the order in which a file shows them."""
    found = {*groups}
    return tuple(group for group in GROUPS if group in found)


def hour(at: datetime) -> datetime:
    """Return the hour of an instant, by UTC: where one visit ends and the next begins."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def key(kind: str, task: UUID | str | None, at: datetime, position: int) -> tuple[Any, ...]:
    """Return what entries of one visit have in common and no others have."""
    return (str(task), hour(at)) if kind in OPENINGS else (position,)


def visits(entries: Iterable[Logged]) -> list[Visit]:
    """Return entries by visit, the visit that ended last first."""

    def of(one: Logged) -> tuple[Any, ...]:
        return key(one.kind, one.body.get("task"), one.at, one.position)

    together: dict[tuple[Any, ...], list[Logged]] = {}
    for one in sorted(entries, key=lambda one: one.position):
        together.setdefault(of(one), []).append(one)
    found = [Visit(tuple(some)) for some in together.values()]
    return sorted(found, key=lambda visit: -visit.last.position)
