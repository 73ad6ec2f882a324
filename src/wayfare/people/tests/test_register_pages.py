"""Nobody gets a second file without a question: who may be the same person is asked before a file is made, once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from django.db import connections

from wayfare.ledger import registry
from wayfare.ledger.registry import Offered
from wayfare.people import queries
from wayfare.people.births import Birth, Told
from wayfare.people.names import Name, Names, Part, Written
from wayfare.people.tests.cast import Colleague, browser, erased
from wayfare.people.web import register

SUHARTO = {"name": "Suharto", "year": "1971", "phone": "+62 21 555 0101", "speaks": "id", "address": "Pak Harto"}
ASKED = "Possibly the same person"


def files(vault):
    import psycopg

    with psycopg.connect(vault("wayfare_owner")) as owner:
        return owner.execute("select count(*) from people_person").fetchone()[0]


def searches(vault):
    import psycopg

    with psycopg.connect(vault("wayfare_owner")) as owner:
        return owner.execute("select staff, shown from people_search_log order by id").fetchall()


def registered(client, **given):
    page = client.post("/files/new", given).content.decode()
    number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert number is not None
    assert ASKED not in page
    return number[0]


def hidden(page):
    """Return what the page's form for somebody else holds."""
    found = re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def test_a_second_registration_asks_first_and_saves_nothing(vault, counsellor):
    client = browser(counsellor)
    number = registered(client, **SUHARTO)
    answer = client.post("/files/new", SUHARTO)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert ASKED in page
    assert number in page
    assert "S." in page
    assert files(vault) == 1
    typed = page.replace('name="name" value="Suharto"', "").replace("<bdi>Suharto</bdi>", "", 1)
    assert "Suharto" not in typed, "of the file initials, as a search shows them"


def test_the_question_repeats_names_and_birth_as_they_were_typed_not_as_the_file_has_them(vault, counsellor):
    client = browser(counsellor)
    registered(client, **SUHARTO)
    page = client.post("/files/new", SUHARTO | {"name": "Soeharto", "document_name": "SOEHARTO H. M."}).content.decode()
    shown = re.findall(r'<dd class="wf-summary-list__value"><bdi>([^<]*)</bdi>', page)
    assert shown == ["Soeharto", "SOEHARTO H. M.", "Pak Harto", "1971"]
    assert "Suharto" not in page


def test_the_same_person_leads_to_their_file_and_makes_nothing(vault, counsellor):
    client = browser(counsellor)
    number = registered(client, **SUHARTO)
    page = client.post("/files/new", SUHARTO).content.decode()
    (link,) = re.findall(r'href="(/files/[0-9a-f-]{36})"', page)
    answer = client.get(link)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert number in text
    assert "Suharto" not in text
    person = link.rpartition("/")[2]
    assert client.post(f"/files/{person}/work", {"purpose": "case_work"}).status_code == 302
    assert files(vault) == 1
    assert browser(Colleague("lyon", "counsellor")).get(link).status_code == 404, "of another office, nothing"


def test_somebody_else_is_registered_with_all_that_was_typed(vault, counsellor):
    client = browser(counsellor)
    registered(client, **SUHARTO)
    given = hidden(client.post("/files/new", SUHARTO).content.decode())
    assert given == SUHARTO
    number = registered(client, **given, do="someone_else")
    assert files(vault) == 2
    person = re.search(r"/files/([0-9a-f-]{36})/work", client.post("/files/", {"text": number}).content.decode())
    assert person is not None
    at = client.post(f"/files/{person[1]}/work", {"purpose": "case_work"}).headers["Location"]
    opened = client.post(at, {"also": "contact"}).content.decode()
    assert all(SUHARTO[field] in opened for field in ("name", "year", "phone", "address"))


def test_every_field_of_the_form_is_handed_on(counsellor, monkeypatch):
    """One that `FIELDS` forgets would be lost between the form and the question."""
    monkeypatch.setattr(registry, "offered_programmes", lambda office: [Offered("paris", "Return, France", True)])
    page = browser(counsellor).get("/files/new").content.decode()
    form = page.partition("<main")[2]
    names = re.findall(r'<(?:input|select|textarea)[^>]* name="([a-z_]+)"', form)
    assert {*names} - {"csrfmiddlewaretoken"} == {*register.FIELDS}


def test_who_goes_back_finds_the_form_as_it_was_typed(vault, counsellor):
    client = browser(counsellor)
    registered(client, **SUHARTO)
    page = client.post("/files/new", SUHARTO | {"do": "change"}).content.decode()
    assert all(f'value="{text}"' in page for text in SUHARTO.values())
    assert files(vault) == 1


def test_asking_is_a_search_on_record_within_the_same_limit(vault, counsellor):
    client = browser(counsellor)
    registered(client, **SUHARTO)
    assert searches(vault) == [(counsellor.id, [])]
    client.post("/files/new", SUHARTO)
    (_, (staff, shown)) = searches(vault)
    assert staff == counsellor.id
    assert len(shown) == 1
    for _ in range(18):
        client.post("/files/new", SUHARTO)
    answer = client.post("/files/new", SUHARTO)
    assert answer.status_code == 429
    assert 'value="Suharto"' in answer.content.decode(), "what was typed stays"
    assert files(vault) == 1


