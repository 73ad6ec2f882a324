"""A file on its pages: made, found unopened, opened for the work in hand, each showing on the record, sealed again."""

from __future__ import annotations

import re
from uuid import uuid4

import psycopg
import pytest

from wayfare.access import queries as access
from wayfare.access.purposes import ROLES
from wayfare.people.tests.cast import WORDS, Colleague, browser
from wayfare.people.web import forms

FORM = {
    "name": "مريم كريمي",
    "latin": "Maryam Karimi",
    "document_name": "KARIMI MARIAM",
    "address": "Ms Maryam",
    "year": "1373",
    "month": "2",
    "day": "17",
    "calendar": "persian",
    "phone": "+33 1 23 45 67 89",
    "speaks": "fa",
}
SECRETS = ("Maryam", "Karimi", "KARIMI", "مريم", "1373-02-17", "45 67 89")


def looks(colleague, person=None):
    with colleague.acting():
        return [line for line in access.log_of(person) if line.kind == "look"]


def made(client, **more):
    page = client.post("/files/new", FORM | more)
    assert page.status_code == 200, page.content.decode()
    text = page.content.decode()
    number = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", text)
    person = re.search(r"/files/([0-9a-f-]{36})/work", text)
    assert number is not None
    assert person is not None
    assert not any(secret in text for secret in SECRETS)
    return number[0], person[1]


def taken_up(client, person, purpose="case_work", **words):
    answer = client.post(f"/files/{person}/work", {"purpose": purpose, **words})
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"]


def test_a_person_from_the_first_form_to_the_seal(counsellor):
    client = browser(counsellor)
    number, person = made(client)
    assert looks(counsellor) == []
    for text in ("karimi maryam", "كريمى مريم", "Meryem Karimi", number, number.lower()):
        page = client.post("/files/", {"text": text}).content.decode()
        assert number in page, text
        assert "K." in page or "ك" in page
        assert not any(secret in page.replace(f'value="{text}"', "") for secret in SECRETS), text
    assert looks(counsellor) == [], "a search opens nothing"
    at = taken_up(client, person)
    page = client.get(at).content.decode()
    assert all(secret in page for secret in ("Maryam Karimi", "KARIMI MARIAM", "مريم كريمي", "1373-02-17", "Ms Maryam"))
    assert "45 67 89" not in page, "what the work does not need yet is sealed"
    (look,) = looks(counsellor, person)
    assert (look.groups, look.body["how"]) == (("names", "birth"), "page")
    assert "45 67 89" not in client.get(f"{at}?also=contact").content.decode(), "no link opens more"
    assert looks(counsellor, person)[1].groups == ("names", "birth")
    page = client.post(at, {"also": "contact"}).content.decode()
    assert "+33 1 23 45 67 89" in page
    assert "Do not use" in page, "they did not allow calls"
    assert looks(counsellor, person)[2].groups == ("names", "birth", "contact")
    assert number in client.get("/files/").content.decode(), "it is among what is open"
    assert client.post(f"{at}/seal").status_code == 302
    ended = client.get(at)
    assert (ended.status_code, any(secret in ended.content.decode() for secret in SECRETS)) == (409, False)
    assert len(looks(counsellor, person)) == 3


def test_results_as_they_were_typed_come_first_and_others_are_marked(counsellor):
    for name in ("Mohamed Ahmed", "Mohammad Ahmad", "محمد"):
        counsellor.enrols(name)
    page = browser(counsellor).post("/files/", {"text": "Mohamed"}).content.decode()
    results = page.split('class="wf-task-list__item"')[1:4]
    assert ["Spelled differently" in one for one in results] == [False, True, True]


def test_a_purpose_opens_the_groups_that_it_needs_and_offers_no_others(counsellor):
    _, person = made(browser(counsellor))
    travel = browser(Colleague("paris", "travel_officer"))
    at = taken_up(travel, person, "travel_booking")
    page = travel.post(at, {"also": ["contact", "notes", "documents"]}).content.decode()
    assert "45 67 89" not in page
    assert 'id="documents"' in page
    assert 'value="notes"' not in page


