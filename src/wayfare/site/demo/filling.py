"""`python -m wayfare.site.demo.filling`: the invented people get their files, and the staff opens some of them.

It runs beside the web server once, and ends. Each file and each visit is one transaction, which looks first whether it
is done: so it may be killed at any point, and goes on where it was. It acts as the invented colleagues, in sessions
that the access record says a command began, and every opening is recorded as that of a command. The database writes the
instants of the record: what is opened here was opened today.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import click
import django
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

django.setup()

from wayfare.access import operations as access  # noqa: E402 - Django first
from wayfare.access import queries as staff  # noqa: E402
from wayfare.access.rules import Forbidden  # noqa: E402
from wayfare.access.signin import example  # noqa: E402
from wayfare.ledger import operations as ledger  # noqa: E402
from wayfare.people import operations as files  # noqa: E402
from wayfare.people import queries  # noqa: E402
from wayfare.site.demo import people, work  # noqa: E402
from wayfare.site.demo.colleagues import OFFICES  # noqa: E402
from wayfare.site.demo.command import PEOPLE_DONE  # noqa: E402
from wayfare.site.demo.people import Person  # noqa: E402
from wayfare.site.demo.work import Visit  # noqa: E402

TRIES = 20
PAUSE_SECONDS = 3.0


class Staff:
    """The invented colleagues by their first names in lower case, each with a session of their own."""

    def __init__(self, at: datetime) -> None:
        self.ids = {one.email.partition("@")[0]: one.staff for one in example.colleagues()}
        self._at = at
        self._secrets: dict[str, str] = {}

    def secret(self, who: str) -> str:
        """Return the secret of a colleague's session, which begins at first use."""
        if who not in self._secrets:
            self._secrets[who] = access.begin_session(self.ids[who], "command", at=self._at)
        return self._secrets[who]

    def end(self) -> None:
        """End the sessions."""
        for secret in self._secrets.values():
            access.end_session(secret, at=datetime.now(UTC))

    def id_of(self, kind: str, key: str) -> UUID:
        """Return the id of an invented person or family: always the same in one home, and another in each."""
        first = min(self.ids.values())
        return UUID(bytes=hashlib.sha256(f"{first} {kind} {key}".encode()).digest()[:16], version=4)


@contextmanager
def _colleagues(at: datetime) -> Iterator[Staff]:
    colleagues = Staff(at)
    try:
        yield colleagues
    finally:
        colleagues.end()


def fill(now: datetime) -> int:
    """Make what is missing of the people's files and of the work on them; return how many people there are."""
    invented = people.read(now.date())
    with _colleagues(now) as colleagues:
        for one in invented:
            _register(one, colleagues, now)
        for visit in (*work.everyday(invented), *work.SPECIAL):
            _visit(visit, colleagues)
        _ask_erasure(colleagues)
    return len(invented)


def _register(one: Person, colleagues: Staff, now: datetime) -> None:
    """Make a person's file, dated to the day that the example says, and put the counsellor on the team.

    They take part in the programme of their office.
    """
    person, at = colleagues.id_of("person", one.key), now - timedelta(days=one.days_ago)
    family = colleagues.id_of("family", one.family) if one.family else None
    with access.acting(colleagues.secret(one.counsellor)):
        if not queries.files_named([person]):
            file = files.file_from(one.groups, at=at, family=family, person=person)
            files.enrol_many([file], at=at, programme=OFFICES[one.office][2])
            access.join_team(person, colleagues.ids[one.counsellor])


def _visit(visit: Visit, colleagues: Staff) -> None:
    person, at = colleagues.id_of("person", visit.whose), datetime.now(UTC)
    secret = colleagues.secret(visit.who)
    basis = visit.words if visit.purpose == "legal_duty" else ""
    with transaction.atomic():
        if visit.correction:
            ledger.open_for_writing()  # before the lock of the access record, as `correct` by itself
        with access.acting(secret):
            if staff.took_up(person, visit.purpose):
                return
            me = colleagues.ids[visit.who]
            task = access.take_up(me, person, visit.purpose, basis=basis, reason=visit.words, at=at)
        if visit.approver:
            with access.acting(colleagues.secret(visit.approver)):
                access.approve(task)
        if visit.groups:
            with access.acting(secret):
                _open(visit, task, at)


def _open(visit: Visit, task: UUID, at: datetime) -> None:
    opened = files.opened(task, visit.groups, "command")
    if visit.note:
        files.add_note(task, visit.note, on=at.date(), how="command")
    if visit.correction:
        group, now = visit.correction
        files.correct(task, group, now, version=opened.versions[group], at=at, how="command")
    if not visit.stays_open:
        access.close_task(task, at=at)


def _ask_erasure(colleagues: Staff) -> None:
    who, whose, ground, why = work.ERASURE
    try:
        with access.acting(colleagues.secret(who)):
            access.ask_erasure(colleagues.id_of("person", whose), ground, why)
    except Forbidden as problem:
        if problem.code != "asked_already":
            raise


def main() -> None:
    """Fill the example; where the database goes away, or another process does the same, begin again."""
    for _ in range(TRIES):
        try:
            number = fill(datetime.now(UTC))
        except (DatabaseError, InterfaceError) as problem:
            click.echo(f"wayfare: making the invented people waits: {problem}", err=True)
            connection.close()
            time.sleep(PAUSE_SECONDS)
        else:
            (settings.WAYFARE_HOME / PEOPLE_DONE).touch()
            click.echo(f"wayfare: the example has files of {number} invented people now", err=True)
            return
    sys.exit("wayfare: the invented people are not all there; the next `wayfare demo` goes on with it")


if __name__ == "__main__":
    main()
