"""Staff and people for tests: colleagues with sessions, files with known names."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from wayfare.access import operations as access
from wayfare.access import queries
from wayfare.access.operations import acting
from wayfare.access.queries import Erasure
from wayfare.access.tests import cast
from wayfare.access.tests.cast import NOW as NOW
from wayfare.access.tests.cast import WORDS as WORDS
from wayfare.access.tests.cast import browser as browser
from wayfare.people import operations
from wayfare.people.operations import Enrolled


def file_data(name: str, born: tuple[int, ...] = (1990, 5, 7), note: str = "Asked for a map.") -> dict[str, Any]:
    """Return what is told of a person."""
    told = dict(zip(("year", "month", "day"), born, strict=False))
    return {
        "names": {
            "names": [{"use": "used", "written": [{"script": "Latn", "parts": [{"kind": "whole", "text": name}]}]}]
        },
        "birth": {"told": {"calendar": "gregorian", **told}},
        "contact": {
            "channels": [{"kind": "phone", "value": "+33 1 23 45 67 89", "allowed": True}],
            "languages": ["ar"],
        },
        "documents": {"documents": [{"kind": "passport", "seen": "copy", "number": "XK-4711-22"}]},
        "notes": {"notes": [{"on": "2026-05-17", "text": note}]},
    }


class Colleague(cast.Colleague):
    """A member of staff with a session, in an office that is made with the first of them."""

    def __init__(self, office: str, *roles: str) -> None:
        access.set_office(office, office.title(), "Europe/Paris", by=None)
        super().__init__(office, *roles)

    def acting(self) -> Any:
        """Act as this colleague."""
        return acting(self.secret)

    def enrols(self, name: str, **told: Any) -> Enrolled:
        """Make a person's file, and be on their team."""
        with self.acting():
            enrolled = operations.enrol(file_data(name, **told), at=NOW)
            access.join_team(enrolled.person, self.id)
        return enrolled

    def task(self, person: UUID, purpose: str = "case_work") -> UUID:
        """Start work on a person's file."""
        with self.acting():
            return access.take_up(self.id, person, purpose, reason=WORDS, basis=WORDS, at=NOW - timedelta(minutes=1))

    @contextmanager
    def looks(self, person: UUID, *groups: str, purpose: str = "case_work") -> Any:
        """Be in a transaction in which some groups of a file are open."""
        task = self.task(person, purpose)
        with self.acting():
            yield operations.opened(task, groups or ("names",))


def asked_erasure(person: UUID, asker: Colleague | None = None) -> Erasure:
    """Have a colleague, else a data-protection officer of another office, ask that somebody is erased."""
    asker = asker or Colleague("elsewhere", "data_protection_officer")
    with asker.acting():
        request = access.ask_erasure(person, "asked", WORDS)
        found = queries.erasure(request)
    assert found is not None
    return found


def erased(person: UUID, by: Colleague, asker: Colleague | None = None) -> Erasure:
    """Have somebody erased by two colleagues, of whom `by` decides; return the request as it was asked."""
    asked = asked_erasure(person, asker)
    with by.acting():
        operations.erase(asked.id, read_until=asked.read_until)
    return asked