@pytest.mark.parametrize("role", ROLES)
def test_who_finds_and_who_opens(counsellor, role):
    _, person = made(browser(counsellor))
    client = browser(Colleague("paris", role))
    searches = role in ("counsellor", "supervisor", "travel_officer", "data_protection_officer")
    assert client.get("/files/").status_code == (200 if searches else 404)
    assert client.get("/files/new").status_code == (200 if role in ("counsellor", "supervisor") else 404)
    if role == "counsellor":  # of the office, and not on the team
        assert client.get(taken_up(client, person)).status_code == 404
    elif role == "supervisor":
        assert client.get(taken_up(client, person)).status_code == 200
    else:
        assert client.post(f"/files/{person}/work", {"purpose": "case_work"}).status_code == 404


def test_another_office_nobody_and_nothing_look_alike(counsellor):
    number, person = made(browser(counsellor))
    stranger = browser(Colleague("lyon", "supervisor"))
    assert number not in stranger.post("/files/", {"text": "Karimi"}).content.decode()
    answers = []
    for who in (person, uuid4()):
        answer = stranger.get(taken_up(stranger, who, "case_work"))
        answers.append((answer.status_code, re.sub(r"[0-9a-f-]{36}", "", answer.content.decode())))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    at = taken_up(browser(counsellor), person)
    for client in (stranger, browser(Colleague("paris", "supervisor"))):
        assert client.get(at).status_code == 404, "somebody else's task"
        client.post(f"{at}/seal")
    assert browser(counsellor).get(at).status_code == 200, "nor do they end it"
    nobody = browser(None)
    for path in ("/files/", "/files/new", at):
        assert nobody.get(path).status_code == 302
    assert nobody.post(f"/files/{person}/work", {"purpose": "case_work"}).status_code == 302


def test_unusual_work_asks_in_words_and_everyday_work_does_not(counsellor):
    client = browser(counsellor)
    _, person = made(client)
    page = client.post(f"/files/{person}/work", {"purpose": "support_at_request"})
    assert page.status_code == 200
    assert "Why do you open this file now?" in page.content.decode()
    short = client.post(f"/files/{person}/work", {"purpose": "support_at_request", "asked": "yes", "reason": "why not"})
    assert short.status_code == 422
    text = short.content.decode()
    assert "Say in a sentence" in text
    assert "why not" in text, "what was written stays"
    at = taken_up(client, person, "support_at_request", asked="yes", reason=WORDS)
    assert client.get(at).status_code == 200
    assert looks(counsellor, person)[0].body["reason"] == WORDS
    assert client.post(f"/files/{person}/work", {"purpose": "curiosity"}).status_code == 404


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_s_link_or_picture_makes_no_look(counsellor, site):
    client = browser(counsellor)
    _, person = made(client)
    at = taken_up(client, person)
    for path in (at, f"{at}?also=contact"):
        assert client.get(path, headers={"sec-fetch-site": site}).status_code == 404
    assert looks(counsellor, person) == []
    for own in ("same-origin", "none"):
        assert client.get(at, headers={"sec-fetch-site": own}).status_code == 200
    assert len(looks(counsellor, person)) == 2


def test_an_emergency_waits_for_a_second_person(counsellor):
    _, person = made(browser(counsellor))
    client, second = browser(Colleague("lyon", "counsellor")), browser(Colleague("paris", "supervisor"))
    at = taken_up(client, person, "break_glass", asked="yes", reason=WORDS)
    page = client.get(at)
    assert page.status_code == 200
    assert "The file is still sealed" in page.content.decode()
    second.post("/staff/requests", {"approve": at.rsplit("/", 1)[1]})
    assert "Maryam" in client.get(at).content.decode()


def test_a_harvester_is_slowed_down_in_words(counsellor):
    client = browser(counsellor)
    for n in range(30):
        _, person = made(client, do="someone_else")
        assert client.get(taken_up(client, person)).status_code == 200, n
    _, person = made(client, do="someone_else")
    answer = client.get(taken_up(client, person))
    assert answer.status_code == 429
    assert "Wait two minutes" in answer.content.decode()
    assert not any(secret in answer.content.decode() for secret in SECRETS)


@pytest.mark.parametrize("year", ["abcd", "19x5", "-5"])
def test_a_search_by_a_year_that_is_none_says_what_to_write(counsellor, year):
    answer = browser(counsellor).post("/files/", {"text": "Karimi", "year": year})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert text.count("Write the year of birth in digits, such as 1985, or leave it empty.") == 2
    assert 'href="#year"' in text
    assert browser(counsellor).post("/files/", {"text": "Karimi", "year": "1985"}).status_code == 200, "the control"


