"""Entries by visit: none is lost, none is in two, and the database counts and lists by the same rule."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from wayfare.access import operations, published, queries
from wayfare.access.operations import acting
from wayfare.access.queries import Logged, Narrowed
from wayfare.access.tests.cast import Colleague, file_of
from wayfare.access.visits import hour, visits

PERSON, STAFF = UUID(int=11), UUID(int=12)
TASKS = [UUID(int=n) for n in (1, 2, 3)]
BEGIN = datetime(2026, 3, 31, 21, 20, tzinfo=UTC)
one_entry = st.tuples(
    st.sampled_from(["look", "look", "look", "correction", "approval"]),
    st.sampled_from(TASKS),
    st.integers(0, 40),
    st.sampled_from(["names", "birth", "notes"]),
)
histories = st.lists(one_entry, max_size=60)


def logged(history):
    """Return entries with positions, each some minutes after the one before."""
    at, found = BEGIN, []
    for position, (kind, task, minutes, group) in enumerate(history, 1):
        at += timedelta(minutes=minutes)
        body = {"task": str(task), "purpose": "case_work"}
        found.append(Logged(position, at, kind, STAFF, PERSON, (group,), body))
    return found


@given(histories)
def test_every_entry_is_in_one_visit_of_one_task_and_hour(history):
    entries = logged(history)
    found = visits(entries)
    assert sorted(entry.position for one in found for entry in one.entries) == [one.position for one in entries]
    for one in found:
        assert len({(entry.body["task"], hour(entry.at)) for entry in one.entries}) == 1
        assert one.is_visit or len(one.entries) == 1
        assert [entry.position for entry in one.entries] == sorted(entry.position for entry in one.entries)
    keys = [(one.last.body["task"], hour(one.last.at)) for one in found if one.is_visit]
    assert len(keys) == len(set(keys)), "one line a task and hour"
    assert [one.last.position for one in found] == sorted((one.last.position for one in found), reverse=True)


def test_a_visit_says_what_was_opened_and_what_was_corrected():
    history = [("look", TASKS[0], 0, "notes"), ("look", TASKS[0], 5, "names"), ("correction", TASKS[0], 0, "names")]
    (one,) = visits(logged(history))
    assert (one.opened, one.corrected, len(one.looks)) == (("names", "notes"), ("names",), 2)


def write(history):
    """Write a history as the owner of the tables."""
    rows = []
    for one in logged(history):
        fields = {"kind": one.kind, "groups": list(one.groups), "position": one.position, "at": one.at.isoformat()}
        body = {**one.body, **fields, "person": str(PERSON), "staff": str(STAFF), "for": str(STAFF), "reason": ""}
        rows.append((one.position, one.at, one.kind, STAFF, PERSON, list(one.groups), body["task"], json.dumps(body)))
    with connections["owner"].cursor() as cursor:
        cursor.execute("select coalesce(max(position), 0) from access_log")
        (last,) = cursor.fetchone()
        rows = [
            (last + row[0], *row[1:-1], json.dumps(json.loads(row[-1]) | {"position": last + row[0]})) for row in rows
        ]
        cursor.executemany(
            "insert into access_log values (%s, %s, %s, %s, %s, %s, %s, %s, pg_current_xact_id(), now(),"
            " pg_postmaster_start_time())",
            rows,
        )


def lively(n):
    """Return a history of several tasks over some hours, across the end of a month."""
    kinds = ["look", "look", "correction", "look", "approval", "look", "look"]
    return [(kinds[k % 7], TASKS[k * k % 3], (k * 7) % 23, "names") for k in range(n)]


def test_pages_of_the_list_give_each_visit_once_and_whole(fresh_database):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    officer = Colleague("paris", "data_protection_officer")
    write(lively(300))
    with acting(officer.secret):
        whole = visits([one for one in queries.log_of(limit=10_000) if one.person])
        found, before = [], None
        while page := visits(queries.entries_by_visit(before=before, limit=7)):
            found += page
            before = page[-1].last.position
    assert [[entry.position for entry in one.entries] for one in found] == [
        [entry.position for entry in one.entries] for one in whole
    ]
    assert len(whole) < 300, "the control: they are fewer than the entries"


def test_the_list_is_narrowed_to_a_colleague_and_to_days(fresh_database):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    officer = Colleague("paris", "data_protection_officer")
    write(lively(60))
    cut = hour(BEGIN) + timedelta(hours=4)
    with acting(officer.secret):
        early, late = (
            queries.entries_by_visit(asked, limit=1000) for asked in (Narrowed(until=cut), Narrowed(since=cut))
        )
        assert queries.entries_by_visit(Narrowed(staff=uuid4())) == []
        assert len(queries.entries_by_visit(Narrowed(staff=STAFF, person=PERSON), limit=1000)) == 60
    assert early
    assert late
    assert max(one.at for one in early) < cut <= min(one.at for one in late)
    assert len(early) + len(late) == 60


def test_the_published_figures_count_visits_and_not_page_loads(fresh_database):
    """Ten loads of a page within an hour are one; a month ends between two visits of one task."""
    history = [("look", TASKS[0], 1, "names")] * 10 + [("look", TASKS[1], 0, "names")] * 9
    history += [("correction", TASKS[1], 0, "names")] * 3  # until 21:30 on 31 March
    history += [("look", TASKS[0], 60, "names")] * 7  # 22:30, 23:30, then April
    history += [("look", TASKS[2], 24 * 60 * 31, "names")]
    write(history)
    published._counted.cache_clear()
    text = Client(HTTP_HOST="localhost").get("/looks/table.csv").content.decode()
    found = {(row["period"], row["what"]): row["count"] for row in csv.DictReader(io.StringIO(text))}
    assert found["2026-04", "visits"] == found["2026-04", "case_work"] == "5"
    assert found["2026-03", "visits"] == "", "four visits of 21 looks: too few to be told"
    counted = dict(published._counted(str(connections["default"].settings_dict["NAME"]), "2026-05-01"))
    assert counted["2026-03", "case_work"] == 4


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Pacific/Honolulu"])
def test_days_of_the_list_are_those_of_the_office(fresh_database, zone):
    operations.set_office("far", "Far", zone, by=None)
    officer = Colleague("far", "data_protection_officer")
    write([("look", TASKS[0], 0, "names")])  # 21:20 UTC on 31 March
    from wayfare.access.tests.cast import browser

    page = browser(officer).get("/staff/looks").content.decode()
    assert ("1 April 2026" in page) is (zone == "Asia/Kolkata")
    for day in ("2026-03-31", "2026-04-01"):
        page = browser(officer).get(f"/staff/looks?since={day}&until={day}").content.decode()
        here = (day == "2026-04-01") is (zone == "Asia/Kolkata")
        assert ('<li class="wf-way__item' in page) is here, day


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=2026-02-30", "since=2026-05-02&until=2026-05-01", "staff=x", "person=ZZZZ"]
)
def test_what_cannot_be_read_is_told_beside_the_form(fresh_database, query):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    from wayfare.access.tests.cast import browser

    answer = browser(Colleague("paris", "data_protection_officer")).get(f"/staff/looks?{query}")
    assert answer.status_code == 422
    assert "wf-error-summary" in answer.content.decode()


def test_one_visit_is_one_line_of_the_page_with_each_opening_under_it(fresh_database):
    from wayfare.access.tests.cast import browser

    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    officer = Colleague("paris", "data_protection_officer")
    file_of(Colleague("paris", "counsellor"))
    write([("look", TASKS[0], 0, "names")] * 12 + [("correction", TASKS[0], 0, "names")])
    page = browser(officer).get("/staff/looks").content.decode()
    assert page.count('<li class="wf-way__item') == 1
    assert "Opened 12 times" in page
    assert "Corrected: names." in page
    assert page.count("<li>") >= 13
