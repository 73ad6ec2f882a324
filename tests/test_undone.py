"""A look that is undone with its transaction leaves no line, and is not unseen."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings

from wayfare.access import operations, queries
from wayfare.access.operations import acting
from wayfare.access.rules import Forbidden
from wayfare.access.tests.cast import Colleague, file_of
from wayfare.people import queries as people
from wayfare.people.tests import cast
from wayfare.site import embedded


def test_a_look_that_is_undone_leaves_a_gap_and_a_line_in_the_server_s_journal(fresh_database):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    ada, watcher = Colleague("paris", "counsellor"), Colleague("paris", "auditor")
    person = file_of(ada)
    ada.opens(person, "duplicate_review")

    def undone():
        with acting(watcher.secret):
            return queries.undone()

    assert undone() == (1, 0)
    with psycopg.connect(fresh_database("wayfare_app")) as thief:
        task = _look(thief, ada, person)
        thief.rollback()
    assert undone() == (1, 1)
    ada.opens(person, "duplicate_review")
    assert undone() == (2, 1), "a gap does not close again"
    journal = embedded.Home(settings.WAYFARE_HOME)
    said = "".join(path.read_text() for path in journal.folder.rglob("*.log"))
    assert f"of {ada.id} at {person} for task {task}" in said
    for who in (ada, Colleague("paris", "supervisor")):
        with pytest.raises(Forbidden), acting(who.secret):
            queries.undone()


FORGED = """do $$ begin raise log 'wayfare look 4711 of somebody at nobody for task none'; end $$"""


def test_the_application_s_role_writes_no_line_of_the_journal(fresh_database):
    """A line about a look that never was would hide which number is missing. The control: as PostgreSQL comes."""

    def journal():
        return "".join(path.read_text() for path in embedded.Home(settings.WAYFARE_HOME).folder.rglob("*.log"))

    name = fresh_database("wayfare_owner").split("dbname=")[1].split()[0]
    superuser = embedded.Home(settings.WAYFARE_HOME).conninfo("postgres", name)
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as thief:
        for attack in (
            FORGED,
            "create function pg_temp.forge() returns void language plpgsql as 'begin raise log ''wayfare look''; end'",
            "grant usage on language plpgsql to public",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(attack)
        with pytest.raises(psycopg.Error):
            thief.execute("select 'wayfare look 4711 of somebody'::int")  # an error's words are not in the log either
        assert "wayfare look 4711" not in journal()
        with psycopg.connect(superuser, autocommit=True) as link:
            link.execute("grant usage on language plpgsql to public")
        thief.execute(FORGED)
        assert "wayfare look 4711" in journal(), "the control"
    with psycopg.connect(superuser, autocommit=True) as link:  # as each start of the server does
        embedded.close_language(link)
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as thief:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute(FORGED)


def _look(thief: psycopg.Connection, ada: Colleague, person: UUID) -> UUID:
    """Open a person's file by SQL, in the transaction that is under way; return the task."""
    thief.execute("select set_config('app.session', %s, true)", [ada.secret])
    task = uuid4()
    thief.execute(
        "insert into access_task (id, purpose, person, staff, opened_at, ends_at, basis, reason) values"
        " (%s, 'duplicate_review', %s, %s, now(), now() + interval '1 hour', '', '')",
        [task, person, ada.id],
    )
    thief.execute("select access_look(%s, '{names}', 'page')", [task])
    return task


def _looks_undone(thief: psycopg.Connection, ada: Colleague, people: list[UUID]) -> int:
    """Open each person's file in a transaction that is rolled back; return how many opened."""
    opened = 0
    for person in people:
        try:
            _look(thief, ada, person)
            opened += 1
        except psycopg.errors.InsufficientPrivilege as problem:
            assert "too_many_files" in str(problem)
        thief.rollback()
    return opened


def test_looks_that_are_rolled_back_meet_a_limit_too(fresh_database):
    """And the control: without the count that no rollback undoes, every file opens."""
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    ada = Colleague("paris", "counsellor")
    people = [file_of(ada) for _ in range(25)]
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        owner.execute("update access_limits set people_an_hour = 5")
        with psycopg.connect(fresh_database("wayfare_app")) as thief:
            assert _looks_undone(thief, ada, people) == 10
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(f"select setval('access_attempts_{ada.id.hex}', 1)")
            thief.rollback()
            owner.execute(
                "create or replace function access_count_attempt(colleague uuid, limits access_limits) returns boolean"
                " language sql as 'select true'"
            )
            assert _looks_undone(thief, ada, people) == 25


