"""Staff for tests: colleagues with sessions, and files of people of whom nothing is known."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from wayfare.access import operations
from wayfare.access.operations import acting, look, take_up
from wayfare.access.purposes import PURPOSES

NOW = datetime.now(UTC)
WORDS = "she asked us by telephone to read it to her"


class Colleague:
    """A member of staff with a session."""

    def __init__(self, office, *roles):
        self.id = operations.join(f"{roles[0]} of {office}", f"{uuid4()}@example.org", office, roles, "en", at=NOW)
        self.secret = operations.begin_session(self.id, "passkey", at=datetime.now(UTC))  # NOW is old in a long run

    def opens(self, person, purpose="case_work", groups=("names",), task=None):
        """Open field groups of a file; return the position in the log."""
        with acting(self.secret):
            needs = PURPOSES[purpose].needs
            task = task or take_up(
                self.id, person, purpose, basis=WORDS if needs == "basis" else "", reason=WORDS, at=NOW
            )
            return look(task, groups).position


def file_of(colleague, office="paris"):
    person = uuid4()
    with acting(colleague.secret):
        operations.add_file(person, office, at=NOW)
    return person