def test_what_turns_the_direction_of_a_name_is_taken_out(counsellor):
    client = browser(counsellor)
    assert client.post("/files/new", FORM | {"name": "Mar\u202eyam", "latin": ""}).status_code == 200
    assert "Nobody was found" not in client.post("/files/", {"text": "Maryam"}).content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": " "}, "Write the name that the person uses."),
        ({"year": "ancient"}, "Write the year in digits"),
        ({"year": ""}, "Write the year in digits"),
        ({"month": "13"}, "Write the month"),
        ({"day": "32"}, "Write the day"),
        ({"calendar": "mayan"}, "This cannot be read"),
        ({"calendar": "gregorian", "year": "2050"}, "This lies in the future. Check the year and the calendar."),
        ({"year": "3000"}, "one that the calendar has"),
        ({"phone": "abc"}, "such as +33 1 23 45 67 89"),
        ({"phone": "12345"}, "This telephone number has too few digits or too many."),
        ({"speaks": "Klingon!"}, "Choose a language of the list"),
        ({"speaks": "zz"}, "Choose a language of the list"),
        ({"name": "\u3164"}, "This has only invisible characters."),
        ({"latin": "\u2800\u2800"}, "This has only invisible characters."),
        ({"name": "x" * 5000}, "This has 5,000 characters. Write at most 200."),
    ],
)
def test_what_is_wrong_in_the_form_is_told_and_what_was_written_stays(counsellor, change, said):
    client = browser(counsellor)
    answer = client.post("/files/new", FORM | change)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert said in text
    assert 'value="KARIMI MARIAM"' in text
    assert "did not" not in client.post("/files/", {"text": "Karimi"}).content.decode()
    assert "Nobody was found" in client.post("/files/", {"text": "Karimi"}).content.decode(), "nothing was made"


@pytest.mark.parametrize("given", [{"text": " "}, {"text": "", "year": ""}, {"text": "x", "year": "nine"}])
def test_a_search_for_nothing_says_what_to_write(counsellor, given):
    answer = browser(counsellor).post("/files/", given)
    assert answer.status_code == 422
    assert "wf-error-summary" in answer.content.decode()


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
def test_the_pages_speak_the_languages(counsellor, language):
    client = browser(counsellor, language)
    _, person = made(browser(counsellor))
    at = taken_up(client, person)
    for page in (client.get("/files/"), client.get("/files/new"), client.post(at, {"also": ["contact", "documents"]})):
        text = page.content.decode()
        assert f'lang="{language}"' in text
        assert not re.search(r">(Files|Still sealed|Register a person|Find a person|Who looked|Close file)<", text)


def test_the_text_of_a_search_is_in_no_address(counsellor):
    client = browser(counsellor)
    made(client)
    page = client.get("/files/?text=Karimi&q=Karimi").content.decode()
    assert 'id="results"' not in page


def test_the_script_of_a_name_is_told_from_its_letters():
    said = {"Maryam": "Latn", "مريم": "Arab", "Марьям": "Cyrl", "ማርያም": "Ethi", "12": "Zyyy", "": "Zyyy"}
    assert {text: forms.script_of(text) for text in said} == said


TROUBLE = {
    "en": ("Files cannot be opened now", "This file does not open"),
    "fr": ("Les dossiers ne peuvent pas être ouverts pour le moment", "Ce dossier ne s’ouvre pas"),
    "es": ("Los expedientes no se pueden abrir ahora", "Este expediente no se abre"),
    "ar": ("لا يمكن فتح الملفات الآن", "هذا الملف لا يُفتح"),
}


@pytest.mark.parametrize("language", TROUBLE)
def test_a_page_says_when_keys_are_away_or_what_is_stored_was_altered(vault, counsellor, settings, language, tmp_path):
    client = browser(counsellor)
    _, person = made(client)
    task = taken_up(client, person)
    assert client.post(task, {"group": "names"}).status_code == 200
    client.cookies["language"] = language
    with psycopg.connect(vault("wayfare_owner")) as owner:
        owner.execute("alter table people_sealed disable trigger user")
        owner.execute("update people_sealed set sealed = substring(sealed from 2) where grp = 'names'")
    page = client.post(task, {"group": "names"})
    assert (page.status_code, TROUBLE[language][1] in page.content.decode()) == (500, True)
    settings.PEOPLE_KEYS = tmp_path / "elsewhere"
    page = client.post("/files/new", FORM)
    assert (page.status_code, TROUBLE[language][0] in page.content.decode()) == (503, True)
    assert page.headers["Retry-After"]
    assert "elsewhere" not in page.content.decode()
