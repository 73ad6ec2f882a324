"""A look that is undone with its transaction leaves no line, and is not unseen."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from django.conf import settings

from wayfare.access import operations, queries
from wayfare.access.operations import acting
from wayfare.access.rules import Forbidden
from wayfare.access.tests.cast import Colleague, file_of
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
        thief.execute("select set_config('app.session', %s, true)", [ada.secret])
        task = uuid4()
        thief.execute(
            "insert into access_task (id, purpose, person, staff, opened_at, ends_at, basis, reason) values"
            " (%s, 'duplicate_review', %s, %s, now(), now() + interval '1 hour', '', '')",
            [task, person, ada.id],
        )
        thief.execute("select access_look(%s, '{names}', 'page')", [task])
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
