"""What the lists of the access record share: narrowing by file, colleague and days; headings by day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import translation

from wayfare.access import naming, words
from wayfare.access.queries import Narrowed
from wayfare.access.rules import Actor
from wayfare.ledger.rules import Refused

A_PAGE = 50
FIELDS = ("person", "staff", "since", "until")
NUMBERED = frozenset({"counsellor", "supervisor", "travel_officer", "data_protection_officer"})
"""The roles to which a case number is shown; to others a file is a short id."""
Line = dict[str, Any]


def given(asked: Mapping[str, str]) -> dict[str, str]:
    """Return what the form of a list gives."""
    return {name: asked.get(name, "").strip() for name in FIELDS}


def narrowed(fields: Mapping[str, str], actor: Actor) -> Narrowed:
    """Return which entries a form asks for. Within `acting`. Raises: Refused."""
    since, until = (_day(fields[name], name) for name in ("since", "until"))
    if since and until and until < since:
        raise Refused("until", "is before the first day")
    return Narrowed(
        _person(fields["person"]),
        _staff(fields["staff"]),
        _midnight(since, actor) if since else None,
        _midnight(until + timedelta(days=1), actor) if until else None,
    )


def _day(text: str, field: str) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        raise Refused(field, f"{text!r:.40} is no day; write 2026-05-17") from None
    if found is not None and not 1900 < found.year < 2200:
        raise Refused(field, f"{text!r:.40} is no day of ours")
    return found


def _midnight(day: date, actor: Actor) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(actor.timezone))


def _person(text: str) -> UUID | None:
    if not text:
        return None
    found = naming.person_of(text)
    if found is None:
        raise Refused("person", f"{text!r:.40} is the case number of no file that you may know of")
    return found


def _staff(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refused("staff", f"{text!r:.60} is no colleague; choose one from the list") from None


def before(asked: Mapping[str, str]) -> int | None:
    """Return the position before which a page of a list begins, None for the first page."""
    text = asked.get("before", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def older(fields: Mapping[str, str], position: int) -> str:
    """Return the address of the next page of a list, narrowed as this one."""
    kept = {name: value for name, value in fields.items() if value}
    return "?" + urlencode({"before": position, **kept})


def by_day(lines: list[Line]) -> list[tuple[str, list[Line]]]:
    """Return lines under the day of each, in their order."""
    return [(day, list(some)) for day, some in groupby(lines, lambda line: line["day"])]


def moments(at: datetime, actor: Actor) -> dict[str, str]:
    """Return day and time of an entry by the clock of the actor's office."""
    language = translation.get_language() or "en"
    return {
        "day": words.day(at, language, actor.timezone),
        "at": words.clock(at, language, actor.timezone),
    }