STEPS = ("select * from people_found_by(%s, array[%s]::uuid[])", "select people_show(%s, array[%s]::uuid[])")
COMMITTED_FIRST = (
    "line.tx is not distinct from pg_current_xact_id_if_assigned() or",
    "or line.shown_tx is not distinct from pg_current_xact_id_if_assigned()",
)


class Thief:
    """Whoever has the application's password and a session's secret."""

    def __init__(self, conninfo, secret):
        self.link, self.secret = psycopg.connect(conninfo), secret

    def begins(self):
        self.link.rollback()
        self.link.execute("select set_config('app.session', %s, true)", [self.secret])

    def tries(self, statement, *values):
        """Return how many rows a statement gives; what is refused gives none."""
        try:
            with self.link.transaction():
                return len(self.link.execute(statement, values).fetchall())
        except psycopg.errors.InsufficientPrivilege:
            return 0

    def searches_and_rolls_back(self, person):
        """Search, show, read the sealed initials, and undo it all; return how many initials were read."""
        self.begins()
        ((search,),) = self.link.execute("select people_search()").fetchall()
        for step in STEPS:
            self.tries(step, search, person)
        return self.tries("select mark from people_shown(%s)", search)


@pytest.fixture
def counsellor(fresh_database, monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "PEOPLE_KEYS", tmp_path / "people")
    return cast.Colleague("paris", "counsellor")


def steps_undone(watcher):
    with acting(watcher.secret):
        return people.undone()


def test_forty_searches_that_are_rolled_back_read_nothing_and_are_counted(fresh_database, counsellor):
    person, watcher = counsellor.enrols("Maryam Karimi").person, Colleague("paris", "auditor")
    thief = Thief(fresh_database("wayfare_app"), counsellor.secret)
    assert [thief.searches_and_rolls_back(person) for _ in range(40)] == [0] * 40
    thief.link.rollback()
    assert steps_undone(watcher) == (0, 40)
    said = embedded.Home(settings.WAYFARE_HOME).log.read_text()
    assert said.count(f"of {counsellor.id} begins") >= 40
    assert len(people.search(counsellor.secret, "Karimi").found) == 1
    assert steps_undone(watcher) == (3, 40)
    with psycopg.connect(fresh_database("wayfare_owner")) as owner:  # the control: as it was
        for name in ("people_searching(bigint)", "people_shown(bigint)"):
            ((text,),) = owner.execute("select pg_get_functiondef(%s::regprocedure)", [name]).fetchall()
            for guard in COMMITTED_FIRST:
                text = text.replace(guard, "")
            owner.execute(text)
    assert [thief.searches_and_rolls_back(person) for _ in range(40)] == [1] * 40
    thief.link.close()


def test_a_committed_search_is_asked_a_few_times_and_no_more_though_each_is_undone(fresh_database, counsellor):
    person, watcher = counsellor.enrols("Maryam Karimi").person, Colleague("paris", "auditor")
    thief = Thief(fresh_database("wayfare_app"), counsellor.secret)
    thief.begins()
    ((search,),) = thief.link.execute("select people_search()").fetchall()
    thief.link.commit()
    answers = []
    for _ in range(40):
        thief.begins()
        answers.append(thief.tries(STEPS[0], search, person))
    assert answers == [1] * 16 + [0] * 24
    thief.link.close()
    steps, undone = steps_undone(watcher)
    assert (steps, undone >= 16) == (1, True)


def test_what_was_shown_and_undone_is_not_read(fresh_database, counsellor):
    person = counsellor.enrols("Maryam Karimi").person
    thief = Thief(fresh_database("wayfare_app"), counsellor.secret)
    thief.begins()
    ((search,),) = thief.link.execute("select people_search()").fetchall()
    thief.link.commit()
    thief.begins()
    assert thief.tries(STEPS[1], search, person) == 1
    thief.begins()
    assert thief.tries("select * from people_shown(%s)", search) == 0
    assert thief.tries(STEPS[1], search, person) == 1
    thief.link.commit()
    thief.begins()
    assert thief.tries("select * from people_shown(%s)", search) == 1, "the control"
    thief.link.close()
    with psycopg.connect(fresh_database("wayfare_owner")) as owner:
        assert owner.execute("select shown from people_search_log").fetchall() == [([person],)]


def test_a_search_within_a_longer_transaction_is_refused(db):
    with pytest.raises(RuntimeError, match="commits its line"):
        people.search("", "Karimi")
