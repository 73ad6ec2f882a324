"""The pages of looks: everyone sees their own, a supervisor their office's, officers and auditors all; nobody identities."""

from __future__ import annotations

import pytest
from django.test import Client

from wayfare.access import operations, queries
from wayfare.access.operations import acting, take_up
from wayfare.access.purposes import ROLES
from wayfare.access.tests.cast import NOW, WORDS, Colleague, browser, file_of, newest


@pytest.fixture
def world(db):
    for office in ("paris", "lyon"):
        operations.set_office(office, office.title(), "Europe/Paris", by=None)
    return {(office, role): Colleague(office, role) for office in ("paris", "lyon") for role in ROLES}


def test_each_reads_the_looks_that_are_theirs_to_read(world):
    one, other = world["paris", "counsellor"], world["lyon", "counsellor"]
    here, there = file_of(one), file_of(other, "lyon")
    for _ in range(2):
        one.opens(here, "duplicate_review")
    other.opens(there, "duplicate_review")
    expected = {
        ("paris", "counsellor"): 2,
        ("lyon", "counsellor"): 1,
        ("paris", "supervisor"): 2,
        ("lyon", "supervisor"): 1,
    }
    for (office, role), colleague in world.items():
        response = browser(colleague).get("/staff/looks")
        if role in ("verifier", "statistician", "administrator"):
            assert response.status_code == 404, role
            continue
        watches = role in ("auditor", "data_protection_officer")
        assert response.content.decode().count('<li class="wf-way__item') == (
            3 if watches else expected.get((office, role), 0)
        )
        assert response.headers["Cache-Control"] == "no-store"
    assert Client(HTTP_HOST="localhost").get("/staff/looks").status_code == 302


def test_the_list_is_turned_over_and_kept_to_one_file(world):
    one, officer = world["paris", "counsellor"], browser(world["lyon", "data_protection_officer"])
    first, second = file_of(one), file_of(one)
    for n in range(60):
        one.opens(first if n % 2 else second, "duplicate_review")
    page = officer.get("/staff/looks").content.decode()
    assert page.count('<li class="wf-way__item') == 50
    with acting(world["lyon", "data_protection_officer"].secret):
        older = newest()[49].position
    assert page.count(f"?before={older}") == 1
    assert officer.get(f"/staff/looks?before={older}").content.decode().count('<li class="wf-way__item') == 10
    assert officer.get(f"/staff/looks?person={first}").content.decode().count('<li class="wf-way__item') == 30
    for wrong in ("?person=x", "?person=1"):
        assert officer.get(f"/staff/looks{wrong}").status_code == 422
    assert officer.get("/staff/looks?before=-5").status_code == 200


def test_an_emergency_is_approved_on_the_page_and_the_officer_reads_and_marks_it(world):
    asking, approving, officer = (
        world["lyon", "counsellor"],
        world["paris", "supervisor"],
        world["lyon", "data_protection_officer"],
    )
    person = file_of(world["paris", "counsellor"])
    with acting(asking.secret):
        task = take_up(asking.id, person, "break_glass", reason=f"{WORDS} <script>", at=NOW)
    for role in ROLES:
        may = role in ("supervisor", "data_protection_officer")
        response = browser(world["paris", role]).get("/staff/requests")
        assert response.status_code == (200 if may or role == "administrator" else 404), role
        assert (f"{WORDS} &lt;script&gt;" in response.content.decode()) is may
    assert browser(asking).post("/staff/requests", {"approve": str(task)}).status_code == 404
    assert browser(approving).post("/staff/requests", {"approve": "nonsense"}).status_code == 404
    assert browser(approving).post("/staff/requests", {"approve": str(task)}).status_code == 302
    assert browser(approving).post("/staff/requests", {"approve": str(task)}).status_code == 404
    assert asking.opens(person, "break_glass", task=task)
    page = browser(officer).get("/staff/requests").content.decode()
    assert "opens a file in an emergency" in page
    with acting(officer.secret):
        (notice,) = queries.notices()
    assert browser(officer).post("/staff/requests", {"seen": str(notice.id)}).status_code == 302
    with acting(officer.secret):
        assert queries.notices() == []


def test_nobody_approves_their_own_emergency_on_the_page(world):
    asking = world["paris", "supervisor"]
    person = file_of(world["paris", "counsellor"])
    with acting(asking.secret):
        task = take_up(asking.id, person, "break_glass", reason=WORDS, at=NOW)
    page = browser(asking).get("/staff/requests").content.decode()
    assert "You asked for this yourself" in page
    assert str(task) not in page
    assert browser(asking).post("/staff/requests", {"approve": str(task)}).status_code == 404