def test_one_form_sent_twice_makes_one_file(vault, counsellor):
    client = browser(counsellor)
    once = hidden(client.get("/files/new").content.decode())
    assert len(once["once"]) == 32
    numbers = {registered(client, **SUHARTO, **once) for _ in range(2)}
    assert len(numbers) == 1
    assert files(vault) == 1
    numbers |= {registered(client, **SUHARTO, once="another", do="someone_else") for _ in range(2)}
    assert len(numbers) == 2, "the control: another form makes another file"
    assert files(vault) == 2
    lyon = browser(Colleague("lyon", "counsellor"))
    assert registered(lyon, **SUHARTO, **once) not in numbers, "a colleague's form is another, whatever it holds"


def test_a_form_sent_again_after_its_file_was_erased_makes_none(vault, counsellor):
    client = browser(counsellor)
    number = registered(client, **SUHARTO, once="a form")
    with counsellor.acting():
        person = queries.person_numbered(number)
    assert person is not None
    erased(person, Colleague("paris", "supervisor"))
    for more in ({}, {"do": "someone_else"}):
        assert client.post("/files/new", {**SUHARTO, "once": "a form", **more}).status_code == 404
    assert files(vault) == 1, "what stays of the erased one"
    assert registered(client, **SUHARTO, once="another") != number, "the control: another form makes another file"


def test_one_form_sent_twice_at_once_makes_one_file(vault, counsellor):
    def send(_):
        try:
            return registered(browser(counsellor), **SUHARTO, once="the same", do="someone_else")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        numbers = set(threads.map(send, range(4)))
    assert len(numbers) == 1
    assert files(vault) == 1


def asked(counsellor, text, *born):
    written = (Written("Zyyy", (Part("whole", text),)),)
    birth = Birth(Told(*born) if born else None)
    found = queries.perhaps_same(counsellor.secret, Names((Name("used", written),)), birth)
    return bool(found)


SAME = {
    "other spelling": ("Mohammad Karimi", "gregorian", 1990),
    "other script": ("محمد كريمي", "gregorian", 1990),
    "other calendar": ("Mohamed Karimi", "persian", 1369),
    "a year beside": ("Mohamed Karimi", "gregorian", 1991),
    "two years before": ("Mohamad Karimi", "gregorian", 1988),
    "day and month exchanged": ("Mohamed Karimi", "gregorian", 1990, 7, 5),
    "no birth told": ("Karimi Mohamed",),
    "a third name": ("Mohamed Reza Karimi", "gregorian", 1990, 5, 7),
    "one of the names, born the same day": ("Mohamed Anders", "gregorian", 1990, 5, 7),
}
OTHERS = {
    "another name": ("Khaled Anders", "gregorian", 1990, 5, 7),
    "born long before": ("Mohamed Karimi", "gregorian", 1971),
    "one of the names, born the same year": ("Mohamed Anders", "gregorian", 1990),
}


def test_likely_ones_are_found_across_spellings_scripts_calendars_and_near_births(vault, counsellor):
    counsellor.enrols("Mohamed Karimi", born=(1990, 5, 7))
    assert {case: asked(counsellor, *told) for case, told in SAME.items()} == dict.fromkeys(SAME, True)
    assert {case: asked(counsellor, *told) for case, told in OTHERS.items()} == dict.fromkeys(OTHERS, False)


def test_what_is_not_the_same_is_said_the_spelling_or_the_birth(vault, counsellor):
    """A name that is spelled alike was marked "Spelled differently" where its birth alone was told otherwise."""
    client = browser(counsellor)
    registered(client, name="Farai Dube", day="3", month="11", year="1985")
    marks = {
        ("Farai Dube", "3", "11"): (False, False),
        ("Farai Dube", "11", "3"): (False, True),
        ("Faray Dube", "3", "11"): (True, False),
    }
    for (name, day, month), expected in marks.items():
        page = client.post("/files/new", {"name": name, "day": day, "month": month, "year": "1985"}).content.decode()
        assert ASKED in page
        said = ("Spelled differently" in page, "Birth date not the same, or not complete" in page)
        assert said == expected, (name, day, month)


def test_a_birth_that_one_of_two_lacks_in_part_is_not_called_another(vault, counsellor):
    client = browser(counsellor)
    registered(client, name="Suharto")
    registered(client, name="Farai Dube", year="1985")
    for name in ("Suharto", "Farai Dube"):
        page = client.post("/files/new", {"name": name, "day": "3", "month": "11", "year": "1985"}).content.decode()
        assert "Birth date not the same, or not complete" in page, name


def test_a_file_without_a_birth_is_asked_about(vault, counsellor):
    registered(browser(counsellor), name="Suharto")
    assert asked(counsellor, "Soeharto", "gregorian", 1971)
    assert not asked(counsellor, "Sukarno", "gregorian", 1971)


@pytest.mark.parametrize("office", ["lyon"])
def test_another_office_is_not_asked(vault, counsellor, office):
    registered(browser(counsellor), **SUHARTO)
    registered(browser(Colleague(office, "counsellor")), **SUHARTO)
    assert files(vault) == 2
