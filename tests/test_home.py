"""The home page of each role: its sections and no others, no names, no line in the access record; the header's links."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client

from wayfare.access import operations as access
from wayfare.access.purposes import ROLES
from wayfare.access.rules import Forbidden
from wayfare.access.web import home
from wayfare.departures import operations as departures
from wayfare.departures import queries
from wayfare.people.tests.cast import WORDS, Colleague, asked_erasure, browser
from wayfare.site.navigation import STAFF

LANGUAGES = [code for code, _ in settings.LANGUAGES]
SECTIONS = {
    "counsellor": ["open", "find", "waiting"],
    "travel_officer": ["open", "find", "waiting"],
    "supervisor": ["approve", "open", "find", "waiting", "load", "programmes"],
    "data_protection_officer": ["approve", "open", "find", "waiting", "unusual", "notices", "health"],
    "auditor": ["health", "visits", "changes", "programmes"],
    "statistician": ["programmes"],
    "administrator": ["approve", "setup", "staff", "offices", "health"],
    "verifier": [],
}
NAME = "Zebulon Quartermaine"


@pytest.fixture
def staff(db, tmp_path, settings):
    settings.PEOPLE_KEYS = tmp_path / "people-keys"
    return {role: Colleague("paris", role) for role in ROLES}


def page(colleague, **more):
    answer = browser(colleague, **more).get("/home")
    assert answer.status_code == 200
    return answer.content.decode()


def sections(text):
    return re.findall(r'<section class="wf-card" id="([a-z]+)">', text)


def entries():
    """Return how many lines about files the access record has."""
    auditor = Colleague("rome", "auditor")
    with auditor.acting(), connection.cursor() as cursor:
        cursor.execute("select count(*) from access_log where person is not null")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_its_sections_and_no_others(staff, role):
    assert sections(page(staff[role])) == SECTIONS[role]


def test_several_roles_have_the_sections_of_each_once_in_a_fixed_order(staff):
    both = sections(page(Colleague("paris", "administrator", "counsellor", "supervisor")))
    assert both == ["approve", "open", "find", "waiting", "load", "setup", "staff", "offices", "health", "programmes"]
    assert both == sections(page(Colleague("paris", "supervisor", "administrator", "counsellor")))


def test_who_signs_in_lands_there_and_who_has_no_role_is_told_why(staff):
    assert browser(None).get("/home").headers["Location"] == "/staff/sign-in?next=%2Fhome"
    newcomer = Colleague("paris", "verifier")
    assert "no pages for your role yet" in page(newcomer)
    access.change_roles(newcomer.id, ["auditor"], by=None, at=datetime.now(UTC))
    assert browser(newcomer).get("/home").status_code == 302, "their session ended with their roles"


def test_a_home_names_nobody_and_leaves_no_line_in_the_access_record(staff):
    made = staff["counsellor"].enrols(NAME)
    task = staff["counsellor"].task(made.person)
    staff["supervisor"].task(made.person, "break_glass")
    asked_erasure(made.person, staff["counsellor"])
    before = entries()
    for colleague in staff.values():
        text = page(colleague)
        assert NAME not in text
        assert "Quartermaine" not in text
    assert entries() == before
    assert NAME in browser(staff["counsellor"]).get(f"/files/work/{task}").content.decode(), "the control: it was there"
    assert entries() != before


def test_an_open_file_and_a_request_that_waits_are_told_apart_by_case_number(staff):
    counsellor = staff["counsellor"]
    opened, waits = counsellor.enrols("One"), Colleague("lyon", "counsellor").enrols("Two")
    counsellor.task(opened.person)
    counsellor.task(waits.person, "break_glass")
    text = page(counsellor)
    first, second = (text.split(f'id="{name}"')[1].split("</section>")[0] for name in ("open", "waiting"))
    assert opened.case_number in first
    assert opened.case_number not in second
    assert "Emergency" in second
    assert "Emergency" not in first
    assert "<b>1</b> file open" in text
    assert "<b>1</b> waiting for approval" in text


def test_only_what_the_reader_can_decide_is_to_approve(staff):
    made = staff["counsellor"].enrols("One")
    staff["supervisor"].task(made.person, "break_glass")
    assert "<b>0</b> to approve" in page(staff["supervisor"]), "nobody approves their own request"
    assert "<b>1</b> to approve" in page(staff["data_protection_officer"])
    assert "<b>1</b> to approve" in page(Colleague("paris", "supervisor"))
    assert WORDS in page(staff["data_protection_officer"])


def test_a_supervisor_sees_the_load_of_their_own_office_only(staff):
    for name in ("One", "Two", "Three"):
        staff["counsellor"].enrols(name)
    elsewhere = Colleague("lyon", "counsellor")
    elsewhere.enrols("Four")

    def shown(colleague):
        with colleague.acting():
            here = home.load().here
        return here["offices"], [values for _, values in here["measures"]]

    Colleague("paris", "counsellor")
    assert shown(staff["supervisor"]) == (["Paris"], [["2"], ["3"], ["2"], ["3"], ["0"]])
    assert shown(Colleague("lyon", "supervisor")) == (["Lyon"], [["1"], ["1"], ["1"], ["1"], ["0"]])
    assert shown(staff["data_protection_officer"])[0] == ["Lyon", "Paris"], "the control: the policies decide"


def test_the_database_keeps_the_logs_from_who_does_not_watch_them(staff):
    with pytest.raises(Forbidden), staff["counsellor"].acting():
        home.health(None)


def test_notices_are_read_on_the_home_page_and_are_gone(staff):
    made = staff["counsellor"].enrols("One")
    asked_erasure(made.person, staff["counsellor"])
    officer = browser(staff["data_protection_officer"])
    text = officer.get("/home").content.decode()
    assert "<b>1</b> notice" in text
    seen = re.search(r'name="seen" value="(\d+)"', text)[1]
    answer = officer.post("/staff/requests", {"seen": seen, "back": "home"})
    assert answer.headers["Location"] == "/home"
    assert "<b>0</b> notices" in officer.get("/home").content.decode()


def test_the_set_up_goes_step_by_step_and_folds_away(staff):
    text = page(staff["administrator"])
    assert 'aria-current="step"' in text
    assert "Two administrators" in text.split('aria-current="step"')[1].split("</li>")[0]
    Colleague("paris", "administrator")
    text = page(staff["administrator"])
    assert "A programme and its office" in text.split('aria-current="step"')[1].split("</li>")[0]
    departures.add_programme("fra", "Return from France", "FRA", "Europe/Paris")
    departures.set_programme_office("fra", "paris")
    text = page(staff["administrator"])
    assert 'aria-current="step"' not in text
    assert "every step is done" in text
    assert sections(text) == ["approve", "staff", "offices", "setup", "health"]


def test_a_statistician_is_led_to_the_programmes_of_their_office_alone(staff):
    assert "Your office has no programme" in page(staff["statistician"])
    departures.add_programme("fra", "Return from France", "FRA", "Europe/Paris")
    departures.set_programme_office("fra", "paris")
    departures.add_programme("ita", "Return from Italy", "ITA", "Europe/Rome")
    Colleague("rome", "statistician")
    departures.set_programme_office("ita", "rome")
    text = page(staff["statistician"])
    assert 'href="/departures/fra/"' in text
    assert "ita" not in re.findall(r"/departures/(\w+)/", text)


# The header


def header(text):
    return text.split("<header")[1].split("</header>")[0]


@pytest.mark.parametrize("role", ROLES)
def test_the_header_has_at_most_seven_items_each_once_and_all_of_them_open(staff, role):
    client = browser(staff[role])
    strip = header(client.get("/home").content.decode()).split('class="wf-strip"')[1]
    found = re.findall(r'href="([^"]+)"', strip)
    assert found[0] == "/home"
    assert len(found) == len(set(found)) <= 7
    assert [client.get(address).status_code for address in found] == [200] * len(found)
    assert strip.count('aria-current="page"') == 1


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_search_has_the_search_in_the_header(staff, role):
    text = header(page(staff[role]))
    opens = role in ("counsellor", "supervisor", "travel_officer", "data_protection_officer")
    assert ('role="search"' in text) is opens
    assert browser(staff[role]).get("/files/").status_code == (200 if opens else 404)


def test_who_is_not_signed_in_is_led_to_public_pages_and_the_sign_in_alone(db):
    text = header(Client(HTTP_HOST="localhost").get("/").content.decode())
    assert re.findall(r'href="([^"?]+)"', text.split('class="wf-strip"')[1]) == ["/", "/log/", "/staff/sign-in"]
    assert "Sign out" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_it_is_in_each_language(staff, language):
    pages = {role: page(one, language=language) for role, one in staff.items()}
    assert all(f'<html lang="{language}"' in text for text in pages.values())
    assert len({str(one.title) for one in STAFF}) == len(STAFF)
    if language != "en":
        for english in ("Files you have open", "Approvals", "Load by office", "Log health", "Find a person"):
            assert not any(english in text for text in pages.values()), english


def test_a_page_that_says_that_the_database_is_away_has_its_header(staff, monkeypatch):
    departures.add_programme("fra", "Return from France", "FRA", "Europe/Paris")
    departures.set_programme_office("fra", "paris")
    assert 'href="/departures/"' in header(page(staff["statistician"])), "the control"

    def away(*_):
        raise OperationalError("away")

    monkeypatch.setattr(queries, "readable", away)
    answer = browser(staff["statistician"]).get("/staff/purposes")
    assert answer.status_code == 200
    assert 'href="/departures/"' not in header(answer.content.decode())
